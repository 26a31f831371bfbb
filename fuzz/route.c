/*
 * From a request to its route and Location, on the golden site of routes: the input is a byte each
 * for the client, the host, the fields and what the stores hold, and the target.
 *
 * The route is the first of which no condition fails, each looked at by itself; a Location begins
 * with what the route leads to, byte for byte, and nothing that follows can change its host or be
 * resolved to something else; stores are asked for what is sent to them; the same request has the
 * same answer.
 */
#include "fuzz.h"

#include "config/config.h"
#include "decide/route.h"
#include "ranges/compile.h"

#define SITE TESTS_DIR "/golden/"

static const char *const clients[] = {"198.51.100.1",   "198.51.100.100",   "192.0.2.1",
                                      "192.0.2.224",    "198.18.0.1",       "198.18.64.1",
                                      "2001:db8:a5::1", "2001:db8:ac:1::1", "203.0.113.1",
                                      "198.51.100.70",  "192.0.2.250"};
static const char *const hosts[] = {
    "cloud.test",   "region.test",     "provider.test", "asn.test",    "network.test",
    "ONE.test.:80", "every.test",      "kind.test",     "method.test", "agent.test",
    "share.test",   "conditions.test", "order.test",    "files.test",  "[2001:db8::9]:1",
    "closed.test",  "moved.test",      "listed.test",   "nobody.test", ""};
static const char *const values[] = {NULL, "gold", "blue", "red-1", "curl/8", "yes", "", "red"};
#define N(array) (sizeof(array) / sizeof((array)[0]))

static struct compile_image image;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    char ranges[] = "ARCHEIO_RANGES=" SITE "ranges", *environment[] = {ranges, NULL};
    struct diag d = {0};
    (void)argc;
    (void)argv;
    struct config *c = config_load(SITE "routes.yaml", environment, &d);
    struct ranges *r = ranges_load(SITE "ranges", &d);
    FUZZ_CHECK(c != NULL && d.n_errors == 0 && compile_snapshot(c, r, &image, &d));
    diag_clear(&d);
    ranges_free(r);
    config_free(c);
    return 0;
}

struct inquiry {
    struct addr client;
    struct str headers[SNAPSHOT_HEADERS_MAX];
    struct decide_request request;
    uint8_t held; /* bit i: the i-th store that is asked has it */
};

/* ── The route ── */

static uint32_t first_route(const struct inquiry *q)
{
    struct target target;
    struct route_facts facts;
    char *memory = malloc(q->request.target.len + 1);
    uint32_t i = 0;
    target_normalise(q->request.target, memory, &target);
    if (route_facts_make(&facts, &q->request, &target, &q->client)) {
        facts.network = snapshot_locate(&image.snapshot, &q->client);
        while (i < image.snapshot.n_routes && route_test(&image.snapshot, &facts, i) != ROUTE_TAKEN)
            i++;
    } else {
        i = image.snapshot.n_routes;
    }
    free(memory);
    return i < image.snapshot.n_routes ? i : DECIDE_NO_ROUTE;
}

/* ── The Location ── */

static int digit(char c)
{
    const char *at = memchr("0123456789abcdefABCDEF", c, 22);
    return at == NULL ? -1 : (int)(at - "0123456789abcdefABCDEF") % 16;
}

/* Nothing of it ends a line or begins a fragment, and no segment is resolved away. */
static void check_rest(struct str rest)
{
    size_t mark = str_find(rest, '?'), dots = 0, others = 0;
    for (size_t i = 0; i < rest.len; i++)
        FUZZ_CHECK(rest.data[i] > ' ' && rest.data[i] < 0x7f && rest.data[i] != '#');
    for (size_t i = 0; i <= mark; i++) {
        char c = i < mark ? rest.data[i] : '/';
        if (c == '/') {
            FUZZ_CHECK(others > 0 || dots == 0 || dots > 2);
            dots = others = 0;
            continue;
        }
        FUZZ_CHECK(c != '\\' && c != '"');
        if (c == '%') {
            FUZZ_CHECK(i + 2 < mark && digit(rest.data[i + 1]) >= 0 &&
                       digit(rest.data[i + 2]) >= 0);
            bool dot = rest.data[i + 1] == '2' && (rest.data[i + 2] | 0x20) == 'e';
            dots += dot;
            others += !dot;
            i += 2;
        } else {
            dots += c == '.';
            others += c != '.';
        }
    }
}

/* Does the Location lie behind the text, so that nothing is added to its host? */
static bool leads_to(struct str location, struct str text)
{
    if (!str_starts(location, text))
        return false;
    struct str rest = str_skip(location, text.len);
    if (rest.len > 0 && rest.data[0] != '/' && rest.data[0] != '?' && !str_ends(text, STR("/")))
        return false;
    check_rest(rest);
    return true;
}

static bool is_of(const struct decide_answer *a, const struct snapshot_target *t)
{
    struct snapshot_upstream upstream;
    switch (t->kind) {
    case SNAPSHOT_TARGET_URL:
        return a->status == t->status && leads_to(a->location, t->text);
    case SNAPSHOT_TARGET_UPSTREAM:
        upstream = snapshot_upstream(&image.snapshot, t->index);
        return a->status == 307 && (leads_to(a->location, upstream.registry) ||
                                    leads_to(a->location, upstream.endpoint));
    case SNAPSHOT_TARGET_ANSWER:
        return a->status == t->status && a->location.len == 0 && str_eq(a->body, t->text);
    case SNAPSHOT_TARGET_STORE:
        return a->store == t->index;
    default:
        return a->store != DECIDE_NO_STORE;
    }
}

static void check_answer(const struct decide_answer *a)
{
    struct snapshot_route route = snapshot_route(&image.snapshot, a->route);
    bool found = a->status == 404 && a->location.len == 0;
    if (a->store != DECIDE_NO_STORE) {
        struct snapshot_store store = snapshot_store(&image.snapshot, a->store);
        FUZZ_CHECK(a->status == 307 && leads_to(a->location, store.base));
    }
    for (uint32_t i = 0; i < route.n_targets; i++) {
        struct snapshot_target target = snapshot_target(&image.snapshot, route.first_target + i);
        found = found || is_of(a, &target);
    }
    FUZZ_CHECK(found);
}

/* ── Deciding ── */

static void check_question(const struct inquiry *q, const struct decision *d)
{
    FUZZ_CHECK(d->ask_store < image.snapshot.n_stores);
    if (d->digest.size != 0)
        return;
    /* The end of the target's path, as it came. */
    struct str path = q->request.target;
    path.len = str_find(path, '?');
    FUZZ_CHECK(d->answer.route != DECIDE_NO_ROUTE && d->ask_path.len > 0);
    FUZZ_CHECK(d->ask_path.data[0] == '/');
    FUZZ_CHECK(str_ends(path, d->ask_path) || str_eq(d->ask_path, STR("/")));
}

static struct decide_answer decide(const struct inquiry *q, char *buffer)
{
    struct decision d;
    struct decide_request request = q->request;
    request.buffer = buffer;
    request.headers = q->headers;
    enum decide_next next = decide_begin(&image.snapshot, &request, &q->client, &d);
    for (unsigned asked = 0; next == DECIDE_ASK; asked++) {
        check_question(q, &d);
        bool held = asked < 8 && (q->held >> asked & 1) != 0;
        next = decide_resume(&d, held ? DECIDE_PRESENT : DECIDE_ABSENT);
    }
    return d.answer;
}

static void check(struct inquiry *q)
{
    char *one = malloc(q->request.size), *two = malloc(q->request.size);
    struct decide_answer a = decide(q, one), b = decide(q, two);
    FUZZ_CHECK(a.status == b.status && a.step == b.step && a.route == b.route &&
               a.store == b.store && str_eq(a.location, b.location));
    q->request.headers = q->headers;
    FUZZ_CHECK(a.route == first_route(q));
    if (a.step == DECIDE_ROUTE)
        check_answer(&a);
    free(one);
    free(two);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct inquiry q = {.held = 0};
    FUZZ_CHECK(addr_parse(str_from(clients[fuzz_byte(&data, &size) % N(clients)]), &q.client));
    const char *host = hosts[fuzz_byte(&data, &size) % N(hosts)];
    unsigned fields = fuzz_byte(&data, &size);
    for (uint32_t i = 0; i < image.snapshot.n_headers; i++, fields /= 4) {
        const char *value = values[(fields + i) % N(values)];
        q.headers[i] = value != NULL ? str_from(value) : (struct str){NULL, 0};
    }
    q.held = fuzz_byte(&data, &size);
    char *copy = fuzz_copy(data, size);
    q.request = (struct decide_request){
        .method = (q.held & 0x80) != 0 ? DECIDE_HEAD : DECIDE_GET,
        .target = str_make(copy, size),
        .host = str_from(host),
        .size = DECIDE_BUFFER_SIZE(&image.snapshot, size),
    };
    check(&q);
    free(copy);
    return 0;
}
