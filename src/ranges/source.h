/*
 * Where the official files come from.
 */
#ifndef RANGES_SOURCE_H
#define RANGES_SOURCE_H

#include <archeio/str.h>

#define SOURCE_COUNT 3
#define SOURCE_URL_MAX 2048

struct source {
    const char *cloud;    /* "aws" */
    const char *file;     /* the name it is kept under: "aws-ip-ranges.json" */
    const char *variable; /* of the environment: another https address, a mirror of one's own */
    const char *url;      /* the file, or a page that links to it */
};

extern const struct source source_table[SOURCE_COUNT];

/* The address to begin with: the variable's (if it is set and not empty), or the table's. */
const char *source_url(const struct source *s);

/* Microsoft gives each week's file a new address, which its download page links to. Finds in page
 * (from page_url) the first https link to ".../ServiceTags_Public_<date>.json" on
 * download.microsoft.com, or, where page_url is not the table's, on the host of page_url. */
bool source_find_link(const char *page_url, struct str page, char out[SOURCE_URL_MAX]);

#endif
