#include "mirror/retired.h"

#include "base/num.h"
#include "mirror/digests.h"
#include "mirror/publish.h"
#include "sys/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define SAYS "retired "
#define MARKER_MOST 64
#define TIME_MAX ((uint64_t)1 << 40)

enum { OBJECT = 1, MARKER = 2 };

struct tidying {
    struct store *store;
    struct exchange_client *client;
    struct store_outcome *out;
    struct digests known; /* flags: what lies there */
    struct digest current;
    const struct blob_index_pointer *before;
    bool full; /* memory */
};

void retired_revive(struct store *s, struct exchange_client *c, const struct digest *object,
                    struct store_outcome *out)
{
    char key[STORE_DIGEST_KEY_MAX];
    store_remove(s, c, store_digest_key(PUBLISH_RETIRED, object, key), out);
}

/* ── What is there ── */

static bool take(void *owner, struct str key, int64_t size)
{
    struct tidying *t = owner;
    struct digest d;
    bool is_new;
    bool is_marker = str_starts(key, STR(PUBLISH_RETIRED));
    size_t before = is_marker ? strlen(PUBLISH_RETIRED) : strlen(BLOB_INDEX_DIRECTORY);
    (void)size;
    if (digest_parse(str_skip(key, before), &d) != DIGEST_OK || d.algorithm != DIGEST_SHA256)
        return true;
    struct digests_entry *e = digests_add(&t->known, &d, &is_new);
    t->full = e == NULL;
    if (e != NULL)
        e->flags |= is_marker ? MARKER : OBJECT;
    return !t->full;
}

/* Whoever published meanwhile must not lose what counts now. */
static bool read_current(struct tidying *t)
{
    struct store_content content;
    struct blob_index_pointer p;
    store_get(t->store, t->client,
              &(struct store_get){STR(BLOB_INDEX_CURRENT), NULL, BLOB_INDEX_POINTER_MAX}, &content,
              t->out);
    bool fine = t->out->result == STORE_OK &&
                blob_index_pointer_parse(str_make(content.data, content.len), &p) == NULL;
    if (fine)
        t->current = p.object;
    free(content.data);
    return fine;
}

/* ── Marking and removing ── */

static void mark(struct tidying *t, const struct digest *d)
{
    char key[STORE_DIGEST_KEY_MAX], text[MARKER_MOST];
    int len = snprintf(text, sizeof(text), SAYS "%" PRId64 "\n", clock_wall());
    store_set(t->store, t->client,
              &(struct store_set){store_digest_key(PUBLISH_RETIRED, d, key),
                                  str_make(text, (size_t)len), true},
              t->out);
}

static void remove_at(struct tidying *t, const char *prefix, const struct digest *d)
{
    char key[STORE_DIGEST_KEY_MAX];
    store_remove(t->store, t->client, store_digest_key(prefix, d, key), t->out);
    if (t->out->result == STORE_MISSING)
        t->out->result = STORE_OK;
}

/* False: the marker does not say since when, or it cannot be read. */
static bool read_marker(struct tidying *t, const struct digest *d, int64_t *since)
{
    char key[STORE_DIGEST_KEY_MAX];
    struct store_content content;
    uint64_t time;
    store_get(t->store, t->client,
              &(struct store_get){store_digest_key(PUBLISH_RETIRED, d, key), NULL, MARKER_MOST},
              &content, t->out);
    struct str text = str_make(content.data != NULL ? content.data : "", content.len);
    bool fine = str_starts(text, STR(SAYS)) && str_ends(text, STR("\n"));
    if (fine) {
        text = str_skip(text, strlen(SAYS));
        text.len--;
        fine = num_parse(text, TIME_MAX, &time);
        *since = fine ? (int64_t)time : 0;
    }
    free(content.data);
    return fine;
}

/* What was marked by a clock that was wrong is marked anew. */
static void remove_if_due(struct tidying *t, const struct digest *d)
{
    int64_t since, now = clock_wall();
    bool known = read_marker(t, d, &since);
    if (t->out->result != STORE_OK)
        return;
    if (!known || since > now + PUBLISH_AHEAD_S) {
        mark(t, d);
    } else if (now - since > PUBLISH_GRACE_S) {
        remove_at(t, BLOB_INDEX_DIRECTORY, d);
        if (t->out->result == STORE_OK)
            remove_at(t, PUBLISH_RETIRED, d);
    }
}

static void settle(struct tidying *t, const struct digests_entry *e)
{
    const struct digest *d = &e->digest;
    bool was_current = t->before->time >= 0 && memcmp(d, &t->before->object, sizeof(*d)) == 0;
    if (memcmp(d, &t->current, sizeof(*d)) == 0 || !(e->flags & OBJECT)) {
        if (e->flags & MARKER)
            remove_at(t, PUBLISH_RETIRED, d);
    } else if (was_current || !(e->flags & MARKER)) {
        mark(t, d);
    } else {
        remove_if_due(t, d);
    }
}

void retired_tidy(struct store *s, struct exchange_client *c,
                  const struct blob_index_pointer *before, struct store_outcome *out)
{
    struct tidying t = {.store = s, .client = c, .out = out, .before = before};
    store_list(s, c,
               &(struct store_list){.prefix = STR(BLOB_INDEX_DIRECTORY), .each = take, .owner = &t},
               out);
    if (out->result == STORE_OK && !t.full && read_current(&t))
        for (uint64_t i = 0; i < t.known.n && out->result == STORE_OK; i++)
            settle(&t, digests_at(&t.known, i));
    digests_clear(&t.known);
}
