#include "mirror/directory.h"

#include "mirror/directory_walk.h"
#include "sys/clock.h"
#include "sys/xalloc.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define WORK ".geranos" /* in the root: what is being written; never listed */
#define PIECE 262144
#define AHEAD (8 << 20) /* bytes that are written before the disk is told to begin with them */

struct directory {
    int root;
    char name[STORE_KIND_NAME_MAX];
};

/* ── Errors ── */

static const char *advice(int error)
{
    switch (error) {
    case ENOSPC:
    case EDQUOT:
        return "the disk is full, or a quota is used up: make room and run it again";
    case EACCES:
    case EPERM:
        return "no permission: let this user read and write the directory";
    case EROFS:
        return "the file system is read-only: mount it writable, or name another directory";
    case ENOTDIR:
    case EISDIR:
        return "a file stands where a directory is needed, or the reverse: move it away";
    case ELOOP:
        return "a symbolic link leads in a circle, or directories lie too deep: remove it";
    case ENAMETOOLONG:
        return "the name is longer than this file system allows";
    default:
        return strerror(error);
    }
}

static void fail(const struct directory *d, struct store_outcome *out, struct str key, int error)
{
    bool passes = error == EMFILE || error == ENFILE || error == ENOMEM || error == EINTR ||
                  error == EAGAIN || error == ESTALE;
    if (error == ENOENT)
        store_kind_end(out, STORE_MISSING);
    else
        store_kind_say(out, passes ? STORE_RETRY : STORE_FAILED, d->name, "%.*s: %s",
                       (int)(key.len < 100 ? key.len : 100), key.data, advice(error));
}

/* ── Opening ── */

static void *directory_open(const struct store_kind_url *url, char name[STORE_KIND_NAME_MAX],
                            char error[256])
{
    char *path = store_kind_decode(url->place);
    if (path == NULL || path[0] != '/' || url->query.len > 0) {
        snprintf(error, 256, "\"file://%.*s\" names no directory: expected %s, without parameters",
                 (int)(url->place.len < 80 ? url->place.len : 80), url->place.data,
                 directory_kind.form);
        free(path);
        return NULL;
    }
    struct directory *d = xalloc_zero(1, sizeof(*d));
    d->root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int why = errno;
    snprintf(d->name, sizeof(d->name), "file://%s", path);
    snprintf(name, STORE_KIND_NAME_MAX, "%s", d->name);
    free(path);
    if (d->root >= 0)
        return d;
    snprintf(error, 256, "%.120s: %s", d->name,
             why == ENOENT    ? "there is no such directory: create it, or correct the URL"
             : why == ENOTDIR ? "this is no directory: name one"
                              : advice(why));
    free(d);
    return NULL;
}

static void directory_close(void *store)
{
    struct directory *d = store;
    close(d->root);
    free(d);
}

/* A key as a terminated path below the root. */
struct path {
    char text[STORE_KIND_KEY_MAX + 1];
};

static struct path path_of(struct str key)
{
    struct path p;
    memcpy(p.text, key.data, key.len);
    p.text[key.len] = '\0';
    return p;
}

/* ── Listing ── */

static void directory_list(void *store, struct exchange_client *c, const struct store_list *list,
                           struct store_outcome *out)
{
    struct directory *d = store;
    (void)c;
    int error = directory_walk(d->root, WORK, list);
    store_kind_end(out, STORE_OK);
    if (error != 0)
        fail(d, out, list->prefix, error == ENOENT ? ESTALE : error);
}

/* ── Reading ── */

static ssize_t read_some(int fd, char *to, size_t size)
{
    for (;;) {
        ssize_t n = read(fd, to, size);
        if (n >= 0 || errno != EINTR)
            return n;
    }
}

/* Changes whenever the file is replaced, and it is never written in place. */
static void put_etag(char etag[128], const struct stat *st)
{
    snprintf(etag, 128, "%llx-%llx-%llx", (unsigned long long)st->st_ino,
             (unsigned long long)st->st_size,
             (unsigned long long)st->st_mtim.tv_sec * 1000000000ULL +
                 (unsigned long long)st->st_mtim.tv_nsec);
}

static int open_object(const struct directory *d, struct str key, struct stat *st)
{
    struct path path = path_of(key);
    int fd = openat(d->root, path.text, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return -1;
    if (fstat(fd, st) == 0 && S_ISREG(st->st_mode))
        return fd;
    close(fd);
    errno = EISDIR;
    return -1;
}

static int read_whole(int fd, size_t most, struct store_content *content)
{
    char *data = malloc(most + 1);
    size_t len = 0;
    ssize_t n = 1;
    if (data == NULL)
        return ENOMEM;
    while (len < most && n > 0) {
        n = read_some(fd, data + len, most - len);
        len += n > 0 ? (size_t)n : 0;
    }
    if (n < 0) {
        free(data);
        return EIO;
    }
    data[len] = '\0';
    content->data = data;
    content->len = len;
    return 0;
}

static void directory_get(void *store, struct exchange_client *c, const struct store_get *get,
                          struct store_content *content, struct store_outcome *out)
{
    struct directory *d = store;
    struct stat st;
    (void)c;
    int fd = open_object(d, get->key, &st);
    if (fd < 0) {
        fail(d, out, get->key, errno);
        return;
    }
    store_kind_end(out, STORE_OK);
    put_etag(content->etag, &st);
    if (get->etag != NULL && strcmp(get->etag, content->etag) == 0) {
        store_kind_end(out, STORE_THERE);
    } else if ((uint64_t)st.st_size > get->most) {
        store_kind_say(out, STORE_FAILED, d->name, "%.*s: %lld bytes, expected at most %zu",
                       (int)get->key.len, get->key.data, (long long)st.st_size, get->most);
    } else {
        int error = read_whole(fd, (size_t)st.st_size, content);
        if (error != 0)
            fail(d, out, get->key, error);
    }
    close(fd);
}

static void directory_read(void *store, struct exchange_client *c, const struct store_read *read,
                           struct store_outcome *out)
{
    struct directory *d = store;
    struct stat st;
    (void)c;
    int fd = open_object(d, read->key, &st);
    if (fd < 0) {
        fail(d, out, read->key, errno);
        return;
    }
    char *piece = xalloc(PIECE);
    store_kind_end(out, STORE_OK);
    for (;;) {
        ssize_t n = read_some(fd, piece, PIECE);
        if (n < 0)
            fail(d, out, read->key, errno);
        if (n <= 0)
            break;
        if (read->write(read->owner, piece, (size_t)n) != EXCHANGE_GO) {
            store_kind_say(out, STORE_RETRY, d->name, "broken off");
            break;
        }
    }
    free(piece);
    close(fd);
}

/* ── Writing ── */

struct put {
    struct directory *directory;
    struct store_kind_put what;
    int fd; /* -1: none yet */
    char temporary[64];
    int64_t written;
    int64_t begun; /* of them, that the disk is at */
    char *piece;
};

/* The open file's lock, not the process's: it ends with the descriptor, whoever else has one. */
static bool lock(int fd)
{
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    return fcntl(fd, F_OFD_SETLK, &whole) == 0;
}

/* Unlike a counter or the process's number, it is nobody else's on any machine that shares the
 * directory. */
static int create(struct put *p)
{
    uint64_t id[2];
    if (mkdirat(p->directory->root, WORK, 0777) != 0 && errno != EEXIST)
        return errno;
    if (getrandom(id, sizeof(id), 0) != sizeof(id))
        return EAGAIN;
    snprintf(p->temporary, sizeof(p->temporary), WORK "/tmp-%016llx%016llx",
             (unsigned long long)id[0], (unsigned long long)id[1]);
    p->fd = openat(p->directory->root, p->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (p->fd < 0)
        return errno;
    /* Where there are no locks, age tells what was left. */
    lock(p->fd);
    return 0;
}

static int write_all(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, data, len);
        if (n < 0 && errno != EINTR)
            return errno;
        if (n > 0) {
            data += n;
            len -= (size_t)n;
        }
    }
    return 0;
}

/* What the disk has done while the rest came need not be waited for at the end. */
static void write_back(struct put *p)
{
    if (p->written - p->begun < AHEAD)
        return;
    sync_file_range(p->fd, p->begun, p->written - p->begun, SYNC_FILE_RANGE_WRITE);
    p->begun = p->written;
}

/* A new directory must outlast a power failure, too, or what lies in it would not. */
static int make_parents(int root, struct path *path)
{
    for (char *slash = path->text; (slash = strchr(slash, '/')) != NULL; slash++) {
        *slash = '\0';
        int made = mkdirat(root, path->text, 0777), error = errno;
        char *above = strrchr(path->text, '/');
        if (made == 0) {
            if (above != NULL)
                *above = '\0';
            int fd = openat(root, above != NULL ? path->text : ".", O_RDONLY | O_CLOEXEC);
            if (above != NULL)
                *above = '/';
            if (fd >= 0) {
                fsync(fd);
                close(fd);
            }
        }
        *slash = '/';
        if (made != 0 && error != EEXIST)
            return error;
    }
    return 0;
}

/* Not every file system can rename without replacing; a second name, then taking the first away,
 * comes to the same. */
static int move(const struct put *p, int to, const char *name)
{
    int root = p->directory->root;
    if (p->what.object->replace)
        return renameat(root, p->temporary, to, name) == 0 ? 0 : errno;
    if (renameat2(root, p->temporary, to, name, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS)
        return errno;
    if (linkat(root, p->temporary, to, name, 0) != 0)
        return errno;
    unlinkat(root, p->temporary, 0);
    return 0;
}

/* The directory of a key, made where it is missing, and what the key calls the file in it. */
static int open_parent(int root, struct path *path, const char **name)
{
    char *slash = strrchr(path->text, '/');
    *name = slash != NULL ? slash + 1 : path->text;
    if (slash == NULL)
        return openat(root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (bool made = false;; made = true) {
        *slash = '\0';
        int fd = openat(root, path->text, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        *slash = '/';
        if (fd >= 0 || errno != ENOENT || made)
            return fd;
        errno = make_parents(root, path);
        if (errno != 0)
            return -1;
    }
}

/* Content first, then the name: whenever the power fails, there is all of it or nothing. */
static int publish(struct put *p)
{
    const char *name;
    struct path path = path_of(p->what.object->key);
    if (fdatasync(p->fd) != 0)
        return errno;
    int to = open_parent(p->directory->root, &path, &name);
    if (to < 0)
        return errno;
    int error = move(p, to, name);
    if (error == 0) {
        p->temporary[0] = '\0';
        if (fsync(to) != 0)
            error = errno;
    }
    close(to);
    return error;
}

/* True: *out is set. */
static bool ended(struct put *p, int error, struct store_outcome *out)
{
    if (error == EEXIST)
        store_kind_end(out, STORE_THERE);
    else if (error == ENOENT)
        store_kind_say(out, STORE_RETRY, p->directory->name,
                       "what was being written has been taken away");
    else if (error != 0)
        fail(p->directory, out, p->what.object->key, error);
    else
        store_kind_end(out, STORE_OK);
    return true;
}

static void *directory_put_begin(void *store, struct exchange_client *c,
                                 const struct store_kind_put *put)
{
    struct put *p = calloc(1, sizeof(*p));
    (void)c;
    if (p == NULL)
        return NULL;
    p->directory = store;
    p->what = *put;
    p->fd = -1;
    p->piece = malloc(PIECE);
    if (p->piece != NULL)
        return p;
    free(p);
    return NULL;
}

/* 0, or an errno; EEXIST: it is there already. */
static int start(struct put *p)
{
    struct stat st;
    struct path path = path_of(p->what.object->key);
    if (!p->what.object->replace &&
        fstatat(p->directory->root, path.text, &st, AT_SYMLINK_NOFOLLOW) == 0)
        return S_ISDIR(st.st_mode) ? EISDIR : EEXIST;
    return create(p);
}

static bool directory_put_turn(void *put, struct store_outcome *out)
{
    struct put *p = put;
    int error = p->fd < 0 ? start(p) : 0;
    while (error == 0 && p->written < p->what.object->size) {
        int64_t left = p->what.object->size - p->written;
        size_t n = left < PIECE ? (size_t)left : PIECE;
        switch (p->what.read(p->what.owner, p->piece, &n)) {
        case EXCHANGE_GO:
            break;
        case EXCHANGE_LATER:
            return false;
        case EXCHANGE_STOP:
            n = 0;
            break;
        }
        if (n == 0) {
            store_kind_say(out, STORE_RETRY, p->directory->name, "broken off");
            return true;
        }
        error = write_all(p->fd, p->piece, n);
        p->written += (int64_t)n;
        write_back(p);
    }
    return ended(p, error != 0 ? error : publish(p), out);
}

/* The next turn asks again in any case. */
static void directory_put_resume(void *put)
{
    (void)put;
}

static void directory_put_end(void *put)
{
    struct put *p = put;
    if (p->fd >= 0) {
        if (p->temporary[0] != '\0')
            unlinkat(p->directory->root, p->temporary, 0);
        close(p->fd);
    }
    free(p->piece);
    free(p);
}

static void directory_set(void *store, struct exchange_client *c, const struct store_set *set,
                          struct store_outcome *out)
{
    struct str left = set->content;
    struct store_object object = {
        .key = set->key, .size = (int64_t)set->content.len, .replace = set->replace};
    struct put *p =
        directory_put_begin(store, c, &(struct store_kind_put){&object, exchange_read_str, &left});
    if (p == NULL) {
        fail(store, out, set->key, ENOMEM);
        return;
    }
    directory_put_turn(p, out);
    directory_put_end(p);
}

static void directory_remove(void *store, struct exchange_client *c, struct str key,
                             struct store_outcome *out)
{
    struct directory *d = store;
    struct path path = path_of(key);
    (void)c;
    store_kind_end(out, STORE_OK);
    if (unlinkat(d->root, path.text, 0) != 0)
        fail(d, out, key, errno);
}

static bool is_same(const struct directory *d, const struct store_swap *swap)
{
    struct stat st;
    char etag[128] = "";
    int fd = open_object(d, swap->key, &st);
    if (fd >= 0) {
        put_etag(etag, &st);
        close(fd);
    }
    return strcmp(etag, swap->etag) == 0;
}

/* One at a time, on all machines that share the directory; where there are no locks, what is there
 * is looked at no less. */
static void directory_swap(void *store, struct exchange_client *c, const struct store_swap *swap,
                           struct store_outcome *out)
{
    struct directory *d = store;
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    mkdirat(d->root, WORK, 0777);
    int held = openat(d->root, WORK "/lock", O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (held >= 0)
        fcntl(held, F_OFD_SETLKW, &whole);
    if (is_same(d, swap))
        directory_set(d, c, &(struct store_set){swap->key, swap->content, true}, out);
    else
        store_kind_end(out, STORE_THERE);
    if (held >= 0)
        close(held);
}

/* ── What earlier runs left ── */

static void remove_if_left(int at, const char *name)
{
    struct stat st;
    int fd = openat(at, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return;
    bool locked = lock(fd);
    bool is_held = !locked && (errno == EAGAIN || errno == EACCES);
    bool is_old = fstat(fd, &st) == 0 && st.st_mtim.tv_sec < clock_wall() - STORE_KIND_LEFT_S;
    if (locked || (!is_held && is_old))
        unlinkat(at, name, 0);
    close(fd);
}

static void directory_tidy(void *store, struct exchange_client *c, struct store_outcome *out)
{
    struct directory *d = store;
    const struct dirent *entry;
    int at = openat(d->root, WORK, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = at >= 0 ? fdopendir(at) : NULL;
    (void)c;
    store_kind_end(out, STORE_OK);
    if (dir == NULL) {
        if (errno != ENOENT)
            fail(d, out, STR(WORK), errno);
        if (at >= 0)
            close(at);
        return;
    }
    while ((entry = readdir(dir)) != NULL)
        if (strncmp(entry->d_name, "tmp-", 4) == 0)
            remove_if_left(at, entry->d_name);
    closedir(dir);
}

const struct store_kind directory_kind = {
    .scheme = "file",
    .form = "file:///DIRECTORY",
    .open = directory_open,
    .close = directory_close,
    .list = directory_list,
    .get = directory_get,
    .read = directory_read,
    .set = directory_set,
    .swap = directory_swap,
    .remove = directory_remove,
    .tidy = directory_tidy,
    .put_begin = directory_put_begin,
    .put_turn = directory_put_turn,
    .put_resume = directory_put_resume,
    .put_end = directory_put_end,
};
