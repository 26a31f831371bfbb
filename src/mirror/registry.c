#include "mirror/registry.h"

#include "base/num.h"
#include "mirror/address.h"
#include "mirror/listing.h"
#include "mirror/manifest.h"
#include "mirror/names.h"
#include "mirror/pace.h"
#include "mirror/pages.h"
#include "mirror/retry.h"
#include "mirror/signed.h"
#include "mirror/token.h"
#include "sys/clock.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define PAGE "1000"
#define SMALL (1 << 20) /* bytes: of answers that are larger there is one at a time */
#define TIMEOUT_MS 120000L
#define REDIRECTS 3

struct registry {
    struct address at;
    struct login login;
    struct token_keeper *tokens;
    struct pace requests;
    struct pace bytes;
    pthread_mutex_t large;
};

/* ── Opening ── */

struct registry *registry_open(const char *from, char error[256])
{
    struct registry *r = calloc(1, sizeof(*r));
    snprintf(error, 256, "out of memory");
    if (r == NULL)
        return NULL;
    pthread_mutex_init(&r->large, NULL);
    if (address_read(&r->at, from, error) &&
        login_find(strstr(r->at.base, "://") + 3, &r->login, error))
        r->tokens = token_keeper_new(&r->login);
    if (r->tokens != NULL)
        return r;
    registry_close(r);
    return NULL;
}

void registry_close(struct registry *r)
{
    if (r == NULL)
        return;
    pthread_mutex_destroy(&r->large);
    token_keeper_free(r->tokens);
    login_release(&r->login);
    free(r);
}

const char *registry_name(const struct registry *r)
{
    return r->at.name;
}

void registry_limit(struct registry *r, uint64_t requests, uint64_t bytes)
{
    pace_set(&r->requests, requests, 3600 * CLOCK_S);
    pace_set(&r->bytes, bytes, CLOCK_S);
}

/* ── Requests ── */

struct asking {
    char url[PAGES_URL_MAX];
    char authorization[TOKEN_HEADER_MAX];
    char range[48];
    struct exchange_field fields[4];
    struct exchange_request request;
    char full[NAMES_REPOSITORY_MAX + 1]; /* the repository with the prefix, for tokens */
};

static bool set_url(const struct registry *r, struct asking *a, struct str repository,
                    const char *rest)
{
    bool both = r->at.prefix[0] != '\0' && repository.len > 0;
    int n = snprintf(a->full, sizeof(a->full), "%s%s%.*s", r->at.prefix, both ? "/" : "",
                     (int)repository.len, repository.data);
    if (n < 0 || (size_t)n >= sizeof(a->full))
        return false;
    n = snprintf(a->url, sizeof(a->url), "%s/v2/%s%s", r->at.base, a->full, rest);
    return n > 0 && (size_t)n < sizeof(a->url);
}

static void set_fields(struct asking *a, const struct registry *r, const char *accept)
{
    size_t n = 0;
    token_header(r->tokens, str_from(a->full), a->authorization);
    a->fields[n++] = (struct exchange_field){"Accept", accept, false};
    a->fields[n++] = (struct exchange_field){"Accept-Encoding", "identity", false};
    if (a->authorization[0] != '\0')
        a->fields[n++] = (struct exchange_field){"Authorization", a->authorization, true};
    if (a->range[0] != '\0')
        a->fields[n++] = (struct exchange_field){"Range", a->range, false};
    a->request.url = a->url;
    a->request.fields = a->fields;
    a->request.n_fields = n;
}

static void fail(const struct registry *r, struct registry_outcome *out,
                 enum registry_result result, const char *what)
{
    out->result = result;
    snprintf(out->error, sizeof(out->error), "%.80s: %.170s", r->at.name, what);
}

static void judge(const struct registry *r, struct exchange *x, struct registry_outcome *out)
{
    char text[160];
    *out = (struct registry_outcome){.result = REGISTRY_OK};
    if (x == NULL) {
        fail(r, out, REGISTRY_RETRY, "out of memory");
        return;
    }
    if (!x->whole) {
        out->result = REGISTRY_RETRY;
        out->slow = x->slow;
        snprintf(out->error, sizeof(out->error), "%s", x->error);
        return;
    }
    out->status = x->status;
    out->delay = x->delay;
    if (x->status / 100 == 2)
        return;
    snprintf(text, sizeof(text), "it answered %ld%s", x->status,
             x->status == 401 || x->status == 403 ? ": log in, or ask for the right to pull" : "");
    if (x->status == 404) {
        fail(r, out, REGISTRY_MISSING, "not found: correct the name, or push it again");
    } else if (retry_status(x->status)) {
        fail(r, out, REGISTRY_RETRY, text);
        out->after = retry_after(exchange_header(x, "Retry-After", 0), clock_wall());
        out->throttled = x->status == 429 || x->status == 503;
    } else {
        fail(r, out, REGISTRY_FAILED, text);
    }
}

/* A GET that answers what it is asked for, once. NULL, or the response, and *out. */
static struct exchange *ask(struct registry *r, struct exchange_client *c, struct asking *a,
                            const char *accept, struct registry_outcome *out)
{
    char error[256];
    struct exchange *x = NULL;
    a->request.method = "GET";
    a->request.redirects = REDIRECTS;
    a->request.timeout_ms = TIMEOUT_MS;
    for (unsigned i = 0; i < 2; i++) {
        exchange_end(x);
        set_fields(a, r, accept);
        exchange_sleep(c, pace_take(&r->requests, 1, clock_now()));
        x = exchange_run(c, &a->request);
        if (x == NULL || !x->whole || x->status != 401 || i > 0)
            break;
        if (!token_renew(r->tokens, c, str_from(a->full), x, error)) {
            *out = (struct registry_outcome){.result = REGISTRY_FAILED, .status = 401};
            fail(r, out, REGISTRY_FAILED, error);
            exchange_end(x);
            return NULL;
        }
    }
    judge(r, x, out);
    return x;
}

static void release(struct asking *a)
{
    if (a != NULL)
        OPENSSL_cleanse(a->authorization, sizeof(a->authorization));
    free(a);
}

/* ── Listings ── */

/* Who gets the names of a listing. */
struct names {
    bool (*name)(void *owner, enum listing_member member, struct str name);
    void (*page)(void *owner); /* NULL, or: one has come whole */
    void *owner;
    unsigned members; /* a bit for each of which every page has to have one */
};

static void each_page(struct registry *r, struct exchange_client *c, struct asking *a,
                      const struct names *like, struct registry_outcome *out)
{
    struct pages pages = {.origin = r->at.base};
    bool more = true;
    a->request.write = pages_read;
    a->request.owner = &pages;
    while (more) {
        const char *wrong;
        pages_begin(&pages, like->name, like->owner);
        struct exchange *x = ask(r, c, a, "application/json", out);
        if (pages.listing.ended)
            *out = (struct registry_outcome){.result = REGISTRY_OK};
        wrong = pages_problem(&pages, out->result == REGISTRY_OK, like->members);
        if (wrong != NULL)
            fail(r, out, REGISTRY_RETRY, wrong);
        more = out->result == REGISTRY_OK && !pages.listing.ended;
        if (more && like->page != NULL)
            like->page(like->owner);
        more = more && pages_next(&pages, x, a->url, &wrong);
        if (wrong != NULL && out->result == REGISTRY_OK)
            fail(r, out, REGISTRY_FAILED, wrong);
        exchange_end(x);
    }
    out->delay = 0;
    pages_release(&pages);
}

struct repositories {
    const struct registry *r;
    registry_each *each;
    void *owner;
};

/* Names that nobody could push are passed over: they would be somebody's attempt at a path. */
static bool take_repository(void *owner, enum listing_member member, struct str name)
{
    const struct repositories *all = owner;
    struct str prefix = str_from(all->r->at.prefix);
    if (member != LISTING_REPOSITORIES || !names_repository_valid(name) ||
        !str_starts(name, prefix))
        return true;
    struct str rest = str_skip(name, prefix.len);
    if (prefix.len > 0 && rest.len > 0 && rest.data[0] != '/')
        return true;
    if (prefix.len > 0 && rest.len > 0)
        rest = str_skip(rest, 1);
    return all->each(all->owner, rest);
}

void registry_repositories(struct registry *r, struct exchange_client *c, registry_each *each,
                           void *owner, struct registry_outcome *out)
{
    struct asking *a = calloc(1, sizeof(*a));
    struct repositories all = {r, each, owner};
    const struct names names = {take_repository, NULL, &all, 1U << LISTING_REPOSITORIES};
    *out = (struct registry_outcome){.result = REGISTRY_RETRY};
    if (a == NULL) {
        fail(r, out, REGISTRY_RETRY, "out of memory");
        return;
    }
    snprintf(a->url, sizeof(a->url), "%s/v2/_catalog?n=" PAGE, r->at.base);
    each_page(r, c, a, &names, out);
    release(a);
}

static bool take_name(void *owner, enum listing_member member, struct str name)
{
    const struct registry_listing *l = owner;
    struct digest d;
    switch (member) {
    case LISTING_TAGS:
        return l->tag == NULL || !names_tag_valid(name) || l->tag(l->owner, name);
    case LISTING_CHILD:
        return l->child == NULL || !names_repository_valid(name) || l->child(l->owner, name);
    case LISTING_MANIFEST:
        return l->manifest == NULL || digest_parse(name, &d) != DIGEST_OK ||
               l->manifest(l->owner, name);
    default:
        return true;
    }
}

static void page_ends(void *owner)
{
    const struct registry_listing *l = owner;
    if (l->page != NULL)
        l->page(l->owner);
}

void registry_list(struct registry *r, struct exchange_client *c, struct str repository,
                   const struct registry_listing *listing, struct registry_outcome *out)
{
    struct asking *a = calloc(1, sizeof(*a));
    *out = (struct registry_outcome){.result = REGISTRY_RETRY};
    if (a == NULL || !set_url(r, a, repository, "/tags/list?n=" PAGE)) {
        fail(r, out, REGISTRY_FAILED, "a repository's name is too long, or there is no memory");
        release(a);
        return;
    }
    struct registry_listing wanted = *listing;
    const struct names names = {.name = take_name,
                                .page = page_ends,
                                .owner = &wanted,
                                .members = 1U << LISTING_TAGS | 1U << LISTING_CHILD |
                                           1U << LISTING_MANIFEST};
    each_page(r, c, a, &names, out);
    release(a);
}

/* ── Manifests ── */

static bool compute_digest(struct registry_manifest *m, enum digest_algorithm algorithm)
{
    unsigned size = 0;
    bool is_512 = algorithm == DIGEST_SHA512;
    m->digest = (struct digest){.algorithm = is_512 ? DIGEST_SHA512 : DIGEST_SHA256};
    if (EVP_Digest(m->data, m->len, m->digest.bytes, &size, is_512 ? EVP_sha512() : EVP_sha256(),
                   NULL) != 1)
        return false;
    m->digest.size = (uint8_t)size;
    return true;
}

static void take_type(struct registry_manifest *m, struct exchange *x)
{
    const char *type = exchange_header(x, "Content-Type", 0);
    if (type != NULL)
        snprintf(m->type, sizeof(m->type), "%.*s", (int)strcspn(type, "; "), type);
}

static bool is_signed(const struct registry_manifest *m)
{
    return strstr(m->type, "distribution.manifest.v1+") != NULL;
}

static void verify(const struct registry *r, struct registry_manifest *m, struct str reference,
                   struct registry_outcome *out)
{
    struct digest asked = {0};
    bool by_digest = digest_parse(reference, &asked) == DIGEST_OK;
    enum digest_algorithm algorithm = (enum digest_algorithm)asked.algorithm;
    bool computed = compute_digest(m, algorithm);
    bool other = by_digest ? memcmp(&asked, &m->digest, sizeof(asked)) != 0 : is_signed(m);
    if (computed && other && signed_strip(m->data, &m->len))
        computed = compute_digest(m, algorithm);
    if (!computed)
        fail(r, out, REGISTRY_RETRY, "out of memory");
    else if (by_digest && memcmp(&asked, &m->digest, sizeof(asked)) != 0)
        fail(r, out, REGISTRY_RETRY, "it served a manifest that is not the one of that digest");
}

/* A body that is kept whole. Of large ones there is one at a time, until m is released. */
static struct exchange *ask_document(struct registry *r, struct exchange_client *c,
                                     struct asking *a, struct registry_manifest *m,
                                     struct registry_outcome *out)
{
    a->request.max_bytes = SMALL;
    struct exchange *x = ask(r, c, a, MANIFEST_ACCEPT, out);
    if (x == NULL || !x->too_long)
        return x;
    exchange_end(x);
    pthread_mutex_lock(&r->large);
    m->large = r;
    a->request.max_bytes = MANIFEST_MAX;
    return ask(r, c, a, MANIFEST_ACCEPT, out);
}

static void take_manifest(const struct registry *r, struct exchange *x, struct str reference,
                          struct registry_manifest *m, struct registry_outcome *out)
{
    if (x->body == NULL) {
        fail(r, out, REGISTRY_RETRY, "it served an empty manifest");
        return;
    }
    m->len = x->len;
    m->data = exchange_take(x);
    take_type(m, x);
    verify(r, m, reference, out);
}

void registry_manifest(struct registry *r, struct exchange_client *c, struct str repository,
                       struct str reference, struct registry_manifest *m,
                       struct registry_outcome *out)
{
    char rest[32 + DIGEST_TEXT_MAX];
    struct asking *a = calloc(1, sizeof(*a));
    *m = (struct registry_manifest){.data = NULL};
    *out = (struct registry_outcome){.result = REGISTRY_RETRY};
    int n = snprintf(rest, sizeof(rest), "/manifests/%.*s", (int)reference.len, reference.data);
    if (a == NULL || n < 0 || (size_t)n >= sizeof(rest) || !set_url(r, a, repository, rest)) {
        fail(r, out, REGISTRY_FAILED, "a name is too long, or there is no memory");
        release(a);
        return;
    }
    struct exchange *x = ask_document(r, c, a, m, out);
    if (x != NULL && out->result == REGISTRY_OK)
        take_manifest(r, x, reference, m, out);
    if (out->result != REGISTRY_OK)
        registry_manifest_release(m);
    exchange_end(x);
    release(a);
}

void registry_manifest_release(struct registry_manifest *m)
{
    free(m->data);
    if (m->large != NULL)
        pthread_mutex_unlock(&m->large->large);
    *m = (struct registry_manifest){.data = NULL};
}

/* ── Referrers ── */

/* A page of them is an image index. False: it is none, and *out says so. */
static bool take_referrers(const struct registry *r, const struct registry_manifest *page,
                           const struct registry_referrers *wanted, struct registry_outcome *out)
{
    struct manifest m;
    char error[256], text[DIGEST_TEXT_MAX];
    if (!manifest_parse(str_make(page->data, page->len), str_from(page->type), &m, error)) {
        fail(r, out, REGISTRY_FAILED, error);
        return false;
    }
    for (size_t i = 0; i < m.n_children; i++)
        wanted->each(wanted->owner, str_make(text, digest_format(&m.child[i].digest, text)));
    manifest_release(&m);
    return true;
}

/* One page, and whether there is another, whose URL a then has. */
static bool next_referrers(struct registry *r, struct exchange_client *c, struct asking *a,
                           const struct registry_referrers *wanted, struct registry_outcome *out)
{
    struct registry_manifest page = {.data = NULL};
    const char *wrong = NULL;
    bool more = false;
    struct exchange *x = ask_document(r, c, a, &page, out);
    if (x != NULL && out->result == REGISTRY_OK) {
        page.len = x->len;
        page.data = exchange_take(x);
        take_type(&page, x);
        more = page.data != NULL && take_referrers(r, &page, wanted, out) &&
               pages_next(wanted->pages, x, a->url, &wrong);
    }
    if (wrong != NULL)
        fail(r, out, REGISTRY_FAILED, wrong);
    registry_manifest_release(&page);
    exchange_end(x);
    return more;
}

void registry_referrers(struct registry *r, struct exchange_client *c,
                        const struct registry_referrers *wanted, struct registry_outcome *out)
{
    char rest[32 + DIGEST_TEXT_MAX] = "/referrers/";
    struct pages pages = {.origin = r->at.base};
    struct registry_referrers paged = *wanted;
    struct asking *a = calloc(1, sizeof(*a));
    *out = (struct registry_outcome){.result = REGISTRY_RETRY};
    rest[11 + digest_format(&wanted->subject, rest + 11)] = '\0';
    paged.pages = &pages;
    if (a == NULL || !set_url(r, a, wanted->repository, rest))
        fail(r, out, REGISTRY_FAILED, "a name is too long, or there is no memory");
    else
        while (next_referrers(r, c, a, &paged, out))
            ;
    pages_release(&pages);
    release(a);
}

/* ── Blobs ── */

struct registry_read {
    struct registry *r;
    struct exchange_client *c;
    const struct registry_blob *blob;
    enum exchange_flow (*write)(void *owner, const char *data, size_t len);
    void *owner;
    struct asking asking;
    struct exchange *x;
    int64_t offset;
    int64_t skip; /* bytes before the offset that this response brings nevertheless */
    bool begun;   /* its first bytes have come */
    bool renewed; /* the token */
    const char *wrong;
};

/* "bytes 100-199/200" must begin where it was asked to. */
static bool range_fits(struct exchange *x, int64_t offset)
{
    long long from = -1;
    const char *range = exchange_header(x, "Content-Range", 0);
    return range != NULL && sscanf(range, "bytes %lld-", &from) == 1 && from == offset;
}

static enum exchange_flow pass_on(void *owner, const char *data, size_t len)
{
    struct registry_read *x = owner;
    if (!x->begun) {
        bool partial = exchange_status(x->x) == 206;
        if (partial && !range_fits(x->x, x->offset)) {
            x->wrong = "it resumes a blob at another place than it was asked to";
            return EXCHANGE_STOP;
        }
        x->skip = partial ? 0 : x->offset;
        x->begun = true;
    }
    size_t skipped = x->skip < (int64_t)len ? (size_t)x->skip : len;
    if (skipped == len) {
        x->skip -= (int64_t)len;
        return EXCHANGE_GO;
    }
    enum exchange_flow flow = x->write(x->owner, data + skipped, len - skipped);
    if (flow == EXCHANGE_GO) { /* LATER brings the same bytes again */
        x->skip = 0;
        exchange_sleep(x->c, pace_take(&x->r->bytes, len, clock_now()));
    }
    return flow;
}

static bool start(struct registry_read *x)
{
    x->begun = false;
    set_fields(&x->asking, x->r, "*/*");
    exchange_sleep(x->c, pace_take(&x->r->requests, 1, clock_now()));
    x->x = exchange_begin(x->c, &x->asking.request);
    return x->x != NULL;
}

struct registry_read *registry_read_begin(
    struct registry *r, struct exchange_client *c, const struct registry_blob *blob, int64_t offset,
    enum exchange_flow (*write)(void *owner, const char *data, size_t len), void *owner)
{
    char rest[32 + DIGEST_TEXT_MAX] = "/blobs/";
    struct registry_read *x = calloc(1, sizeof(*x));
    if (x == NULL)
        return NULL;
    *x = (struct registry_read){
        .r = r, .c = c, .blob = blob, .write = write, .owner = owner, .offset = offset};
    rest[7 + digest_format(&blob->digest, rest + 7)] = '\0';
    if (offset > 0)
        snprintf(x->asking.range, sizeof(x->asking.range), "bytes=%lld-", (long long)offset);
    x->asking.request = (struct exchange_request){
        .method = "GET", .redirects = REDIRECTS, .owner = x, .write = pass_on};
    if (set_url(r, &x->asking, blob->repository, rest) && start(x))
        return x;
    registry_read_end(x);
    return NULL;
}

/* True: the token was refused, and a new one is being tried. */
static bool try_again_with_token(struct registry_read *x, struct registry_outcome *out)
{
    char error[256];
    if (!x->x->whole || x->x->status != 401 || x->renewed)
        return false;
    x->renewed = true;
    if (!token_renew(x->r->tokens, x->c, str_from(x->asking.full), x->x, error)) {
        fail(x->r, out, REGISTRY_FAILED, error);
        return false;
    }
    exchange_end(x->x);
    if (start(x))
        return true;
    fail(x->r, out, REGISTRY_RETRY, "out of memory");
    return false;
}

bool registry_read_turn(struct registry_read *x, struct registry_outcome *out)
{
    *out = (struct registry_outcome){.result = REGISTRY_OK};
    if (!x->x->done)
        return false;
    if (try_again_with_token(x, out))
        return false;
    if (out->result == REGISTRY_OK)
        judge(x->r, x->x, out);
    if (x->wrong != NULL)
        fail(x->r, out, REGISTRY_RETRY, x->wrong);
    return true;
}

void registry_read_resume(struct registry_read *x)
{
    exchange_resume(x->x);
}

int64_t registry_read_size(struct registry_read *x)
{
    long long total = -1;
    const char *range = exchange_header(x->x, "Content-Range", 0);
    const char *length = exchange_header(x->x, "Content-Length", 0);
    uint64_t n;
    if (exchange_status(x->x) == 206)
        return range != NULL && sscanf(range, "bytes %*d-%*d/%lld", &total) == 1 ? total : -1;
    return length != NULL && num_parse(str_from(length), INT64_MAX, &n) ? (int64_t)n : -1;
}

void registry_read_end(struct registry_read *x)
{
    if (x == NULL)
        return;
    exchange_end(x->x);
    OPENSSL_cleanse(x->asking.authorization, sizeof(x->asking.authorization));
    free(x);
}
