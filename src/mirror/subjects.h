/*
 * Whose referrers have been asked for: manifests of repositories. Any thread's.
 */
#ifndef MIRROR_SUBJECTS_H
#define MIRROR_SUBJECTS_H

#include "mirror/dictionary.h"
#include <archeio/digest.h>
#include <pthread.h>
#include <stdatomic.h>

struct subjects {
    atomic_bool unknown;    /* the registry does not know referrers: nobody is asked */
    pthread_mutex_t lock;   /* private, as what follows */
    struct dictionary seen; /* "repository@digest" */
};

void subjects_open(struct subjects *s);
void subjects_close(struct subjects *s);

/* True, once, for each; false, too, without memory. */
bool subjects_add(struct subjects *s, struct str repository, const struct digest *d);

#endif
