/*
 * A blob on its way into a bucket: one PUT, or parts where it is large ("mirror/s3_parts.h"). The
 * functions are those of `struct store_kind`.
 */
#ifndef MIRROR_S3_PUT_H
#define MIRROR_S3_PUT_H

#include "mirror/s3_call.h"

void *s3_put_begin(void *store, struct exchange_client *c, const struct store_kind_put *put);
bool s3_put_turn(void *put, struct store_outcome *out);
void s3_put_resume(void *put);
void s3_put_end(void *put);

/* ── For s3_parts.c ── */

enum s3_put_next {
    S3_PUT_ON,   /* with the next step, at once or when the call's answer has come */
    S3_PUT_WAIT, /* the source has nothing at the moment: the same step again */
    S3_PUT_END,  /* as the outcome says */
};

struct s3_parts;

struct s3_put {
    struct s3 *s3;
    struct exchange_client *client;
    struct store_kind_put what;
    enum s3_put_next (*step)(struct s3_put *p); /* what comes next */
    struct s3_call call;                        /* that this step waits for; or none */
    struct store_outcome outcome;
    bool conditional; /* the last request said If-None-Match */
    int64_t taken;    /* bytes that were read from the source */
    struct s3_parts *parts;
};

/* Asks, and goes on with `step` when the answer is there. */
enum s3_put_next s3_put_ask(struct s3_put *p, const struct s3_call_want *want,
                            enum s3_put_next (*step)(struct s3_put *p));

/* Whether to say If-None-Match; and what to do with a 501 that it got. */
bool s3_put_condition(struct s3_put *p);
bool s3_put_condition_refused(struct s3_put *p);

#endif
