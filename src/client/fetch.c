#include "client/fetch.h"

#include "client/hop.h"
#include "sys/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* One fetch on its way. */
struct job {
    const struct fetch_request *request;
    struct fetch_response *response;
    const struct libcurl *curl;
    CURL *easy;
    struct curl_slist *headers;
    size_t capacity;
    bool too_long;
    bool no_memory;
    char text[CURL_ERROR_SIZE];
};

bool fetch_init(const char **why)
{
    return libcurl_open(why) != NULL;
}

/* ── Callbacks ── */

static bool make_room(struct job *j, size_t need)
{
    size_t capacity = j->capacity > 0 ? j->capacity : 16384;
    while (capacity < need)
        capacity *= 2;
    if (capacity == j->capacity)
        return true;
    char *body = realloc(j->response->body, capacity);
    if (body == NULL)
        return false;
    j->response->body = body;
    j->capacity = capacity;
    return true;
}

static size_t received(char *data, size_t size, size_t n, void *context)
{
    struct job *j = context;
    struct fetch_response *r = j->response;
    n *= size;
    j->too_long = n > j->request->max_bytes - r->len;
    if (j->too_long)
        return 0;
    if (j->request->into != NULL) {
        memcpy((char *)j->request->into + r->len, data, n);
        r->len += n;
        return n;
    }
    j->no_memory = !make_room(j, r->len + n + 1);
    if (j->no_memory)
        return 0;
    memcpy(r->body + r->len, data, n);
    r->len += n;
    r->body[r->len] = '\0';
    return n;
}

static int progress(void *context, curl_off_t download_total, curl_off_t downloaded,
                    curl_off_t upload_total, curl_off_t uploaded)
{
    const struct job *j = context;
    (void)download_total;
    (void)downloaded;
    (void)upload_total;
    (void)uploaded;
    return atomic_load(j->request->stop);
}

/* ── The request ── */

/* A condition that finds no room is left out: it only saves a download. */
static void add_header(struct job *j, const char *name, const char *value)
{
    char line[320];
    int n = snprintf(line, sizeof(line), "%s: %s", name, value);
    if (n < 0 || (size_t)n >= sizeof(line))
        return;
    struct curl_slist *grown = j->curl->slist_append(j->headers, line);
    if (grown != NULL)
        j->headers = grown;
}

/* Not by CURLOPT_TIMECONDITION: libcurl would then judge the answer's Last-Modified itself and drop
 * the body of a file that changed under the same date, which an ETag tells apart (RFC 9110 section
 * 13.2.2: the server goes by If-None-Match where it has both). */
static void add_date(struct job *j, int64_t unix_seconds)
{
    char text[40];
    struct tm t;
    time_t seconds = (time_t)unix_seconds;
    if (gmtime_r(&seconds, &t) != NULL &&
        strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", &t) > 0)
        add_header(j, "If-Modified-Since", text);
}

static void set_options(struct job *j)
{
    const struct fetch_request *r = j->request;
    const struct libcurl *curl = j->curl;
    curl->easy_setopt(j->easy, CURLOPT_ERRORBUFFER, j->text);
    curl->easy_setopt(j->easy, CURLOPT_CONNECTTIMEOUT_MS, r->connect_timeout_ms);
    curl->easy_setopt(j->easy, CURLOPT_WRITEFUNCTION, received);
    curl->easy_setopt(j->easy, CURLOPT_WRITEDATA, j);
    curl->easy_setopt(j->easy, CURLOPT_FILETIME, 1L);
    curl->easy_setopt(j->easy, CURLOPT_ACCEPT_ENCODING, "");
    if (r->stop != NULL) {
        curl->easy_setopt(j->easy, CURLOPT_NOPROGRESS, 0L);
        curl->easy_setopt(j->easy, CURLOPT_XFERINFOFUNCTION, progress);
        curl->easy_setopt(j->easy, CURLOPT_XFERINFODATA, j);
    }
    if (r->etag != NULL)
        add_header(j, "If-None-Match", r->etag);
    if (r->modified_since != 0)
        add_date(j, r->modified_since);
    if (j->headers != NULL)
        curl->easy_setopt(j->easy, CURLOPT_HTTPHEADER, j->headers);
}

/* ── The response ── */

static void read_head(struct job *j)
{
    struct fetch_response *r = j->response;
    struct curl_header *etag = NULL;
    curl_off_t modified = -1;
    j->curl->easy_getinfo(j->easy, CURLINFO_RESPONSE_CODE, &r->status);
    j->curl->easy_getinfo(j->easy, CURLINFO_FILETIME_T, &modified);
    r->modified = modified > 0 ? modified : 0;
    if (j->curl->easy_header(j->easy, "ETag", 0, CURLH_HEADER, -1, &etag) == CURLHE_OK &&
        strlen(etag->value) < sizeof(r->etag))
        strcpy(r->etag, etag->value);
}

/* The host of the URL that failed, which may not be the one that was asked for. */
static bool fail(const struct job *j, const char *what, char error[256])
{
    const char *url = NULL;
    j->curl->easy_getinfo(j->easy, CURLINFO_EFFECTIVE_URL, &url);
    struct str host = str_from(url != NULL && url[0] != '\0' ? url : j->request->url);
    const char *begin = strstr(host.data, "://");
    if (begin != NULL)
        host = str_from(begin + 3);
    host.len = strcspn(host.data, "/?#");
    size_t at = str_find_last(host, '@');
    if (at < host.len)
        host = str_skip(host, at + 1);
    snprintf(error, 256, "%.*s: %s", (int)(host.len < 100 ? host.len : 100), host.data, what);
    return false;
}

static const char *what_failed(const struct job *j, const struct hop *h, CURLcode code)
{
    if (j->too_long)
        return "the answer is longer than expected";
    if (j->no_memory)
        return "out of memory";
    if (code == CURLE_ABORTED_BY_CALLBACK && !h->refused)
        return "interrupted";
    return hop_problem(h, code, j->text);
}

static bool perform(struct job *j, struct hop *h, char error[256])
{
    int64_t end = clock_now() + j->request->timeout_ms * CLOCK_MS;
    enum hop_next next = HOP_AGAIN;
    while (next == HOP_AGAIN) {
        long left = (long)((end - clock_now()) / CLOCK_MS);
        const char *why = NULL;
        j->response->len = 0;
        j->curl->easy_setopt(j->easy, CURLOPT_TIMEOUT_MS, left > 0 ? left : 1L);
        CURLcode code = libcurl_perform(j->curl, j->easy);
        if (code != CURLE_OK)
            return fail(j, what_failed(j, h, code), error);
        next = hop_next(h, &why);
        if (next == HOP_REFUSED)
            return fail(j, why, error);
    }
    return true;
}

bool fetch_get(const struct fetch_request *request, struct fetch_response *response,
               char error[256])
{
    const char *why = NULL;
    struct job j = {.request = request, .response = response};
    *response = (struct fetch_response){0};
    j.curl = libcurl_open(&why);
    if (j.curl != NULL)
        j.easy = j.curl->easy_init();
    if (j.easy == NULL) {
        snprintf(error, 256, "%s", why != NULL ? why : "out of memory");
        return false;
    }
    struct hop h;
    hop_begin(&h, j.curl, j.easy,
              &(struct hop_options){.url = request->url,
                                    .redirects = request->redirects,
                                    .https_only = request->https_only});
    set_options(&j);
    bool ok = perform(&j, &h, error);
    if (ok)
        read_head(&j);
    else
        fetch_release(response);
    j.curl->slist_free_all(j.headers);
    j.curl->easy_cleanup(j.easy);
    return ok;
}

void fetch_release(struct fetch_response *response)
{
    free(response->body);
    *response = (struct fetch_response){0};
}
