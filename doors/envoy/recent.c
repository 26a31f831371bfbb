#include "recent.h"

static bool is_of(const struct recent_one *one, struct str url)
{
    return str_eq(str_make(one->url, one->len), url);
}

bool recent_find(const struct recent *r, uint64_t hash, struct str url, int64_t now,
                 int64_t *expiry)
{
    const struct recent_one *one = &r->one[hash % RECENT_MAX];
    if (now >= one->until || !is_of(one, url))
        return false;
    *expiry = one->expiry;
    return true;
}

void recent_put(struct recent *r, uint64_t hash, struct str url, int64_t expiry, int64_t now)
{
    struct recent_one *one = &r->one[hash % RECENT_MAX];
    if (url.len > sizeof(one->url))
        return;
    one->until = expiry < now + RECENT_FOR ? expiry : now + RECENT_FOR;
    one->expiry = expiry;
    one->len = (uint16_t)url.len;
    memcpy(one->url, url.data, url.len);
}

void recent_drop(struct recent *r, uint64_t hash, struct str url)
{
    struct recent_one *one = &r->one[hash % RECENT_MAX];
    if (is_of(one, url))
        one->until = 0;
}
