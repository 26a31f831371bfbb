#include "cli/confinement.h"

#include "config/schema.h"
#include "sys/confine.h"
#include "sys/log.h"
#include "sys/privileges.h"
#include "sys/xalloc.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct paths {
    struct landlock_path *path; /* each text is owned */
    size_t n;
};

static void add(struct paths *p, const char *path, enum landlock_access access)
{
    p->path = xalloc_grow(p->path, p->n, sizeof(*p->path));
    p->path[p->n++] = (struct landlock_path){xalloc_text(path), access};
}

static void release(struct paths *p)
{
    for (size_t i = 0; i < p->n; i++)
        free((char *)(uintptr_t)p->path[i].path);
    free(p->path);
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

static void add_certificates(struct paths *p, const struct config_server *c)
{
    for (size_t i = 0; i < c->n_listen; i++)
        for (size_t k = 0; k < c->listen[i].n_certificates; k++) {
            add_read(p, c->listen[i].certificate[k].certificate);
            add_read(p, c->listen[i].certificate[k].key);
        }
}

static void add_all(struct paths *p, const struct config *c, const char *file, const char *snapshot)
{
    add_read(p, file);
    add_read(p, snapshot);
    add_read(p, getenv("SSL_CERT_FILE"));
    add_read(p, "/etc/resolv.conf"); /* it may lead anywhere */
    add_certificates(p, &c->server);
    add_log(p, c->log.access);
    if (snapshot == NULL)
        add(p, c->ranges.directory, LANDLOCK_KEEP);
}

/* ── Certificates and keys ── */

typedef bool may_read(const char *path, const struct config_origin *origin, void *context,
                      struct diag *d);

static bool all_certificates(const struct config_server *c, may_read *may, void *context,
                             struct diag *d)
{
    bool all = true;
    for (size_t i = 0; i < c->n_listen; i++)
        for (size_t k = 0; k < c->listen[i].n_certificates; k++) {
            const struct config_certificate *one = &c->listen[i].certificate[k];
            all &= may(one->certificate, &one->certificate_origin, context, d);
            all &= may(one->key, &one->key_origin, context, d);
        }
    return all;
}

/* What is wrong otherwise, whoever reads it finds out. access() does not ask Landlock. */
static bool may_read_now(const char *path, const struct config_origin *origin, void *context,
                         struct diag *d)
{
    (void)context;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int error = errno;
    if (fd >= 0)
        close(fd);
    if (fd >= 0 || error != EACCES)
        return true;
    if (access(path, R_OK) == 0)
        diag_error(d, config_at(origin),
                   "\"%s\" lies, or leads, where nothing was to be read at the start: restart the "
                   "server to use it",
                   path);
    else
        diag_error(d, config_at(origin),
                   "\"%s\" may not be read by the user of the service (%u): let that user read it, "
                   "or name another user (server.user)",
                   path, (unsigned)geteuid());
    return false;
}

static bool could_read(const char *path, const struct config_origin *origin, void *context,
                       struct diag *d)
{
    const struct privileges *who = context;
    if (privileges_try_read(who, path) != EACCES)
        return true;
    diag_error(
        d, config_at(origin),
        "\"%s\" may not be read by the user %s, whom serve becomes: let that user read it, or "
        "name another user (server.user)",
        path, who->name);
    return false;
}

void confinement_foresee(const struct config *c, struct diag *d)
{
    struct privileges who;
    if (!privileges_find(c->server.user, &who))
        diag_error(d, config_at(&c->origins[schema_find("server.user")]),
                   "server.user: there is no user \"%s\"; make one, or name another",
                   c->server.user);
    else if (who.change)
        all_certificates(&c->server, could_read, &who, d);
}

/* ── Start and reload ── */

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

static bool may_begin(const struct config *c)
{
    struct diag d = {0};
    bool may = all_certificates(&c->server, may_read_now, NULL, &d);
    diag_log(&d);
    diag_clear(&d);
    return may;
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
    release(&p);
    if (!confined || !may_begin(c))
        return false;
    look_around(c, file, snapshot);
    return true;
}

static bool may_read_ranges(const char *directory, struct diag *d)
{
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

bool confinement_permits(const struct config *c, const char *snapshot, struct diag *d)
{
    bool ranges = snapshot != NULL || may_read_ranges(c->ranges.directory, d);
    return all_certificates(&c->server, may_read_now, NULL, d) && ranges;
}
