/*
 * A page of a registry's listing, read as it comes: {"repositories": [...]} of a catalog, {"tags":
 * [...], "child": [...], "manifest": {"sha256:...": {...}}} of a repository, where only Google's
 * registries have the last two. Pages may have tens of megabytes, and what one of them names is
 * handed on at once: nothing is kept but one name.
 */
#ifndef MIRROR_LISTING_H
#define MIRROR_LISTING_H

#include <archeio/str.h>
#include <stdint.h>

enum listing_member {
    LISTING_REPOSITORIES,
    LISTING_TAGS,
    LISTING_CHILD,
    LISTING_MANIFEST,
    LISTING_OTHER,
};

#define LISTING_NAME_MAX 300 /* longer ones are passed over, and those with odd escapes */

struct listing {
    /* A name that stands there, whatever it looks like; false from it ends the reading. */
    bool (*name)(void *owner, enum listing_member member, struct str name);
    void *owner;
    bool ended;     /* by name() */
    unsigned found; /* a bit for each member that is there and of the right kind */

    /* private */
    int state;
    unsigned depth;
    uint32_t objects; /* a bit for each container that is open: it is no array */
    bool is_key;
    bool unfit; /* the text cannot be a name */
    unsigned digits;
    enum listing_member member;
    size_t len;
    char text[LISTING_NAME_MAX];
};

void listing_begin(struct listing *l,
                   bool (*name)(void *owner, enum listing_member member, struct str name),
                   void *owner);

/* The next bytes. False: it has ended, or is not JSON. */
bool listing_feed(struct listing *l, struct str bytes);

/* After the last: all of a JSON object came. */
bool listing_is_whole(const struct listing *l);

#endif
