/*
 * Where blobs are kept: a bucket of S3 or of what speaks it, or a directory; behind one interface,
 * so that others can follow. A key is a path of segments ("containers/images/sha256:...").
 *
 * A store is opened once and used by many threads, each with its own client. What blocks says so.
 *
 * Nothing partial is ever visible under a key, and nothing that is there is replaced unless that is
 * asked for: an object appears whole, when its last byte has been handed over. Whoever hands bytes
 * over keeps the last one back until all of them have been verified.
 */
#ifndef MIRROR_STORE_H
#define MIRROR_STORE_H

#include "mirror/exchange.h"
#include <archeio/digest.h>

struct store;

/* "s3://BUCKET[/PREFIX][?region=R&endpoint=URL&path-style=true&profile=P&parts-above=1GiB&
 * part-size=64MiB]" or "file:///DIRECTORY". Reads credentials, contacts nobody. NULL: error says
 * what is wrong and what was expected. */
struct store *store_open(const char *url, char error[256]);
void store_close(struct store *s);

/* For people: "s3://bucket" or "file:///dir", never with secrets. */
const char *store_name(const struct store *s);

/* The key of what is named by a digest: prefix ("containers/images/"), then the digest. Terminated
 * in out, too; empty if it is too long. */
#define STORE_DIGEST_KEY_MAX 512
struct str store_digest_key(const char *prefix, const struct digest *d,
                            char out[STORE_DIGEST_KEY_MAX]);

/* Seconds that its clock is ahead of this machine's, where requests were refused for that and have
 * its time since; 0: none was. */
int64_t store_ahead(const struct store *s);

enum store_result {
    STORE_OK,
    STORE_MISSING, /* there is no such object */
    STORE_THERE,   /* it was there already: nothing was written */
    STORE_RETRY,   /* it may work later: see `after` */
    STORE_REFUSED, /* the content is not what its digest says */
    STORE_FAILED,  /* and it will again: no permission, no such bucket, disk full */
};

/* How a call ended. */
struct store_outcome {
    enum store_result result;
    int64_t after; /* STORE_RETRY: milliseconds to wait at least, as the server asked; 0: nothing */
    bool throttled;  /* STORE_RETRY: it was asked for too much (429, 503 SlowDown) */
    int64_t delay;   /* as exchange has it, of what was small; 0: not measured */
    char error[256]; /* unless OK, MISSING or THERE: the store, what went wrong and what to do */
};

/* Nothing is tried again in here, but what STORE_RETRY says has been seen to (a clock set by the
 * server's, credentials had anew, If-None-Match left out): the next attempt knows of it. */

/* ── Reading. These block. ── */

/* Whether listing what has a longer prefix, or what comes after a key, costs less: then many short
 * listings, at the same time, are faster than one; and each is in the order of its keys' bytes. */
bool store_lists_by_prefix(const struct store *s);

typedef bool store_each(void *owner, struct str key, int64_t size);

struct store_list {
    struct str prefix;
    store_each *each;
    void *owner;
    struct str after; /* a key: what comes after it. Empty, and where prefixes do not count: all */
};

/* Calls each for every object whose key begins with prefix, in any order; false from it ends the
 * listing, which is then STORE_OK. A listing that failed may have named some objects already, and
 * names them again when it is repeated. */
void store_list(struct store *s, struct exchange_client *c, const struct store_list *list,
                struct store_outcome *out);

/* How large the object of that key is, as a listing has it; -1, and STORE_OK: it is not listed. */
void store_size(struct store *s, struct exchange_client *c, struct str key, int64_t *size,
                struct store_outcome *out);

struct store_content {
    char *data; /* owned, terminated behind len bytes */
    size_t len;
    char etag[128];
};

struct store_get {
    struct str key;
    const char *etag; /* NULL, or what to compare with: STORE_THERE if it is the same */
    size_t most;      /* bytes */
};

/* A small object, whole. */
void store_get(struct store *s, struct exchange_client *c, const struct store_get *get,
               struct store_content *content, struct store_outcome *out);

struct store_read {
    struct str key;
    enum exchange_flow (*write)(void *owner, const char *data, size_t len);
    void *owner;
};

/* Any object, piece by piece: GO, or STOP. What came before an error is no object. */
void store_read(struct store *s, struct exchange_client *c, const struct store_read *read,
                struct store_outcome *out);

/* ── Writing ── */

struct store_set {
    struct str key;
    struct str content;
    bool replace; /* what is there may be replaced (a marker of ours); else it is STORE_THERE */
};

/* A small object. Blocks. */
void store_set(struct store *s, struct exchange_client *c, const struct store_set *set,
               struct store_outcome *out);

/* A small object that may be replaced only as it was read: STORE_THERE if something else is there
 * by now. A store without such a condition is looked at right before it is written to, and somebody
 * who writes at that very moment is not noticed: read it again afterwards. Blocks. */
struct store_swap {
    struct str key;
    struct str content;
    const char *etag; /* of what is to be replaced, as store_get() had it; "": nothing is there */
    unsigned max_age; /* seconds that caches may keep it */
};

void store_swap(struct store *s, struct exchange_client *c, const struct store_swap *swap,
                struct store_outcome *out);

/* Removes an object; what is not there is STORE_MISSING or STORE_OK. Blocks. */
void store_remove(struct store *s, struct exchange_client *c, struct str key,
                  struct store_outcome *out);

/* A blob that is being written while it is read from elsewhere. */
struct store_put;

struct store_object {
    struct str key;
    struct digest digest; /* sha256 lets S3 itself refuse what does not fit */
    int64_t size;
    bool replace; /* what is there, in one step; otherwise it is STORE_THERE */
};

/* read is asked for the object's bytes (size is not negative), as in exchange_request, and for no
 * more; LATER means store_put_resume(). It is first called by store_put_turn() or exchange_turn().
 * A put that has to begin again ends with STORE_RETRY: its bytes are gone. The object and owner
 * stay where they are. NULL: no memory. */
struct store_put *store_put_begin(struct store *s, struct exchange_client *c,
                                  const struct store_object *object,
                                  enum exchange_flow (*read)(void *owner, char *data, size_t *len),
                                  void *owner);

/* Moves it on, between exchange_turn()s of its client; writing to a disk, and asking somebody for
 * credentials, may take a while. True: it has ended, as *out says; not to be called again. */
bool store_put_turn(struct store_put *p, struct store_outcome *out);
void store_put_resume(struct store_put *p);

/* Releases it; one that has not ended leaves nothing behind but what a later one of the same object
 * goes on from. NULL is ignored. */
void store_put_end(struct store_put *p);

/* Removes what earlier runs left unfinished, once nobody can go on from it (a day). Blocks. */
void store_tidy(struct store *s, struct exchange_client *c, struct store_outcome *out);

#endif
