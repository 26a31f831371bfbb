#include "ranges/asn_mmdb.h"

#include "ranges/mmdb_guard.h"
#include "sys/diag.h"

#include <errno.h>
#include <maxminddb.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#define NUMBER "autonomous_system_number"
#define NAME "autonomous_system_organization"
#define NODES_SPARE 130 /* as many as an address has bits, and more */

/* A walk over the tree of a database ("Binary Search Tree Section"). Each node is visited at most
 * twice: a tree that is none, because its nodes lie in each other, is noticed by that. */
struct walk {
    MMDB_s *db;
    const struct asn_sink *to;
    struct str data;      /* the data section */
    uint64_t nodes_left;  /* that may still be visited */
    uint64_t values_left; /* that may still be looked at (mmdb_guard.h) */
    uint64_t ipv4;        /* the node at which IPv4 begins in a tree of IPv6; UINT64_MAX: none */
    bool said;            /* some record so far had a number */
    const char *why;      /* what is wrong, if something is */
};

static bool refuse(struct walk *w, const char *why)
{
    w->why = why;
    return false;
}

/* ── Records ── */

/* Writers choose among the types of numbers. */
static bool number_of(const MMDB_entry_data_s *data, uint32_t *asn)
{
    uint64_t number = UINT64_MAX;
    if (data->type == MMDB_DATA_TYPE_UINT32)
        number = data->uint32;
    else if (data->type == MMDB_DATA_TYPE_UINT16)
        number = data->uint16;
    else if (data->type == MMDB_DATA_TYPE_UINT64)
        number = data->uint64;
    else if (data->type == MMDB_DATA_TYPE_INT32 && data->int32 >= 0)
        number = (uint64_t)data->int32;
    *asn = (uint32_t)number;
    return number <= UINT32_MAX;
}

static struct str name_of(MMDB_entry_s *entry)
{
    MMDB_entry_data_s data;
    if (MMDB_get_value(entry, &data, NAME, NULL) != MMDB_SUCCESS || !data.has_data ||
        data.type != MMDB_DATA_TYPE_UTF8_STRING)
        return STR("");
    return str_make(data.utf8_string, data.data_size);
}

static bool take_entry(struct walk *w, MMDB_entry_s *entry, const struct prefix *prefix)
{
    struct asn_word word = {.prefix = *prefix};
    MMDB_entry_data_s data;
    const char *why = mmdb_guard_record(w->data, entry->offset, &w->values_left);
    if (why != NULL)
        return refuse(w, why);
    int status = MMDB_get_value(entry, &data, NUMBER, NULL);
    if (status == MMDB_LOOKUP_PATH_DOES_NOT_MATCH_DATA_ERROR ||
        (status == MMDB_SUCCESS && !data.has_data))
        return true;
    if (status != MMDB_SUCCESS)
        return refuse(w, MMDB_strerror(status));
    if (!number_of(&data, &word.asn))
        return refuse(w, "its " NUMBER " is no number of at most 32 bits");
    w->said = true;
    if (!asn_is_named(w->to->named, word.asn))
        return true;
    word.name = w->to->names ? name_of(entry) : STR("");
    return w->to->take(w->to->context, &word) || refuse(w, ASN_NO_ROOM);
}

/* ── The tree ── */

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
        return refuse(w, "its tree leads outside of it");
    if (at->bits == bits)
        return refuse(w, "its tree is deeper than addresses are long");
    /* IPv4 has been visited; 2002::/16 and others are the same networks once more. */
    if (record == w->ipv4 && at->addr.family == ADDR_V6)
        return true;
    return visit(w, record, at);
}

static bool visit(struct walk *w, uint64_t number, struct prefix *at)
{
    MMDB_search_node_s node;
    if (w->nodes_left-- == 0)
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

/* The node behind 96 bits that are 0; UINT64_MAX if there is none. */
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
    const MMDB_metadata_s *m = &w->db->metadata;
    struct prefix v4 = {{.family = ADDR_V4}, 0}, v6 = {{.family = ADDR_V6}, 0};
    if (m->ip_version == 4)
        return visit(w, 0, &v4);
    w->ipv4 = find_ipv4(w->db);
    return (w->ipv4 == UINT64_MAX || visit(w, w->ipv4, &v4)) && visit(w, 0, &v6);
}

/* The numbers of the metadata are those of the file: no size that follows from them is larger. */
static bool begin(struct walk *w, struct str content)
{
    const MMDB_metadata_s *m = &w->db->metadata;
    const uint64_t tree = (uint64_t)m->node_count * (m->record_size / 4);
    const size_t separator = 16;
    if (m->node_count == 0 || tree + separator > content.len)
        return refuse(w, "it is cut off, or damaged");
    w->data = str_skip(content, (size_t)tree + separator);
    w->nodes_left = (uint64_t)m->node_count * 2 + NODES_SPARE;
    w->values_left = MMDB_GUARD_VALUES_MAX;
    w->ipv4 = UINT64_MAX;
    return true;
}

/* ── The file ── */

/* The library reads files only, and maps them: it gets one that nobody else can shorten, because
 * what is mapped and is no longer there is a SIGBUS. A descriptor; or -1, and errno says why. */
static int make_file(struct str content)
{
    int fd = memfd_create("mmdb", MFD_CLOEXEC);
    while (fd >= 0 && content.len > 0) {
        ssize_t n = write(fd, content.data, content.len);
        if (n > 0)
            content = str_skip(content, (size_t)n);
        if (n < 0 && errno != EINTR) {
            const int error = errno;
            close(fd);
            fd = -1;
            errno = error;
        }
    }
    return fd;
}

/* NULL, or why it cannot be. */
static const char *open_database(struct str content, MMDB_s *db)
{
    char path[32];
    const char *why = mmdb_guard_metadata(content);
    if (why != NULL)
        return why;
    int fd = make_file(content);
    if (fd < 0)
        return strerror(errno);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    int status = MMDB_open(path, MMDB_MODE_MMAP, db);
    close(fd);
    return status == MMDB_SUCCESS ? NULL : MMDB_strerror(status);
}

bool asn_mmdb_read(const struct asn_sink *to, const char *name, struct str content, struct diag *d)
{
    MMDB_s db;
    struct walk w = {.db = &db, .to = to};
    const char *why = open_database(content, &db);
    if (why == NULL) {
        if (begin(&w, content) && walk(&w) && !w.said)
            refuse(&w, "it has no " NUMBER ": expected a database such as GeoLite2-ASN");
        why = w.why;
        MMDB_close(&db);
    }
    if (why != NULL)
        diag_error(d, (struct diag_at){name, 0, 0}, "is refused: %s", why);
    return why == NULL;
}
