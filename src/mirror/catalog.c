#include "mirror/catalog.h"

#include "mirror/dictionary.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

/* A digest's size in the table is the manifest's, its place the repository; its flags: */
#define HAVE(store) (UINT32_C(1) << (store))         /* the store has it */
#define WRONG(store) (UINT32_C(1) << (16 + (store))) /* but with another size */

struct image {
    struct digest manifest;
    uint32_t *blob; /* entry numbers */
    size_t n;
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
};

#define CLAIMED (UINT32_C(1) << 31) /* of a manifest: somebody reads it, or has */

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
        free(c->image[i].blob);
    free(c->name);
    free(c->image);
    dictionary_clear(&c->repositories, NULL);
    digests_clear(&c->blobs);
    for (size_t i = 0; i < CATALOG_STORES_MAX; i++)
        digests_clear(&c->wrong[i]);
    digests_clear(&c->manifests);
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
        claim = e->flags & CLAIMED ? CATALOG_KNOWN : CATALOG_NEW;
        e->flags |= CLAIMED;
    }
    pthread_mutex_unlock(&c->lock);
    return claim;
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

bool catalog_image(struct catalog *c, const struct digest *manifest, const uint32_t *blobs,
                   size_t n)
{
    uint32_t *copy = malloc((n + 1) * sizeof(*copy));
    pthread_mutex_lock(&c->lock);
    bool added = copy != NULL && grow_images(c);
    if (added) {
        if (n > 0)
            memcpy(copy, blobs, n * sizeof(*copy));
        c->image[c->n_images++] = (struct image){*manifest, copy, n};
    }
    pthread_mutex_unlock(&c->lock);
    if (!added)
        free(copy);
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
        bool fine = (!*first && e->size >= 0) || compare_sizes(c, e, size);
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
    *out = (struct catalog_blob){e->digest, e->size, e->place - 1, e->flags & UINT32_C(0xffff),
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

void catalog_each_unrecorded(struct catalog *c, unsigned store,
                             void (*each)(void *owner, const struct digest *manifest), void *owner)
{
    for (size_t i = 0; i < c->n_images; i++) {
        const struct image *image = &c->image[i];
        const struct digests_entry *e = digests_find(&c->manifests, &image->manifest);
        bool wanted = e == NULL || !(e->flags & HAVE(store));
        for (size_t b = 0; wanted && b < image->n; b++)
            wanted = (digests_at(&c->blobs, image->blob[b])->flags & HAVE(store)) != 0;
        if (wanted)
            each(owner, &image->manifest);
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
