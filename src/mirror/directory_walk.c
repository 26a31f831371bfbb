#include "mirror/directory_walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEPTH_MAX 32

struct walk {
    const struct store_kind_list *list;
    const char *work;
    char key[STORE_KIND_KEY_MAX + 1]; /* of the directory that is being read, with its slash */
    size_t len;
    int error;
    bool ended; /* by each */
};

static void visit(struct walk *w, int at, unsigned depth);

static void visit_entry(struct walk *w, int at, const char *name, unsigned depth)
{
    struct stat st;
    size_t before = w->len, n = strlen(name);
    struct str prefix = w->list->prefix;
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
        (before == 0 && strcmp(name, w->work) == 0) || before + n + 1 > STORE_KIND_KEY_MAX)
        return;
    memcpy(w->key + before, name, n + 1);
    w->len += n;
    struct str key = str_make(w->key, w->len);
    bool leads = str_starts(prefix, key); /* the directory may hold what has the prefix */
    if ((str_starts(key, prefix) || leads) && fstatat(at, name, &st, 0) == 0) {
        if (S_ISREG(st.st_mode) && str_starts(key, prefix)) {
            w->ended = !w->list->each(w->list->owner, key, (int64_t)st.st_size);
        } else if (S_ISDIR(st.st_mode)) {
            w->key[w->len++] = '/';
            visit(w, openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC), depth + 1);
        }
    }
    w->len = before;
}

static void visit(struct walk *w, int at, unsigned depth)
{
    DIR *dir = NULL;
    if (at < 0) /* what has gone meanwhile is not there */
        w->error = errno == ENOENT && depth > 0 ? 0 : errno;
    else if (depth > DEPTH_MAX)
        w->error = ELOOP;
    else if ((dir = fdopendir(at)) == NULL)
        w->error = errno;
    if (dir == NULL) {
        if (at >= 0)
            close(at);
        return;
    }
    while (w->error == 0 && !w->ended) {
        errno = 0;
        const struct dirent *entry = readdir(dir);
        if (entry == NULL) {
            w->error = errno;
            break;
        }
        visit_entry(w, dirfd(dir), entry->d_name, depth);
    }
    closedir(dir);
}

int directory_walk(int root, const char *work, const struct store_kind_list *list)
{
    struct walk w = {.list = list, .work = work};
    size_t slash = str_find_last(list->prefix, '/');
    w.len = slash < list->prefix.len ? slash + 1 : 0;
    memcpy(w.key, list->prefix.data, w.len);
    w.key[w.len] = '\0';
    int at = openat(root, w.len > 0 ? w.key : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (at < 0 && errno == ENOENT)
        return 0;
    visit(&w, at, 0);
    return w.error;
}
