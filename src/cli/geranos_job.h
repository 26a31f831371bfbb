/*
 * What the subcommands of geranos share: the registry and the stores that were named, being
 * interrupted, and what is said at the end.
 */
#ifndef CLI_GERANOS_JOB_H
#define CLI_GERANOS_JOB_H

#include "cli/geranos_options.h"
#include "mirror/sync.h"

struct geranos_job {
    const struct geranos_options *options;
    struct registry *source; /* NULL: none was named */
    struct store *store[CATALOG_STORES_MAX];
    size_t n_stores;
    char *lines;            /* of the file of references, each terminated */
    const char **reference; /* of --reference and that file */
    size_t n_references;
};

/* False: it has been said why. Close in any case. From here on signals stop it. */
bool geranos_job_open(struct geranos_job *j, const struct geranos_options *o);
void geranos_job_close(struct geranos_job *j);

/* As the options have it; plan is false. */
struct sync_options geranos_job_sync(const struct geranos_job *j);

/* True from the first SIGINT or SIGTERM on; a second one ends the process. */
extern const atomic_bool *const geranos_job_stop;

/* The exit code: 0, or 1, or 128 and the number of the signal that stopped it. Says how to go on.
 */
int geranos_job_code(bool fine);

/* "1.5 MiB" */
#define GERANOS_JOB_BYTES_MAX 32
void geranos_job_bytes(uint64_t bytes, char out[GERANOS_JOB_BYTES_MAX]);

/* What failed, to the file of --failures or, the first of it, to standard error. False: it could
 * not be written, and it has been said why. */
bool geranos_job_failures(const struct geranos_job *j, struct report *report);

#endif
