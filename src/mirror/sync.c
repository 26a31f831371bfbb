#include "mirror/sync.h"

#include "mirror/attempt.h"
#include "mirror/copy.h"
#include "mirror/crew.h"
#include "mirror/inventory.h"
#include "mirror/records.h"
#include "mirror/walk.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum { QUEUE_LIST, QUEUE_WALK, QUEUE_BLOBS, QUEUE_RECORDS, QUEUES };
enum { SOURCE, STORES }; /* servers: a number for each store from STORES on */

#define WALKERS 16 /* requests to the registry for manifests at once */
#define LISTERS 16
#define RECORDERS 16

static_assert(CATALOG_STORES_MAX <= COPY_TARGETS_MAX, "a blob is copied to all of them at once");
static_assert(STORES + CATALOG_STORES_MAX <= CREW_SERVERS_MAX, "each is a server");

struct sync {
    const struct sync_options *options;
    struct catalog *catalog;
    struct report report;
    struct crew *crew;
    struct inventory inventory;
    struct subjects subjects;
    struct walk walk;
    _Atomic uint64_t blobs, blobs_copied, blobs_failed, bytes, bytes_copied, bytes_stored;
    pthread_mutex_t lock;
    struct blob_task *flying; /* with the lock */
    bool elsewhere;           /* something is tried once more */
};

/* ── Life ── */

static void take_blob(void *owner, uint32_t number);

/* Before others look at what it counts. */
static void init_walk(struct sync *s)
{
    const struct sync_options *o = s->options;
    s->walk = (struct walk){
        .registry = o->source,
        .catalog = s->catalog,
        .report = &s->report,
        .subjects = &s->subjects,
        .crew = s->crew,
        .queue = QUEUE_WALK,
        .server = SOURCE,
        .repositories = o->repositories,
        .tags = o->tags,
        .platforms = o->platforms,
        .blob = take_blob,
        .owner = s,
    };
}

static struct crew *make_crew(const struct sync_options *o)
{
    unsigned places[CREW_SERVERS_MAX];
    const struct crew_queue_options queues[QUEUES] = {
        [QUEUE_LIST] = {.at_once = LISTERS},
        [QUEUE_WALK] = {.at_once = WALKERS, .by_weight = true},
        [QUEUE_BLOBS] = {.at_once = o->jobs, .by_weight = true, .light = (o->jobs + 1) / 2},
        [QUEUE_RECORDS] = {.at_once = RECORDERS},
    };
    const struct crew_options options = {
        .threads = o->jobs + WALKERS,
        .queues = queues,
        .n_queues = QUEUES,
        .places = places,
        .n_servers = STORES + o->n_stores,
        .stop = o->stop,
    };
    places[SOURCE] = o->jobs + WALKERS;
    for (size_t i = 0; i < o->n_stores; i++)
        places[STORES + i] = o->jobs > LISTERS ? o->jobs : LISTERS;
    return crew_new(&options);
}

struct sync *sync_new(const struct sync_options *o)
{
    struct sync *s = calloc(1, sizeof(*s));
    if (s == NULL)
        return NULL;
    s->options = o;
    report_open(&s->report);
    subjects_open(&s->subjects);
    pthread_mutex_init(&s->lock, NULL);
    s->catalog = catalog_new();
    s->crew = make_crew(o);
    if (s->catalog != NULL && s->crew != NULL) {
        init_walk(s);
        return s;
    }
    sync_free(s);
    return NULL;
}

void sync_free(struct sync *s)
{
    if (s == NULL)
        return;
    crew_free(s->crew);
    catalog_free(s->catalog);
    subjects_close(&s->subjects);
    report_close(&s->report);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

struct catalog *sync_catalog(struct sync *s)
{
    return s->catalog;
}

struct report *sync_report(struct sync *s)
{
    return &s->report;
}

bool sync_has_listed(const struct sync *s, unsigned store)
{
    return !(atomic_load(&s->inventory.failed) >> store & 1);
}

void sync_status(struct sync *s, struct sync_status *out)
{
    struct crew_status crew, walk;
    crew_status(s->crew, QUEUE_BLOBS, &crew);
    crew_status(s->crew, QUEUE_WALK, &walk);
    uint64_t manifests = atomic_load(&s->walk.manifests);
    uint64_t throttled = 0;
    for (unsigned i = 0; i < STORES + s->options->n_stores; i++) {
        struct crew_server server;
        crew_server(s->crew, i, &server);
        throttled += server.throttled;
    }
    *out = (struct sync_status){
        .manifests = manifests,
        .manifests_known = manifests + walk.waiting + walk.running,
        .blobs = atomic_load(&s->blobs),
        .blobs_copied = atomic_load(&s->blobs_copied),
        .blobs_failed = atomic_load(&s->blobs_failed),
        .bytes = atomic_load(&s->bytes),
        .bytes_copied = atomic_load(&s->bytes_copied),
        .bytes_stored = atomic_load(&s->bytes_stored),
        .retries = report_retries(&s->report),
        .throttled = throttled,
        .running = crew.running,
    };
}

/* ── Blobs ── */

struct blob_task {
    struct crew_task task;
    struct sync *sync;
    uint32_t number;
    unsigned attempts;
    struct copy *copy; /* while it runs, as what follows */
    struct blob_task *next;
};

static void name_in(const struct sync *s, uint32_t repository, const struct digest *d,
                    char out[REPORT_WHAT_MAX])
{
    char text[DIGEST_TEXT_MAX];
    int len = (int)digest_format(d, text);
    struct str name = catalog_repository_name(s->catalog, repository);
    snprintf(out, REPORT_WHAT_MAX, "%s/%.*s@%.*s", registry_name(s->options->source), (int)name.len,
             name.data, len, text);
}

static void name_blob(const struct sync *s, const struct catalog_blob *b, char out[REPORT_WHAT_MAX])
{
    name_in(s, b->repository, &b->digest, out);
}

static bool is_of_shard(const struct sync *s, const struct digest *d)
{
    uint64_t n;
    memcpy(&n, d->bytes, sizeof(n));
    return n % s->options->shards == s->options->shard;
}

/* Another repository may have it whole: the registry answers, but not what it should. */
static bool is_of_repository(const struct registry_outcome *out)
{
    return out->result != REGISTRY_OK && (out->result != REGISTRY_RETRY || out->status / 100 == 2);
}

/* The stores that a blob is to be copied to. */
static uint32_t lacking(const struct sync *s, const struct catalog_blob *b)
{
    uint32_t all = (UINT32_C(1) << s->options->n_stores) - 1;
    return all & ~(b->have | b->wrong | atomic_load(&s->inventory.failed));
}

static void say_wrong_size(struct store_outcome *out, const struct store *store)
{
    *out = (struct store_outcome){.result = STORE_FAILED};
    snprintf(out->error, sizeof(out->error),
             "%.100s holds it with another size than the manifest says: `geranos audit --all "
             "--repair` mends it if it is wrong",
             store_name(store));
}

/* It may just have been removed, or be no object: a directory has pipes, and links to nothing. */
static void say_not_listed(struct store_outcome *out, const struct store *store)
{
    *out = (struct store_outcome){.result = STORE_RETRY};
    snprintf(out->error, sizeof(out->error),
             "%.100s says that it is there, and does not list it: remove what stands in its place",
             store_name(store));
}

/* What was there although no listing named it may be another's, or wrong. */
static void check_there(struct copy_target *t, int64_t size, struct exchange_client *client)
{
    int64_t listed;
    struct store_outcome out;
    if (!t->done || t->outcome.result != STORE_THERE)
        return;
    store_size(t->store, client, t->key, &listed, &out);
    if (out.result == STORE_OK && listed < 0)
        say_not_listed(&out, t->store);
    else if (out.result == STORE_OK && size >= 0 && listed != size)
        say_wrong_size(&out, t->store);
    if (out.result == STORE_OK)
        return;
    t->done = false;
    t->outcome = out;
}

/* True: every store that lacked it has it now. */
static bool copy_to_stores(struct blob_task *t, const struct catalog_blob *b, struct copy *c,
                           struct exchange_client *client, struct crew_result *result)
{
    struct sync *s = t->sync;
    char key[STORE_DIGEST_KEY_MAX];
    unsigned store[CATALOG_STORES_MAX] = {0};
    uint32_t to = lacking(s, b);
    struct str at = store_digest_key(s->options->blobs, &b->digest, key);
    for (unsigned i = 0; i < s->options->n_stores; i++) {
        if (!(to >> i & 1))
            continue;
        store[c->n_targets] = i;
        c->target[c->n_targets++] =
            (struct copy_target){.store = s->options->store[i], .server = STORES + i, .key = at};
    }
    if (c->n_targets == 0)
        return true;
    bool copied = copy_run(c, client);
    copy_answers(c, result);
    for (size_t i = 0; i < c->n_targets; i++) {
        check_there(&c->target[i], b->size, client);
        if (c->target[i].done)
            catalog_copied(s->catalog, t->number, store[i]);
        copied &= c->target[i].done;
    }
    return copied;
}

static void take_off(struct blob_task *t, struct copy *copy)
{
    struct sync *s = t->sync;
    pthread_mutex_lock(&s->lock);
    t->copy = copy;
    t->next = s->flying;
    s->flying = t;
    pthread_mutex_unlock(&s->lock);
}

static void land(struct blob_task *t)
{
    struct sync *s = t->sync;
    pthread_mutex_lock(&s->lock);
    struct blob_task **link = &s->flying;
    while (*link != t)
        link = &(*link)->next;
    *link = t->next;
    pthread_mutex_unlock(&s->lock);
}

size_t sync_flights(struct sync *s, struct sync_flight *out, size_t n)
{
    size_t found = 0;
    struct catalog_blob b;
    pthread_mutex_lock(&s->lock);
    for (const struct blob_task *t = s->flying; t != NULL && found < n; t = t->next) {
        catalog_read_blob(s->catalog, t->number, &b);
        out[found].size = b.size;
        out[found].got = atomic_load(&t->copy->got);
        name_blob(s, &b, out[found++].blob);
    }
    pthread_mutex_unlock(&s->lock);
    return found;
}

static void blob_copied(struct sync *s, const struct catalog_blob *b)
{
    char what[REPORT_WHAT_MAX];
    atomic_fetch_add(&s->blobs_copied, 1);
    if (s->options->copied == NULL)
        return;
    name_blob(s, b, what);
    s->options->copied(s->options->owner, what, b->size);
}

static uint32_t servers_of(uint32_t stores)
{
    return UINT32_C(1) << SOURCE | stores << STORES;
}

static void run_blob(struct crew_task *task, struct exchange_client *client,
                     struct crew_result *result)
{
    struct blob_task *t = (struct blob_task *)(void *)task;
    struct sync *s = t->sync;
    struct catalog_blob b;
    char what[REPORT_WHAT_MAX];
    catalog_read_blob(s->catalog, t->number, &b);
    struct copy c = {
        .source = s->options->source,
        .server = SOURCE,
        .blob = {catalog_repository_name(s->catalog, b.repository), b.digest, b.size},
        .bytes = &s->bytes_copied,
        .stop = s->options->stop,
    };
    take_off(t, &c);
    bool copied = copy_to_stores(t, &b, &c, client, result);
    land(t);
    if (copied) {
        atomic_fetch_add(&s->bytes_stored, atomic_load(&c.got));
        blob_copied(s, &b);
    } else if (!atomic_load(s->options->stop)) {
        struct store_outcome out = copy_failure(&c);
        name_blob(s, &b, what);
        catalog_read_blob(s->catalog, t->number, &b); /* some stores may have it now */
        t->task.servers = servers_of(lacking(s, &b));
        if (attempt_store_again(&t->attempts, &out, what, &s->report, result))
            return;
        atomic_fetch_add(&s->blobs_failed, 1);
        if (is_of_repository(&c.outcome))
            catalog_failed(s->catalog, t->number);
    }
    free(t);
}

static void report_wrong(void *owner, const struct catalog_blob *b)
{
    struct sync *s = owner;
    char what[REPORT_WHAT_MAX];
    struct store_outcome out;
    for (unsigned i = 0; i < s->options->n_stores; i++) {
        if (!(b->wrong >> i & 1) || !is_of_shard(s, &b->digest))
            continue;
        name_blob(s, b, what);
        say_wrong_size(&out, s->options->store[i]);
        report_failure(&s->report, what, out.error);
    }
}

static void report_lie(void *owner, const struct catalog_lie *lie)
{
    struct sync *s = owner;
    char what[REPORT_WHAT_MAX], why[REPORT_WHAT_MAX], blob[DIGEST_TEXT_MAX];
    name_in(s, lie->repository, &lie->manifest, what);
    int len = (int)digest_format(&lie->blob, blob);
    snprintf(why, sizeof(why),
             "the manifest says that %.*s has %lld bytes, but it has %lld: push the image again",
             len, blob, (long long)lie->said, (long long)lie->size);
    report_failure(&s->report, what, why);
}

static void queue_blob(struct sync *s, uint32_t number)
{
    struct catalog_blob b;
    struct blob_task *t = calloc(1, sizeof(*t));
    catalog_read_blob(s->catalog, number, &b);
    if (t == NULL) {
        char what[REPORT_WHAT_MAX];
        name_blob(s, &b, what);
        report_failure(&s->report, what, "out of memory");
        return;
    }
    *t = (struct blob_task){
        .task = {run_blob, .weight = b.size, .servers = servers_of(lacking(s, &b))},
        .sync = s,
        .number = number};
    crew_add(s->crew, QUEUE_BLOBS, &t->task);
}

/* A blob was found. */
static void take_blob(void *owner, uint32_t number)
{
    struct sync *s = owner;
    struct catalog_blob b;
    catalog_read_blob(s->catalog, number, &b);
    if (!is_of_shard(s, &b.digest))
        return;
    if (lacking(s, &b) == 0)
        return;
    atomic_fetch_add(&s->blobs, 1);
    atomic_fetch_add(&s->bytes, b.size > 0 ? (uint64_t)b.size : 0);
    if (s->options->plan)
        return;
    queue_blob(s, number);
}

/* ── What came of them ── */

static void drop(struct crew_task *task)
{
    if (!walk_drop(task) && !inventory_drop(task))
        free(task); /* each of the others begins with its task */
}

/* A manifest may lie, too: only now are all of them known. */
static void report_sizes(struct sync *s)
{
    catalog_each_wrong(s->catalog, report_wrong, s);
    catalog_each_lie(s->catalog, report_lie, s);
}

#define ELSEWHERE_MAX 3 /* other repositories in which a blob is looked for */

static void try_elsewhere(void *owner, uint32_t number)
{
    struct sync *s = owner;
    s->elsewhere = true;
    queue_blob(s, number);
}

/* One bad repository keeps no other from being mirrored. */
static bool look_elsewhere(struct sync *s, const char **why)
{
    for (unsigned i = 0; i < ELSEWHERE_MAX && !atomic_load(s->options->stop); i++) {
        s->elsewhere = false;
        catalog_each_elsewhere(s->catalog, try_elsewhere, s);
        if (!s->elsewhere)
            break;
        if (!crew_run(s->crew, drop, why))
            return false;
    }
    return true;
}

/* ── All of it ── */

static bool begin_walk(struct sync *s)
{
    const struct sync_options *o = s->options;
    if (o->n_references == 0)
        return walk_all(&s->walk);
    for (size_t i = 0; i < o->n_references; i++)
        if (!walk_reference(&s->walk, str_from(o->reference[i])))
            report_failure(&s->report, o->reference[i],
                           "no reference: expected REPOSITORY:TAG or REPOSITORY@DIGEST");
    return true;
}

struct tidy_task {
    struct crew_task task;
    struct store *store;
};

/* What cannot be removed now can be by the next run: nothing depends on it. */
static void tidy(struct crew_task *task, struct exchange_client *client, struct crew_result *result)
{
    struct tidy_task *t = (struct tidy_task *)(void *)task;
    struct store_outcome out;
    (void)result;
    store_tidy(t->store, client, &out);
    free(t);
}

/* What killed runs have left, while the stores are listed. */
static void tidy_stores(struct sync *s)
{
    for (size_t i = 0; i < s->options->n_stores && !s->options->plan; i++) {
        struct tidy_task *t = calloc(1, sizeof(*t));
        if (t == NULL)
            return;
        *t = (struct tidy_task){{.run = tidy, .servers = UINT32_C(1) << (STORES + i)},
                                s->options->store[i]};
        crew_add(s->crew, QUEUE_LIST, &t->task);
    }
}

static bool list_stores(struct sync *s, const char **why)
{
    const struct sync_options *o = s->options;
    s->inventory = (struct inventory){
        .store = o->store,
        .n_stores = o->n_stores,
        .blobs = o->blobs,
        .records = o->plan ? "" : o->records,
        .catalog = s->catalog,
        .report = &s->report,
        .crew = s->crew,
        .queue = QUEUE_LIST,
        .server = STORES,
    };
    return inventory_begin(&s->inventory) && crew_run(s->crew, drop, why);
}

static bool write_records(struct sync *s, const char **why)
{
    struct records records = {
        .store = s->options->store,
        .n_stores = s->options->n_stores,
        .prefix = s->options->records,
        .catalog = s->catalog,
        .report = &s->report,
        .crew = s->crew,
        .queue = QUEUE_RECORDS,
        .server = STORES,
        .without = atomic_load(&s->inventory.failed),
    };
    records_begin(&records);
    return crew_run(s->crew, drop, why);
}

bool sync_run(struct sync *s, const char **why)
{
    const struct sync_options *o = s->options;
    uint32_t all = (UINT32_C(1) << o->n_stores) - 1;
    *why = "out of memory";
    tidy_stores(s);
    if (!list_stores(s, why))
        return false;
    /* Of a store that cannot be listed it is not known what it lacks: it is left out. */
    if (atomic_load(o->stop) || atomic_load(&s->inventory.failed) == all)
        return true;
    if (o->listed != NULL)
        o->listed(o->owner);
    if (!begin_walk(s) || !crew_run(s->crew, drop, why) || !look_elsewhere(s, why))
        return false;
    if (!atomic_load(o->stop)) {
        walk_end(&s->walk);
        report_sizes(s);
    }
    /* What other shards copied meanwhile counts, too: whoever ends last writes the records. */
    if (o->shards > 1 && !atomic_load(o->stop) && !list_stores(s, why))
        return false;
    bool recorded = o->plan || o->records[0] == '\0' || atomic_load(o->stop);
    return recorded || write_records(s, why);
}
