#include "mirror/store.h"

#include "mirror/directory.h"
#include "mirror/s3.h"
#include "sys/xalloc.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

static const struct store_kind *const kinds[] = {&s3_kind, &directory_kind};

#define N_KINDS (sizeof(kinds) / sizeof(kinds[0]))

struct store {
    const struct store_kind *kind;
    void *self;
    char name[STORE_KIND_NAME_MAX];
};

struct store_put {
    const struct store_kind *kind;
    void *self;
    struct store_outcome failed; /* FAILED: there is nothing behind it */
};

/* ── Opening ── */

static bool split(struct str url, struct str *scheme, struct store_kind_url *rest)
{
    scheme->data = url.data;
    scheme->len = str_find(url, ':');
    if (!str_starts(str_skip(url, scheme->len), STR("://")))
        return false;
    url = str_skip(url, scheme->len + 3);
    size_t end = str_find(url, '?');
    rest->place = str_make(url.data, end);
    rest->query = str_skip(url, end < url.len ? end + 1 : end);
    return true;
}

struct store *store_open(const char *url, char error[256])
{
    struct store_kind_url rest;
    struct str scheme;
    if (!split(str_from(url), &scheme, &rest)) {
        snprintf(error, 256, "\"%.80s\" is no store: expected %s or %s", url, kinds[0]->form,
                 kinds[1]->form);
        return NULL;
    }
    for (size_t i = 0; i < N_KINDS; i++) {
        if (!str_eq_nocase(scheme, str_from(kinds[i]->scheme)))
            continue;
        struct store *s = xalloc_zero(1, sizeof(*s));
        s->kind = kinds[i];
        s->self = s->kind->open(&rest, s->name, error);
        if (s->self != NULL)
            return s;
        free(s);
        return NULL;
    }
    snprintf(error, 256, "\"%.*s://\" is no kind of store: expected %s or %s",
             (int)(scheme.len < 40 ? scheme.len : 40), scheme.data, kinds[0]->form, kinds[1]->form);
    return NULL;
}

void store_close(struct store *s)
{
    if (s == NULL)
        return;
    s->kind->close(s->self);
    free(s);
}

const char *store_name(const struct store *s)
{
    return s->name;
}

int64_t store_ahead(const struct store *s)
{
    return s->kind->ahead != NULL ? s->kind->ahead(s->self) : 0;
}

bool store_lists_by_prefix(const struct store *s)
{
    return s->kind->by_prefix;
}

/* ── Keys ── */

struct str store_digest_key(const char *prefix, const struct digest *d,
                            char out[STORE_DIGEST_KEY_MAX])
{
    char text[DIGEST_TEXT_MAX];
    int len = (int)digest_format(d, text);
    int n = snprintf(out, STORE_DIGEST_KEY_MAX, "%s%.*s", prefix, len, text);
    return str_make(out, n > 0 && n < STORE_DIGEST_KEY_MAX ? (size_t)n : 0);
}

static bool is_segment(struct str s)
{
    return s.len > 0 && !str_eq(s, STR(".")) && !str_eq(s, STR(".."));
}

/* A prefix may end anywhere, in the middle of a segment or after a slash. */
static bool is_key(struct str key, bool is_prefix)
{
    if (key.len > STORE_KIND_KEY_MAX)
        return false;
    for (size_t i = 0; i < key.len; i++)
        if ((unsigned char)key.data[i] < 0x20 || key.data[i] == 0x7f)
            return false;
    for (;;) {
        struct str segment = str_make(key.data, str_find(key, '/'));
        bool is_last = segment.len == key.len;
        if (!is_segment(segment) && !(is_prefix && is_last))
            return false;
        if (is_last)
            return true;
        key = str_skip(key, segment.len + 1);
    }
}

static bool check_key(const struct store *s, struct str key, struct store_outcome *out)
{
    if (is_key(key, false))
        return true;
    store_kind_say(out, STORE_FAILED, s->name,
                   "\"%.*s\" is no key: expected segments with a slash between each two, none of "
                   "them \"..\"",
                   (int)(key.len < 60 ? key.len : 60), key.data);
    return false;
}

/* ── Reading and writing ── */

void store_list(struct store *s, struct exchange_client *c, const struct store_list *list,
                struct store_outcome *out)
{
    if (!is_key(list->prefix, true))
        check_key(s, list->prefix, out);
    else
        s->kind->list(s->self, c, list, out);
}

struct sized {
    struct str key;
    int64_t *size;
};

static bool take_size(void *owner, struct str key, int64_t size)
{
    const struct sized *one = owner;
    if (str_eq(key, one->key))
        *one->size = size;
    return *one->size < 0;
}

void store_size(struct store *s, struct exchange_client *c, struct str key, int64_t *size,
                struct store_outcome *out)
{
    struct sized one = {key, size};
    *size = -1;
    store_list(s, c, &(struct store_list){.prefix = key, .each = take_size, .owner = &one}, out);
    if (out->result == STORE_MISSING)
        store_kind_end(out, STORE_OK);
}

void store_get(struct store *s, struct exchange_client *c, const struct store_get *get,
               struct store_content *content, struct store_outcome *out)
{
    *content = (struct store_content){.data = NULL};
    if (check_key(s, get->key, out))
        s->kind->get(s->self, c, get, content, out);
}

void store_read(struct store *s, struct exchange_client *c, const struct store_read *read,
                struct store_outcome *out)
{
    if (check_key(s, read->key, out))
        s->kind->read(s->self, c, read, out);
}

void store_set(struct store *s, struct exchange_client *c, const struct store_set *set,
               struct store_outcome *out)
{
    if (check_key(s, set->key, out))
        s->kind->set(s->self, c, set, out);
}

void store_swap(struct store *s, struct exchange_client *c, const struct store_swap *swap,
                struct store_outcome *out)
{
    if (check_key(s, swap->key, out))
        s->kind->swap(s->self, c, swap, out);
}

void store_remove(struct store *s, struct exchange_client *c, struct str key,
                  struct store_outcome *out)
{
    if (check_key(s, key, out))
        s->kind->remove(s->self, c, key, out);
}

struct store_put *store_put_begin(struct store *s, struct exchange_client *c,
                                  const struct store_object *object,
                                  enum exchange_flow (*read)(void *owner, char *data, size_t *len),
                                  void *owner)
{
    struct store_put *p = calloc(1, sizeof(*p));
    assert(object->size >= 0);
    if (p == NULL)
        return NULL;
    p->kind = s->kind;
    if (!check_key(s, object->key, &p->failed))
        return p;
    p->self = s->kind->put_begin(s->self, c, &(struct store_kind_put){object, read, owner});
    if (p->self != NULL)
        return p;
    free(p);
    return NULL;
}

bool store_put_turn(struct store_put *p, struct store_outcome *out)
{
    if (p->self != NULL)
        return p->kind->put_turn(p->self, out);
    *out = p->failed;
    return true;
}

void store_put_resume(struct store_put *p)
{
    if (p->self != NULL)
        p->kind->put_resume(p->self);
}

void store_put_end(struct store_put *p)
{
    if (p == NULL)
        return;
    if (p->self != NULL)
        p->kind->put_end(p->self);
    free(p);
}

void store_tidy(struct store *s, struct exchange_client *c, struct store_outcome *out)
{
    s->kind->tidy(s->self, c, out);
}
