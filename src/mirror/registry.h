/*
 * Where blobs come from: a registry that speaks the OCI distribution specification 1.1 or Docker's
 * before it. What it answers is not trusted: manifests are verified over their raw bytes by whoever
 * asked for them by digest, sizes and digests are checked as blobs come.
 *
 * A registry is opened once and used by many threads, each with its own client. All calls block.
 */
#ifndef MIRROR_REGISTRY_H
#define MIRROR_REGISTRY_H

#include "mirror/exchange.h"
#include <archeio/digest.h>

struct registry;

/* "registry.example.com/prefix", "https://..." or "http://127.0.0.1:5000": without a scheme it is
 * https, and http for this machine's own addresses. Repositories are those below the prefix. Reads
 * credentials (mirror/login.h), contacts nobody. NULL: error says what is wrong. */
struct registry *registry_open(const char *from, char error[256]);
void registry_close(struct registry *r);

/* "registry.example.com/prefix". */
const char *registry_name(const struct registry *r);

enum registry_result {
    REGISTRY_OK,
    REGISTRY_MISSING, /* 404 */
    REGISTRY_RETRY,   /* it may work later */
    REGISTRY_FAILED,  /* and it will again */
};

struct registry_outcome {
    enum registry_result result;
    int64_t after;  /* REGISTRY_RETRY: milliseconds to wait at least; 0: nothing was said */
    bool throttled; /* 429 or 503 */
    bool slow;      /* REGISTRY_RETRY: it dripped, or stalled */
    int64_t delay;  /* as exchange has it; of listings 0: they take longer than other answers */
    long status;    /* 0: no response */
    char error[256];
};

/* To be asked so often in an hour and for so many bytes of blobs in a second, at most; 0: as often
 * and as many as can be. Before it is used. */
void registry_limit(struct registry *r, uint64_t requests, uint64_t bytes);

/* ── What is there ── */

/* Calls each for every repository, with its name below the prefix ("" is the prefix itself), as
 * _catalog lists them; false from it ends that. */
typedef bool registry_each(void *owner, struct str name);
void registry_repositories(struct registry *r, struct exchange_client *c, registry_each *each,
                           void *owner, struct registry_outcome *out);

/* What a repository's tags/list says, as it comes. */
struct registry_listing {
    void (*page)(void *owner); /* what was called so far stands in pages that came whole */
    registry_each *tag;
    registry_each *child;    /* repositories below it, relative to it: Google's registries alone */
    registry_each *manifest; /* digests of all manifests, untagged ones included: Google's alone */
    void *owner;
};
void registry_list(struct registry *r, struct exchange_client *c, struct str repository,
                   const struct registry_listing *listing, struct registry_outcome *out);

/* ── Content ── */

struct registry_manifest {
    char *data; /* owned */
    size_t len;
    char type[128];         /* Content-Type without parameters */
    struct digest digest;   /* of data, computed here; SHA-256, or of what was asked for */
    struct registry *large; /* private: there is one large one at a time */
};

/* By tag or digest; by the thread that releases it. One that was asked for by digest has it, or is
 * REGISTRY_RETRY. Of signed schema 1 data is what was signed (mirror/signed.h), which is what has
 * the digest. */
void registry_manifest(struct registry *r, struct exchange_client *c, struct str repository,
                       struct str reference, struct registry_manifest *m,
                       struct registry_outcome *out);
void registry_manifest_release(struct registry_manifest *m);

/* What refers to a manifest: signatures, SBOMs and other artifacts whose `subject` it is. */
struct registry_referrers {
    struct str repository;
    struct digest subject;
    void (*each)(void *owner, struct str digest); /* one of them, perhaps more than once */
    void *owner;
    struct pages *pages; /* private */
};

/* Calls each for all of them. REGISTRY_MISSING: the registry does not know (it is older than
 * version 1.1 of the distribution specification); they then have the tag sha256-<hex>. */
void registry_referrers(struct registry *r, struct exchange_client *c,
                        const struct registry_referrers *wanted, struct registry_outcome *out);

/* ── Blobs ── */

struct registry_read; /* a blob that is being read */

struct registry_blob {
    struct str repository;
    struct digest digest;
    int64_t size; /* -1: not known */
};

/* Begins to read a blob from byte `offset` on. write as in exchange_request: it gets the bytes from
 * there, in order, each once, even of a server that begins at 0. The blob and owner stay where they
 * are. NULL: no memory. */
struct registry_read *registry_read_begin(
    struct registry *r, struct exchange_client *c, const struct registry_blob *blob, int64_t offset,
    enum exchange_flow (*write)(void *owner, const char *data, size_t len), void *owner);

/* Moves it on, between exchange_turn()s of its client. True: it has ended, as *out says;
 * REGISTRY_OK: as many bytes came as the server announced. */
bool registry_read_turn(struct registry_read *x, struct registry_outcome *out);
void registry_read_resume(struct registry_read *x);

/* How long the whole blob is, as the response says whose bytes are coming; -1: it does not. */
int64_t registry_read_size(struct registry_read *x);

void registry_read_end(struct registry_read *x);

#endif
