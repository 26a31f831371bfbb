/*
 * Configurations of the ArtifactServer: the input is a byte for the client, a line that is a
 * request's target, a line that is the value of each of its fields, and the file.
 *
 * It is refused with a reason, or what it becomes is accepted and gives the request the answer that
 * the ArtifactServer is said to give: by a reading of the file that knows nothing of routes.
 */
#include "fuzz.h"

#include "cli/conversion.h"
#include "oci/target.h"
#include "ranges/compile.h"

#include <archeio/decide.h>

static const char *const clients[] = {"192.0.2.10", "2001:db8::10", "203.0.113.1"};
#define CLIENTS (sizeof(clients) / sizeof(clients[0]))
#define RANGES "192.0.2.0/25 aws\n"

static struct ranges *ranges;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    struct diag d = {0};
    (void)argc;
    (void)argv;
    ranges = ranges_parse("own.txt", RANGES, sizeof(RANGES) - 1, &d);
    FUZZ_CHECK(ranges != NULL);
    diag_clear(&d);
    return 0;
}

struct inquiry {
    struct addr client;
    struct str target;
    struct str value;
    struct str path; /* as it is looked at */
    struct str query;
};

/* ── The ArtifactServer ── */

static bool path_matches(const char *listed, struct str path)
{
    struct str text = str_from(listed);
    if (!str_ends(text, STR("/**")))
        return str_eq(text, path);
    text.len -= 2;
    return str_starts(path, text);
}

static bool has_text(const struct config_texts *list, struct str text)
{
    size_t i = 0;
    while (i < list->n && !str_eq(str_from(list->text[i]), text))
        i++;
    return i < list->n;
}

static bool matches(const struct backends_entry *e, const struct inquiry *q)
{
    for (size_t i = 0; i < e->paths.n; i++)
        if (path_matches(e->paths.text[i], q->path))
            return true;
    for (size_t i = 0; i < e->clients.n; i++)
        if (addr_eq(&e->clients.prefix[i].addr, &q->client))
            return true;
    for (size_t i = 0; i < e->n_fields; i++)
        if (has_text(&e->fields[i].values, q->value))
            return true;
    return false;
}

static const struct backends_entry *choose(const struct backends *b, const struct inquiry *q)
{
    for (size_t i = 0; i < b->n; i++)
        if (matches(&b->entry[i], q))
            return &b->entry[i];
    for (size_t i = 0; i < b->n; i++)
        if (!backends_is_conditional(&b->entry[i]))
            return &b->entry[i];
    return NULL;
}

static void check_answer(const struct backends *b, const struct inquiry *q,
                         const struct decide_answer *a)
{
    const struct backends_entry *e = choose(b, q);
    if (str_eq(q->path, STR("/_/healthz"))) {
        FUZZ_CHECK(a->status == 200 && a->location.len == 0);
        return;
    }
    if (e == NULL) {
        FUZZ_CHECK(a->status == 404 && a->location.len == 0);
        return;
    }
    struct str url = str_from(e->url);
    FUZZ_CHECK(a->status == 302 && str_starts(a->location, url));
    struct str rest = str_skip(a->location, url.len);
    FUZZ_CHECK(str_starts(rest, q->path) && str_eq(str_skip(rest, q->path.len), q->query));
}

/* ── archeio ── */

/* False: no route takes what is unsafe. */
static bool look(struct inquiry *q, char *memory)
{
    struct target target;
    target_normalise(q->target, memory, &target);
    const bool registry = target_is_registry(&target);
    q->path = registry ? target.path : target.raw;
    q->query = target.query;
    return registry && target.path.len > sizeof("/v2/") - 1 ? target.safe
                                                            : target_raw_is_safe(&target);
}

static void ask(const struct backends *b, const struct snapshot *s, struct inquiry *q)
{
    const size_t size = DECIDE_BUFFER_SIZE(s, q->target.len);
    struct str headers[SNAPSHOT_HEADERS_MAX];
    for (size_t i = 0; i < SNAPSHOT_HEADERS_MAX; i++)
        headers[i] = q->value;
    const struct decide_request request = {.method = DECIDE_GET,
                                           .target = q->target,
                                           .host = STR(""),
                                           .headers = headers,
                                           .buffer = malloc(size),
                                           .size = size};
    struct decision decision;
    char *memory = malloc(q->target.len + 1);
    FUZZ_CHECK(request.buffer != NULL && memory != NULL);
    FUZZ_CHECK(decide_begin(s, &request, &q->client, &decision) == DECIDE_ANSWER);
    if (look(q, memory))
        check_answer(b, q, &decision.answer);
    free(memory);
    free(request.buffer);
}

/* A host may be this very server: that is the one thing which is found out afterwards. */
static void check_refusal(const struct diag *d)
{
    FUZZ_CHECK(d->n_errors > 0);
    for (size_t i = 0; i < d->n; i++)
        FUZZ_CHECK(d->message[i].severity == DIAG_WARNING ||
                   strstr(d->message[i].text, "sent in circles") != NULL);
}

static void convert(const struct backends *b, struct inquiry *q)
{
    struct diag d = {0};
    struct compile_image image;
    char *text = NULL;
    size_t len = 0;
    FILE *to = open_memstream(&text, &len);
    FUZZ_CHECK(to != NULL);
    conversion_write(b, to, &d);
    fclose(to);
    struct config *c = config_parse("result", text, len, NULL, &d);
    if (c == NULL) {
        check_refusal(&d);
    } else {
        FUZZ_CHECK(compile_snapshot(c, ranges, &image, &d));
        ask(b, &image.snapshot, q);
        compile_release(&image);
    }
    config_free(c);
    diag_clear(&d);
    free(text);
}

static struct str take_line(struct str *rest)
{
    struct str line = str_make(rest->data, str_find(*rest, '\n'));
    *rest = str_skip(*rest, line.len < rest->len ? line.len + 1 : line.len);
    return line;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct inquiry q;
    struct backends b;
    struct diag d = {0};
    FUZZ_CHECK(addr_parse(str_from(clients[fuzz_byte(&data, &size) % CLIENTS]), &q.client));
    char *copy = fuzz_copy(data, size);
    struct str rest = str_make(copy, size);
    q.target = take_line(&rest);
    q.value = take_line(&rest);
    bool good = backends_read("file", rest, &b, &d);
    FUZZ_CHECK(good == (d.n_errors == 0));
    if (good)
        convert(&b, &q);
    backends_release(&b);
    diag_clear(&d);
    free(copy);
    return 0;
}
