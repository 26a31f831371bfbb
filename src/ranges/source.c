#include "ranges/source.h"

#include <stdlib.h>

const struct source source_table[SOURCE_COUNT] = {
    {"aws", "aws-ip-ranges.json", "ARCHEIO_RANGES_AWS_URL",
     "https://ip-ranges.amazonaws.com/ip-ranges.json"},
    {"gcp", "gcp-cloud.json", "ARCHEIO_RANGES_GCP_URL",
     "https://www.gstatic.com/ipranges/cloud.json"},
    {"azure", "azure-service-tags.json", "ARCHEIO_RANGES_AZURE_URL",
     "https://www.microsoft.com/en-us/download/details.aspx?id=56519"},
};

const char *source_url(const struct source *s)
{
    const char *other = getenv(s->variable);
    return other != NULL && other[0] != '\0' ? other : s->url;
}

/* "https://host:port/" of a URL; empty if it is no https URL with a path. */
static struct str origin_of(const char *url)
{
    struct str s = str_from(url), scheme = STR("https://");
    if (!str_starts(s, scheme))
        return STR("");
    size_t slash = str_find(str_skip(s, scheme.len), '/');
    return scheme.len + slash < s.len ? str_make(url, scheme.len + slash + 1) : STR("");
}

static bool is_link_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("/._-%", c) != NULL);
}

static bool is_service_tags(struct str link)
{
    size_t slash = str_find_last(link, '/');
    return slash < link.len && str_starts(str_skip(link, slash), STR("/ServiceTags_Public_")) &&
           str_ends(link, STR(".json"));
}

static bool find_on(struct str origin, struct str page, char out[SOURCE_URL_MAX])
{
    if (origin.len == 0)
        return false;
    while (page.len >= origin.len) {
        if (str_starts(page, origin)) {
            size_t len = origin.len;
            while (len < page.len && is_link_byte(page.data[len]))
                len++;
            if (len < SOURCE_URL_MAX && is_service_tags(str_make(page.data, len))) {
                memcpy(out, page.data, len);
                out[len] = '\0';
                return true;
            }
        }
        page = str_skip(page, 1);
    }
    return false;
}

bool source_find_link(const char *page_url, struct str page, char out[SOURCE_URL_MAX])
{
    if (find_on(STR("https://download.microsoft.com/"), page, out))
        return true;
    for (size_t i = 0; i < SOURCE_COUNT; i++)
        if (strcmp(page_url, source_table[i].url) == 0)
            return false;
    return find_on(origin_of(page_url), page, out);
}
