/*
 * The pages of a registry's listing, and their end.
 */
#ifndef MIRROR_PAGES_H
#define MIRROR_PAGES_H

#include "mirror/dictionary.h"
#include "mirror/exchange.h"
#include "mirror/listing.h"

struct pages {
    const char *origin;     /* "https://host:port" */
    struct listing listing; /* of the page that is being read */
    size_t left;            /* private, as what follows: bytes that it may have still */
    const char *wrong;
    struct dictionary urls; /* what has been asked for */
    size_t urls_len;
};

#define PAGES_URL_MAX 2048

/* Begins another page, whose names go to name(). */
void pages_begin(struct pages *p,
                 bool (*name)(void *owner, enum listing_member member, struct str name),
                 void *owner);

/* As exchange_request's write: the owner is the pages. */
enum exchange_flow pages_read(void *pages, const char *data, size_t len);

/* What is wrong with the page (static), or NULL. answered: all of it came. members: a bit for each,
 * of which it has to have one: what else is said under 200 may be an error. */
const char *pages_problem(const struct pages *p, bool answered, unsigned members);

/* url, from which a page was read, becomes that of the next. False: there is none, and *wrong is
 * NULL; or it is not known what follows, and *wrong (static) says why: a registry that leads in a
 * circle would otherwise be followed for ever. */
bool pages_next(struct pages *p, struct exchange *page, char url[PAGES_URL_MAX],
                const char **wrong);

void pages_release(struct pages *p);

#endif
