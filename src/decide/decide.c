#include <archeio/decide.h>

#include "decide/route.h"

#include <assert.h>

/* OCI distribution specification, "Error Codes". */
#define OCI_ERROR(code, message)                                                                   \
    STR("{\"errors\":[{\"code\":\"" code "\",\"message\":\"" message "\"}]}\n")

/* What is asked for: what decision.subject says. */
enum subject {
    CONTENT,   /* of the registry, no blob: only an upstream has it */
    BLOB,      /* with a digest that stores know */
    STRANGE,   /* a blob whose digest is of an unknown algorithm: only an upstream has it */
    MALFORMED, /* a blob whose digest is none */
    BASE,      /* the registry's base, or its catalog: no upstream is asked for it */
    ARTIFACT,  /* outside the registry */
};

static enum decide_next answer(struct decision *d, enum decide_step step, uint16_t status)
{
    d->answer.step = (uint8_t)step;
    d->answer.status = status;
    return DECIDE_ANSWER;
}

static enum decide_next refuse(struct decision *d, enum decide_step step, uint16_t status,
                               struct str body)
{
    d->answer.body = body;
    return answer(d, step, status);
}

/* Sends the client to prefix + rest and the query. That there is room for it is the promise of
 * DECIDE_BUFFER_SIZE: a path that was decoded lies behind the room for the Location. */
static enum decide_next redirect(struct decision *d, enum decide_step step, uint16_t status,
                                 struct str prefix, struct str rest)
{
    char *at = d->buffer;
    memcpy(at, prefix.data, prefix.len);
    at += prefix.len;
    memcpy(at, rest.data, rest.len);
    at += rest.len;
    if (d->query.len > 0)
        memcpy(at, d->query.data, d->query.len);
    at += d->query.len;
    d->answer.location = str_make(d->buffer, (size_t)(at - d->buffer));
    return answer(d, step, status);
}

static enum decide_next to_upstream(struct decision *d, enum decide_step step)
{
    return redirect(d, step, 307, d->snapshot->upstream, d->path);
}

static enum decide_next to_page(struct decision *d, enum decide_step step, struct str url)
{
    d->query = STR("");
    return redirect(d, step, 307, url, STR(""));
}

static enum decide_next refuse_digest(struct decision *d)
{
    return refuse(d, DECIDE_R10, 400,
                  OCI_ERROR("DIGEST_INVALID", "the digest in the path is malformed"));
}

/* ── What is tried, one after the other ── */

/* What is behind the first n bytes of the path: nothing is added to a Location's host. */
static struct str rest_of(const struct decision *d, size_t n)
{
    struct str rest = str_skip(d->whole, n < d->whole.len ? n : d->whole.len);
    return rest.len == 0 || rest.data[0] == '/' ? rest : d->whole;
}

/* What stores and upstreams are sent of an artifact's path. Where nothing is left of it, that is
 * the root (RFC 9110 section 4.2.3): a question has a path, by which it is told from one for a
 * blob. */
static struct str stripped_path(const struct decision *d)
{
    struct str rest = rest_of(d, d->stripped);
    return rest.len > 0 ? rest : STR("/");
}

static enum decide_next ask(struct decision *d, uint32_t store)
{
    d->ask_store = store;
    d->asking = true;
    return DECIDE_ASK;
}

/* Nobody has it whom the route, or step R12, would rather send the client to. What no store is
 * asked for goes on with the steps, which decide_begin() sees by the step that is not there. */
static enum decide_next go_on(struct decision *d)
{
    switch ((enum subject)d->subject) {
    case BLOB:
        return to_upstream(d, DECIDE_R13);
    case STRANGE:
        return to_upstream(d, DECIDE_R10);
    case MALFORMED:
        return refuse_digest(d);
    case ARTIFACT:
        return answer(d, DECIDE_ROUTE, 404);
    case CONTENT:
    case BASE:
        break;
    }
    return DECIDE_ANSWER;
}

static enum decide_next to_route_upstream(struct decision *d, uint32_t index)
{
    struct snapshot_upstream upstream = snapshot_upstream(d->snapshot, index);
    if (d->subject == ARTIFACT)
        return redirect(d, DECIDE_ROUTE, 307, upstream.endpoint, stripped_path(d));
    return redirect(d, DECIDE_ROUTE, 307, upstream.registry, d->path);
}

/* A target that is no answer by itself, and has nobody to be asked, is passed by. */
static bool is_passed(const struct decision *d, enum snapshot_target_kind kind)
{
    if (kind == SNAPSHOT_TARGET_UPSTREAM)
        return d->subject == BASE || d->subject == MALFORMED;
    if (kind == SNAPSHOT_TARGET_STORE || kind == SNAPSHOT_TARGET_STORES)
        return d->subject != BLOB && d->subject != ARTIFACT;
    return false;
}

static void take_stores(struct decision *d)
{
    struct snapshot_network network = snapshot_network(d->snapshot, d->answer.network);
    d->candidate = network.stores;
    d->candidates_end = network.stores + (network.blobs_from_upstream ? 0 : network.n_stores);
}

/* The next question, or the answer. */
static enum decide_next follow(struct decision *d)
{
    while (d->candidate == d->candidates_end) {
        if (d->target == d->targets_end)
            return go_on(d);
        struct snapshot_target target = snapshot_target(d->snapshot, d->target++);
        if (is_passed(d, target.kind))
            continue;
        switch (target.kind) {
        case SNAPSHOT_TARGET_URL:
            return redirect(d, DECIDE_ROUTE, target.status, target.text, rest_of(d, d->replaced));
        case SNAPSHOT_TARGET_ANSWER:
            return refuse(d, DECIDE_ROUTE, target.status, target.text);
        case SNAPSHOT_TARGET_UPSTREAM:
            return to_route_upstream(d, target.index);
        case SNAPSHOT_TARGET_STORE:
            return ask(d, target.index);
        case SNAPSHOT_TARGET_STORES:
            take_stores(d);
        }
    }
    return ask(d, *d->candidate++);
}

/* ── The steps ── */

/* R10 to R13. */
static enum decide_next decide_blob(struct decision *d, struct str reference)
{
    enum digest_result result = digest_parse(reference, &d->digest);
    d->digest_text = reference;
    if (result == DIGEST_MALFORMED)
        return refuse_digest(d);
    if (result == DIGEST_UNKNOWN)
        return to_upstream(d, DECIDE_R10);
    struct snapshot_network network = snapshot_network(d->snapshot, d->answer.network);
    if (network.blobs_from_upstream)
        return to_upstream(d, DECIDE_R11);
    if (network.n_stores == 0)
        return to_upstream(d, DECIDE_R13);
    d->candidate = network.stores + 1;
    d->candidates_end = network.stores + network.n_stores;
    d->target = d->targets_end = 0;
    d->ask_path = STR("");
    d->subject = BLOB;
    return ask(d, network.stores[0]);
}

/* R8 to R13: a safe path below "/v2/". */
static enum decide_next decide_content(struct decision *d)
{
    struct path path = path_parse(d->path);
    if (path.kind == PATH_MANIFEST && d->snapshot->signatures.len > 0 &&
        path_is_signature_tag(path.reference))
        return redirect(d, DECIDE_R8, 307, d->snapshot->signatures, d->path);
    if (path.kind != PATH_BLOB)
        return to_upstream(d, DECIDE_R9);
    return decide_blob(d, path.reference);
}

/* R2 to R7. */
static enum decide_next decide_target(struct decision *d, const struct target *target)
{
    if (str_eq(target->path, STR("/")))
        return to_page(d, DECIDE_R2, d->snapshot->info_page);
    if (str_eq(target->path, STR("/privacy")) || str_starts(target->path, STR("/privacy/")))
        return to_page(d, DECIDE_R3, d->snapshot->privacy_page);
    if (str_eq(target->path, STR("/v2")) || str_eq(target->path, STR("/v2/")))
        return answer(d, DECIDE_R5, 200);
    if (!str_starts(target->path, STR("/v2/")))
        return answer(d, DECIDE_R4, 404);
    if (str_eq(target->path, STR("/v2/_catalog")))
        return refuse(d, DECIDE_R6, 404,
                      OCI_ERROR("UNSUPPORTED", "this registry does not list its repositories"));
    if (!target->safe)
        return refuse(d, DECIDE_R7, 400,
                      OCI_ERROR("NAME_INVALID", "the path or query holds what none may hold"));
    d->path = str_skip(target->path, sizeof("/v2/") - 1);
    d->query = target->query;
    return decide_content(d);
}

/* What a request that a route takes is for. */
static enum subject subject_of(struct decision *d, const struct route_facts *facts,
                               const struct target *target)
{
    static const enum subject subject[] = {
        [DIGEST_OK] = BLOB, [DIGEST_UNKNOWN] = STRANGE, [DIGEST_MALFORMED] = MALFORMED};
    if (!target_is_registry(target))
        return ARTIFACT;
    if (target->path.len <= sizeof("/v2/") - 1 || str_eq(target->path, STR("/v2/_catalog")))
        return BASE;
    d->path = str_skip(target->path, sizeof("/v2/") - 1);
    if (facts->kind != PATH_BLOB)
        return CONTENT;
    d->digest_text = facts->object;
    return subject[digest_parse(facts->object, &d->digest)];
}

/* Between R1 and R2: true if a route takes the request. */
static bool is_routed(struct decision *d, const struct decide_request *request,
                      const struct target *target, const struct addr *client)
{
    struct route_facts facts;
    if (d->snapshot->n_routes == 0 || !route_facts_make(&facts, request, target, client))
        return false;
    facts.network = d->answer.network;
    uint32_t i = route_find(d->snapshot, &facts, &d->replaced);
    if (i == DECIDE_NO_ROUTE)
        return false;
    struct snapshot_route route = snapshot_route(d->snapshot, i);
    d->answer.route = i;
    d->whole = facts.path;
    d->query = target->query;
    d->candidate = d->candidates_end = NULL;
    d->stripped = route.stripped;
    d->target = route.first_target;
    d->targets_end = route.first_target + route.n_targets;
    d->subject = (uint8_t)subject_of(d, &facts, target);
    d->ask_path = STR("");
    if (d->subject == ARTIFACT) {
        d->digest = (struct digest){.size = 0};
        d->ask_path = stripped_path(d);
    }
    return true;
}

enum decide_next decide_begin(const struct snapshot *snapshot, const struct decide_request *request,
                              const struct addr *client, struct decision *decision)
{
    assert(request->size >= DECIDE_BUFFER_SIZE(snapshot, request->target.len));
    decision->snapshot = snapshot;
    decision->buffer = request->buffer;
    decision->asking = false;
    decision->answer = (struct decide_answer){
        .location = STR(""),
        .body = STR(""),
        .network = snapshot_locate(snapshot, client),
        .store = DECIDE_NO_STORE,
        .route = DECIDE_NO_ROUTE,
    };
    if (request->method == DECIDE_OTHER)
        return answer(decision, DECIDE_R1, 405);
    struct target target;
    char *behind = request->buffer + (request->size - request->target.len);
    target_normalise(request->target, behind, &target);
    if (is_routed(decision, request, &target, client)) {
        enum decide_next next = follow(decision);
        if (next == DECIDE_ASK || decision->answer.step != 0)
            return next;
    }
    return decide_target(decision, &target);
}

enum decide_next decide_resume(struct decision *decision, enum decide_existence existence)
{
    assert(decision->asking);
    decision->asking = false;
    if (existence != DECIDE_PRESENT)
        return follow(decision);
    const bool routed = decision->answer.route != DECIDE_NO_ROUTE;
    const enum decide_step step = routed ? DECIDE_ROUTE : DECIDE_R12;
    struct snapshot_store store = snapshot_store(decision->snapshot, decision->ask_store);
    decision->answer.store = decision->ask_store;
    if (decision->subject == ARTIFACT)
        return redirect(decision, step, 307, store.base, decision->ask_path);
    decision->query = STR("");
    return redirect(decision, step, 307, store.objects, decision->digest_text);
}

static const struct {
    const char *name;
    const char *text;
} step[DECIDE_STEPS] = {
    [DECIDE_R1] = {"R1", "method is not GET or HEAD"},
    [DECIDE_R2] = {"R2", "info page"},
    [DECIDE_R3] = {"R3", "privacy policy"},
    [DECIDE_R4] = {"R4", "not a registry path"},
    [DECIDE_R5] = {"R5", "registry API base"},
    [DECIDE_R6] = {"R6", "catalog is not served"},
    [DECIDE_R7] = {"R7", "unsafe path or query"},
    [DECIDE_R8] = {"R8", "cosign tag: signature upstream"},
    [DECIDE_R9] = {"R9", "not a blob: upstream"},
    [DECIDE_R10] = {"R10", "digest malformed or of an unknown algorithm"},
    [DECIDE_R11] = {"R11", "the client's network keeps blobs at the upstream"},
    [DECIDE_R12] = {"R12", "a store has the blob"},
    [DECIDE_R13] = {"R13", "no store is known to have the blob: upstream"},
    [DECIDE_ROUTE] = {"route", "a route leads there"},
};

const char *decide_step_name(enum decide_step s)
{
    return step[s].name;
}

const char *decide_step_text(enum decide_step s)
{
    return step[s].text;
}
