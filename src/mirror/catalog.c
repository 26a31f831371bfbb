#include "mirror/catalog.h"

#include "mirror/dictionary.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

/* A digest's size in the table is the manifest's, its place the repository; its flags: */
#define HAVE(store) (UINT32_C(1) << (store))         /* the store has it */
#define WRONG(store) (UINT32_C(1) << (16 + (store))) /* but with another size */
#define ALL_HAVE UINT32_C(0xffff)

struct image {
    uint32_t manifest; /* entry numbers */
    uint32_t repository;
    int64_t *size;  /* of each blob, as it says; -1: it does not */
    uint32_t *need; /* of blobs, and behind them of other manifests; in the same memory as size */
    uint32_t n_blobs;
    uint32_t n_children;
    bool partial;
};

/* A blob that could not be had so far. */
struct failed {
    uint32_t blob;
    uint32_t image; /* those before it have been looked at */
    bool waits;     /* for another try */
};

struct catalog {
    pthread_mutex_t lock;
    struct dictionary repositories; /* number + 1, as a pointer */
    char **name;
    uint32_t n_names;
    struct digests blobs; /* what is named; and what stores hold: named is place != NOWHERE */
    struct digests wrong[CATALOG_STORES_MAX]; /* what a store holds with a size that WRONG() says
                                                 of: rare */
    struct digests manifests;                 /* flags: HAVE() is of the record */
    struct image *image;
    size_t n_images;
    size_t images_size;
    struct failed *failed;
    size_t n_failed;
    struct digests failures; /* of failed: place is the number there */
};

#define CLAIMED (UINT32_C(1) << 31) /* of a manifest: somebody reads it ... */
#define READ (UINT32_C(1) << 30)    /* ... or has */

#define NOWHERE 0U /* place: a repository's number plus one */

struct catalog *catalog_new(void)
{
    struct catalog *c = calloc(1, sizeof(*c));
    if (c != NULL)
        pthread_mutex_init(&c->lock, NULL);
    return c;
}

void catalog_free(struct catalog *c)
{
    if (c == NULL)
        return;
    for (uint32_t i = 0; i < c->n_names; i++)
        free(c->name[i]);
    for (size_t i = 0; i < c->n_images; i++)
        free(c->image[i].size);
    free(c->name);
    free(c->failed);
    free(c->image);
    dictionary_clear(&c->repositories, NULL);
    digests_clear(&c->blobs);
    for (size_t i = 0; i < CATALOG_STORES_MAX; i++)
        digests_clear(&c->wrong[i]);
    digests_clear(&c->manifests);
    digests_clear(&c->failures);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

/* ── Repositories ── */

static uint32_t add_name(struct catalog *c, struct str name)
{
    char **names = realloc(c->name, (c->n_names + 1) * sizeof(*names));
    if (names == NULL)
        return UINT32_MAX;
    c->name = names;
    names[c->n_names] = strndup(name.len > 0 ? name.data : "", name.len);
    return names[c->n_names] != NULL ? c->n_names++ : UINT32_MAX;
}

uint32_t catalog_repository(struct catalog *c, struct str name)
{
    uint32_t number = UINT32_MAX;
    pthread_mutex_lock(&c->lock);
    void **at = dictionary_at(&c->repositories, name);
    if (at != NULL && *at != NULL) {
        number = (uint32_t)(uintptr_t)*at - 1;
    } else if (at != NULL) {
        number = add_name(c, name);
        if (number != UINT32_MAX)
            *at = (void *)(uintptr_t)(number + 1);
    }
    pthread_mutex_unlock(&c->lock);
    return number;
}

struct str catalog_repository_name(struct catalog *c, uint32_t number)
{
    pthread_mutex_lock(&c->lock);
    struct str name = str_from(c->name[number]);
    pthread_mutex_unlock(&c->lock);
    return name;
}

/* ── Images ── */

enum catalog_claim catalog_claim(struct catalog *c, const struct digest *manifest)
{
    bool is_new;
    enum catalog_claim claim = CATALOG_NO_MEMORY;
    pthread_mutex_lock(&c->lock);
    struct digests_entry *e = digests_add(&c->manifests, manifest, &is_new);
    if (e != NULL) {
        claim = e->flags & READ ? CATALOG_KNOWN : e->flags & CLAIMED ? CATALOG_BUSY : CATALOG_NEW;
        e->flags |= CLAIMED;
    }
    pthread_mutex_unlock(&c->lock);
    return claim;
}

void catalog_unclaim(struct catalog *c, const struct digest *manifest)
{
    pthread_mutex_lock(&c->lock);
    struct digests_entry *e = digests_find(&c->manifests, manifest);
    if (e != NULL)
        e->flags &= ~CLAIMED;
    pthread_mutex_unlock(&c->lock);
}

bool catalog_recorded(struct catalog *c, const struct digest *manifest, unsigned store)
{
    bool is_new;
    assert(store < CATALOG_STORES_MAX);
    pthread_mutex_lock(&c->lock);
    struct digests_entry *e = digests_add(&c->manifests, manifest, &is_new);
    if (e != NULL)
        e->flags |= HAVE(store);
    pthread_mutex_unlock(&c->lock);
    return e != NULL;
}

static bool grow_images(struct catalog *c)
{
    if (c->n_images < c->images_size)
        return true;
    size_t size = c->images_size > 0 ? 2 * c->images_size : 256;
    struct image *image = realloc(c->image, size * sizeof(*image));
    if (image == NULL)
        return false;
    c->image = image;
    c->images_size = size;
    return true;
}

/* False: no memory. */
static bool number_needs(struct catalog *c, const struct catalog_image *image, struct image *out)
{
    bool is_new;
    uint32_t *need = out->need;
    for (size_t i = 0; i < image->n_needs; i++) {
        out->size[i] = image->need[i].size;
        *need++ = image->need[i].blob;
    }
    for (size_t i = 0; i < image->n_children; i++) {
        const struct digests_entry *e = digests_add(&c->manifests, &image->child[i], &is_new);
        if (e == NULL)
            return false;
        *need++ = digests_number(&c->manifests, e);
    }
    return true;
}

static bool add_image(struct catalog *c, struct digests_entry *manifest,
                      const struct catalog_image *image)
{
    int64_t *size = malloc(image->n_needs * sizeof(*size) +
                           (image->n_needs + image->n_children + 1) * sizeof(uint32_t));
    struct image one = {.manifest = digests_number(&c->manifests, manifest),
                        .repository = image->repository,
                        .size = size,
                        .need = (uint32_t *)(void *)(size + image->n_needs),
                        .n_blobs = (uint32_t)image->n_needs,
                        .n_children = (uint32_t)image->n_children,
                        .partial = image->partial};
    if (size == NULL || !grow_images(c) || !number_needs(c, image, &one)) {
        free(size);
        return false;
    }
    c->image[c->n_images++] = one;
    manifest->flags |= CLAIMED | READ;
    return true;
}

bool catalog_image(struct catalog *c, const struct digest *manifest,
                   const struct catalog_image *image)
{
    bool is_new;
    pthread_mutex_lock(&c->lock);
    struct digests_entry *e = digests_add(&c->manifests, manifest, &is_new);
    bool added = e != NULL && ((e->flags & READ) || add_image(c, e, image));
    pthread_mutex_unlock(&c->lock);
    return added;
}

/* ── Blobs ── */

static uint32_t number_of(const struct digests *d, const struct digests_entry *e, bool is_new)
{
    if (is_new)
        return (uint32_t)(d->n - 1);
    return digests_number(d, e);
}

static bool note_wrong(struct catalog *c, struct digests_entry *e, unsigned store, int64_t size)
{
    bool is_new;
    struct digests_entry *wrong = digests_add(&c->wrong[store], &e->digest, &is_new);
    if (wrong == NULL)
        return false;
    wrong->size = size;
    e->flags = (e->flags & ~HAVE(store)) | WRONG(store);
    return true;
}

/* Stores were listed first: what they hold is compared with what the manifest says now. False: no
 * memory. */
static bool compare_sizes(struct catalog *c, struct digests_entry *e, int64_t size)
{
    bool fine = true;
    if (e->size < 0 || size < 0 || e->size == size) {
        if (size >= 0)
            e->size = size;
        return true;
    }
    for (unsigned s = 0; s < CATALOG_STORES_MAX; s++) {
        if (e->flags & HAVE(s))
            fine &= note_wrong(c, e, s, e->size);
        else if (e->flags & WRONG(s) && digests_find(&c->wrong[s], &e->digest)->size == size)
            e->flags = (e->flags & ~WRONG(s)) | HAVE(s);
    }
    e->size = size;
    return fine;
}

/* Not the first manifest, but a store lists what it says, and none has what the first says: then
 * that was wrong, and not the store. */
static bool is_believed(const struct catalog *c, const struct digests_entry *e, int64_t size)
{
    if (size < 0 || size == e->size || (e->flags & ALL_HAVE) != 0)
        return false;
    for (unsigned s = 0; s < CATALOG_STORES_MAX; s++)
        if (e->flags & WRONG(s) && digests_find(&c->wrong[s], &e->digest)->size == size)
            return true;
    return false;
}

uint32_t catalog_blob(struct catalog *c, const struct digest *digest, int64_t size,
                      uint32_t repository, bool *first)
{
    bool is_new;
    uint32_t number = UINT32_MAX;
    pthread_mutex_lock(&c->lock);
    struct digests_entry *e = digests_add(&c->blobs, digest, &is_new);
    if (e != NULL) {
        *first = e->place == NOWHERE;
        if (is_new)
            e->size = -1;
        bool fine =
            (!*first && (e->size >= 0 && !is_believed(c, e, size))) || compare_sizes(c, e, size);
        if (*first)
            e->place = repository + 1;
        if (fine)
            number = number_of(&c->blobs, e, is_new);
    }
    pthread_mutex_unlock(&c->lock);
    return number;
}

static void fill(const struct digests_entry *e, struct catalog_blob *out)
{
    *out = (struct catalog_blob){e->digest, e->size, e->place - 1, e->flags & ALL_HAVE,
                                 e->flags >> 16};
}

void catalog_read_blob(struct catalog *c, uint32_t number, struct catalog_blob *out)
{
    pthread_mutex_lock(&c->lock);
    fill(digests_at(&c->blobs, number), out);
    pthread_mutex_unlock(&c->lock);
}

bool catalog_listed(struct catalog *c, const struct digest *digest, unsigned store, int64_t size)
{
    bool is_new;
    assert(store < CATALOG_STORES_MAX);
    pthread_mutex_lock(&c->lock);
    struct digests_entry *e = digests_add(&c->blobs, digest, &is_new);
    if (e != NULL && (is_new || e->size < 0))
        e->size = size;
    bool fine = e != NULL;
    if (fine && e->size == size)
        e->flags = (e->flags & ~WRONG(store)) | HAVE(store);
    else if (fine)
        fine = note_wrong(c, e, store, size);
    pthread_mutex_unlock(&c->lock);
    return fine;
}

int64_t catalog_wrong_size(struct catalog *c, const struct digest *digest, unsigned store)
{
    pthread_mutex_lock(&c->lock);
    const struct digests_entry *e = digests_find(&c->wrong[store], digest);
    int64_t size = e != NULL ? e->size : -1;
    pthread_mutex_unlock(&c->lock);
    return size;
}

void catalog_copied(struct catalog *c, uint32_t number, unsigned store)
{
    pthread_mutex_lock(&c->lock);
    digests_at(&c->blobs, number)->flags |= HAVE(store);
    pthread_mutex_unlock(&c->lock);
}

/* ── Sums ── */

void catalog_sum(struct catalog *c, unsigned stores, struct catalog_sums *out)
{
    *out = (struct catalog_sums){.images = 0};
    pthread_mutex_lock(&c->lock);
    out->images = c->n_images;
    for (uint64_t i = 0; i < c->blobs.n; i++) {
        const struct digests_entry *e = digests_at(&c->blobs, i);
        if (e->place == NOWHERE)
            continue;
        uint64_t size = e->size > 0 ? (uint64_t)e->size : 0;
        out->blobs++;
        out->bytes += size;
        for (unsigned s = 0; s < stores; s++) {
            out->wrong_size[s] += (e->flags & WRONG(s)) != 0;
            if (e->flags & HAVE(s))
                continue;
            out->missing[s]++;
            out->missing_bytes[s] += size;
        }
    }
    pthread_mutex_unlock(&c->lock);
}

/* An image that says another size cannot be pulled, whatever is there. */
static bool is_lie(const struct image *image, uint32_t i, const struct digests_entry *blob)
{
    return image->size[i] >= 0 && blob->size >= 0 && image->size[i] != blob->size;
}

/* Whether a store has all that an image needs, as far as that is known of its children. */
static bool is_whole(const struct catalog *c, const struct image *image, unsigned store,
                     const bool *whole)
{
    for (uint32_t i = 0; i < image->n_blobs; i++) {
        const struct digests_entry *blob = digests_at(&c->blobs, image->need[i]);
        if (!(blob->flags & HAVE(store)) || is_lie(image, i, blob))
            return false;
    }
    for (uint32_t i = 0; i < image->n_children; i++)
        if (!whole[image->need[image->n_blobs + i]])
            return false;
    return !image->partial;
}

#define NESTED_MAX 32 /* indexes within each other: of more, the outer get no record */

/* Indexes mostly come before what they name, so that from the end one pass will do. */
static void find_whole(const struct catalog *c, unsigned store, bool *whole)
{
    bool changed = true;
    for (unsigned pass = 0; changed && pass < NESTED_MAX; pass++) {
        changed = false;
        for (size_t i = c->n_images; i-- > 0;) {
            const struct image *image = &c->image[i];
            if (whole[image->manifest] || !is_whole(c, image, store, whole))
                continue;
            whole[image->manifest] = true;
            changed = true;
        }
    }
}

void catalog_each_unrecorded(struct catalog *c, unsigned store,
                             void (*each)(void *owner, const struct digest *manifest), void *owner)
{
    bool *whole = calloc(c->manifests.n + 1, sizeof(*whole));
    if (whole == NULL)
        return; /* the next run writes them */
    find_whole(c, store, whole);
    for (size_t i = 0; i < c->n_images; i++) {
        const struct digests_entry *e = digests_at(&c->manifests, c->image[i].manifest);
        if (whole[c->image[i].manifest] && !(e->flags & HAVE(store)))
            each(owner, &e->digest);
    }
    free(whole);
}

void catalog_each_lie(struct catalog *c, void (*each)(void *owner, const struct catalog_lie *lie),
                      void *owner)
{
    for (size_t i = 0; i < c->n_images; i++) {
        const struct image *image = &c->image[i];
        for (uint32_t b = 0; b < image->n_blobs; b++) {
            const struct digests_entry *blob = digests_at(&c->blobs, image->need[b]);
            const struct digests_entry *manifest = digests_at(&c->manifests, image->manifest);
            if ((blob->flags & ALL_HAVE) != 0 && is_lie(image, b, blob))
                each(owner, &(struct catalog_lie){manifest->digest, image->repository, blob->digest,
                                                  image->size[b], blob->size});
        }
    }
}

void catalog_each_missing(struct catalog *c, unsigned store,
                          void (*each)(void *owner, const struct catalog_blob *blob), void *owner)
{
    struct catalog_blob blob;
    for (uint64_t i = 0; i < c->blobs.n; i++) {
        const struct digests_entry *e = digests_at(&c->blobs, i);
        if (e->place == NOWHERE || (e->flags & HAVE(store)))
            continue;
        fill(e, &blob);
        each(owner, &blob);
    }
}

void catalog_each_wrong(struct catalog *c,
                        void (*each)(void *owner, const struct catalog_blob *blob), void *owner)
{
    struct catalog_blob blob;
    for (uint64_t i = 0; i < c->blobs.n; i++) {
        fill(digests_at(&c->blobs, i), &blob);
        if (digests_at(&c->blobs, i)->place != NOWHERE && blob.wrong != 0)
            each(owner, &blob);
    }
}

/* ── Another try ── */

static struct failed *find_failed(const struct catalog *c, const struct digests_entry *blob)
{
    const struct digests_entry *e = digests_find(&c->failures, &blob->digest);
    return e != NULL ? &c->failed[e->place] : NULL;
}

static struct failed *add_failed(struct catalog *c, uint32_t number)
{
    bool is_new;
    const struct digests_entry *blob = digests_at(&c->blobs, number);
    struct failed *grown = realloc(c->failed, (c->n_failed + 1) * sizeof(*grown));
    if (grown == NULL)
        return NULL;
    c->failed = grown;
    struct digests_entry *e = digests_add(&c->failures, &blob->digest, &is_new);
    if (e == NULL)
        return NULL;
    e->place = (uint32_t)c->n_failed++;
    grown[e->place] = (struct failed){.blob = number};
    return &grown[e->place];
}

void catalog_failed(struct catalog *c, uint32_t number)
{
    pthread_mutex_lock(&c->lock);
    struct failed *f = find_failed(c, digests_at(&c->blobs, number));
    if (f == NULL)
        f = add_failed(c, number);
    if (f != NULL) /* else it is not tried again: it has been reported */
        f->waits = true;
    pthread_mutex_unlock(&c->lock);
}

/* True: this image names it in another way than was tried, and it is read so from now on. */
static bool is_elsewhere(struct catalog *c, size_t i, int64_t size, struct failed *f)
{
    struct digests_entry *blob = digests_at(&c->blobs, f->blob);
    if (!f->waits || i < f->image)
        return false;
    f->image = (uint32_t)i + 1;
    if (blob->place == c->image[i].repository + 1 && blob->size == size)
        return false;
    blob->place = c->image[i].repository + 1;
    blob->size = size;
    f->waits = false;
    return true;
}

void catalog_each_elsewhere(struct catalog *c, void (*each)(void *owner, uint32_t number),
                            void *owner)
{
    for (size_t i = 0; i < c->n_images && c->n_failed > 0; i++) {
        const struct image *image = &c->image[i];
        for (uint32_t b = 0; b < image->n_blobs; b++) {
            struct failed *f = find_failed(c, digests_at(&c->blobs, image->need[b]));
            if (f != NULL && is_elsewhere(c, i, image->size[b], f))
                each(owner, f->blob);
        }
    }
}
