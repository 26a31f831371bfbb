#include "mirror/walk.h"

#include "mirror/attempt.h"
#include "mirror/kept_names.h"
#include "mirror/manifest.h"
#include "mirror/names.h"

#include <stdio.h>
#include <stdlib.h>

/* In the order in which they wait: what is deeper goes first, so that there is never much of what
 * is above it. An index's children are deeper than itself. */
enum kind { EVERYTHING, REPOSITORY, ONLY, NAMES, MANIFEST, REFERRERS };

#define DEEPEST 60
#define REFERRERS_DEEPEST 3 /* an SBOM of an image, its signature, and what may be of that */
#define REFERRERS_MAX 10000 /* of one manifest */

#define AT_ONCE 256 /* names: a step takes several times the memory of one */
#define AHEAD 16384 /* steps that wait: no more are handed in meanwhile */
#define AHEAD_MS 100

struct step {
    struct crew_task task;
    struct walk *walk;
    enum kind kind;
    unsigned attempts;
    unsigned depth;
    bool claimed;      /* the manifest, of the catalog */
    bool listed;       /* among all manifests of its repository: its referrers are, too */
    unsigned referred; /* how many manifests there are between it and what they refer to */
    uint32_t repository;
    struct kept_names names;
    bool complete;    /* its names are all manifests */
    char reference[]; /* a tag or a digest; of REFERRERS a digest; else empty */
};

static void run(struct crew_task *task, struct exchange_client *client, struct crew_result *result);

static struct step *step_of(struct crew_task *task)
{
    return (struct step *)(void *)task;
}

/* Another step like this one, whose kind, depth, repository and the like count. */
static bool add_like(const struct step *like, struct str reference)
{
    struct walk *w = like->walk;
    struct step *s = calloc(1, sizeof(*s) + reference.len + 1);
    if (s == NULL || like->repository == UINT32_MAX) {
        free(s);
        report_failure(w->report, registry_name(w->registry), "out of memory");
        return false;
    }
    *s = *like;
    s->task.run = run;
    s->task.servers = UINT32_C(1) << w->server;
    s->depth = like->depth < DEEPEST - REFERRERS ? like->depth : DEEPEST - REFERRERS;
    s->task.weight = INT64_C(1) << (s->kind + s->depth);
    if (reference.len > 0)
        memcpy(s->reference, reference.data, reference.len);
    crew_add(w->crew, w->queue, &s->task);
    return true;
}

static bool add(struct walk *w, enum kind kind, uint32_t repository, struct str reference)
{
    const struct step like = {.walk = w, .kind = kind, .repository = repository};
    return add_like(&like, reference);
}

static void release(struct step *s)
{
    kept_names_clear(&s->names);
    free(s);
}

bool walk_all(struct walk *w)
{
    return add(w, EVERYTHING, 0, STR(""));
}

bool walk_reference(struct walk *w, struct str reference)
{
    size_t at = str_find(reference, '@');
    struct digest d;
    if (at == reference.len) {
        at = str_find_last(reference, ':');
        if (at == reference.len || !names_tag_valid(str_skip(reference, at + 1)))
            return false;
    } else if (digest_parse(str_skip(reference, at + 1), &d) != DIGEST_OK) {
        return false;
    }
    struct str name = str_make(reference.data, at);
    return names_repository_valid(name) &&
           add(w, MANIFEST, catalog_repository(w->catalog, name), str_skip(reference, at + 1));
}

static bool sift(struct walk_sieve *sieve, bool admitted)
{
    atomic_fetch_add(&sieve->seen, 1);
    atomic_fetch_add(&sieve->admitted, admitted);
    return admitted;
}

/* "linux/arm64/v8" is "linux/arm64", too: most indexes say a variant, and hardly anybody else. */
static bool admit_platform(struct walk *w, struct str platform)
{
    size_t variant = str_find_last(platform, '/');
    bool has_one = variant < platform.len && variant > str_find(platform, '/');
    return sift(&w->seen_platforms,
                pattern_admits(&w->platforms, platform) ||
                    (has_one && pattern_admits(&w->platforms, str_make(platform.data, variant))));
}

static bool is_empty(struct walk_sieve *sieve)
{
    return atomic_load(&sieve->seen) > 0 && atomic_load(&sieve->admitted) == 0;
}

void walk_end(struct walk *w)
{
    if (is_empty(&w->seen_repositories)) /* some say 404 to whoever may not know */
        report_failure(
            w->report, registry_name(w->registry),
            "it has none of the repositories that it names: log in, or ask for the right "
            "to pull");
    if (is_empty(&w->seen_tags))
        report_failure(w->report, registry_name(w->registry),
                       "none of its tags fits --tag and --exclude-tag");
    if (is_empty(&w->seen_platforms))
        report_failure(w->report, registry_name(w->registry),
                       "none of its platforms fits --platform: expected OS/ARCHITECTURE or "
                       "OS/ARCHITECTURE/VARIANT, such as linux/arm64");
}

bool walk_drop(struct crew_task *task)
{
    if (task->run != run)
        return false;
    release(step_of(task));
    return true;
}

/* ── Ends ── */

static void name_step(const struct step *s, char out[REPORT_WHAT_MAX])
{
    const struct walk *w = s->walk;
    struct str name = STR("");
    struct digest d;
    if (s->kind != EVERYTHING)
        name = catalog_repository_name(w->catalog, s->repository);
    bool by_digest = digest_parse(str_from(s->reference), &d) == DIGEST_OK;
    snprintf(out, REPORT_WHAT_MAX, "%s%s%.*s%s%s", registry_name(w->registry),
             name.len > 0 ? "/" : "", (int)name.len, name.data,
             s->reference[0] == '\0' ? ""
             : by_digest             ? "@"
                                     : ":",
             s->reference);
}

static void give_up(struct step *s, const char *why)
{
    char what[REPORT_WHAT_MAX];
    name_step(s, what);
    report_failure(s->walk->report, what, why);
}

static void answered(const struct step *s, const struct registry_outcome *out,
                     struct crew_result *result)
{
    if (out->throttled || out->result == REGISTRY_OK || out->result == REGISTRY_MISSING)
        crew_answer(result, s->walk->server, out->throttled, out->delay);
}

/* Whether it is tried again; otherwise a failure has been reported. */
static bool again(struct step *s, const struct registry_outcome *out, struct crew_result *result)
{
    if (out->result == REGISTRY_RETRY &&
        attempt_again(&s->attempts, out->after, out->error, s->walk->report, result))
        return true;
    give_up(s, out->error);
    return false;
}

/* ── Names ── */

static void hand_in(struct step *s, char kind, struct str name)
{
    struct walk *w = s->walk;
    char full[NAMES_REPOSITORY_MAX + 1];
    const struct step manifest = {
        .walk = w, .kind = MANIFEST, .repository = s->repository, .listed = kind == 'd'};
    if (kind == 'd' || (kind == 't' && !s->complete))
        add_like(&manifest, name);
    if (kind == 'r')
        add(w, REPOSITORY, catalog_repository(w->catalog, name), STR(""));
    if (kind != 'c')
        return;
    struct str above = catalog_repository_name(w->catalog, s->repository);
    int n = snprintf(full, sizeof(full), "%.*s%s%.*s", (int)above.len, above.data,
                     above.len > 0 ? "/" : "", (int)name.len, name.data);
    if (n > 0 && (size_t)n < sizeof(full))
        add(w, REPOSITORY, catalog_repository(w->catalog, str_make(full, (size_t)n)), STR(""));
}

static void hand_in_some(struct step *s, struct crew_result *result)
{
    struct crew_status status;
    struct str name;
    char kind;
    crew_status(s->walk->crew, s->walk->queue, &status);
    bool room = status.waiting < AHEAD;
    for (unsigned i = 0; room && i < AT_ONCE && kept_names_take(&s->names, &kind, &name); i++)
        hand_in(s, kind, name);
    if (s->names.at == s->names.len) {
        release(s);
        return;
    }
    result->verdict = CREW_AGAIN;
    result->after = room ? 0 : AHEAD_MS;
}

/* A listing has ended: the step becomes that of its names. */
static void go_on_with_names(struct step *s, struct crew_result *result)
{
    s->kind = NAMES;
    s->task.servers = 0; /* it asks nobody */
    s->task.weight = INT64_C(1) << NAMES;
    hand_in_some(s, result);
}

/* ── Repositories ── */

/* What the catalog has brought. */
struct named {
    struct step *step;
    size_t n;
    size_t admitted;
    bool too_many;
};

static bool take_repository(void *owner, struct str name)
{
    struct named *named = owner;
    named->n++;
    if (!pattern_admits(&named->step->walk->repositories, name))
        return true;
    named->admitted++;
    named->too_many = !kept_names_add(&named->step->names, 'r', name);
    return !named->too_many;
}

#define TOO_MANY                                                                                   \
    "it lists more than fits into the memory that geranos takes: choose by --references"

static void everything(struct step *s, struct exchange_client *client, struct crew_result *result)
{
    struct walk *w = s->walk;
    struct registry_outcome out;
    struct named named = {.step = s};
    registry_repositories(w->registry, client, take_repository, &named, &out);
    answered(s, &out, result);
    bool refused = out.result == REGISTRY_MISSING || out.result == REGISTRY_FAILED;
    bool below = strchr(registry_name(w->registry), '/') != NULL;
    /* A registry without a catalog may list what is below a repository instead, as Google's do. */
    if (named.too_many)
        give_up(s, TOO_MANY);
    else if (refused && named.n > 0)
        give_up(s, out.error);
    else if (below && (refused || (out.result == REGISTRY_OK && named.n == 0)))
        add(w, ONLY, catalog_repository(w->catalog, STR("")), STR(""));
    else if (refused)
        give_up(s, out.status == 401 || out.status == 403
                       ? out.error
                       : "it does not list its repositories: name one behind the registry, or "
                         "images by --references");
    else if (out.result != REGISTRY_OK && again(s, &out, result))
        kept_names_clear(&s->names);
    else if (out.result == REGISTRY_OK && named.admitted == 0)
        give_up(s, named.n > 0 ? "none of its repositories fits --include and --exclude: expected "
                                 "patterns of whole names below it, such as team/**"
                               : "it has no repositories");
    if (result->verdict != CREW_AGAIN)
        go_on_with_names(s, result);
}

/* What a listing has brought. A complete one names manifests by digest: tags only repeat them. */
struct listed {
    struct step *step;
    bool too_many;
};

static bool list(struct listed *l, char kind, struct str name)
{
    l->too_many = !kept_names_add(&l->step->names, kind, name);
    return !l->too_many;
}

static bool list_tag(void *owner, struct str tag)
{
    struct listed *l = owner;
    struct walk *w = l->step->walk;
    return !sift(&w->seen_tags, pattern_admits(&w->tags, tag)) || list(l, 't', tag);
}

static bool list_manifest(void *owner, struct str digest)
{
    struct listed *l = owner;
    const struct walk *w = l->step->walk;
    if (w->tags.n_include > 0 || w->tags.n_exclude > 0)
        return true; /* some tags are meant, not everything */
    l->step->complete = true;
    return list(l, 'd', digest);
}

static void list_page(void *owner)
{
    struct listed *l = owner;
    l->step->names.whole = l->step->names.len;
}

static bool list_child(void *owner, struct str child)
{
    return list(owner, 'c', child);
}

static void repository(struct step *s, struct exchange_client *client, struct crew_result *result)
{
    struct walk *w = s->walk;
    struct registry_outcome out;
    struct listed l = {.step = s};
    struct str name = catalog_repository_name(w->catalog, s->repository);
    bool admitted = name.len == 0 || pattern_admits(&w->repositories, name);
    const struct registry_listing listing = {list_page, admitted ? list_tag : NULL, list_child,
                                             admitted ? list_manifest : NULL, &l};
    registry_list(w->registry, client, name, &listing, &out);
    answered(s, &out, result);
    /* A catalog may name repositories that have been emptied. */
    if (out.result == REGISTRY_OK || (out.result == REGISTRY_MISSING && s->kind != ONLY))
        sift(&w->seen_repositories, out.result == REGISTRY_OK);
    bool listed = out.result == REGISTRY_OK || (out.result == REGISTRY_MISSING && s->kind != ONLY);
    if (l.too_many)
        give_up(s, TOO_MANY);
    else if (out.result == REGISTRY_MISSING && s->kind == ONLY)
        give_up(s, "there is no such repository, and none below it: correct the name");
    else if (!listed && again(s, &out, result))
        kept_names_clear(&s->names);
    /* Of one whose listing has no end, what is known is not left out. */
    s->names.len = l.too_many ? s->names.len : s->names.whole;
    if (result->verdict != CREW_AGAIN)
        go_on_with_names(s, result);
}

/* ── Manifests ── */

static bool take_blobs(struct step *s, const struct manifest *m, struct catalog_need *need,
                       size_t *n)
{
    struct walk *w = s->walk;
    *n = 0;
    for (size_t i = 0; i < m->n_blobs; i++) {
        const struct manifest_blob *b = &m->blob[i];
        bool first = false;
        if (b->foreign)
            continue;
        uint32_t number = catalog_blob(w->catalog, &b->digest, b->size, s->repository, &first);
        if (number == UINT32_MAX)
            return false;
        if (first)
            w->blob(w->owner, number);
        need[(*n)++] = (struct catalog_need){number, b->size};
    }
    return true;
}

static bool is_among(const struct digest *d, const struct digest *child, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (memcmp(&child[i], d, sizeof(*d)) == 0)
            return true;
    return false;
}

/* child gets the digests of those that are meant, each once: a manifest that many steps wait for
 * would keep them busy. */
static bool take_children(struct step *s, const struct manifest *m, struct digest *child,
                          struct catalog_image *image)
{
    char text[DIGEST_TEXT_MAX];
    const struct step below = {.walk = s->walk,
                               .kind = MANIFEST,
                               .depth = s->depth + 1,
                               .repository = s->repository,
                               .listed = s->listed,
                               .referred = s->referred};
    for (size_t i = 0; i < m->n_children; i++) {
        const struct manifest_child *c = &m->child[i];
        if (c->platform[0] != '\0' && !admit_platform(s->walk, str_from(c->platform))) {
            image->partial = true;
            continue;
        }
        if (is_among(&c->digest, child, image->n_children))
            continue;
        struct str reference = str_make(text, digest_format(&c->digest, text));
        if (!add_like(&below, reference))
            return false;
        child[image->n_children++] = c->digest;
    }
    return true;
}

/* False: no memory. */
static bool take_manifest(struct step *s, const struct manifest *m, const struct digest *digest)
{
    struct catalog_need *need = malloc((m->n_blobs + 1) * sizeof(*need));
    struct digest *child = malloc((m->n_children + 1) * sizeof(*child));
    struct catalog_image image = {.repository = s->repository, .need = need, .child = child};
    bool taken = need != NULL && child != NULL && take_blobs(s, m, need, &image.n_needs) &&
                 take_children(s, m, child, &image);
    taken = taken && catalog_image(s->walk->catalog, digest, &image);
    free(need);
    free(child);
    return taken;
}

/* False: a failure has been reported. */
static bool read_manifest(struct step *s, const struct registry_manifest *bytes)
{
    struct manifest m;
    char error[256];
    atomic_fetch_add(&s->walk->manifests, 1);
    if (!manifest_parse(str_make(bytes->data, bytes->len), str_from(bytes->type), &m, error)) {
        give_up(s, error);
        return false;
    }
    bool taken = take_manifest(s, &m, &bytes->digest);
    if (!taken)
        give_up(s, "out of memory");
    manifest_release(&m);
    return taken;
}

/* ── Referrers ── */

/* Who refers to a manifest is said by its repository, whichever others have it, too. */
static void ask_for_referrers(const struct step *s, const struct digest *d)
{
    char text[DIGEST_TEXT_MAX];
    if (s->listed || s->referred == REFERRERS_DEEPEST || atomic_load(&s->walk->subjects->unknown) ||
        !subjects_add(s->walk->subjects, catalog_repository_name(s->walk->catalog, s->repository),
                      d))
        return;
    const struct step like = {.walk = s->walk,
                              .kind = REFERRERS,
                              .depth = s->depth,
                              .repository = s->repository,
                              .referred = s->referred};
    add_like(&like, str_make(text, digest_format(d, text)));
}

struct referrers {
    const struct step *step;
    size_t n;
};

static void take_referrer(void *owner, struct str digest)
{
    struct referrers *all = owner;
    const struct step *s = all->step;
    const struct step like = {.walk = s->walk,
                              .kind = MANIFEST,
                              .depth = s->depth + 1,
                              .repository = s->repository,
                              .referred = s->referred + 1};
    if (all->n++ < REFERRERS_MAX)
        add_like(&like, digest);
}

/* Registries that do not know them answer in many ways. */
static bool is_unknown(const struct registry_outcome *out)
{
    return out->result == REGISTRY_MISSING ||
           (out->result == REGISTRY_FAILED && out->status / 100 == 4) || out->status == 501;
}

static void referrers(struct step *s, struct exchange_client *client, struct crew_result *result)
{
    struct walk *w = s->walk;
    struct registry_outcome out;
    struct referrers all = {.step = s};
    struct registry_referrers wanted = {
        .repository = catalog_repository_name(w->catalog, s->repository),
        .each = take_referrer,
        .owner = &all,
    };
    digest_parse(str_from(s->reference), &wanted.subject);
    if (!atomic_load(&w->subjects->unknown)) {
        registry_referrers(w->registry, client, &wanted, &out);
        answered(s, &out, result);
        if (is_unknown(&out))
            atomic_store(&w->subjects->unknown, true);
        else if (out.result != REGISTRY_OK && again(s, &out, result))
            return;
        if (all.n > REFERRERS_MAX)
            give_up(s, "more artifacts refer to it than can be meant");
    }
    free(s);
}

/* ── Claims ── */

#define BUSY_MS 100 /* until it is looked whether somebody has read a manifest */

/* True: it is this step's to read. Else it is released, or comes back: while another step is at the
 * same manifest, perhaps in another repository, it may turn out that it cannot be had there. */
static bool claim(struct step *s, const struct digest *d, struct crew_result *result)
{
    switch (catalog_claim(s->walk->catalog, d)) {
    case CATALOG_BUSY:
        result->verdict = CREW_AGAIN;
        result->after = BUSY_MS;
        return false;
    case CATALOG_KNOWN:
        ask_for_referrers(s, d);
        free(s);
        return false;
    case CATALOG_NEW:
    case CATALOG_NO_MEMORY:
        break;
    }
    s->claimed = true;
    return true;
}

/* By digest it is claimed before it is read, by tag only then can it be. */
static void manifest(struct step *s, struct exchange_client *client, struct crew_result *result)
{
    struct walk *w = s->walk;
    struct registry_manifest bytes;
    struct registry_outcome out;
    struct digest d;
    bool by_digest = digest_parse(str_from(s->reference), &d) == DIGEST_OK;
    if (by_digest && !s->claimed && !claim(s, &d, result))
        return;
    registry_manifest(w->registry, client, catalog_repository_name(w->catalog, s->repository),
                      str_from(s->reference), &bytes, &out);
    answered(s, &out, result);
    bool read = false;
    if (out.result != REGISTRY_OK) {
        if (again(s, &out, result))
            return;
    } else if (by_digest || catalog_claim(w->catalog, &bytes.digest) != CATALOG_KNOWN) {
        d = bytes.digest;
        s->claimed = true;
        read = read_manifest(s, &bytes);
    }
    if (out.result == REGISTRY_OK)
        ask_for_referrers(s, &bytes.digest);
    if (s->claimed && !read)
        catalog_unclaim(w->catalog, &d);
    registry_manifest_release(&bytes);
    free(s);
}

static void run(struct crew_task *task, struct exchange_client *client, struct crew_result *result)
{
    struct step *s = step_of(task);
    if (s->kind == EVERYTHING)
        everything(s, client, result);
    else if (s->kind == REPOSITORY || s->kind == ONLY)
        repository(s, client, result);
    else if (s->kind == NAMES)
        hand_in_some(s, result);
    else if (s->kind == REFERRERS)
        referrers(s, client, result);
    else
        manifest(s, client, result);
}
