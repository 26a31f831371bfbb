#include <archeio/decide.h>

#include "oci/path.h"
#include "oci/target.h"

#include <assert.h>

/* OCI distribution specification, "Error Codes". */
#define OCI_ERROR(code, message)                                                                   \
    STR("{\"errors\":[{\"code\":\"" code "\",\"message\":\"" message "\"}]}\n")

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

/* Sends the client to prefix + rest + query. That there is room for it is the promise of
 * DECIDE_BUFFER_SIZE: a path that was decoded lies behind the room for the Location. */
static enum decide_next redirect(struct decision *d, enum decide_step step, struct str prefix,
                                 struct str rest, struct str query)
{
    char *at = d->buffer;
    memcpy(at, prefix.data, prefix.len);
    at += prefix.len;
    memcpy(at, rest.data, rest.len);
    at += rest.len;
    memcpy(at, query.data, query.len);
    at += query.len;
    d->answer.location = str_make(d->buffer, (size_t)(at - d->buffer));
    return answer(d, step, 307);
}

static enum decide_next to_upstream(struct decision *d, enum decide_step step)
{
    return redirect(d, step, d->snapshot->upstream, d->path, d->query);
}

/* R12 and R13: the next candidate, or the upstream if there is none left. */
static enum decide_next ask(struct decision *d)
{
    d->asking = d->candidate < d->candidates_end;
    if (!d->asking)
        return to_upstream(d, DECIDE_R13);
    d->ask_store = *d->candidate++;
    return DECIDE_ASK;
}

/* R10 to R13. */
static enum decide_next decide_blob(struct decision *d, struct str reference)
{
    enum digest_result result = digest_parse(reference, &d->digest);
    d->digest_text = reference;
    if (result == DIGEST_MALFORMED)
        return refuse(d, DECIDE_R10, 400,
                      OCI_ERROR("DIGEST_INVALID", "the digest in the path is malformed"));
    if (result == DIGEST_UNKNOWN)
        return to_upstream(d, DECIDE_R10);
    struct snapshot_network network = snapshot_network(d->snapshot, d->answer.network);
    if (network.blobs_from_upstream)
        return to_upstream(d, DECIDE_R11);
    d->candidate = network.stores;
    d->candidates_end = network.stores + network.n_stores;
    return ask(d);
}

/* R8 to R13: a safe path below "/v2/". */
static enum decide_next decide_content(struct decision *d)
{
    struct path path = path_parse(d->path);
    if (path.kind == PATH_MANIFEST && d->snapshot->signatures.len > 0 &&
        path_is_signature_tag(path.reference))
        return redirect(d, DECIDE_R8, d->snapshot->signatures, d->path, d->query);
    if (path.kind != PATH_BLOB)
        return to_upstream(d, DECIDE_R9);
    return decide_blob(d, path.reference);
}

/* R2 to R7. */
static enum decide_next decide_target(struct decision *d, const struct target *target)
{
    const struct str none = STR("");
    if (str_eq(target->path, STR("/")))
        return redirect(d, DECIDE_R2, d->snapshot->info_page, none, none);
    if (str_eq(target->path, STR("/privacy")) || str_starts(target->path, STR("/privacy/")))
        return redirect(d, DECIDE_R3, d->snapshot->privacy_page, none, none);
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
    };
    if (request->method == DECIDE_OTHER)
        return answer(decision, DECIDE_R1, 405);
    struct target target;
    char *behind = request->buffer + (request->size - request->target.len);
    target_normalise(request->target, behind, &target);
    return decide_target(decision, &target);
}

enum decide_next decide_resume(struct decision *decision, enum decide_existence existence)
{
    assert(decision->asking);
    if (existence != DECIDE_PRESENT)
        return ask(decision);
    decision->asking = false;
    decision->answer.store = decision->ask_store;
    struct snapshot_store store = snapshot_store(decision->snapshot, decision->ask_store);
    return redirect(decision, DECIDE_R12, store.objects, decision->digest_text, STR(""));
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
};

const char *decide_step_name(enum decide_step s)
{
    return step[s].name;
}

const char *decide_step_text(enum decide_step s)
{
    return step[s].text;
}
