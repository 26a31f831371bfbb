/*
 * What the runs of a service have come to, as Prometheus text on a listener of its own:
 * GET /metrics, /healthz.
 */
#ifndef CLI_GERANOS_METRICS_H
#define CLI_GERANOS_METRICS_H

#include "cli/geranos_job.h"

struct geranos_metrics;

/* Listens, with a thread of its own. NULL: it has been said why. */
struct geranos_metrics *geranos_metrics_open(const char *address);

/* NULL is harmless, here as below. */
void geranos_metrics_close(struct geranos_metrics *m);

/* A run begins and ends: j->sync is there in between. sums: NULL, where it could not be tried. */
void geranos_metrics_begin(struct geranos_metrics *m, struct geranos_job *j);
void geranos_metrics_end(struct geranos_metrics *m, bool fine, const struct catalog_sums *sums);

#endif
