/*
 * Says how a run is going, on standard error: on a terminal some lines that are redrawn five times
 * a second, otherwise JSON lines, one for each event and one every ten seconds.
 */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include "cli/progress_text.h"
#include "sys/log.h"

#include <jansson.h>

struct progress;

struct progress_options {
    const char *command;                                        /* "geranos sync" */
    void (*read)(void *owner, struct progress_text_state *out); /* from a thread of its own */
    void *owner;
    enum log_level level; /* the least urgent that is logged; a terminal shows all or, below info,
                             nothing */
};

/* Whether standard error is a terminal that can be redrawn. */
bool progress_is_terminal(void);

/* NULL (no memory, no thread) is harmless for all that follows. The options stay where they are. */
struct progress *progress_begin(const struct progress_options *o);

/* The last words, and the release: result is "complete", "incomplete" or "interrupted"; more: NULL,
 * or members of a JSON object for the log's summary, taken over. */
void progress_end(struct progress *p, const char *result, json_t *more);

/* Events, from any thread. */
void progress_event(struct progress *p, enum log_level level, const char *event);
void progress_blob(struct progress *p, const char *event, const char *blob, int64_t size);
void progress_retry(struct progress *p, const char *why); /* if debugging is logged */
void progress_failure(struct progress *p, const char *what, const char *why);

/* Between them a terminal's lines are gone, so that others can be printed. */
void progress_hide(struct progress *p);
void progress_show(struct progress *p);

/* As a process ends at once: takes the lines away. Async-signal-safe. */
void progress_abandon(void);

#endif
