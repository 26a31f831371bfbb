#include "cli/comparison.h"

#include "base/num.h"
#include "sys/xalloc.h"
#include <stdlib.h>

void comparison_open(struct comparison_side *side, const struct snapshot *s)
{
    const size_t size = DECIDE_BUFFER_SIZE(s, DECIDE_TARGET_MAX);
    *side = (struct comparison_side){.snapshot = s, .buffer = xalloc(size), .size = size};
}

void comparison_close(struct comparison_side *side)
{
    free(side->buffer);
    side->buffer = NULL;
}

static void take_fields(struct comparison_side *side, const struct comparison_request *r)
{
    for (uint32_t i = 0; i < side->snapshot->n_headers; i++) {
        struct str name = snapshot_header(side->snapshot, i);
        size_t f = 0;
        while (f < r->n_fields && !str_eq(r->fields[f].name, name))
            f++;
        side->headers[i] = f < r->n_fields ? r->fields[f].value : (struct str){NULL, 0};
    }
}

void comparison_begin(struct comparison_side *side, const struct comparison_request *request,
                      const struct addr *client)
{
    take_fields(side, request);
    side->request = (struct decide_request){
        .method = request->method,
        .target = request->target,
        .host = request->host,
        .headers = side->headers,
        .buffer = side->buffer,
        .size = side->size,
    };
    side->next = decide_begin(side->snapshot, &side->request, client, &side->decision);
}

void comparison_resume(struct comparison_side *side, enum decide_existence existence)
{
    side->next = decide_resume(&side->decision, existence);
}

/* ── Comparing ── */

static bool same_question(const struct comparison_side *a, const struct comparison_side *b)
{
    const struct decision *x = &a->decision, *y = &b->decision;
    struct snapshot_store store = snapshot_store(a->snapshot, x->ask_store);
    struct snapshot_store other = snapshot_store(b->snapshot, y->ask_store);
    return str_eq(store.base, other.base) && x->digest.size == y->digest.size &&
           (x->digest.size > 0 || str_eq(x->ask_path, y->ask_path));
}

bool comparison_same(const struct comparison_side *a, const struct comparison_side *b)
{
    const struct decide_answer *x = &a->decision.answer, *y = &b->decision.answer;
    if (a->next != b->next)
        return false;
    if (a->next == DECIDE_ASK)
        return same_question(a, b);
    return x->status == y->status && str_eq(x->location, y->location) && str_eq(x->body, y->body);
}

bool comparison_all_same(struct comparison_side *a, struct comparison_side *b)
{
    while (comparison_same(a, b)) {
        if (a->next == DECIDE_ANSWER)
            return true;
        comparison_resume(a, DECIDE_ABSENT);
        comparison_resume(b, DECIDE_ABSENT);
    }
    return false;
}

/* ── In words ── */

void comparison_add(struct comparison_words *w, struct str s)
{
    for (size_t i = 0; i < s.len && w->len + 1 < sizeof(w->text); i++)
        w->text[w->len++] = s.data[i] >= ' ' && s.data[i] < 0x7f ? s.data[i] : '?';
    w->text[w->len] = '\0';
}

static void add_number(struct comparison_words *w, uint32_t number)
{
    char text[NUM_TEXT_MAX];
    comparison_add(w, str_make(text, num_format(number, text)));
}

static void add_named(struct comparison_words *w, struct str name, struct str url, bool exactly)
{
    comparison_add(w, name);
    if (!exactly || url.len == 0)
        return;
    comparison_add(w, STR(" ("));
    comparison_add(w, url);
    comparison_add(w, STR(")"));
}

/* The route's target that the answer comes from. */
static void say_target(const struct comparison_side *side, bool exactly, struct comparison_words *w)
{
    const struct snapshot *s = side->snapshot;
    const struct decide_answer *a = &side->decision.answer;
    struct snapshot_route route = snapshot_route(s, a->route);
    for (uint32_t i = 0; i < route.n_targets; i++) {
        struct snapshot_target t = snapshot_target(s, route.first_target + i);
        if (t.kind == SNAPSHOT_TARGET_URL && t.status == a->status &&
            str_starts(a->location, t.text)) {
            comparison_add(w, t.text);
            return;
        }
        if (t.kind != SNAPSHOT_TARGET_UPSTREAM)
            continue;
        struct snapshot_upstream u = snapshot_upstream(s, t.index);
        bool of_registry = str_starts(a->location, u.registry);
        if (of_registry || str_starts(a->location, u.endpoint)) {
            add_named(w, u.name, of_registry ? u.registry : u.endpoint, exactly);
            return;
        }
    }
}

static void say_redirect(const struct comparison_side *side, bool exactly,
                         struct comparison_words *w)
{
    const struct decide_answer *a = &side->decision.answer;
    switch (a->step) {
    case DECIDE_ROUTE:
        say_target(side, exactly, w);
        break;
    case DECIDE_R2:
        add_named(w, STR("info page"), a->location, exactly);
        break;
    case DECIDE_R3:
        add_named(w, STR("privacy policy"), a->location, exactly);
        break;
    case DECIDE_R8:
        add_named(w, STR("signatures"), side->snapshot->signatures, exactly);
        break;
    default:
        add_named(w, STR("upstream"), side->snapshot->upstream, exactly);
    }
    if (a->status == 307)
        return;
    comparison_add(w, STR(" ("));
    add_number(w, a->status);
    comparison_add(w, STR(")"));
}

void comparison_say(const struct comparison_side *side, bool exactly,
                    struct comparison_words *words)
{
    const struct decide_answer *a = &side->decision.answer;
    uint32_t store = side->next == DECIDE_ASK ? side->decision.ask_store : a->store;
    if (side->next == DECIDE_ASK || store != DECIDE_NO_STORE) {
        struct snapshot_store s = snapshot_store(side->snapshot, store);
        add_named(words, s.name, s.base, exactly);
    } else if (a->location.len > 0) {
        say_redirect(side, exactly, words);
    } else {
        add_number(words, a->status);
        add_named(words, STR(""), a->body, exactly);
    }
}

void comparison_say_rest(struct comparison_side *side, bool exactly, struct comparison_words *words)
{
    for (; side->next == DECIDE_ASK; comparison_resume(side, DECIDE_ABSENT)) {
        comparison_say(side, exactly, words);
        comparison_add(words, STR(", else "));
    }
    comparison_say(side, exactly, words);
}

void comparison_say_network(const struct snapshot *s, uint32_t network,
                            struct comparison_words *words)
{
    struct snapshot_network n = snapshot_network(s, network);
    comparison_add(words, n.cloud);
    comparison_add(words, n.region.len > 0 ? STR("/") : STR(""));
    comparison_add(words, n.region);
    if (n.asn != 0) {
        comparison_add(words, n.cloud.len > 0 ? STR(", AS") : STR("AS"));
        add_number(words, n.asn);
    }
    if (n.cloud.len == 0 && n.asn == 0)
        comparison_add(words, STR("no known network"));
}
