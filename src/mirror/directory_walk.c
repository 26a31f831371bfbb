#include "mirror/directory_walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEPTH_MAX 32

struct tour {
    const struct store_list *list;
    const char *work;
    char key[STORE_KIND_KEY_MAX + 1]; /* of the directory that is being read, with its slash */
    size_t len;
    int error;
    bool ended; /* by each */
};

static void visit(struct tour *t, int at, unsigned depth);

static void visit_entry(struct tour *t, int at, const char *name, unsigned depth)
{
    struct stat st;
    size_t before = t->len, n = strlen(name);
    struct str prefix = t->list->prefix;
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
        (before == 0 && strcmp(name, t->work) == 0) || before + n + 1 > STORE_KIND_KEY_MAX)
        return;
    memcpy(t->key + before, name, n + 1);
    t->len += n;
    struct str key = str_make(t->key, t->len);
    bool leads = str_starts(prefix, key); /* the directory may hold what has the prefix */
    if ((str_starts(key, prefix) || leads) && fstatat(at, name, &st, 0) == 0) {
        if (S_ISREG(st.st_mode) && str_starts(key, prefix)) {
            t->ended = !t->list->each(t->list->owner, key, (int64_t)st.st_size);
        } else if (S_ISDIR(st.st_mode)) {
            t->key[t->len++] = '/';
            visit(t, openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC), depth + 1);
        }
    }
    t->len = before;
}

static void visit(struct tour *t, int at, unsigned depth)
{
    DIR *dir = NULL;
    if (at < 0) /* what has gone meanwhile is not there */
        t->error = errno == ENOENT && depth > 0 ? 0 : errno;
    else if (depth > DEPTH_MAX)
        t->error = ELOOP;
    else if ((dir = fdopendir(at)) == NULL)
        t->error = errno;
    if (dir == NULL) {
        if (at >= 0)
            close(at);
        return;
    }
    while (t->error == 0 && !t->ended) {
        errno = 0;
        const struct dirent *entry = readdir(dir);
        if (entry == NULL) {
            t->error = errno;
            break;
        }
        visit_entry(t, dirfd(dir), entry->d_name, depth);
    }
    closedir(dir);
}

int directory_walk(int root, const char *work, const struct store_list *list)
{
    struct tour t = {.list = list, .work = work};
    size_t slash = str_find_last(list->prefix, '/');
    t.len = slash < list->prefix.len ? slash + 1 : 0;
    memcpy(t.key, list->prefix.data, t.len);
    t.key[t.len] = '\0';
    int at = openat(root, t.len > 0 ? t.key : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (at < 0 && errno == ENOENT)
        return 0;
    visit(&t, at, 0);
    return t.error;
}
