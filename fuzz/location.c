/*
 * From a request's target to its Location, on the golden table's site: the input is a byte for the
 * client's network, one for what the stores hold, and the target.
 *
 * A Location is a configured one, byte for byte, and what follows it is safe; only well-formed
 * digests are asked for; the same request has the same answer, and so has what it was sent to.
 */
#include "fuzz.h"

#include "config/config.h"
#include "ranges/compile.h"
#include <archeio/decide.h>

#define SITE TESTS_DIR "/golden/"
#define UPSTREAM "https://upstream.test/v2/project/images/"
#define SIGNATURES "https://signatures.test/v2/project/images/"
#define STORE_BEGIN "http://"
#define STORE_END ".store.test/containers/images/"

static const char *const clients[] = {"198.51.100.1", "198.51.100.100", "198.51.100.200",
                                      "192.0.2.1",    "192.0.2.129",    "2001:db8:ac::1",
                                      "2001:db8::1",  "203.0.113.1"};

static struct compile_image image;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    char *environment[] = {NULL};
    struct diag d = {0};
    (void)argc;
    (void)argv;
    struct config *c = config_load(SITE "site.yaml", environment, &d);
    struct ranges *r = ranges_load(SITE "ranges", &d);
    FUZZ_CHECK(c != NULL && d.n_errors == 0 && compile_snapshot(c, r, &image, &d));
    diag_clear(&d);
    ranges_free(r);
    config_free(c);
    return 0;
}

/* ── What may stand where ── */

static bool is_pchar(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("-._~!$&'()*+,;=:@", c) != NULL);
}

static bool is_safe_segment(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!is_pchar(s.data[i]))
            return false;
    return s.len > 0 && !str_eq(s, STR(".")) && !str_eq(s, STR(".."));
}

static void check_path_and_query(struct str rest)
{
    size_t mark = str_find(rest, '?');
    for (size_t i = mark; i < rest.len; i++)
        FUZZ_CHECK(rest.data[i] > ' ' && rest.data[i] < 0x7f && rest.data[i] != '#');
    rest.len = mark;
    for (;;) {
        size_t slash = str_find(rest, '/');
        FUZZ_CHECK(is_safe_segment(str_make(rest.data, slash)));
        if (slash == rest.len)
            return;
        rest = str_skip(rest, slash + 1);
    }
}

static size_t slashes(struct str text)
{
    size_t n = 0, mark = str_find(text, '?');
    for (size_t i = 0; i < mark; i++)
        n += text.data[i] == '/';
    return n;
}

static bool is_digest(struct str text)
{
    size_t digits = str_starts(text, STR("sha512:")) ? 128 : 64;
    if (!str_starts(text, STR("sha256:")) && digits == 64)
        return false;
    text = str_skip(text, sizeof("sha256:") - 1);
    for (size_t i = 0; i < text.len; i++)
        if (strchr("0123456789abcdef", text.data[i]) == NULL || text.data[i] == '\0')
            return false;
    return text.len == digits;
}

/* What follows the beginning of location, which must be there. */
static struct str behind(struct str location, const char *beginning)
{
    FUZZ_CHECK(str_starts(location, str_from(beginning)));
    return str_skip(location, strlen(beginning));
}

static void check_store(const struct decide_answer *a)
{
    FUZZ_CHECK(a->store < image.snapshot.n_stores);
    struct str name = snapshot_store(&image.snapshot, a->store).name;
    struct str rest = behind(a->location, STORE_BEGIN);
    FUZZ_CHECK(str_starts(rest, name));
    FUZZ_CHECK(is_digest(behind(str_skip(rest, name.len), STORE_END)));
}

/* Is it a Location with the request's own path? */
static bool is_upstream(const struct decide_answer *a)
{
    return a->step == DECIDE_R8 || a->step == DECIDE_R9 || a->step == DECIDE_R10 ||
           a->step == DECIDE_R11 || a->step == DECIDE_R13;
}

static struct str behind_upstream(const struct decide_answer *a)
{
    return behind(a->location, a->step == DECIDE_R8 ? SIGNATURES : UPSTREAM);
}

static void check_location(const struct decide_answer *a)
{
    switch (a->step) {
    case DECIDE_R2:
        FUZZ_CHECK(str_eq(a->location, STR("https://info.test/about")));
        return;
    case DECIDE_R3:
        FUZZ_CHECK(str_eq(a->location, STR("https://privacy.test/policy")));
        return;
    case DECIDE_R12:
        check_store(a);
        return;
    default:
        FUZZ_CHECK(is_upstream(a));
        check_path_and_query(behind_upstream(a));
        return;
    }
}

/* ── Deciding ── */

struct inquiry {
    struct addr client;
    uint8_t held; /* bit i: the i-th store that is asked about has the blob */
};

static void check_question(const struct decision *d, unsigned asked)
{
    char text[DIGEST_TEXT_MAX];
    size_t len = digest_format(&d->digest, text);
    struct snapshot_network n = snapshot_network(&image.snapshot, d->answer.network);
    FUZZ_CHECK(asked < n.n_stores && d->ask_store == n.stores[asked]);
    FUZZ_CHECK(!n.blobs_from_upstream && is_digest(d->digest_text));
    FUZZ_CHECK(str_eq(d->digest_text, str_make(text, len)));
}

/* The answer's Location is of the buffer, which is free()d by the caller. */
static struct decide_answer decide(const struct inquiry *q, struct str target, char **buffer)
{
    struct decision d;
    size_t size = DECIDE_BUFFER_SIZE(&image.snapshot, target.len);
    *buffer = malloc(size);
    struct decide_request request = {
        .method = DECIDE_GET, .target = target, .buffer = *buffer, .size = size};
    enum decide_next next = decide_begin(&image.snapshot, &request, &q->client, &d);
    for (unsigned asked = 0; next == DECIDE_ASK; asked++) {
        check_question(&d, asked);
        bool held = asked < 8 && (q->held >> asked & 1) != 0;
        next = decide_resume(&d, held ? DECIDE_PRESENT : DECIDE_ABSENT);
    }
    FUZZ_CHECK((d.answer.status == 307) == (d.answer.location.len > 0));
    FUZZ_CHECK((d.answer.step == DECIDE_R12) == (d.answer.store != DECIDE_NO_STORE));
    return d.answer;
}

static void check_same(const struct decide_answer *a, const struct inquiry *q, struct str target)
{
    char *buffer;
    struct decide_answer b = decide(q, target, &buffer);
    FUZZ_CHECK(a->status == b.status && a->step == b.step && a->network == b.network);
    FUZZ_CHECK(a->store == b.store && str_eq(a->body, b.body));
    FUZZ_CHECK(str_eq(a->location, b.location));
    free(buffer);
}

/* What is sent to the upstream is normalised: asked for again, it is sent to the same place. */
static void check_again(const struct decide_answer *a, const struct inquiry *q)
{
    static const struct str root = STR_INIT("/v2/");
    if (a->status != 307 || !is_upstream(a))
        return;
    struct str rest = behind_upstream(a);
    char *target = malloc(root.len + rest.len);
    memcpy(target, root.data, root.len);
    memcpy(target + root.len, rest.data, rest.len);
    check_same(a, q, str_make(target, root.len + rest.len));
    free(target);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct inquiry q;
    char *buffer;
    uint8_t choice = fuzz_byte(&data, &size);
    FUZZ_CHECK(addr_parse(str_from(clients[choice % 8]), &q.client));
    q.held = fuzz_byte(&data, &size);
    char *copy = fuzz_copy(data, size);
    struct str target = str_make(copy, size);
    struct decide_answer a = decide(&q, target, &buffer);
    if (a.status == 307)
        check_location(&a);
    if (a.status == 307 && is_upstream(&a) && copy[0] == '/')
        FUZZ_CHECK(slashes(target) == slashes(behind_upstream(&a)) + 2); /* no escape is one */
    check_same(&a, &q, target);
    check_again(&a, &q);
    free(buffer);
    free(copy);
    return 0;
}
