#include "mirror/s3_parts.h"

#include "base/hex.h"
#include "base/num.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

#define MIB (1LL << 20)
#define PIECE 65536
#define MD5_HEX 32

struct part {
    char etag[S3_ANSWER_ETAG_MAX]; /* "": it is not there */
};

struct s3_parts {
    int64_t size;       /* of each but the last */
    int64_t whole_size; /* of the object */
    unsigned n;
    unsigned at;  /* the part that is read, from 0 */
    int64_t done; /* bytes of it */
    EVP_MD_CTX *md5;
    int64_t initiated; /* of the upload that was found */
    char id[S3_ANSWER_UPLOAD_MAX];
    unsigned marker;  /* of the next page of parts */
    char *completion; /* what is sent at last */
    char piece[PIECE];
    struct part part[];
};

static enum s3_put_next found(struct s3_put *p);
static enum s3_put_next listed(struct s3_put *p);
static enum s3_put_next created(struct s3_put *p);
static enum s3_put_next skip(struct s3_put *p);
static enum s3_put_next sent(struct s3_put *p);
static enum s3_put_next completed(struct s3_put *p);
static enum s3_put_next given_up(struct s3_put *p);

struct s3_parts *s3_parts_new(const struct s3 *s, int64_t size)
{
    int64_t least = (size + S3_PARTS_MAX - 1) / S3_PARTS_MAX;
    int64_t each = s->part_size >= least ? s->part_size : (least + MIB - 1) / MIB * MIB;
    size_t n = (size_t)((size + each - 1) / each);
    struct s3_parts *parts = calloc(1, sizeof(*parts) + n * sizeof(parts->part[0]));
    if (parts == NULL)
        return NULL;
    parts->size = each;
    parts->whole_size = size;
    parts->n = (unsigned)n;
    parts->md5 = EVP_MD_CTX_new();
    if (parts->md5 != NULL)
        return parts;
    free(parts);
    return NULL;
}

void s3_parts_free(struct s3_parts *parts)
{
    if (parts == NULL)
        return;
    EVP_MD_CTX_free(parts->md5);
    free(parts->completion);
    free(parts);
}

static int64_t size_of(const struct s3_parts *parts, unsigned i)
{
    return i + 1 < parts->n ? parts->size : parts->whole_size - (int64_t)i * parts->size;
}

/* ── An upload to go on with ── */

struct search {
    struct s3_parts *parts;
    struct str prefix;
    struct str key;
};

static void consider(void *owner, const struct s3_answer_upload *upload)
{
    struct search *s = owner;
    struct str key = str_from(upload->key);
    if (!str_starts(key, s->prefix) || !str_eq(str_skip(key, s->prefix.len), s->key) ||
        upload->initiated < s->parts->initiated)
        return;
    s->parts->initiated = upload->initiated;
    snprintf(s->parts->id, sizeof(s->parts->id), "%s", upload->id);
}

enum s3_put_next s3_parts_begin(struct s3_put *p)
{
    char key[2 * STORE_KIND_KEY_MAX];
    snprintf(key, sizeof(key), "%s%.*s", p->s3->prefix, (int)p->what.object->key.len,
             p->what.object->key.data);
    const struct sigv4_pair query[] = {{STR("uploads"), STR("")}, {STR("prefix"), str_from(key)}};
    return s3_put_ask(
        p,
        &(struct s3_call_want){
            .method = "GET", .query = query, .n_query = 2, .max_bytes = S3_ANSWER_BYTES_MAX},
        found);
}

static enum s3_put_next list_parts(struct s3_put *p)
{
    char marker[NUM_TEXT_MAX];
    size_t len = num_format(p->parts->marker, marker);
    const struct sigv4_pair query[] = {{STR("uploadId"), str_from(p->parts->id)},
                                       {STR("part-number-marker"), str_make(marker, len)}};
    return s3_put_ask(p,
                      &(struct s3_call_want){.method = "GET",
                                             .key = p->what.object->key,
                                             .query = query,
                                             .n_query = p->parts->marker > 0 ? 2 : 1,
                                             .max_bytes = S3_ANSWER_BYTES_MAX},
                      listed);
}

static enum s3_put_next create(struct s3_put *p)
{
    const struct sigv4_pair query[] = {{STR("uploads"), STR("")}};
    return s3_put_ask(
        p,
        &(struct s3_call_want){
            .method = "POST", .key = p->what.object->key, .query = query, .n_query = 1},
        created);
}

/* Who may not list what is unfinished starts afresh. */
static enum s3_put_next found(struct s3_put *p)
{
    const char *why;
    struct s3_answer_uploads page;
    struct search s = {p->parts, str_from(p->s3->prefix), p->what.object->key};
    s3_call_outcome(&p->call, &p->outcome);
    if (p->outcome.result == STORE_RETRY)
        return S3_PUT_END;
    if (p->outcome.result == STORE_OK)
        s3_answer_uploads(s3_call_body(&p->call), consider, &s, &page, &why);
    return p->parts->id[0] != '\0' ? list_parts(p) : create(p);
}

static void note_part(void *owner, const struct s3_answer_part *part)
{
    struct s3_parts *parts = owner;
    if (part->number <= parts->n && part->size == size_of(parts, part->number - 1))
        snprintf(parts->part[part->number - 1].etag, S3_ANSWER_ETAG_MAX, "%s", part->etag);
}

/* ── The parts ── */

static enum exchange_flow read_part(void *owner, char *data, size_t *len)
{
    struct s3_put *p = owner;
    struct s3_parts *parts = p->parts;
    int64_t left = size_of(parts, parts->at) - parts->done;
    if ((int64_t)*len > left)
        *len = (size_t)left;
    if (left == 0)
        return EXCHANGE_GO;
    enum exchange_flow flow = p->what.read(p->what.owner, data, len);
    if (flow == EXCHANGE_GO) {
        EVP_DigestUpdate(parts->md5, data, *len);
        parts->done += (int64_t)*len;
        p->taken += (int64_t)*len;
    }
    return flow;
}

static void put_md5(const struct s3_parts *parts, char hex[MD5_HEX + 1])
{
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    struct buf b = buf_make(hex, MD5_HEX);
    EVP_DigestFinal_ex(parts->md5, hash, &len);
    hex_put(&b, hash, len);
    hex[b.len] = '\0';
}

static enum s3_put_next send_part(struct s3_put *p)
{
    struct s3_parts *parts = p->parts;
    char number[NUM_TEXT_MAX];
    size_t len = num_format(parts->at + 1, number);
    const struct sigv4_pair query[] = {{STR("partNumber"), str_make(number, len)},
                                       {STR("uploadId"), str_from(parts->id)}};
    return s3_put_ask(p,
                      &(struct s3_call_want){.method = "PUT",
                                             .key = p->what.object->key,
                                             .query = query,
                                             .n_query = 2,
                                             .payload = SIGV4_UNSIGNED,
                                             .read = read_part,
                                             .size = size_of(parts, parts->at),
                                             .owner = p},
                      sent);
}

static char *put_completion(const struct s3_parts *parts)
{
    static const char head[] = "<CompleteMultipartUpload>", tail[] = "</CompleteMultipartUpload>";
    const size_t each = S3_ANSWER_ETAG_MAX + 96;
    size_t size = parts->n * each + sizeof(head) + sizeof(tail), len = sizeof(head) - 1;
    char *text = malloc(size);
    if (text == NULL)
        return NULL;
    memcpy(text, head, sizeof(head));
    for (unsigned i = 0; i < parts->n; i++)
        len += (size_t)snprintf(text + len, size - len,
                                "<Part><PartNumber>%u</PartNumber><ETag>\"%s\"</ETag></Part>",
                                i + 1, parts->part[i].etag);
    memcpy(text + len, tail, sizeof(tail));
    return text;
}

static enum s3_put_next complete(struct s3_put *p)
{
    struct s3_parts *parts = p->parts;
    const struct sigv4_pair query[] = {{STR("uploadId"), str_from(parts->id)}};
    const struct sigv4_pair headers[] = {{STR("if-none-match"), STR("*")}};
    if (parts->completion == NULL)
        parts->completion = put_completion(parts);
    if (parts->completion == NULL) {
        store_kind_say(&p->outcome, STORE_RETRY, p->s3->name, "out of memory");
        return S3_PUT_END;
    }
    return s3_put_ask(p,
                      &(struct s3_call_want){.method = "POST",
                                             .key = p->what.object->key,
                                             .query = query,
                                             .n_query = 1,
                                             .headers = headers,
                                             .n_headers = s3_put_condition(p) ? 1 : 0,
                                             .body = str_from(parts->completion),
                                             .patient = true}, /* S3 sends blanks meanwhile */
                      completed);
}

static enum s3_put_next next_part(struct s3_put *p)
{
    struct s3_parts *parts = p->parts;
    if (parts->at == parts->n)
        return complete(p);
    parts->done = 0;
    EVP_DigestInit_ex(parts->md5, EVP_md5(), NULL);
    if (parts->part[parts->at].etag[0] == '\0')
        return send_part(p);
    s3_call_end(&p->call);
    p->step = skip;
    return S3_PUT_ON;
}

static enum s3_put_next listed(struct s3_put *p)
{
    const char *why;
    struct s3_answer_parts page;
    s3_call_outcome(&p->call, &p->outcome);
    if (p->outcome.result == STORE_MISSING)
        return create(p);
    if (p->outcome.result != STORE_OK)
        return S3_PUT_END;
    if (!s3_answer_parts(s3_call_body(&p->call), note_part, p->parts, &page, &why)) {
        store_kind_say(&p->outcome, STORE_FAILED, p->s3->name,
                       "it answers what is not understood: %s", why);
        return S3_PUT_END;
    }
    bool goes_on = page.more && page.marker > p->parts->marker;
    p->parts->marker = page.marker;
    return goes_on ? list_parts(p) : next_part(p);
}

static enum s3_put_next created(struct s3_put *p)
{
    const char *why;
    s3_call_outcome(&p->call, &p->outcome);
    if (p->outcome.result == STORE_OK &&
        s3_answer_created(s3_call_body(&p->call), p->parts->id, &why))
        return next_part(p);
    if (p->outcome.result == STORE_OK)
        store_kind_say(&p->outcome, STORE_RETRY, p->s3->name,
                       "it answers what is not understood: %s", why);
    else if (p->outcome.result == STORE_MISSING)
        store_kind_say(&p->outcome, STORE_FAILED, p->s3->name,
                       "HTTP 404 to a new upload: correct bucket and endpoint");
    return S3_PUT_END;
}

/* The outcome is what it is; the upload is of no more use. */
static enum s3_put_next give_up(struct s3_put *p)
{
    const struct sigv4_pair query[] = {{STR("uploadId"), str_from(p->parts->id)}};
    struct store_outcome outcome = p->outcome;
    enum s3_put_next next = s3_put_ask(
        p,
        &(struct s3_call_want){
            .method = "DELETE", .key = p->what.object->key, .query = query, .n_query = 1},
        given_up);
    p->outcome = outcome;
    return next;
}

static enum s3_put_next given_up(struct s3_put *p)
{
    (void)p;
    return S3_PUT_END;
}

static enum s3_put_next start_afresh(struct s3_put *p)
{
    store_kind_say(&p->outcome, STORE_RETRY, p->s3->name,
                   "part %u of an upload is not what the source says: starting afresh",
                   p->parts->at + 1);
    return give_up(p);
}

/* Reads what is there already. */
static enum s3_put_next skip(struct s3_put *p)
{
    struct s3_parts *parts = p->parts;
    char md5[MD5_HEX + 1];
    while (parts->done < size_of(parts, parts->at)) {
        size_t len = sizeof(parts->piece);
        enum exchange_flow flow = read_part(p, parts->piece, &len);
        if (flow == EXCHANGE_LATER)
            return S3_PUT_WAIT;
        if (flow == EXCHANGE_STOP || len == 0) {
            store_kind_say(&p->outcome, STORE_RETRY, p->s3->name, "broken off");
            return S3_PUT_END;
        }
    }
    put_md5(parts, md5);
    if (!str_eq_nocase(str_from(md5), str_from(parts->part[parts->at].etag)))
        return start_afresh(p);
    parts->at++;
    return next_part(p);
}

/* An ETag is no MD5 where the server encrypts by another's key, and with some stores at all. */
static bool is_md5(struct s3_put *p, const char *etag)
{
    const char *encryption = exchange_header(p->call.x, "x-amz-server-side-encryption", 0);
    return strlen(etag) == MD5_HEX && strspn(etag, "0123456789abcdefABCDEF") == MD5_HEX &&
           (encryption == NULL || strcmp(encryption, "AES256") == 0) &&
           exchange_header(p->call.x, "x-amz-server-side-encryption-customer-algorithm", 0) == NULL;
}

static enum s3_put_next sent(struct s3_put *p)
{
    struct s3_parts *parts = p->parts;
    char *etag = parts->part[parts->at].etag, md5[MD5_HEX + 1];
    s3_call_outcome(&p->call, &p->outcome);
    if (p->outcome.result == STORE_MISSING)
        store_kind_say(&p->outcome, STORE_RETRY, p->s3->name, "the upload is gone");
    if (p->outcome.result != STORE_OK)
        return S3_PUT_END;
    const char *value = exchange_header(p->call.x, "ETag", 0);
    if (value == NULL || !s3_answer_etag(str_from(value), etag)) {
        store_kind_say(&p->outcome, STORE_FAILED, p->s3->name,
                       "it answers a part without a fit ETag: is it S3?");
        return S3_PUT_END;
    }
    put_md5(parts, md5);
    if (is_md5(p, etag) && !str_eq_nocase(str_from(md5), str_from(etag)))
        return start_afresh(p);
    parts->at++;
    return next_part(p);
}

static enum s3_put_next completed(struct s3_put *p)
{
    if (s3_put_condition_refused(p))
        return complete(p);
    s3_call_outcome(&p->call, &p->outcome);
    if (p->outcome.result == STORE_OK && !s3_answer_completed(s3_call_body(&p->call)))
        s3_call_refusal(&p->call, &p->outcome);
    switch (p->outcome.result) {
    case STORE_OK:
    case STORE_RETRY:
        return S3_PUT_END;
    case STORE_MISSING:
        store_kind_say(&p->outcome, STORE_RETRY, p->s3->name, "the upload is gone");
        return S3_PUT_END;
    default:
        return give_up(p);
    }
}
