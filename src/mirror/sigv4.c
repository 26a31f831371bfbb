#include "mirror/sigv4.h"

#include "base/hex.h"
#include "base/percent.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <time.h>

#define HASH 32
#define CANONICAL_MAX 16384
#define SCOPE_MAX 160

/* ── What is sent ── */

/* By name, then value. The names are S3's own and unreserved, so that they sort as their encoded
 * form does. */
static int compare_pairs(const void *left, const void *right)
{
    const struct sigv4_pair *a = left, *b = right;
    int order = str_compare(a->name, b->name);
    return order != 0 ? order : str_compare(a->value, b->value);
}

static void put_query(struct buf *out, const struct sigv4_request *r)
{
    struct sigv4_pair sorted[SIGV4_PAIRS_MAX];
    size_t n = r->n_query < SIGV4_PAIRS_MAX ? r->n_query : SIGV4_PAIRS_MAX;
    if (n == 0)
        return;
    memcpy(sorted, r->query, n * sizeof(sorted[0]));
    qsort(sorted, n, sizeof(sorted[0]), compare_pairs);
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            buf_char(out, '&');
        percent_encode(out, sorted[i].name, "");
        buf_char(out, '=');
        percent_encode(out, sorted[i].value, "");
    }
}

void sigv4_target(struct buf *out, const struct sigv4_request *request)
{
    percent_encode(out, request->path, "/");
    if (request->n_query > 0)
        buf_char(out, '?');
    put_query(out, request);
}

/* ── Hashes ── */

static bool hmac(const unsigned char *key, size_t key_len, struct str text, unsigned char out[HASH])
{
    unsigned len = 0;
    return HMAC(EVP_sha256(), key, (int)key_len, (const unsigned char *)text.data, text.len, out,
                &len) != NULL;
}

/* ── The signature ── */

struct signing {
    struct sigv4_pair headers[SIGV4_PAIRS_MAX]; /* all that are signed, sorted */
    size_t n;
    char day[9];
    char scope[SCOPE_MAX]; /* "20130524/us-east-1/s3/aws4_request" */
    size_t scope_len;
};

static void add(struct signing *s, struct str name, struct str value)
{
    s->headers[s->n++] = (struct sigv4_pair){name, value};
}

static void prepare(struct signing *s, const struct sigv4_request *r,
                    const struct sigv4_credentials *c, const char *date)
{
    struct buf scope = buf_make(s->scope, sizeof(s->scope));
    s->n = 0;
    for (size_t i = 0; i < r->n_headers; i++)
        add(s, r->headers[i].name, r->headers[i].value);
    add(s, STR("host"), r->host);
    add(s, STR("x-amz-content-sha256"), r->payload);
    add(s, STR("x-amz-date"), str_from(date));
    if (c->token.len > 0)
        add(s, STR("x-amz-security-token"), c->token);
    qsort(s->headers, s->n, sizeof(s->headers[0]), compare_pairs);
    memcpy(s->day, date, 8);
    s->day[8] = '\0';
    buf_text(&scope, s->day);
    buf_char(&scope, '/');
    buf_str(&scope, r->region);
    buf_text(&scope, "/s3/aws4_request");
    s->scope_len = scope.len;
}

static void put_names(struct buf *out, const struct signing *s)
{
    for (size_t i = 0; i < s->n; i++) {
        if (i > 0)
            buf_char(out, ';');
        buf_str(out, s->headers[i].name);
    }
}

static void put_canonical(struct buf *out, const struct signing *s, const struct sigv4_request *r)
{
    buf_str(out, r->method);
    buf_char(out, '\n');
    percent_encode(out, r->path, "/");
    buf_char(out, '\n');
    put_query(out, r);
    buf_char(out, '\n');
    for (size_t i = 0; i < s->n; i++) {
        buf_str(out, s->headers[i].name);
        buf_char(out, ':');
        buf_str(out, s->headers[i].value);
        buf_char(out, '\n');
    }
    buf_char(out, '\n');
    put_names(out, s);
    buf_char(out, '\n');
    buf_str(out, r->payload);
}

static bool derive_key(const struct signing *s, const struct sigv4_request *r,
                       const struct sigv4_credentials *c, unsigned char key[HASH])
{
    char first[256];
    struct buf secret = buf_make(first, sizeof(first));
    buf_text(&secret, "AWS4");
    buf_str(&secret, c->secret_key);
    bool made = !secret.full &&
                hmac((const unsigned char *)first, secret.len, str_from(s->day), key) &&
                hmac(key, HASH, r->region, key) && hmac(key, HASH, STR("s3"), key) &&
                hmac(key, HASH, STR("aws4_request"), key);
    OPENSSL_cleanse(first, sizeof(first));
    return made;
}

static void put_authorization(struct buf *out, const struct signing *s,
                              const struct sigv4_credentials *c, const unsigned char mac[HASH])
{
    buf_text(out, "AWS4-HMAC-SHA256 Credential=");
    buf_str(out, c->access_key);
    buf_char(out, '/');
    buf_put(out, s->scope, s->scope_len);
    buf_text(out, ",SignedHeaders=");
    put_names(out, s);
    buf_text(out, ",Signature=");
    hex_put(out, mac, HASH);
    buf_char(out, '\0');
}

bool sigv4_sign(const struct sigv4_request *request, const struct sigv4_credentials *credentials,
                struct sigv4_signature *out)
{
    char canonical[CANONICAL_MAX], text[512];
    unsigned char hash[HASH], key[HASH], mac[HASH];
    struct signing s;
    struct tm tm;
    time_t now = (time_t)request->now;
    if (request->n_headers + 4 > SIGV4_PAIRS_MAX || request->n_query > SIGV4_PAIRS_MAX)
        return false;
    gmtime_r(&now, &tm);
    strftime(out->date, sizeof(out->date), "%Y%m%dT%H%M%SZ", &tm);
    prepare(&s, request, credentials, out->date);

    struct buf b = buf_make(canonical, sizeof(canonical));
    put_canonical(&b, &s, request);
    if (b.full || EVP_Digest(canonical, b.len, hash, NULL, EVP_sha256(), NULL) != 1)
        return false;

    b = buf_make(text, sizeof(text));
    buf_text(&b, "AWS4-HMAC-SHA256\n");
    buf_text(&b, out->date);
    buf_char(&b, '\n');
    buf_put(&b, s.scope, s.scope_len);
    buf_char(&b, '\n');
    hex_put(&b, hash, sizeof(hash));
    bool signed_ = !b.full && derive_key(&s, request, credentials, key) &&
                   hmac(key, sizeof(key), str_make(text, b.len), mac);
    OPENSSL_cleanse(key, sizeof(key));
    if (!signed_)
        return false;

    b = buf_make(out->authorization, sizeof(out->authorization));
    put_authorization(&b, &s, credentials, mac);
    return !b.full;
}
