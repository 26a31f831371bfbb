#include "mirror/subjects.h"

#include "mirror/names.h"

#include <stdio.h>

void subjects_open(struct subjects *s)
{
    *s = (struct subjects){.unknown = false};
    pthread_mutex_init(&s->lock, NULL);
}

void subjects_close(struct subjects *s)
{
    dictionary_clear(&s->seen, NULL);
    pthread_mutex_destroy(&s->lock);
}

bool subjects_add(struct subjects *s, struct str repository, const struct digest *d)
{
    char text[NAMES_REPOSITORY_MAX + DIGEST_TEXT_MAX + 2], digest[DIGEST_TEXT_MAX];
    int n = snprintf(text, sizeof(text), "%.*s@%.*s", (int)repository.len, repository.data,
                     (int)digest_format(d, digest), digest);
    pthread_mutex_lock(&s->lock);
    void **value = dictionary_at(&s->seen, str_make(text, (size_t)n));
    bool is_new = value != NULL && *value == NULL;
    if (is_new)
        *value = s;
    pthread_mutex_unlock(&s->lock);
    return is_new;
}
