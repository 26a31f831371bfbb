#include "ranges/asn.h"

#include "sys/file.h"

#include <errno.h>
#include <maxminddb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define NODES_PER_PREFIX 130 /* of a tree: far more than any has */

/* A walk over the tree of a database (MaxMind DB File Format Specification 2.0, "Binary Search Tree
 * Section"). Files come from elsewhere: a tree that is none, because nodes lie in themselves, is
 * noticed by how many are visited. */
struct walk {
    MMDB_s *db;
    struct asn_table *table;
    const struct asn_named *named;
    uint64_t left; /* nodes that may still be visited */
    uint64_t
        aliased; /* the node at which IPv4 begins in a tree of IPv6; UINT64_MAX: there is none */
    const char *why; /* what is wrong, if something is */
};

static bool refuse(struct walk *w, const char *why)
{
    w->why = why;
    return false;
}

static bool take_entry(struct walk *w, MMDB_entry_s *entry, const struct prefix *prefix)
{
    MMDB_entry_data_s data;
    int status = MMDB_get_value(entry, &data, "autonomous_system_number", NULL);
    if (status == MMDB_LOOKUP_PATH_DOES_NOT_MATCH_DATA_ERROR || (status == 0 && !data.has_data))
        return true;
    if (status != MMDB_SUCCESS)
        return refuse(w, MMDB_strerror(status));
    if (data.type != MMDB_DATA_TYPE_UINT32)
        return refuse(w, "autonomous_system_number is no number of 32 bits");
    if (!asn_is_named(w->named, data.uint32))
        return true;
    return asn_add(w->table, prefix, data.uint32) ||
           refuse(w, "there are too many prefixes, the table holds 1000000");
}

static bool visit(struct walk *w, uint64_t number, struct prefix *at);

static bool visit_record(struct walk *w, uint8_t type, uint64_t record, MMDB_entry_s *entry,
                         struct prefix *at)
{
    const unsigned bits = at->addr.family == ADDR_V4 ? 32 : 128;
    if (type == MMDB_RECORD_TYPE_DATA)
        return take_entry(w, entry, at);
    if (type == MMDB_RECORD_TYPE_EMPTY)
        return true;
    if (type != MMDB_RECORD_TYPE_SEARCH_NODE)
        return refuse(w, "its tree leads outside");
    if (at->bits == bits)
        return refuse(w, "its tree is deeper than addresses are long");
    /* 2002::/16 and others are the same networks once more. */
    if (record == w->aliased && at->addr.family == ADDR_V6)
        return true;
    return visit(w, record, at);
}

static bool visit(struct walk *w, uint64_t number, struct prefix *at)
{
    MMDB_search_node_s node;
    if (w->left-- == 0)
        return refuse(w, "its tree has no end");
    int status = MMDB_read_node(w->db, (uint32_t)number, &node);
    if (status != MMDB_SUCCESS)
        return refuse(w, MMDB_strerror(status));
    const unsigned bit = at->bits++;
    bool good =
        visit_record(w, node.left_record_type, node.left_record, &node.left_record_entry, at);
    at->addr.bytes[bit / 8] |= (uint8_t)(0x80U >> bit % 8);
    good = good &&
           visit_record(w, node.right_record_type, node.right_record, &node.right_record_entry, at);
    at->addr.bytes[bit / 8] &= (uint8_t) ~(0x80U >> bit % 8);
    at->bits--;
    return good;
}

/* The node behind 96 zero bits; UINT64_MAX if there is none. */
static uint64_t find_ipv4(MMDB_s *db)
{
    uint32_t number = 0;
    for (int i = 0; i < 96; i++) {
        MMDB_search_node_s node;
        if (MMDB_read_node(db, number, &node) != MMDB_SUCCESS ||
            node.left_record_type != MMDB_RECORD_TYPE_SEARCH_NODE)
            return UINT64_MAX;
        number = (uint32_t)node.left_record;
    }
    return number;
}

static bool walk(struct walk *w)
{
    struct prefix v4 = {{.family = ADDR_V4}, 0}, v6 = {{.family = ADDR_V6}, 0};
    w->left = (uint64_t)w->db->metadata.node_count * 2 + NODES_PER_PREFIX;
    if (w->db->metadata.ip_version == 4)
        return visit(w, 0, &v4);
    w->aliased = find_ipv4(w->db);
    return (w->aliased == UINT64_MAX || visit(w, w->aliased, &v4)) && visit(w, 0, &v6);
}

/* A copy of the file that nobody can change: the library maps what it reads, and a mapping of a
 * file that somebody truncates is a SIGBUS. Returns a descriptor, or minus an errno. */
static int copy_of(const char *path)
{
    char *data;
    size_t len, done = 0;
    int error = file_read(path, RANGES_FILE_MAX, &data, &len, NULL);
    if (error != 0)
        return -error;
    int fd = memfd_create("mmdb", MFD_CLOEXEC);
    while (fd >= 0 && done < len) {
        ssize_t n = write(fd, data + done, len - done);
        if (n > 0) {
            done += (size_t)n;
            continue;
        }
        error = n < 0 ? errno : EIO;
        if (error == EINTR)
            continue;
        close(fd);
        fd = -1;
        errno = error;
    }
    error = errno;
    free(data);
    return fd >= 0 ? fd : -error;
}

static int open_copy(int fd, MMDB_s *db)
{
    char path[32];
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    return MMDB_open(path, MMDB_MODE_MMAP, db);
}

bool asn_mmdb_read(struct asn_table *t, const char *path, const struct asn_named *named,
                   struct diag *d)
{
    MMDB_s db;
    struct walk w = {.db = &db, .table = t, .named = named, .aliased = UINT64_MAX};
    const size_t before = t->n;
    int fd = copy_of(path);
    if (fd < 0) {
        diag_error(d, (struct diag_at){path, 0, 0}, "%s",
                   fd == -EFBIG ? "is larger than 64 MiB" : strerror(-fd));
        return false;
    }
    int status = open_copy(fd, &db);
    close(fd);
    if (status != MMDB_SUCCESS) {
        diag_error(d, (struct diag_at){path, 0, 0}, "is no MaxMind database that can be read: %s",
                   MMDB_strerror(status));
        return false;
    }
    bool good = walk(&w);
    if (!good) {
        diag_error(d, (struct diag_at){path, 0, 0}, "is refused: %s", w.why);
        t->n = before;
    }
    MMDB_close(&db);
    return good;
}
