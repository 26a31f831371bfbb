#include "mirror/walk.h"

#include "mirror/manifest.h"
#include "mirror/names.h"
#include "mirror/retry.h"
#include "sys/clock.h"

#include <stdio.h>
#include <stdlib.h>

enum kind { EVERYTHING, REPOSITORY, ONLY, MANIFEST };

struct step {
    struct crew_task task;
    struct walk *walk;
    enum kind kind;
    unsigned attempts;
    bool claimed; /* the manifest, of the catalog */
    uint32_t repository;
    char reference[]; /* a tag or a digest; empty but for MANIFEST */
};

static void run(struct crew_task *task, struct exchange_client *client, struct crew_result *result);

static struct step *step_of(struct crew_task *task)
{
    return (struct step *)(void *)task;
}

static bool add(struct walk *w, enum kind kind, uint32_t repository, struct str reference)
{
    struct step *s = calloc(1, sizeof(*s) + reference.len + 1);
    if (s == NULL || repository == UINT32_MAX) {
        free(s);
        report_failure(w->report, registry_name(w->registry), "out of memory");
        return false;
    }
    s->task.run = run;
    s->task.servers = UINT32_C(1) << w->server;
    s->walk = w;
    s->kind = kind;
    s->repository = repository;
    if (reference.len > 0)
        memcpy(s->reference, reference.data, reference.len);
    crew_add(w->crew, w->queue, &s->task);
    return true;
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

static bool admit(const struct pattern_lists *patterns, struct walk_sieve *sieve, struct str name)
{
    bool admitted = pattern_admits(patterns, name);
    atomic_fetch_add(&sieve->seen, 1);
    atomic_fetch_add(&sieve->admitted, admitted);
    return admitted;
}

static bool is_empty(struct walk_sieve *sieve)
{
    return atomic_load(&sieve->seen) > 0 && atomic_load(&sieve->admitted) == 0;
}

void walk_end(struct walk *w)
{
    if (is_empty(&w->seen_tags))
        report_failure(w->report, registry_name(w->registry),
                       "none of its tags fits --tag and --exclude-tag");
    if (is_empty(&w->seen_platforms))
        report_failure(w->report, registry_name(w->registry),
                       "none of its platforms fits --platform: expected OS/ARCHITECTURE or "
                       "OS/ARCHITECTURE/VARIANT, such as linux/arm64*");
}

bool walk_drop(struct crew_task *task)
{
    if (task->run != run)
        return false;
    free(step_of(task));
    return true;
}

/* ── Ends ── */

static void name_step(const struct step *s, char out[512])
{
    const struct walk *w = s->walk;
    struct str name = STR("");
    struct digest d;
    if (s->kind != EVERYTHING)
        name = catalog_repository_name(w->catalog, s->repository);
    bool by_digest = digest_parse(str_from(s->reference), &d) == DIGEST_OK;
    snprintf(out, 512, "%s%s%.*s%s%s", registry_name(w->registry), name.len > 0 ? "/" : "",
             (int)name.len, name.data,
             s->reference[0] == '\0' ? ""
             : by_digest             ? "@"
                                     : ":",
             s->reference);
}

static void give_up(struct step *s, const char *why)
{
    char what[512];
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
    if (out->result != REGISTRY_RETRY || ++s->attempts >= RETRY_ATTEMPTS) {
        give_up(s, out->error);
        return false;
    }
    report_retry(s->walk->report);
    result->verdict = CREW_AGAIN;
    result->after = retry_delay(s->attempts, out->after, (uint64_t)clock_now());
    return true;
}

/* ── Repositories ── */

/* What the catalog has brought. */
struct named {
    struct walk *walk;
    size_t n;
    size_t admitted;
};

static bool take_repository(void *owner, struct str name)
{
    struct named *named = owner;
    struct walk *w = named->walk;
    named->n++;
    if (!pattern_admits(&w->repositories, name))
        return true;
    named->admitted++;
    return add(w, REPOSITORY, catalog_repository(w->catalog, name), STR(""));
}

static void everything(struct step *s, struct exchange_client *client, struct crew_result *result)
{
    struct walk *w = s->walk;
    struct registry_outcome out;
    struct named named = {.walk = w};
    registry_repositories(w->registry, client, take_repository, &named, &out);
    answered(s, &out, result);
    bool refused = out.result == REGISTRY_MISSING || out.result == REGISTRY_FAILED;
    bool below = strchr(registry_name(w->registry), '/') != NULL;
    /* A registry without a catalog may list what is below a repository instead, as Google's do. */
    if (refused && named.n > 0)
        give_up(s, out.error);
    else if (below && (refused || (out.result == REGISTRY_OK && named.n == 0)))
        add(w, ONLY, catalog_repository(w->catalog, STR("")), STR(""));
    else if (refused)
        give_up(s, out.status == 401 || out.status == 403
                       ? out.error
                       : "it does not list its repositories: name one behind the registry, or "
                         "images by --references");
    else if (out.result != REGISTRY_OK && again(s, &out, result))
        return;
    else if (out.result == REGISTRY_OK && named.admitted == 0)
        give_up(s, named.n > 0 ? "none of its repositories fits --include and --exclude"
                               : "it has no repositories");
    free(s);
}

/* What a listing has brought. A complete one names manifests by digest: tags only repeat them. */
struct listed {
    struct step *step;
    struct str name;
    char **tag;
    size_t n_tags;
    bool complete;
    bool no_memory;
};

static bool list_tag(void *owner, struct str tag)
{
    struct listed *l = owner;
    struct walk *w = l->step->walk;
    if (!admit(&w->tags, &w->seen_tags, tag))
        return true;
    char **grown = realloc(l->tag, (l->n_tags + 1) * sizeof(*grown));
    if (grown != NULL)
        l->tag = grown;
    char *copy = grown != NULL ? strndup(tag.data, tag.len) : NULL;
    l->no_memory |= copy == NULL;
    if (copy != NULL)
        l->tag[l->n_tags++] = copy;
    return copy != NULL;
}

static bool list_manifest(void *owner, struct str digest)
{
    struct listed *l = owner;
    struct walk *w = l->step->walk;
    if (w->tags.n_include > 0 || w->tags.n_exclude > 0)
        return true; /* some tags are meant, not everything */
    l->complete = true;
    return add(w, MANIFEST, l->step->repository, digest);
}

static bool list_child(void *owner, struct str child)
{
    struct listed *l = owner;
    struct walk *w = l->step->walk;
    char name[NAMES_REPOSITORY_MAX + 1];
    int n = snprintf(name, sizeof(name), "%.*s%s%.*s", (int)l->name.len, l->name.data,
                     l->name.len > 0 ? "/" : "", (int)child.len, child.data);
    struct str full = str_make(name, (size_t)n);
    if (n < 0 || (size_t)n >= sizeof(name))
        return true;
    return add(w, REPOSITORY, catalog_repository(w->catalog, full), STR(""));
}

static void release_tags(struct listed *l)
{
    for (size_t i = 0; i < l->n_tags; i++)
        free(l->tag[i]);
    free(l->tag);
}

static void repository(struct step *s, struct exchange_client *client, struct crew_result *result)
{
    struct walk *w = s->walk;
    struct registry_outcome out;
    struct listed l = {.step = s, .name = catalog_repository_name(w->catalog, s->repository)};
    bool admitted = l.name.len == 0 || pattern_admits(&w->repositories, l.name);
    const struct registry_listing listing = {admitted ? list_tag : NULL, list_child,
                                             admitted ? list_manifest : NULL, &l};
    registry_list(w->registry, client, l.name, &listing, &out);
    answered(s, &out, result);
    /* A catalog may name repositories that have been emptied. */
    bool listed = out.result == REGISTRY_OK || (out.result == REGISTRY_MISSING && s->kind != ONLY);
    bool comes_back = false;
    if (l.no_memory)
        give_up(s, "out of memory");
    else if (out.result == REGISTRY_MISSING && s->kind == ONLY)
        give_up(s, "there is no such repository, and none below it: correct the name");
    else
        comes_back = !listed && again(s, &out, result);
    /* Of one whose listing has no end, what is known is not left out. */
    for (size_t i = 0; !comes_back && !l.complete && i < l.n_tags; i++)
        add(w, MANIFEST, s->repository, str_from(l.tag[i]));
    release_tags(&l);
    if (!comes_back)
        free(s);
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
        if (b->foreign) {
            atomic_fetch_add(&w->foreign, 1);
            continue;
        }
        uint32_t number = catalog_blob(w->catalog, &b->digest, b->size, s->repository, &first);
        if (number == UINT32_MAX)
            return false;
        if (first)
            w->blob(w->owner, number);
        need[(*n)++] = (struct catalog_need){number, b->size};
    }
    return true;
}

/* child gets the digests of those that are meant. */
static bool take_children(struct step *s, const struct manifest *m, struct digest *child, size_t *n)
{
    char text[DIGEST_TEXT_MAX];
    *n = 0;
    for (size_t i = 0; i < m->n_children; i++) {
        const struct manifest_child *c = &m->child[i];
        if (c->platform[0] != '\0' &&
            !admit(&s->walk->platforms, &s->walk->seen_platforms, str_from(c->platform)))
            continue;
        if (!add(s->walk, MANIFEST, s->repository, str_make(text, digest_format(&c->digest, text))))
            return false;
        child[(*n)++] = c->digest;
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
                 take_children(s, m, child, &image.n_children);
    image.partial = image.n_children < m->n_children;
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
    else
        manifest(s, client, result);
}
