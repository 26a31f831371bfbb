/*
 * What has been found: images (manifests of any kind) with the blobs that each needs, and blobs
 * with where they can be read from and which stores have them. Any thread.
 */
#ifndef MIRROR_CATALOG_H
#define MIRROR_CATALOG_H

#include "mirror/digests.h"

#define CATALOG_STORES_MAX 16

struct catalog;

struct catalog *catalog_new(void); /* NULL: no memory */
void catalog_free(struct catalog *c);

/* The number of a repository's name (UINT32_MAX: no memory), and back (valid as long as the
 * catalog). */
uint32_t catalog_repository(struct catalog *c, struct str name);
struct str catalog_repository_name(struct catalog *c, uint32_t number);

/* ── Images ── */

enum catalog_claim {
    CATALOG_NEW,   /* it is the caller's to read: catalog_image() or catalog_unclaim() */
    CATALOG_BUSY,  /* somebody is at it, and may fail */
    CATALOG_KNOWN, /* it has been read */
    CATALOG_NO_MEMORY,
};

/* A manifest of that digest was named. */
enum catalog_claim catalog_claim(struct catalog *c, const struct digest *manifest);

/* It could not be read: who else names it may have more luck, in another repository. */
void catalog_unclaim(struct catalog *c, const struct digest *manifest);

struct catalog_need {
    uint32_t blob; /* number of catalog_blob() */
    int64_t size;  /* as this manifest says; -1: it does not */
};

struct catalog_image {
    uint32_t repository;
    const struct catalog_need *need;
    size_t n_needs;
    const struct digest *child; /* manifests */
    size_t n_children;
    bool partial; /* there is more to it, which is not meant: it never gets a record */
};

/* It has been read; whoever is second changes nothing. False: no memory. */
bool catalog_image(struct catalog *c, const struct digest *manifest,
                   const struct catalog_image *image);

/* ── Blobs ── */

/* A blob of that size (-1: unknown) can be read from that repository: its number. *first: nobody
 * has named it before. UINT32_MAX: no memory. */
uint32_t catalog_blob(struct catalog *c, const struct digest *digest, int64_t size,
                      uint32_t repository, bool *first);

struct catalog_blob {
    struct digest digest;
    int64_t size;
    uint32_t repository;
    uint32_t have;  /* a bit for each store that has it ... */
    uint32_t wrong; /* ... and for each that holds it with another size */
};

void catalog_read_blob(struct catalog *c, uint32_t number, struct catalog_blob *out);

/* The size that a store holds it with, where that is wrong. */
int64_t catalog_wrong_size(struct catalog *c, const struct digest *digest, unsigned store);

/* What a store holds: from its listing, before blobs are named, and by copies. False: no memory. */
bool catalog_listed(struct catalog *c, const struct digest *digest, unsigned store, int64_t size);
void catalog_copied(struct catalog *c, uint32_t number, unsigned store);

/* A store has the record of that image. False: no memory. */
bool catalog_recorded(struct catalog *c, const struct digest *manifest, unsigned store);

/* ── Sums ── */

struct catalog_sums {
    uint64_t images;
    uint64_t blobs;
    uint64_t bytes;                       /* of blobs whose size is known */
    uint64_t missing[CATALOG_STORES_MAX]; /* blobs that a store lacks ... */
    uint64_t missing_bytes[CATALOG_STORES_MAX];
    uint64_t wrong_size[CATALOG_STORES_MAX]; /* of those: it holds them with another size */
};

void catalog_sum(struct catalog *c, unsigned stores, struct catalog_sums *out);

/* Calls each for every image that was read, whose record that store lacks, and all of whose blobs
 * it has, those of all its children included, as large as the manifests say; for every blob that a
 * store lacks. Nothing may be added meanwhile. */
void catalog_each_unrecorded(struct catalog *c, unsigned store,
                             void (*each)(void *owner, const struct digest *manifest), void *owner);
void catalog_each_missing(struct catalog *c, unsigned store,
                          void (*each)(void *owner, const struct catalog_blob *blob), void *owner);

/* Calls each for every blob that is named, and that a store holds with another size. */
void catalog_each_wrong(struct catalog *c,
                        void (*each)(void *owner, const struct catalog_blob *blob), void *owner);

/* An image that says another size of a blob than that turned out to have. */
struct catalog_lie {
    struct digest manifest;
    uint32_t repository;
    struct digest blob;
    int64_t said;
    int64_t size;
};

/* Calls each for every such. Nothing may be added meanwhile. */
void catalog_each_lie(struct catalog *c, void (*each)(void *owner, const struct catalog_lie *lie),
                      void *owner);

/* ── Another try ── */

/* A blob could not be had from where it was looked for. */
void catalog_failed(struct catalog *c, uint32_t number);

/* Calls each for every such blob that another image names in another repository, or with another
 * size: from now on it is read from there. An image is looked at once. Nothing may be added
 * meanwhile. */
void catalog_each_elsewhere(struct catalog *c, void (*each)(void *owner, uint32_t number),
                            void *owner);

#endif
