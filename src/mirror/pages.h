/*
 * The pages of a registry's listing, and their end.
 */
#ifndef MIRROR_PAGES_H
#define MIRROR_PAGES_H

#include "mirror/dictionary.h"
#include "mirror/exchange.h"

struct pages {
    const char *origin;     /* "https://host:port" */
    struct dictionary urls; /* private: what has been asked for */
};

#define PAGES_URL_MAX 2048

/* url, from which a page was read, becomes that of the next. False: there is none, and *wrong is
 * NULL; or it is not known what follows, and *wrong (static) says why: a registry that leads in a
 * circle would otherwise be followed for ever. */
bool pages_next(struct pages *p, struct exchange *page, char url[PAGES_URL_MAX],
                const char **wrong);

void pages_release(struct pages *p);

#endif
