/*
 * What `archeio diff` says of an access log: which of its requests two snapshots answer
 * differently. It is read line by line, in bounded memory, whatever it holds.
 */
#ifndef CLI_DIFF_LOG_H
#define CLI_DIFF_LOG_H

#include "sys/diag.h"
#include <archeio/snapshot.h>

enum diff_log_result { DIFF_LOG_SAME, DIFF_LOG_DIFFERS, DIFF_LOG_TROUBLE };

/* name: of the file; "-": standard input. Of DIFF_LOG_TROUBLE the reason is in d; otherwise the
 * sums have been printed. */
enum diff_log_result diff_log_print(const char *name, const struct snapshot *before,
                                    const struct snapshot *after, FILE *to, struct diag *d);

#endif
