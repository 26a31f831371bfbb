#include "mirror/s3_put.h"

#include "base/hex.h"
#include "mirror/s3_parts.h"

#include <stdlib.h>

static enum s3_put_next stored(struct s3_put *p);
static enum s3_put_next looked(struct s3_put *p);

enum s3_put_next s3_put_ask(struct s3_put *p, const struct s3_call_want *want,
                            enum s3_put_next (*step)(struct s3_put *p))
{
    s3_call_end(&p->call);
    p->step = step;
    return s3_call_begin(&p->call, p->s3, p->client, want, &p->outcome) ? S3_PUT_ON : S3_PUT_END;
}

bool s3_put_condition(struct s3_put *p)
{
    p->conditional = !p->what.object->replace && !atomic_load(&p->s3->unconditional);
    return p->conditional;
}

bool s3_put_condition_refused(struct s3_put *p)
{
    if (!p->conditional || p->call.x->status != 501)
        return false;
    atomic_store(&p->s3->unconditional, true);
    return true;
}

/* ── One PUT ── */

static enum exchange_flow read_source(void *owner, char *data, size_t *len)
{
    struct s3_put *p = owner;
    enum exchange_flow flow = p->what.read(p->what.owner, data, len);
    if (flow == EXCHANGE_GO)
        p->taken += (int64_t)*len;
    return flow;
}

static enum s3_put_next store_whole(struct s3_put *p)
{
    const struct store_object *o = p->what.object;
    char hex[64], checksum[S3_CALL_CHECKSUM_MAX];
    struct sigv4_pair headers[2];
    size_t n = 0;
    struct s3_call_want want = {.method = "PUT",
                                .key = o->key,
                                .headers = headers,
                                .payload = SIGV4_UNSIGNED,
                                .read = read_source,
                                .size = o->size,
                                .owner = p};
    if (s3_put_condition(p))
        headers[n++] = (struct sigv4_pair){STR("if-none-match"), STR("*")};
    if (o->digest.algorithm == DIGEST_SHA256) {
        struct buf b = buf_make(hex, sizeof(hex));
        hex_put(&b, o->digest.bytes, o->digest.size);
        want.payload = str_make(hex, b.len);
        s3_call_checksum(o->digest.bytes, checksum);
        headers[n++] = (struct sigv4_pair){STR("x-amz-checksum-sha256"), str_from(checksum)};
    }
    want.n_headers = n;
    return s3_put_ask(p, &want, stored);
}

static enum s3_put_next store_or_part(struct s3_put *p)
{
    return p->parts != NULL ? s3_parts_begin(p) : store_whole(p);
}

static enum s3_put_next look(struct s3_put *p)
{
    return s3_put_ask(p, &(struct s3_call_want){.method = "HEAD", .key = p->what.object->key},
                      looked);
}

static enum s3_put_next looked(struct s3_put *p)
{
    s3_call_outcome(&p->call, &p->outcome);
    if (p->outcome.result == STORE_OK)
        store_kind_end(&p->outcome, STORE_THERE);
    if (p->outcome.result == STORE_THERE || p->outcome.result == STORE_RETRY)
        return S3_PUT_END;
    /* Without the right to list, what is not there is forbidden: writing it will tell. */
    return store_or_part(p);
}

/* A success has no body; some servers begin their answer before they know. */
static bool is_error(struct str body)
{
    struct s3_answer_error error;
    s3_answer_error(body, &error);
    return error.code[0] != '\0';
}

static enum s3_put_next stored(struct s3_put *p)
{
    bool unheard = s3_put_condition_refused(p);
    if (unheard && p->taken == 0)
        return look(p);
    s3_call_outcome(&p->call, &p->outcome);
    p->outcome.delay = s3_call_delay(&p->call);
    if (p->outcome.result == STORE_OK && is_error(s3_call_body(&p->call)))
        s3_call_refusal(&p->call, &p->outcome);
    if (unheard)
        store_kind_say(&p->outcome, STORE_RETRY, p->s3->name,
                       "it does not know If-None-Match: going on without");
    else if (p->outcome.result == STORE_MISSING)
        store_kind_say(&p->outcome, STORE_FAILED, p->s3->name,
                       "HTTP 404 to a PUT: correct bucket and endpoint");
    return S3_PUT_END;
}

/* ── The machine ── */

static enum s3_put_next first(struct s3_put *p)
{
    /* Before gigabytes are read in vain, and where the server cannot be told not to replace. */
    bool asks = p->parts != NULL || atomic_load(&p->s3->unconditional);
    return asks && !p->what.object->replace ? look(p) : store_or_part(p);
}

/* Some servers keep what came of a PUT that broke off, unless its hash was signed (versitygw 1.8);
 * parts are nothing until they are completed. */
static bool goes_in_parts(const struct s3 *s, const struct store_object *o)
{
    return o->size > s->parts_above || (o->digest.algorithm != DIGEST_SHA256 && o->size > 0);
}

void *s3_put_begin(void *store, struct exchange_client *c, const struct store_kind_put *put)
{
    struct s3_put *p = calloc(1, sizeof(*p));
    if (p == NULL)
        return NULL;
    p->s3 = store;
    p->client = c;
    p->what = *put;
    p->step = first;
    if (!goes_in_parts(p->s3, put->object))
        return p;
    p->parts = s3_parts_new(p->s3, put->object->size);
    if (p->parts != NULL)
        return p;
    free(p);
    return NULL;
}

bool s3_put_turn(void *put, struct store_outcome *out)
{
    struct s3_put *p = put;
    while (p->call.x == NULL || p->call.x->done) {
        switch (p->step(p)) {
        case S3_PUT_ON:
            break;
        case S3_PUT_WAIT:
            return false;
        case S3_PUT_END:
            *out = p->outcome;
            return true;
        }
    }
    return false;
}

void s3_put_resume(void *put)
{
    struct s3_put *p = put;
    if (p->call.x != NULL)
        exchange_resume(p->call.x);
}

void s3_put_end(void *put)
{
    struct s3_put *p = put;
    s3_call_end(&p->call);
    s3_parts_free(p->parts);
    free(p);
}
