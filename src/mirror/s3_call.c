#include "mirror/s3_call.h"

#include "base/hex.h"
#include "mirror/retry.h"
#include "mirror/s3_fault.h"
#include "sys/clock.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

#define SMALL (1 << 20) /* bytes */

/* ── Asking ── */

static void put_hash(struct str body, char hex[65])
{
    unsigned char hash[32];
    struct buf b = buf_make(hex, 64);
    EVP_Digest(body.data != NULL ? body.data : "", body.len, hash, NULL, EVP_sha256(), NULL);
    hex_put(&b, hash, sizeof(hash));
    hex[64] = '\0';
}

/* Appends a terminated text; what does not fit leaves b full. */
static const char *put_text(struct buf *b, struct str text)
{
    const char *at = b->data + b->len;
    buf_str(b, text);
    buf_char(b, '\0');
    return at;
}

static void add_field(struct s3_call *call, const char *name, const char *value, bool secret)
{
    call->request.fields = call->fields;
    call->fields[call->request.n_fields++] = (struct exchange_field){name, value, secret};
}

static void add_fields(struct s3_call *call, const struct s3_call_want *want, struct buf *memory,
                       const struct sigv4_request *r, const struct sigv4_signature *signature)
{
    for (size_t i = 0; i < want->n_headers; i++)
        add_field(call, put_text(memory, want->headers[i].name),
                  put_text(memory, want->headers[i].value), false);
    add_field(call, "x-amz-content-sha256", put_text(memory, r->payload), false);
    add_field(call, "x-amz-date", put_text(memory, str_from(signature->date)), false);
    add_field(call, "Authorization", put_text(memory, str_from(signature->authorization)), true);
    if (call->keys.token[0] != '\0')
        add_field(call, "x-amz-security-token", call->keys.token, true);
}

#define MEMORY 16384
#define PATH_LONGEST (2 * STORE_KIND_KEY_MAX)

/* False: it is too long to be asked. */
static bool sign(struct s3_call *call, const struct s3_call_want *want, struct buf *memory)
{
    const struct s3 *s = call->s3;
    char path[PATH_LONGEST], hash[65];
    struct sigv4_signature signature;
    struct buf b = buf_make(path, sizeof(path));
    buf_text(&b, s->path);
    buf_char(&b, '/');
    if (want->key.len > 0) {
        buf_text(&b, s->prefix);
        buf_str(&b, want->key);
    }
    put_hash(want->body, hash);
    call->signed_at = clock_wall() + atomic_load(&s->ahead);
    const struct sigv4_request r = {
        .method = str_from(want->method),
        .host = str_from(s->host),
        .path = str_make(path, b.len),
        .query = want->query,
        .n_query = want->n_query,
        .headers = want->headers,
        .n_headers = want->n_headers,
        .payload = want->payload.len > 0 ? want->payload : str_from(hash),
        .region = str_from(s->region),
        .now = call->signed_at,
    };
    const struct sigv4_credentials keys = {str_from(call->keys.access_key),
                                           str_from(call->keys.secret_key),
                                           str_from(call->keys.token)};
    if (b.full || !sigv4_sign(&r, &keys, &signature))
        return false;
    call->request.url = memory->data;
    buf_text(memory, s->base);
    sigv4_target(memory, &r);
    buf_char(memory, '\0');
    add_fields(call, want, memory, &r, &signature);
    return !memory->full;
}

static void set_body(struct s3_call *call, const struct s3_call_want *want)
{
    struct exchange_request *r = &call->request;
    r->owner = want->owner;
    r->write = want->write;
    r->max_bytes = want->max_bytes > 0 ? want->max_bytes : 65536;
    if (want->read != NULL) {
        r->read = want->read;
        r->size = want->size;
    } else if (strcmp(want->method, "PUT") == 0 || strcmp(want->method, "POST") == 0) {
        call->body = want->body;
        r->read = exchange_read_str;
        r->owner = &call->body;
        r->size = (int64_t)want->body.len;
    }
}

static bool prepare(struct s3_call *call, struct s3 *s, const struct s3_call_want *want,
                    struct store_outcome *out)
{
    char error[256];
    memset(call, 0, sizeof(*call));
    call->s3 = s;
    if (!credentials_get(s->credentials, &call->keys, error)) {
        store_kind_say(out, STORE_FAILED, s->name, "%s", error);
        return false;
    }
    call->memory = malloc(MEMORY);
    if (call->memory == NULL) {
        store_kind_say(out, STORE_RETRY, s->name, "out of memory");
        return false;
    }
    struct buf memory = buf_make(call->memory, MEMORY);
    call->request.method = want->method;
    call->request.patient = want->patient;
    set_body(call, want);
    if (sign(call, want, &memory))
        return true;
    store_kind_say(out, STORE_FAILED, s->name, "the request is too long to be signed: is the key?");
    return false;
}

static bool begun(struct s3_call *call, struct store_outcome *out)
{
    if (call->x != NULL)
        return true;
    store_kind_say(out, STORE_RETRY, call->s3->name, "out of memory");
    s3_call_end(call);
    return false;
}

bool s3_call_begin(struct s3_call *call, struct s3 *s, struct exchange_client *c,
                   const struct s3_call_want *want, struct store_outcome *out)
{
    if (prepare(call, s, want, out)) {
        call->x = exchange_begin(c, &call->request);
        return begun(call, out);
    }
    s3_call_end(call);
    return false;
}

bool s3_call_run(struct s3_call *call, struct s3 *s, struct exchange_client *c,
                 const struct s3_call_want *want, struct store_outcome *out)
{
    if (prepare(call, s, want, out)) {
        call->x = exchange_run(c, &call->request);
        return begun(call, out);
    }
    s3_call_end(call);
    return false;
}

void s3_call_end(struct s3_call *call)
{
    exchange_end(call->x);
    if (call->memory != NULL)
        OPENSSL_cleanse(call->memory, MEMORY);
    free(call->memory);
    credentials_wipe(&call->keys);
    memset(call, 0, sizeof(*call));
}

void s3_call_checksum(const uint8_t hash[32], char out[S3_CALL_CHECKSUM_MAX])
{
    EVP_EncodeBlock((unsigned char *)out, hash, 32);
}

/* ── The answer ── */

struct str s3_call_body(const struct s3_call *call)
{
    return call->x->body != NULL ? str_make(call->x->body, call->x->len) : STR("");
}

static void judge(struct s3_call *call, long status, struct store_outcome *out)
{
    struct s3_fault f = {
        .s3 = call->s3, .keys = &call->keys, .signed_at = call->signed_at, .status = status};
    const char *value = exchange_header(call->x, "x-amz-bucket-region", 0);
    s3_answer_error(s3_call_body(call), &f.error);
    if (value != NULL)
        snprintf(f.error.region, sizeof(f.error.region), "%.63s", value);
    value = exchange_header(call->x, "Date", 0);
    snprintf(f.date, sizeof(f.date), "%.63s", value != NULL ? value : "");
    f.after = retry_after(exchange_header(call->x, "Retry-After", 0), clock_wall());
    s3_fault_judge(&f, out);
}

int64_t s3_call_delay(const struct s3_call *call)
{
    return call->request.size <= SMALL ? call->x->delay : 0;
}

void s3_call_outcome(struct s3_call *call, struct store_outcome *out)
{
    long status = call->x->status;
    if (!call->x->whole && status / 100 != 3)
        store_kind_say(out, STORE_RETRY, call->s3->name, "%s", call->x->error);
    else if (status / 100 == 2)
        store_kind_end(out, STORE_OK);
    else
        judge(call, status, out);
}

void s3_call_refusal(struct s3_call *call, struct store_outcome *out)
{
    judge(call, 500, out);
}
