#include "mirror/pages.h"

#include "mirror/link.h"

#define PAGES_MAX 100000
#define URLS_MAX (8 << 20)  /* bytes of all */
#define PAGE_MAX (32 << 20) /* bytes of one page */

void pages_begin(struct pages *p,
                 bool (*name)(void *owner, enum listing_member member, struct str name),
                 void *owner)
{
    listing_begin(&p->listing, name, owner);
    p->left = PAGE_MAX;
    p->wrong = NULL;
}

enum exchange_flow pages_read(void *pages, const char *data, size_t len)
{
    struct pages *p = pages;
    if (len > p->left)
        p->wrong = "a page of its listing has more than 32 MiB";
    else if (!listing_feed(&p->listing, str_make(data, len)) && !p->listing.ended)
        p->wrong = "its listing is no JSON";
    p->left -= len < p->left ? len : p->left;
    return p->wrong == NULL && !p->listing.ended ? EXCHANGE_GO : EXCHANGE_STOP;
}

const char *pages_problem(const struct pages *p, bool answered, unsigned members)
{
    if (p->wrong != NULL || !answered || p->listing.ended)
        return p->wrong;
    if (!listing_is_whole(&p->listing))
        return "its listing is no JSON";
    return (p->listing.found & members) == 0 ? "it answers 200 with what is no listing" : NULL;
}

bool pages_next(struct pages *p, struct exchange *page, char url[PAGES_URL_MAX], const char **wrong)
{
    char next[PAGES_URL_MAX];
    const char *line;
    struct str target = STR("");
    bool found = false;
    *wrong = NULL;
    for (size_t i = 0; !found && (line = exchange_header(page, "Link", i)) != NULL; i++)
        found = link_next(str_from(line), &target);
    if (!found)
        return false;
    enum link_result result =
        link_resolve(str_from(p->origin), str_from(url), target, next, sizeof(next));
    if (result != LINK_OK) {
        *wrong = result == LINK_BAD
                     ? "its listing goes on at something that is no URL"
                     : "its listing goes on at another server, which is not followed";
        return false;
    }
    p->urls_len += strlen(next);
    bool room = p->urls.n < PAGES_MAX && p->urls_len <= URLS_MAX;
    void **seen = room ? dictionary_at(&p->urls, str_from(next)) : NULL;
    if (seen == NULL || *seen != NULL) {
        *wrong = "the pages of its listing do not end";
        return false;
    }
    *seen = p;
    memcpy(url, next, strlen(next) + 1);
    return true;
}

void pages_release(struct pages *p)
{
    dictionary_clear(&p->urls, NULL);
}
