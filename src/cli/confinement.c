#include "cli/confinement.h"

#include "sys/confine.h"
#include "sys/log.h"
#include "sys/xalloc.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATHS_MAX 16

struct paths {
    struct landlock_path path[PATHS_MAX]; /* each text is owned */
    size_t n;
};

static void add(struct paths *p, const char *path, enum landlock_access access)
{
    p->path[p->n++] = (struct landlock_path){xalloc_text(path), access};
}

/* Unless that is the root: then the file must do. */
static void add_directory_of(struct paths *p, const char *path, enum landlock_access access)
{
    char *copy = xalloc_text(path);
    const char *directory = dirname(copy);
    if (strcmp(directory, "/") != 0)
        add(p, directory, access);
    free(copy);
}

/* A file that is replaced while the server runs: by another one in its place, by a link to another
 * place beside it (Kubernetes does that). So its directory counts, and that of what it leads to. */
static void add_read(struct paths *p, const char *path)
{
    if (path == NULL)
        return;
    char *real = realpath(path, NULL);
    add(p, path, LANDLOCK_READ);
    add_directory_of(p, path, LANDLOCK_READ);
    if (real != NULL)
        add_directory_of(p, real, LANDLOCK_READ);
    free(real);
}

/* A log that is renamed and made anew. A pipe or a terminal is not, and lies among others. */
static void add_log(struct paths *p, const char *path)
{
    struct stat st;
    if (strcmp(path, "off") == 0 || strcmp(path, "stdout") == 0)
        return;
    bool exists = stat(path, &st) == 0;
    char *real = exists ? realpath(path, NULL) : NULL;
    add(p, path, LANDLOCK_WRITE);
    if (!exists || S_ISREG(st.st_mode))
        add_directory_of(p, real != NULL ? real : path, LANDLOCK_WRITE);
    free(real);
}

static void add_all(struct paths *p, const struct config *c, const char *file, const char *snapshot)
{
    add_read(p, file);
    add_read(p, snapshot);
    add_read(p, getenv("SSL_CERT_FILE"));
    add_read(p, "/etc/resolv.conf"); /* it may lead anywhere */
    add_log(p, c->log.access);
    if (snapshot == NULL)
        add(p, c->ranges.directory, LANDLOCK_KEEP);
}

static void warn_of(const char *path)
{
    if (path != NULL && access(path, R_OK) != 0 && errno == EACCES)
        log_warning("%s may not be read any more, so that reloads will be refused: let the user of "
                    "the service read it",
                    path);
}

static void look_around(const struct config *c, const char *file, const char *snapshot)
{
    const char *directory = c->ranges.directory;
    warn_of(file);
    warn_of(snapshot);
    if (snapshot != NULL)
        return;
    warn_of(directory);
    if (c->ranges.refresh > 0 && access(directory, W_OK) != 0 && errno == EACCES)
        log_warning("%s may not be written, so that new ranges are kept in memory only: let it "
                    "belong to the user of the service",
                    directory);
}

bool confinement_begin(const struct config *c, const char *file, const char *snapshot)
{
    struct paths p = {.n = 0};
    add_all(&p, c, file, snapshot);
    const struct confine_options options = {
        .user = c->server.user,
        .privileges_only = c->server.confine == CONFIG_CONFINE_OFF,
        .paths = p.path,
        .n_paths = p.n,
        .directory = snapshot == NULL && c->ranges.refresh > 0 ? c->ranges.directory : NULL,
    };
    bool confined = confine(&options);
    if (confined)
        look_around(c, file, snapshot);
    for (size_t i = 0; i < p.n; i++)
        free((char *)(uintptr_t)p.path[i].path);
    return confined;
}

bool confinement_permits(const struct config *c, struct diag *d)
{
    const char *directory = c->ranges.directory;
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int error = errno;
    if (fd >= 0)
        close(fd);
    if (fd >= 0 || error != EACCES)
        return true;
    diag_error(d, (struct diag_at){directory, 0, 0},
               "may not be read: let the user of the service read it; another ranges.directory "
               "than at the start takes a restart");
    return false;
}
