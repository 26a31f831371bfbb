/*
 * What the subcommands of geranos share: the registry and the stores that were named, being
 * interrupted, and what is said at the end.
 */
#ifndef CLI_GERANOS_JOB_H
#define CLI_GERANOS_JOB_H

#include "cli/geranos_options.h"
#include "cli/progress.h"
#include "mirror/sync.h"

struct geranos_job {
    const struct geranos_options *options;
    struct registry *source; /* NULL: none was named */
    struct store *store[CATALOG_STORES_MAX];
    size_t n_stores;
    char *lines;            /* of the file of references, each terminated */
    const char **reference; /* of --reference and that file */
    size_t n_references;
    struct progress *progress;       /* of what is running; or NULL */
    struct sync *sync;               /* the same */
    struct geranos_metrics *metrics; /* that are told of each run; or NULL */
};

/* False: it has been said why. Close in any case. From here on signals stop it. */
bool geranos_job_open(struct geranos_job *j, const struct geranos_options *o);
void geranos_job_close(struct geranos_job *j);

/* As the options have it; plan is false. */
struct sync_options geranos_job_sync(struct geranos_job *j);

/* Runs one, and shows how far it is. True: j->sync has run. False: it could not be tried, and it
 * has been said why. geranos_job_end() in either case. */
bool geranos_job_run(struct geranos_job *j, const char *command, const struct sync_options *o);

/* Ends what is shown, before a summary is printed; more: as progress_end() takes it. */
void geranos_job_finish(struct geranos_job *j, bool fine, json_t *more);
void geranos_job_end(struct geranos_job *j);

/* For the log's summary: what is there, and what each store lacks. */
json_t *geranos_job_sums(const struct geranos_job *j, const struct catalog_sums *sums);

/* For people: the same. What could not be listed, or found, lacks nothing that is known. */
void geranos_job_summarise(const struct geranos_job *j, const struct catalog_sums *sums, FILE *to);

/* True from the first SIGINT or SIGTERM on; a second one ends the process. */
extern const atomic_bool *const geranos_job_stop;

/* The exit code: 0, 1, or 128 and the number of the signal that stopped it: then it says how to go
 * on. */
int geranos_job_code(bool fine);

/* What failed, to the file of --failures or, the first of it, to a terminal (a log has it already).
 * False: it could not be written, and it has been said why. */
bool geranos_job_failures(const struct geranos_job *j, struct report *report);

/* Tells the log what the report is told, from now on. Before others use it. */
void geranos_job_watch(struct geranos_job *j, struct report *report);

#endif
