/*
 * Publishes the index of each store of a job: `geranos index`, and the end of `geranos sync
 * --index`.
 */
#ifndef CLI_GERANOS_INDEX_H
#define CLI_GERANOS_INDEX_H

#include "cli/geranos_job.h"
#include "mirror/publish.h"

struct geranos_index {
    struct publish_outcome of[CATALOG_STORES_MAX];
};

/* One store after the other; what fails is in the report. Stores that the job's sync could not list
 * are left out. Without a sync, sets that are there already are read. */
void geranos_index_publish(struct geranos_job *j, struct report *report, struct geranos_index *out);

/* For the log's summary: what became of each. */
json_t *geranos_index_sums(const struct geranos_job *j, const struct geranos_index *x);

/* For people, on standard output; warnings go to the log. */
void geranos_index_summarise(const struct geranos_job *j, const struct geranos_index *x);

#endif
