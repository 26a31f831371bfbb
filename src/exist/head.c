#include "exist/head.h"

#include "sys/clock.h"

#include <stdio.h>
#include <stdlib.h>

#define REDIRECTS 1

struct head *head_new(const struct libcurl *curl)
{
    struct head *h = calloc(1, sizeof(*h));
    if (h == NULL)
        return NULL;
    h->curl = curl;
    h->easy = curl->easy_init();
    if (h->easy != NULL)
        return h;
    free(h);
    return NULL;
}

void head_free(struct head *h)
{
    if (h == NULL)
        return;
    h->curl->easy_cleanup(h->easy);
    free(h);
}

static void limit_time(struct head *h)
{
    int64_t left = (h->deadline - clock_now()) / CLOCK_MS;
    long ms = left > 0 ? (long)left : 1L;
    h->curl->easy_setopt(h->easy, CURLOPT_TIMEOUT_MS, ms);
    h->curl->easy_setopt(h->easy, CURLOPT_CONNECTTIMEOUT_MS, ms);
}

void head_begin(struct head *h, const char *url, int64_t timeout)
{
    h->began = clock_now();
    h->deadline = h->began + timeout;
    h->error[0] = '\0';
    h->starved = h->answered = false;
    h->curl->easy_reset(h->easy);
    hop_begin(&h->hop, h->curl, h->easy, &(struct hop_options){.url = url, .redirects = REDIRECTS});
    h->curl->easy_setopt(h->easy, CURLOPT_NOBODY, 1L);
    h->curl->easy_setopt(h->easy, CURLOPT_ERRORBUFFER, h->error);
    h->curl->easy_setopt(h->easy, CURLOPT_PRIVATE, h);
    limit_time(h);
}

static enum exist_state judge(const struct head *h, char why[256])
{
    long status = 0;
    h->curl->easy_getinfo(h->easy, CURLINFO_RESPONSE_CODE, &status);
    if (status == 200)
        return EXIST_PRESENT;
    if (status == 404 || status == 403)
        return EXIST_ABSENT;
    snprintf(why, 256, "it answered %ld, expected 200, 403 or 404", status);
    return EXIST_ERROR;
}

enum exist_state head_end(struct head *h, CURLcode code, char why[256])
{
    const char *refused = NULL;
    if (code != CURLE_OK) {
        h->starved = hop_starved(&h->hop, code);
        snprintf(why, 256, "%s", hop_problem(&h->hop, code, h->error));
        return EXIST_ERROR;
    }
    h->answered = true;
    switch (hop_next(&h->hop, &refused)) {
    case HOP_AGAIN:
        limit_time(h);
        return EXIST_MISS;
    case HOP_REFUSED:
        snprintf(why, 256, "%s", refused);
        return EXIST_ERROR;
    case HOP_DONE:
        break;
    }
    return judge(h, why);
}
