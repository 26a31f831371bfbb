#include "server/metrics.h"

#include "server/exposition.h"
#include "sys/clock.h"

#include <stdio.h>
#include <stdlib.h>

/* ── Requests ── */

static void add_generation(struct counters_total *sum, const struct control *s,
                           const struct generation *g)
{
    for (unsigned i = 0; g != NULL && i < s->n_workers; i++) {
        struct counters_answered answered = generation_answered(g, i);
        counters_total_add(sum, &answered, &g->snapshot);
    }
}

static void write_request(FILE *f, enum decide_step step, unsigned status, struct str store,
                          uint64_t n)
{
    fprintf(f, "archeio_requests_total{step=\"%s\",status=\"%u\",", decide_step_name(step), status);
    exposition_label(f, "store", store);
    fprintf(f, "} %llu\n", (unsigned long long)n);
}

/* Those of step "route" have many statuses, most of which nobody has configured. */
static void write_requests(FILE *f, const struct counters_total *sum)
{
    exposition_family(f, "archeio_requests_total", "counter",
                      "Requests answered, by step of the decision, status and store.");
    for (unsigned i = 1; i < COUNTERS_STEPS; i++)
        if (i != DECIDE_R12 && i != DECIDE_ROUTE)
            write_request(f, counters_step(i), counters_step_status(i), STR(""), sum->step[i]);
    for (size_t i = 0; i < sum->stores.n; i++)
        write_request(f, DECIDE_R12, 307, str_from(sum->stores.row[i].name), sum->stores.row[i].n);
    for (unsigned i = 0; i < COUNTERS_ROUTE_STATUSES; i++)
        if (sum->status[i] > 0)
            write_request(f, DECIDE_ROUTE, counters_route_status(i), STR(""), sum->status[i]);
    for (size_t i = 0; i < sum->route_stores.n; i++)
        write_request(f, DECIDE_ROUTE, 307, str_from(sum->route_stores.row[i].name),
                      sum->route_stores.row[i].n);
}

static void write_networks(FILE *f, const struct counters_named *networks)
{
    exposition_family(f, "archeio_requests_by_network_total", "counter",
                      "Requests answered, by the client's cloud and region; both empty: unknown.");
    for (size_t i = 0; i < networks->n; i++) {
        const struct counters_name *row = &networks->row[i];
        fputs("archeio_requests_by_network_total{", f);
        exposition_label(f, "cloud", str_from(row->name));
        fputc(',', f);
        exposition_label(f, "region", str_from(row->part));
        fprintf(f, "} %llu\n", (unsigned long long)row->n);
    }
}

static void write_routes(FILE *f, const struct counters_named *routes)
{
    exposition_family(f, "archeio_requests_by_route_total", "counter",
                      "Requests that a route took; empty: one that is no longer configured.");
    for (size_t i = 0; i < routes->n; i++) {
        fputs("archeio_requests_by_route_total{", f);
        exposition_label(f, "route", str_from(routes->row[i].name));
        fprintf(f, "} %llu\n", (unsigned long long)routes->row[i].n);
    }
}

static void requests(FILE *f, struct control *s)
{
    struct counters_total sum = {0};
    counters_total_merge(&sum, &s->total);
    add_generation(&sum, s, s->retired);
    add_generation(&sum, s, s->current);
    counters_total_forget_routes(&sum, &s->current->snapshot);
    write_requests(f, &sum);
    write_networks(f, &sum.networks);
    write_routes(f, &sum.routes);
    counters_total_clear(&sum);
}

/* ── Questions ── */

static void questions(FILE *f, struct control *s)
{
    uint64_t asked[DECIDE_STEPS] = {0};
    for (unsigned i = 0; i < s->n_workers; i++)
        for (unsigned step = 0; step < DECIDE_STEPS; step++)
            asked[step] += counters_get(&s->worker[i].counters.asked[step]);
    exposition_family(f, "archeio_decide_requests_total", "counter",
                      "Questions to the decision endpoint, by step of the decision; none: there "
                      "was none to be made.");
    for (unsigned step = 0; s->shared.decides && step < DECIDE_STEPS; step++)
        fprintf(f, "archeio_decide_requests_total{step=\"%s\"} %llu\n",
                step == 0 ? "none" : decide_step_name((enum decide_step)step),
                (unsigned long long)asked[step]);
}

/* ── Workers ── */

/* The sum over all workers of the number that lies at an offset in their counters. */
static uint64_t sum_at(const struct control *s, size_t offset)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < s->n_workers; i++) {
        const char *base = (const char *)&s->worker[i].counters;
        sum += counters_get((const uint64_t *)(const void *)(base + offset));
    }
    return sum;
}
#define SUM(s, member) sum_at(s, offsetof(struct counters_worker, member))
#define SUM_AT(s, member, i)                                                                       \
    sum_at(s, offsetof(struct counters_worker, member) + (i) * sizeof(uint64_t))

static void connections_of_clients(FILE *f, struct control *s)
{
    exposition_single(
        f, "archeio_connections_crowded_total", "counter",
        "Connections refused because their client had max_connections_per_client open.",
        SUM(s, crowded));
    exposition_single(f, "archeio_ratelimit_forgotten_total", "counter",
                      "Clients whose use was forgotten for want of memory, in their favour.",
                      atomic_load_explicit(&s->shared.ratelimit.forgotten, memory_order_relaxed));
    exposition_single(f, "archeio_tls_handshakes_total", "counter", "TLS handshakes begun.",
                      SUM(s, handshakes));
    exposition_single(f, "archeio_tls_handshakes_resumed_total", "counter",
                      "TLS handshakes that resumed a session.", SUM(s, handshakes_resumed));
    exposition_single(f, "archeio_tls_handshakes_failed_total", "counter",
                      "TLS handshakes that failed.", SUM(s, handshakes_failed));
}

static void workers(FILE *f, struct control *s)
{
    uint64_t closed = SUM(s, closed); /* first, so that the difference is not negative */
    uint64_t accepted = SUM(s, accepted);
    exposition_single(f, "archeio_connections", "gauge", "Connections open now.",
                      accepted - closed);
    exposition_single(f, "archeio_connections_accepted_total", "counter", "Connections accepted.",
                      accepted);
    exposition_single(
        f, "archeio_connections_shed_total", "counter",
        "Connections refused because descriptors, memory or max_connections were used up.",
        SUM(s, shed));
    connections_of_clients(f, s);
    exposition_single(f, "archeio_client_address_failures_total", "counter",
                      "Requests whose X-Forwarded-For or X-Real-Ip could not be used: of unknown "
                      "region.",
                      SUM(s, client_failures));
    exposition_family(
        f, "archeio_http_errors_total", "counter",
        "What was no valid request, by the status of the answer; none: closed without one.");
    for (size_t i = 0; i < COUNTERS_ERRORS; i++)
        fprintf(f, "archeio_http_errors_total{status=\"%s\"} %llu\n",
                counters_error_name((enum counters_error)i),
                (unsigned long long)SUM_AT(s, errors, i));
    exposition_single(f, "archeio_access_log_dropped_total", "counter",
                      "Lines of the access log that were dropped.",
                      s->shared.log != NULL ? access_dropped(s->shared.log) : 0);
}

/* ── Certificates ── */

static void write_certificates(FILE *f, const struct endpoint *listener,
                               const struct tls_context *tls)
{
    const struct tls_certificate *c;
    char address[ENDPOINT_TEXT_MAX];
    endpoint_format(listener, address);
    for (size_t i = 0; (c = tls_context_certificate(tls, i)) != NULL; i++) {
        fputs("archeio_tls_certificate_expiration_timestamp_seconds{", f);
        exposition_label(f, "listener", str_from(address));
        fputc(',', f);
        exposition_label(f, "file", str_from(c->file));
        fprintf(f, "} %lld\n", (long long)c->until);
    }
}

static void certificates(FILE *f, struct control *s)
{
    const struct listen_rules *rules = s->current->listen;
    exposition_family(f, "archeio_tls_certificate_expiration_timestamp_seconds", "gauge",
                      "When a certificate that is in use expires.");
    for (size_t i = 0; i < rules->n; i++)
        if (rules->rule[i].tls != NULL)
            write_certificates(f, &s->address[i], rules->rule[i].tls);
}

/* ── Existence ── */

static void lookups(FILE *f, struct control *s)
{
    static const char *const state[EXIST_STATES] = {
        [EXIST_PRESENT] = "present", [EXIST_ABSENT] = "absent", [EXIST_ERROR] = "error",
        [EXIST_DOWN] = "down",       [EXIST_MISS] = "miss",
    };
    exposition_family(f, "archeio_existence_lookups_total", "counter",
                      "Look-ups in the existence cache, by what it said.");
    for (size_t i = 0; i < EXIST_STATES; i++)
        fprintf(f, "archeio_existence_lookups_total{state=\"%s\"} %llu\n", state[i],
                (unsigned long long)SUM_AT(s, lookups, i));
    exposition_single(f, "archeio_existence_wait_timeouts_total", "counter",
                      "Requests that waited for a store in vain.", SUM(s, gave_up));
}

static void write_latency(FILE *f, struct str store, const struct exist_store_stats *stats)
{
    uint64_t n = 0;
    for (size_t b = 0; b < EXIST_BUCKETS; b++) {
        n += stats->latency[b];
        fputs("archeio_head_duration_seconds_bucket{", f);
        exposition_label(f, "store", store);
        if (b < EXIST_BUCKETS - 1)
            fprintf(f, ",le=\"%g\"} %llu\n", exist_bucket_bound[b], (unsigned long long)n);
        else
            fprintf(f, ",le=\"+Inf\"} %llu\n", (unsigned long long)n);
    }
    fputs("archeio_head_duration_seconds_sum{", f);
    exposition_label(f, "store", store);
    fprintf(f, "} %.6f\narcheio_head_duration_seconds_count{", stats->latency_sum);
    exposition_label(f, "store", store);
    fprintf(f, "} %llu\n", (unsigned long long)n);
}

static void write_heads(FILE *f, struct str store, const struct exist_store_stats *stats)
{
    static const char *const result[4] = {"present", "absent", "error", "refused"};
    for (size_t i = 0; i < 4; i++) {
        fputs("archeio_heads_total{", f);
        exposition_label(f, "store", store);
        fprintf(f, ",result=\"%s\"} %llu\n", result[i], (unsigned long long)stats->heads[i]);
    }
}

static void write_up(FILE *f, struct str store, const struct exist_store_stats *stats)
{
    fputs("archeio_store_up{", f);
    exposition_label(f, "store", store);
    fprintf(f, "} %d\n", !stats->down);
}

/* What is known of a store by digests and by paths is known apart; it is one store all the same. */
static void add_paths(struct exist *exist, uint32_t by_path, struct exist_store_stats *to)
{
    struct exist_store_stats stats = {0};
    if (by_path == UINT32_MAX)
        return;
    exist_stats_store(exist, by_path, &stats);
    for (size_t i = 0; i < sizeof(stats.heads) / sizeof(stats.heads[0]); i++)
        to->heads[i] += stats.heads[i];
    for (size_t i = 0; i < EXIST_BUCKETS; i++)
        to->latency[i] += stats.latency[i];
    to->latency_sum += stats.latency_sum;
    to->down = to->down || stats.down;
}

/* One family over the stores of the current snapshot. */
static void each_store(FILE *f, struct control *s,
                       void (*write)(FILE *, struct str, const struct exist_store_stats *))
{
    const struct generation *g = s->current;
    for (uint32_t i = 0; i < g->snapshot.n_stores; i++) {
        struct exist_store_stats stats = {0};
        if (g->store_id[i] == UINT32_MAX)
            continue;
        exist_stats_store(s->shared.exist, g->store_id[i], &stats);
        add_paths(s->shared.exist, g->path_store_id[i], &stats);
        write(f, snapshot_store(&g->snapshot, i).name, &stats);
    }
}

/* ── Indexes ── */

static void write_index_used(FILE *f, struct str store, const struct exist_index_stats *stats)
{
    fputs("archeio_index_used{", f);
    exposition_label(f, "store", store);
    fprintf(f, "} %d\n", stats->used);
}

static void write_index_entries(FILE *f, struct str store, const struct exist_index_stats *stats)
{
    fputs("archeio_index_entries{", f);
    exposition_label(f, "store", store);
    fprintf(f, "} %llu\n", (unsigned long long)stats->entries);
}

static void write_index_age(FILE *f, struct str store, const struct exist_index_stats *stats)
{
    if (stats->time == 0)
        return;
    fputs("archeio_index_age_seconds{", f);
    exposition_label(f, "store", store);
    fprintf(f, "} %lld\n", (long long)(clock_wall() - stats->time));
}

static void write_index_loads(FILE *f, struct str store, const struct exist_index_stats *stats)
{
    fputs("archeio_index_loads_total{", f);
    exposition_label(f, "store", store);
    fprintf(f, "} %llu\n", (unsigned long long)stats->loads);
}

static void write_index_failures(FILE *f, struct str store, const struct exist_index_stats *stats)
{
    static const char *const reason[EXIST_INDEX_FAILURES] = {
        [EXIST_INDEX_FETCH] = "fetch",         [EXIST_INDEX_MISSING] = "missing",
        [EXIST_INDEX_CORRUPT] = "corrupt",     [EXIST_INDEX_STALE] = "stale",
        [EXIST_INDEX_TOO_LARGE] = "too_large", [EXIST_INDEX_WRONG] = "wrong",
    };
    for (size_t i = 0; i < EXIST_INDEX_FAILURES; i++) {
        fputs("archeio_index_failures_total{", f);
        exposition_label(f, "store", store);
        fprintf(f, ",reason=\"%s\"} %llu\n", reason[i], (unsigned long long)stats->failures[i]);
    }
}

/* One family over the stores whose indexes are followed. */
static void each_index(FILE *f, struct control *s,
                       void (*write)(FILE *, struct str, const struct exist_index_stats *))
{
    const struct generation *g = s->current;
    for (uint32_t i = 0; i < g->snapshot.n_stores; i++) {
        struct exist_index_stats stats = {0};
        struct snapshot_store store = snapshot_store(&g->snapshot, i);
        if (!store.indexed || g->store_id[i] == UINT32_MAX)
            continue;
        exist_stats_index(s->shared.exist, g->store_id[i], &stats);
        write(f, store.name, &stats);
    }
}

static void indexes(FILE *f, struct control *s, const struct exist_stats *stats)
{
    exposition_family(f, "archeio_index_used", "gauge",
                      "Whether a store's index is believed: 1, or 0.");
    each_index(f, s, write_index_used);
    exposition_family(f, "archeio_index_entries", "gauge",
                      "Digests in a store's index, used or not.");
    each_index(f, s, write_index_entries);
    exposition_family(f, "archeio_index_age_seconds", "gauge",
                      "How long ago a store's index was made.");
    each_index(f, s, write_index_age);
    exposition_family(f, "archeio_index_loads_total", "counter",
                      "Sets of digests that were loaded.");
    each_index(f, s, write_index_loads);
    exposition_family(f, "archeio_index_failures_total", "counter",
                      "Why an index was not used or not brought up to date.");
    each_index(f, s, write_index_failures);
    exposition_single(f, "archeio_index_memory_bytes", "gauge", "Memory of all indexes.",
                      stats->index_bytes);
}

/* ── All of existence ── */

static void existence(FILE *f, struct control *s)
{
    struct exist_stats stats = {0};
    exist_stats(s->shared.exist, &stats);
    lookups(f, s);
    exposition_family(f, "archeio_store_up", "gauge",
                      "Whether a store answers: 1, or 0 while it is down.");
    each_store(f, s, write_up);
    exposition_family(f, "archeio_heads_total", "counter",
                      "HEAD requests to a store, by result; refused: by its cap or the queue.");
    each_store(f, s, write_heads);
    exposition_family(f, "archeio_head_duration_seconds", "histogram",
                      "How long HEAD requests took.");
    each_store(f, s, write_latency);
    exposition_family(f, "archeio_existence_entries", "gauge", "Entries in the existence cache.");
    fprintf(f,
            "archeio_existence_entries{state=\"present\"} %llu\n"
            "archeio_existence_entries{state=\"absent\"} %llu\n",
            (unsigned long long)stats.entries_present, (unsigned long long)stats.entries_absent);
    exposition_single(f, "archeio_existence_evictions_total", "counter",
                      "Entries evicted for want of room.", stats.evictions);
    exposition_single(f, "archeio_existence_rechecks_total", "counter",
                      "HEAD requests that renewed an entry before it expired.", stats.rechecks);
    exposition_single(f, "archeio_existence_memory_bytes", "gauge",
                      "Memory reserved for the cache.", stats.memory_bytes);
    indexes(f, s, &stats);
}

/* ── Ranges ── */

static void ranges(FILE *f, struct control *s)
{
    const struct snapshot *snapshot = &s->current->snapshot;
    int64_t now = clock_wall();
    exposition_family(f, "archeio_ranges_age_seconds", "gauge",
                      "How long ago the data of a ranges file was published.");
    for (uint32_t i = 0; i < snapshot->n_sources; i++) {
        struct snapshot_source source = snapshot_source(snapshot, i);
        fputs("archeio_ranges_age_seconds{", f);
        exposition_label(f, "file", source.name);
        fprintf(f, "} %lld\n", (long long)(now - (int64_t)source.modified));
    }
    exposition_family(f, "archeio_ranges_prefixes", "gauge",
                      "Prefixes that a ranges file brought.");
    for (uint32_t i = 0; i < snapshot->n_sources; i++) {
        struct snapshot_source source = snapshot_source(snapshot, i);
        fputs("archeio_ranges_prefixes{", f);
        exposition_label(f, "file", source.name);
        fprintf(f, "} %u\n", source.prefixes);
    }
    struct updater_status status = {0};
    if (s->hooks->ranges_status != NULL)
        s->hooks->ranges_status(s->hooks->context, &status);
    exposition_single(f, "archeio_ranges_updates_total", "counter",
                      "Updates of the ranges that worked.", status.updates);
    exposition_single(f, "archeio_ranges_update_failures_total", "counter",
                      "Updates of the ranges that failed; the old data stayed.", status.failures);
    exposition_single(f, "archeio_ranges_update_failing", "gauge",
                      "Whether the last update failed.", status.failing);
    exposition_single(f, "archeio_ranges_last_success_timestamp_seconds", "gauge",
                      "When the last update worked; 0: never since the start.",
                      (uint64_t)status.last_success);
}

char *metrics_text(struct control *s, size_t *len)
{
    char *text = NULL;
    FILE *f = open_memstream(&text, len);
    if (f == NULL)
        return NULL;
    exposition_family(f, "archeio_build_info", "gauge", "1, with the version.");
    fputs("archeio_build_info{version=\"" ARCHEIO_VERSION "\"} 1\n", f);
    exposition_single(f, "archeio_workers", "gauge", "Worker threads.", s->n_workers);
    exposition_single(f, "archeio_generation", "gauge",
                      "Which configuration and ranges are used, from 1.", s->current->number);
    exposition_single(f, "archeio_reload_refused", "gauge",
                      "Whether the last reload was refused, so that what ran before goes on.",
                      s->reload_refused);
    requests(f, s);
    questions(f, s);
    workers(f, s);
    certificates(f, s);
    existence(f, s);
    ranges(f, s);
    if (fclose(f) == 0)
        return text;
    free(text);
    return NULL;
}
