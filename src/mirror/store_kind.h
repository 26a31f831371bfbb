/*
 * What a kind of store has to bring along, so that "mirror/store.h" can offer it. Each function has
 * the contract of the one with its name there; keys have been checked: segments, separated by
 * single slashes, none of them "." or "..", no control character.
 */
#ifndef MIRROR_STORE_KIND_H
#define MIRROR_STORE_KIND_H

#include "mirror/store.h"

#include <stdarg.h>

#define STORE_KIND_KEY_MAX 1024 /* bytes: what S3 takes */
#define STORE_KIND_NAME_MAX 256
#define STORE_KIND_LEFT_S (24 * 3600) /* what is unfinished for so long is not gone on with */

/* Of the URL, not decoded: what follows "scheme://", and what follows '?'. */
struct store_kind_url {
    struct str place;
    struct str query;
};

struct store_kind_put {
    const struct store_object *object;
    enum exchange_flow (*read)(void *owner, char *data, size_t *len);
    void *owner;
};

struct store_kind {
    const char *scheme; /* "file" */
    const char *form;   /* of a URL: "file:///DIRECTORY" */
    bool by_prefix;     /* as store_lists_by_prefix() says */

    /* name: what store_name() says. NULL: error says why. */
    void *(*open)(const struct store_kind_url *url, char name[STORE_KIND_NAME_MAX],
                  char error[256]);
    void (*close)(void *store);
    int64_t (*ahead)(void *store); /* NULL: it is never */

    void (*list)(void *store, struct exchange_client *c, const struct store_list *list,
                 struct store_outcome *out);
    void (*get)(void *store, struct exchange_client *c, const struct store_get *get,
                struct store_content *content, struct store_outcome *out);
    void (*read)(void *store, struct exchange_client *c, const struct store_read *read,
                 struct store_outcome *out);
    void (*set)(void *store, struct exchange_client *c, const struct store_set *set,
                struct store_outcome *out);
    void (*swap)(void *store, struct exchange_client *c, const struct store_swap *swap,
                 struct store_outcome *out);
    void (*remove)(void *store, struct exchange_client *c, struct str key,
                   struct store_outcome *out);
    void (*tidy)(void *store, struct exchange_client *c, struct store_outcome *out);

    void *(*put_begin)(void *store, struct exchange_client *c, const struct store_kind_put *put);
    bool (*put_turn)(void *put, struct store_outcome *out);
    void (*put_resume)(void *put);
    void (*put_end)(void *put); /* never NULL */
};

/* Fills *out: the result, and the store's name, a colon and the text as its error. */
void store_kind_say(struct store_outcome *out, enum store_result result, const char *name,
                    const char *format, ...) __attribute__((format(printf, 4, 5)));

/* A result that needs no words. */
void store_kind_end(struct store_outcome *out, enum store_result result);

/* Decodes %XX into memory of its own (free() it); NULL: a broken escape, or one of a NUL. */
char *store_kind_decode(struct str text);

/* The value of name in a query ("a=b&c=d"), decoded; NULL: it is not there, or is broken. */
char *store_kind_parameter(struct str query, const char *name);

/* NULL, or the first parameter that is none of the n names (free() it). */
char *store_kind_unknown(struct str query, const char *const *names, size_t n);

#endif
