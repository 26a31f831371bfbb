/*
 * Everything that is counted, as Prometheus text (exposition format 0.0.4).
 */
#ifndef SERVER_METRICS_H
#define SERVER_METRICS_H

#include "server/control.h"

/* free() it; NULL: no memory. */
char *metrics_text(struct control *s, size_t *len);

#endif
