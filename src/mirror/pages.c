#include "mirror/pages.h"

#include "mirror/link.h"

#define PAGES_MAX 100000

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
    void **seen = p->urls.n < PAGES_MAX ? dictionary_at(&p->urls, str_from(next)) : NULL;
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
