#include "mirror/audit.h"

#include "mirror/attempt.h"
#include "mirror/catalog.h"
#include "mirror/copy.h"
#include "mirror/crew.h"
#include "mirror/walk.h"
#include "sys/clock.h"
#include "sys/thread.h"

#include <assert.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

enum { QUEUE_LIST, QUEUE_WALK, QUEUE_OBJECTS, QUEUES };
enum { SOURCE, STORES }; /* servers: a number for each store from STORES on */

#define WALKERS 16
#define LISTERS 16
#define PAGE 1000    /* keys: what S3 says at once */
#define LONGEST 1025 /* key, terminated */
#define AHEAD 4096   /* objects that were listed and wait to be read: more are not listed yet */
#define PATIENCE (200 * CLOCK_MS) /* how late a stop is noticed */

static_assert(AUDIT_STORES_MAX <= COPY_TARGETS_MAX, "a blob is repaired in all of them at once");
static_assert(STORES + AUDIT_STORES_MAX <= CREW_SERVERS_MAX, "each is a server");

struct audit {
    const struct audit_options *options;
    struct report report;
    struct crew *crew;
    struct catalog *catalog; /* of the source */
    struct subjects subjects;
    struct walk walk;
    pthread_mutex_t lock; /* of what follows, and of found() */
    pthread_cond_t fewer;
    uint64_t ahead;
    struct digests damaged; /* flags: a bit for each store, cleared where it was repaired; place: 1
                               once it has been reported why it was not */
    _Atomic uint64_t listed, due, read, bytes, n_damaged, foreign, unknown, repaired;
};

/* ── The sample ── */

/* All digests on a circle; each day takes the next piece of it. */
bool audit_is_due(const struct digest *d, uint32_t sample, int64_t day)
{
    uint32_t top;
    memcpy(&top, d->bytes, sizeof(top));
    uint64_t at = ((uint64_t)__builtin_bswap32(top) * AUDIT_ALL) >> 32;
    uint64_t start = (uint64_t)day % AUDIT_ALL * sample % AUDIT_ALL;
    return (at + AUDIT_ALL - start) % AUDIT_ALL < sample;
}

/* ── Life ── */

static struct crew *make_crew(const struct audit_options *o)
{
    unsigned places[CREW_SERVERS_MAX];
    const struct crew_queue_options queues[QUEUES] = {
        [QUEUE_LIST] = {.at_once = LISTERS},
        [QUEUE_WALK] = {.at_once = WALKERS, .by_weight = true},
        [QUEUE_OBJECTS] = {.at_once = o->jobs},
    };
    /* Who lists may wait for who reads, so there is a thread for each. */
    const struct crew_options options = {
        .threads = o->jobs + LISTERS,
        .queues = queues,
        .n_queues = QUEUES,
        .places = places,
        .n_servers = STORES + o->n_stores,
        .stop = o->stop,
    };
    places[SOURCE] = o->jobs + WALKERS;
    for (size_t i = 0; i < o->n_stores; i++)
        places[STORES + i] = o->jobs;
    return crew_new(&options);
}

struct audit *audit_new(const struct audit_options *o)
{
    struct audit *a = calloc(1, sizeof(*a));
    if (a == NULL)
        return NULL;
    a->options = o;
    report_open(&a->report);
    subjects_open(&a->subjects);
    pthread_mutex_init(&a->lock, NULL);
    thread_condition(&a->fewer);
    a->catalog = catalog_new();
    a->crew = make_crew(o);
    if (a->catalog != NULL && a->crew != NULL)
        return a;
    audit_free(a);
    return NULL;
}

void audit_free(struct audit *a)
{
    if (a == NULL)
        return;
    crew_free(a->crew);
    catalog_free(a->catalog);
    digests_clear(&a->damaged);
    pthread_cond_destroy(&a->fewer);
    pthread_mutex_destroy(&a->lock);
    subjects_close(&a->subjects);
    report_close(&a->report);
    free(a);
}

struct report *audit_report(struct audit *a)
{
    return &a->report;
}

void audit_status(struct audit *a, struct audit_status *out)
{
    struct crew_status crew, list;
    crew_status(a->crew, QUEUE_OBJECTS, &crew);
    crew_status(a->crew, QUEUE_LIST, &list);
    *out = (struct audit_status){
        .listed = atomic_load(&a->listed),
        .due = atomic_load(&a->due),
        .read = atomic_load(&a->read),
        .bytes = atomic_load(&a->bytes),
        .damaged = atomic_load(&a->n_damaged),
        .foreign = atomic_load(&a->foreign),
        .unknown = atomic_load(&a->unknown),
        .repaired = atomic_load(&a->repaired),
        .retries = report_retries(&a->report),
        .running = crew.running,
        .listing = list.waiting + list.running > 0,
    };
}

/* With the lock held. */
static void tell(struct audit *a, const struct audit_finding *finding)
{
    if (a->options->found != NULL)
        a->options->found(a->options->owner, finding);
}

static bool stopped(const struct audit *a)
{
    return atomic_load(a->options->stop);
}

/* A key as people name it: with the store before it. */
static void name_key(const struct store *store, struct str key, char out[REPORT_WHAT_MAX])
{
    snprintf(out, REPORT_WHAT_MAX, "%s/%.*s", store_name(store), (int)key.len, key.data);
}

static struct str key_of(const struct audit *a, const struct digest *d,
                         char out[STORE_DIGEST_KEY_MAX])
{
    return store_digest_key(a->options->blobs, d, out);
}

/* ── Objects ── */

struct object {
    struct crew_task task;
    struct audit *audit;
    unsigned store;
    unsigned attempts;
    struct digest digest;
    int64_t size; /* as it was listed */
};

struct hashing {
    struct audit *audit;
    EVP_MD_CTX *hash;
    int64_t size;
    int64_t listed; /* bytes: more than that may have no end */
};

static enum exchange_flow hash_some(void *owner, const char *data, size_t len)
{
    struct hashing *h = owner;
    h->size += (int64_t)len;
    if (h->size > h->listed)
        return EXCHANGE_STOP;
    atomic_fetch_add_explicit(&h->audit->bytes, len, memory_order_relaxed);
    return !stopped(h->audit) && EVP_DigestUpdate(h->hash, data, len) == 1 ? EXCHANGE_GO
                                                                           : EXCHANGE_STOP;
}

static void note_damage(const struct object *o, struct str key, const struct hashing *h,
                        const struct digest *is)
{
    struct audit *a = o->audit;
    bool is_new;
    atomic_fetch_add(&a->n_damaged, 1);
    pthread_mutex_lock(&a->lock);
    struct digests_entry *e =
        a->options->source != NULL ? digests_add(&a->damaged, &o->digest, &is_new) : NULL;
    if (e != NULL)
        e->flags |= UINT32_C(1) << o->store;
    tell(a, &(struct audit_finding){AUDIT_DAMAGED, a->options->store[o->store], key, h->size, is});
    pthread_mutex_unlock(&a->lock);
}

/* All of it was read. */
static void judge(const struct object *o, struct str key, struct hashing *h)
{
    struct digest is = {.algorithm = o->digest.algorithm, .size = o->digest.size};
    atomic_fetch_add(&o->audit->read, 1);
    if (EVP_DigestFinal_ex(h->hash, is.bytes, NULL) == 1 &&
        memcmp(&is, &o->digest, sizeof(is)) != 0)
        note_damage(o, key, h, &is);
}

static void read_object(struct object *o, struct exchange_client *client, struct hashing *h,
                        struct store_outcome *out)
{
    char key[STORE_DIGEST_KEY_MAX];
    const EVP_MD *md = o->digest.algorithm == DIGEST_SHA512 ? EVP_sha512() : EVP_sha256();
    struct str at = key_of(o->audit, &o->digest, key);
    h->hash = EVP_MD_CTX_new();
    *out = (struct store_outcome){.result = STORE_RETRY, .error = "out of memory"};
    if (h->hash == NULL || EVP_DigestInit_ex(h->hash, md, NULL) != 1)
        return;
    store_read(o->audit->options->store[o->store], client, &(struct store_read){at, hash_some, h},
               out);
    if (out->result == STORE_OK)
        judge(o, at, h);
    if (h->size > h->listed)
        *out = (struct store_outcome){.result = STORE_FAILED,
                                      .error = "it is longer than the store's listing says"};
}

static void leave(struct audit *a)
{
    pthread_mutex_lock(&a->lock);
    a->ahead--;
    pthread_cond_signal(&a->fewer);
    pthread_mutex_unlock(&a->lock);
}

static void run_object(struct crew_task *task, struct exchange_client *client,
                       struct crew_result *result)
{
    struct object *o = (struct object *)(void *)task;
    struct audit *a = o->audit;
    struct hashing h = {.audit = a, .listed = o->size};
    struct store_outcome out;
    char key[STORE_DIGEST_KEY_MAX], what[REPORT_WHAT_MAX];
    read_object(o, client, &h, &out);
    EVP_MD_CTX_free(h.hash);
    if (out.result == STORE_OK || out.result == STORE_MISSING || out.throttled)
        crew_answer(result, STORES + o->store, out.throttled, out.delay);
    /* What is gone since it was listed is not there to be wrong. */
    if (out.result != STORE_OK && out.result != STORE_MISSING && !stopped(a)) {
        name_key(a->options->store[o->store], key_of(a, &o->digest, key), what);
        if (attempt_store_again(&o->attempts, &out, what, &a->report, result))
            return;
    }
    leave(a);
    free(o);
}

/* ── Listing ── */

struct listing {
    struct crew_task task;
    struct audit *audit;
    unsigned store;
    unsigned attempts;
    bool no_memory;
    bool sorted;   /* its keys come in their order */
    bool whole;    /* it is parted after a page */
    bool advanced; /* in this attempt */
    size_t seen;
    char last[LONGEST];  /* of those that were seen, or the one before the first */
    char until[LONGEST]; /* the last that is its; "": to the end */
};

/* Until there is room for one more. False: everything is to stop. */
static bool enter(struct audit *a)
{
    pthread_mutex_lock(&a->lock);
    while (a->ahead >= AHEAD && !stopped(a))
        thread_wait(&a->fewer, &a->lock, clock_now() + PATIENCE);
    a->ahead += !stopped(a);
    pthread_mutex_unlock(&a->lock);
    return !stopped(a);
}

static bool add_object(struct listing *l, const struct digest *d, int64_t size)
{
    struct audit *a = l->audit;
    if (!audit_is_due(d, a->options->sample, a->options->day))
        return true;
    struct object *o = calloc(1, sizeof(*o));
    l->no_memory |= o == NULL;
    if (o == NULL || !enter(a)) {
        free(o);
        return false;
    }
    atomic_fetch_add(&a->due, 1);
    *o = (struct object){.audit = a, .store = l->store, .digest = *d, .size = size};
    o->task.run = run_object;
    o->task.servers = UINT32_C(1) << (STORES + l->store);
    crew_add(a->crew, QUEUE_OBJECTS, &o->task);
    return true;
}

static void note_foreign(struct listing *l, struct str key, int64_t size)
{
    struct audit *a = l->audit;
    atomic_fetch_add(&a->foreign, 1);
    pthread_mutex_lock(&a->lock);
    tell(a, &(struct audit_finding){AUDIT_FOREIGN, a->options->store[l->store], key, size, NULL});
    pthread_mutex_unlock(&a->lock);
}

static bool is_after(struct str key, const char *last)
{
    size_t len = strlen(last);
    int order = memcmp(key.data, last, key.len < len ? key.len : len);
    return order > 0 || (order == 0 && key.len > len);
}

static bool take(void *owner, struct str key, int64_t size)
{
    struct listing *l = owner;
    struct digest d;
    struct str name = str_skip(key, strlen(l->audit->options->blobs));
    /* A store may not know where it was told to begin. */
    if (l->sorted && l->last[0] != '\0' && !is_after(key, l->last))
        return true;
    if (l->until[0] != '\0' && is_after(key, l->until))
        return false;
    if (l->whole && l->seen == PAGE)
        return false;
    l->seen++;
    l->advanced = true;
    snprintf(l->last, sizeof(l->last), "%.*s", (int)key.len, key.data);
    if (name.len == 0) /* the "folder" that consoles make */
        return true;
    atomic_fetch_add(&l->audit->listed, 1);
    switch (digest_parse(name, &d)) {
    case DIGEST_OK:
        return add_object(l, &d, size);
    case DIGEST_UNKNOWN:
        atomic_fetch_add(&l->audit->unknown, 1);
        return true;
    case DIGEST_MALFORMED:
        note_foreign(l, key, size);
        return true;
    }
    return true;
}

static void run_listing(struct crew_task *task, struct exchange_client *client,
                        struct crew_result *result);

static bool add_listing(struct audit *a, unsigned store, const char *after, const char *until)
{
    struct listing *l = calloc(1, sizeof(*l));
    if (l == NULL)
        return false;
    l->task.run = run_listing; /* takes no place: those who read, for whom it waits, need them */
    l->audit = a;
    l->store = store;
    l->sorted = store_lists_by_prefix(a->options->store[store]);
    l->whole = l->sorted && after[0] == '\0';
    snprintf(l->last, sizeof(l->last), "%s", after);
    snprintf(l->until, sizeof(l->until), "%s", until);
    crew_add(a->crew, QUEUE_LIST, &l->task);
    return true;
}

/* Digests are spread evenly: what is left is listed in 256 ranges at the same time. Together they
 * are all there is, names that are no digests included. */
static void part(struct listing *l)
{
    char from[LONGEST], to[LONGEST];
    snprintf(from, sizeof(from), "%s", l->last);
    for (unsigned i = 0; i < 256 && !l->no_memory; i++) {
        snprintf(to, sizeof(to), "%ssha256:%02x", l->audit->options->blobs, i);
        if (!is_after(str_from(to), from))
            continue;
        l->no_memory = !add_listing(l->audit, l->store, from, to);
        memcpy(from, to, sizeof(from));
    }
    l->no_memory = l->no_memory || !add_listing(l->audit, l->store, from, "");
}

static void run_listing(struct crew_task *task, struct exchange_client *client,
                        struct crew_result *result)
{
    struct listing *l = (struct listing *)(void *)task;
    struct audit *a = l->audit;
    struct store *store = a->options->store[l->store];
    struct store_outcome out;
    const struct store_list list = {.prefix = str_from(a->options->blobs),
                                    .each = take,
                                    .owner = l,
                                    .after = str_from(l->sorted ? l->last : "")};
    store_list(store, client, &list, &out);
    if (out.throttled)
        crew_answer(result, STORES + l->store, true, 0);
    if (out.result == STORE_OK && l->whole && l->seen == PAGE && !stopped(a))
        part(l);
    if (l->no_memory)
        report_failure(&a->report, store_name(store), "out of memory");
    else if (out.result != STORE_OK && out.result != STORE_MISSING && !stopped(a)) {
        if (!l->sorted && l->last[0] != '\0')
            out.result = STORE_FAILED; /* a directory's come in any order */
        if (l->advanced)
            l->attempts = 0;
        l->advanced = false;
        if (attempt_store_again(&l->attempts, &out, store_name(store), &a->report, result))
            return;
    }
    free(l);
}

static void drop(struct crew_task *task)
{
    if (!walk_drop(task))
        free(task); /* each of the others begins with its task */
}

/* ── Repair ── */

struct repair {
    struct crew_task task;
    struct audit *audit;
    uint32_t number; /* of the blob in the catalog */
    unsigned attempts;
};

static uint32_t damaged_stores(struct audit *a, const struct digest *d)
{
    pthread_mutex_lock(&a->lock);
    const struct digests_entry *e = digests_find(&a->damaged, d);
    uint32_t flags = e != NULL ? e->flags : 0;
    pthread_mutex_unlock(&a->lock);
    return flags;
}

static void note_repaired(struct audit *a, const struct digest *d, unsigned store,
                          const struct audit_finding *finding)
{
    atomic_fetch_add(&a->repaired, 1);
    pthread_mutex_lock(&a->lock);
    digests_find(&a->damaged, d)->flags &= ~(UINT32_C(1) << store);
    tell(a, finding);
    pthread_mutex_unlock(&a->lock);
}

static void note_reported(struct audit *a, const struct digest *d)
{
    pthread_mutex_lock(&a->lock);
    digests_find(&a->damaged, d)->place = 1;
    pthread_mutex_unlock(&a->lock);
}

/* Copies a blob to every store where it is damaged. */
static bool copy_again(struct audit *a, const struct catalog_blob *b, struct copy *c,
                       struct exchange_client *client, struct crew_result *result)
{
    char key[STORE_DIGEST_KEY_MAX];
    unsigned store[AUDIT_STORES_MAX] = {0}; /* of each target */
    struct str at = key_of(a, &b->digest, key);
    uint32_t damaged = damaged_stores(a, &b->digest);
    for (unsigned i = 0; i < a->options->n_stores; i++)
        if (damaged >> i & 1) {
            store[c->n_targets] = i;
            c->target[c->n_targets++] =
                (struct copy_target){a->options->store[i], .server = STORES + i, .key = at};
        }
    bool copied = copy_run(c, client);
    copy_answers(c, result);
    for (size_t i = 0; i < c->n_targets; i++) {
        const struct audit_finding finding = {AUDIT_REPAIRED, c->target[i].store, at, b->size,
                                              NULL};
        if (c->target[i].done)
            note_repaired(a, &b->digest, store[i], &finding);
    }
    return copied;
}

static void run_repair(struct crew_task *task, struct exchange_client *client,
                       struct crew_result *result)
{
    struct repair *r = (struct repair *)(void *)task;
    struct audit *a = r->audit;
    struct catalog_blob b;
    char key[STORE_DIGEST_KEY_MAX], what[REPORT_WHAT_MAX + 16];
    catalog_read_blob(a->catalog, r->number, &b);
    struct copy c = {.source = a->options->source,
                     .server = SOURCE,
                     .blob = {catalog_repository_name(a->catalog, b.repository), b.digest, b.size},
                     .replace = true,
                     .stop = a->options->stop};
    if (!copy_again(a, &b, &c, client, result) && !stopped(a)) {
        struct store_outcome out = copy_failure(&c);
        key_of(a, &b.digest, key);
        snprintf(what, sizeof(what), "repair of %s", key);
        if (attempt_store_again(&r->attempts, &out, what, &a->report, result))
            return;
        note_reported(a, &b.digest);
    }
    free(r);
}

/* A blob was found in the registry. */
static void take_blob(void *owner, uint32_t number)
{
    struct audit *a = owner;
    struct catalog_blob b;
    catalog_read_blob(a->catalog, number, &b);
    uint32_t damaged = damaged_stores(a, &b.digest);
    if (damaged == 0)
        return;
    struct repair *r = calloc(1, sizeof(*r));
    if (r == NULL)
        return; /* what stays damaged is reported at the end */
    *r = (struct repair){.task = {.run = run_repair}, .audit = a, .number = number};
    r->task.servers = UINT32_C(1) << SOURCE | damaged << STORES;
    crew_add(a->crew, QUEUE_OBJECTS, &r->task);
}

static void report_unrepaired(struct audit *a)
{
    char key[STORE_DIGEST_KEY_MAX], what[REPORT_WHAT_MAX];
    for (uint64_t i = 0; i < a->damaged.n; i++) {
        const struct digests_entry *e = digests_at(&a->damaged, i);
        for (unsigned s = 0; s < a->options->n_stores; s++) {
            if (!(e->flags >> s & 1) || e->place != 0)
                continue;
            name_key(a->options->store[s], key_of(a, &e->digest, key), what);
            report_failure(&a->report, what,
                           "damaged, and not repaired: no image of the registry has it");
        }
    }
}

static bool repair_all(struct audit *a, const char **why)
{
    a->walk = (struct walk){
        .registry = a->options->source,
        .catalog = a->catalog,
        .report = &a->report,
        .subjects = &a->subjects,
        .crew = a->crew,
        .queue = QUEUE_WALK,
        .blob = take_blob,
        .owner = a,
    };
    *why = "out of memory";
    if (!walk_all(&a->walk) || !crew_run(a->crew, drop, why))
        return false;
    if (!stopped(a))
        report_unrepaired(a);
    return true;
}

/* ── All of it ── */

bool audit_run(struct audit *a, const char **why)
{
    *why = "out of memory";
    for (unsigned i = 0; i < a->options->n_stores; i++)
        if (!add_listing(a, i, "", ""))
            return false;
    if (!crew_run(a->crew, drop, why))
        return false;
    bool repairs = a->options->source != NULL && a->damaged.n > 0 && !stopped(a);
    return !repairs || repair_all(a, why);
}
