#include "mirror/exchange.h"

#include "client/hop.h"
#include "mirror/patience.h"
#include "sys/clock.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CONNECT_MS 10000L
#define BUFFER 65536L
#define ASK_FIRST (1 << 20) /* bytes of a body for which it is worth a round trip to ask */
#define ERROR_BODY 65536    /* of a response that says why it is none */
#define STOP_MS 500         /* how often it is looked whether to stop */

struct exchange_client {
    const struct libcurl *curl;
    CURLM *multi;
    const atomic_bool *stop;
    struct running *first;
};

struct running {
    struct exchange seen; /* the owner's view */
    struct exchange_client *client;
    struct running *next, **link; /* among the client's */
    const struct exchange_request *request;
    struct patience patience;
    CURL *easy;
    struct hop hop;
    struct curl_slist *fields;
    size_t capacity;
    int64_t sent; /* bytes of the body */
    int64_t sent_at;
    bool no_memory;
    bool stopped; /* by a callback, or by everybody's stop */
    bool added;   /* to the multi handle */
    bool paused;  /* by a callback: it is not the server that is waited for */
    char text[CURL_ERROR_SIZE];
};

static struct running *running_of(struct exchange *x)
{
    return (struct running *)(void *)x;
}

/* ── Clients ── */

struct exchange_client *exchange_client_new(const atomic_bool *stop, const char **why)
{
    struct exchange_client *c = calloc(1, sizeof(*c));
    *why = "out of memory";
    if (c == NULL)
        return NULL;
    c->stop = stop;
    c->curl = libcurl_open(why);
    if (c->curl != NULL)
        c->multi = c->curl->multi_init();
    if (c->multi != NULL)
        return c;
    free(c);
    return NULL;
}

void exchange_client_free(struct exchange_client *c)
{
    if (c == NULL)
        return;
    c->curl->multi_cleanup(c->multi);
    free(c);
}

/* ── What comes ── */

static bool make_room(struct running *x, size_t need)
{
    size_t capacity = x->capacity > 0 ? x->capacity : 4096;
    while (capacity < need)
        capacity *= 2;
    if (capacity == x->capacity)
        return true;
    char *body = realloc(x->seen.body, capacity);
    if (body == NULL)
        return false;
    x->seen.body = body;
    x->capacity = capacity;
    return true;
}

static size_t collect(struct running *x, const char *data, size_t len, size_t most)
{
    x->seen.too_long = len > most - x->seen.len;
    if (x->seen.too_long)
        return 0;
    x->no_memory = !make_room(x, x->seen.len + len + 1);
    if (x->no_memory)
        return 0;
    memcpy(x->seen.body + x->seen.len, data, len);
    x->seen.len += len;
    x->seen.body[x->seen.len] = '\0';
    return len;
}

static void drop_body(struct running *x)
{
    free(x->seen.body);
    x->seen.body = NULL;
    x->seen.len = x->capacity = 0;
}

static size_t received(char *data, size_t size, size_t n, void *context)
{
    struct running *x = context;
    long status = 0;
    x->client->curl->easy_getinfo(x->easy, CURLINFO_RESPONSE_CODE, &status);
    if (status / 100 != 2) /* a redirect's too: it must end */
        return collect(x, data, size * n, ERROR_BODY);
    if (x->request->write == NULL)
        return collect(x, data, size * n, x->request->max_bytes);
    switch (x->request->write(x->request->owner, data, size * n)) {
    case EXCHANGE_GO:
        return size * n;
    case EXCHANGE_LATER:
        x->paused = true;
        return CURL_WRITEFUNC_PAUSE;
    case EXCHANGE_STOP:
        break;
    }
    x->stopped = true;
    return 0;
}

/* ── What goes ── */

static size_t wanted(char *data, size_t size, size_t n, void *context)
{
    struct running *x = context;
    size_t len = size * n;
    switch (x->request->read(x->request->owner, data, &len)) {
    case EXCHANGE_GO:
        x->sent += (int64_t)len;
        x->sent_at = clock_now();
        return len;
    case EXCHANGE_LATER:
        x->paused = true;
        return CURL_READFUNC_PAUSE;
    case EXCHANGE_STOP:
        break;
    }
    x->stopped = true;
    return CURL_READFUNC_ABORT;
}

enum exchange_flow exchange_read_str(void *owner, char *data, size_t *len)
{
    struct str *left = owner;
    if (*len > left->len)
        *len = left->len;
    if (*len > 0)
        memcpy(data, left->data, *len);
    *left = str_skip(*left, *len);
    return EXCHANGE_GO;
}

/* As far as the host and port: who gets to see secrets. */
static struct str origin_of(const char *url)
{
    const char *host = strstr(url, "://");
    size_t n = host != NULL ? (size_t)(host + 3 - url) : 0;
    return str_make(url, n + strcspn(url + n, "/?#"));
}

/* libcurl copies the lines, so they are wiped in its list. */
static void drop_fields(struct running *x)
{
    for (struct curl_slist *f = x->fields; f != NULL; f = f->next)
        OPENSSL_cleanse(f->data, strlen(f->data));
    x->client->curl->slist_free_all(x->fields);
    x->fields = NULL;
}

static bool add_line(struct running *x, const char *line)
{
    struct curl_slist *grown = x->client->curl->slist_append(x->fields, line);
    if (grown != NULL)
        x->fields = grown;
    return grown != NULL;
}

static bool add_field(struct running *x, const struct exchange_field *f)
{
    size_t len = strlen(f->name) + strlen(f->value) + 3;
    char *line = malloc(len);
    if (line == NULL)
        return false;
    /* "Name:" alone would tell libcurl to leave the field out. */
    snprintf(line, len, f->value[0] != '\0' ? "%s: %s" : "%s;", f->name, f->value);
    bool added = add_line(x, line);
    OPENSSL_cleanse(line, len);
    free(line);
    return added;
}

static bool set_fields(struct running *x, const char *url)
{
    const struct exchange_request *r = x->request;
    bool known = str_eq_nocase(origin_of(url), origin_of(r->url));
    drop_fields(x);
    for (size_t i = 0; i < r->n_fields; i++)
        if ((known || !r->fields[i].secret) && !add_field(x, &r->fields[i]))
            return false;
    /* libcurl would ask whether a body is welcome, however small, and wait for the answer. */
    if (r->read != NULL && r->size < ASK_FIRST && !add_line(x, "Expect:"))
        return false;
    x->client->curl->easy_setopt(x->easy, CURLOPT_HTTPHEADER, x->fields);
    return true;
}

/* ── Exchanges ── */

static void set_method(struct running *x)
{
    const struct exchange_request *r = x->request;
    const struct libcurl *curl = x->client->curl;
    if (r->read != NULL) {
        curl->easy_setopt(x->easy, CURLOPT_UPLOAD, 1L);
        curl->easy_setopt(x->easy, CURLOPT_READFUNCTION, wanted);
        curl->easy_setopt(x->easy, CURLOPT_READDATA, x);
        curl->easy_setopt(x->easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)r->size);
    } else if (strcmp(r->method, "HEAD") == 0) {
        curl->easy_setopt(x->easy, CURLOPT_NOBODY, 1L);
    }
    curl->easy_setopt(x->easy, CURLOPT_CUSTOMREQUEST,
                      strcmp(r->method, "HEAD") == 0 ? NULL : r->method);
}

static void set_options(struct running *x)
{
    const struct exchange_request *r = x->request;
    const struct libcurl *curl = x->client->curl;
    hop_begin(&x->hop, curl, x->easy,
              &(struct hop_options){.url = r->url,
                                    .redirects = r->redirects,
                                    .from = r->from != NULL ? &running_of(r->from)->hop : NULL});
    curl->easy_setopt(x->easy, CURLOPT_USERAGENT, "geranos/" ARCHEIO_VERSION);
    curl->easy_setopt(x->easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl->easy_setopt(x->easy, CURLOPT_ERRORBUFFER, x->text);
    curl->easy_setopt(x->easy, CURLOPT_PRIVATE, x);
    curl->easy_setopt(x->easy, CURLOPT_WRITEFUNCTION, received);
    curl->easy_setopt(x->easy, CURLOPT_WRITEDATA, x);
    curl->easy_setopt(x->easy, CURLOPT_BUFFERSIZE, BUFFER);
    curl->easy_setopt(x->easy, CURLOPT_UPLOAD_BUFFERSIZE, BUFFER);
    curl->easy_setopt(x->easy, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
    curl->easy_setopt(x->easy, CURLOPT_TIMEOUT_MS, r->timeout_ms);
    if (r->direct)
        curl->easy_setopt(x->easy, CURLOPT_NOPROXY, "*");
    set_method(x);
}

static void enlist(struct running *x)
{
    x->next = x->client->first;
    x->link = &x->client->first;
    *x->link = x;
    if (x->next != NULL)
        x->next->link = &x->next;
}

static void delist(struct running *x)
{
    *x->link = x->next;
    if (x->next != NULL)
        x->next->link = x->link;
}

struct exchange *exchange_begin(struct exchange_client *c, const struct exchange_request *r)
{
    struct running *x = calloc(1, sizeof(*x));
    if (x == NULL)
        return NULL;
    x->client = c;
    x->request = r;
    enlist(x);
    x->easy = c->curl->easy_init();
    if (x->easy != NULL) {
        set_options(x);
        x->added =
            set_fields(x, r->url) && c->curl->multi_add_handle(c->multi, x->easy) == CURLM_OK;
        if (x->added)
            return &x->seen;
    }
    exchange_end(&x->seen);
    return NULL;
}

/* What the words of libcurl and OpenSSL do not say. */
static const char *advice(const char *what)
{
    if (strstr(what, "wrong version number") != NULL)
        return ": no TLS is spoken there; correct the port, or say http://";
    if (strstr(what, "local issuer") != NULL || strstr(what, "self-signed") != NULL)
        return ": install the certificate of its authority, or name it in SSL_CERT_FILE";
    return "";
}

/* With the host that failed, which may not be the one that was asked for, and no more of its URL:
 * the rest may hold a signature. */
static void fail(struct running *x, const char *what)
{
    struct str origin = origin_of(exchange_url(&x->seen));
    size_t at = str_find_last(origin, '@');
    if (at < origin.len)
        origin = str_skip(origin, at + 1);
    x->seen.done = true;
    snprintf(x->seen.error, sizeof(x->seen.error), "%.*s: %.100s%s",
             (int)(origin.len < 70 ? origin.len : 70), origin.data, what, advice(what));
}

static const char *what_failed(const struct running *x, CURLcode code)
{
    if (x->seen.too_long)
        return "the answer is longer than it may be";
    if (x->no_memory)
        return "out of memory";
    if (x->stopped)
        return "broken off";
    return hop_problem(&x->hop, code, x->text);
}

/* libcurl's times are of the last hop. */
static int64_t measure_delay(const struct running *x)
{
    curl_off_t asked = 0, answered = 0;
    if (x->request->read != NULL)
        return x->sent == x->request->size && x->sent > 0 ? clock_now() - x->sent_at : 0;
    x->client->curl->easy_getinfo(x->easy, CURLINFO_PRETRANSFER_TIME_T, &asked);
    x->client->curl->easy_getinfo(x->easy, CURLINFO_STARTTRANSFER_TIME_T, &answered);
    return answered > asked ? (answered - asked) * (CLOCK_MS / 1000) : 0;
}

static uint64_t bytes_moved(const void *owner)
{
    const struct running *x = owner;
    curl_off_t up = 0, down = 0;
    x->client->curl->easy_getinfo(x->easy, CURLINFO_SIZE_UPLOAD_T, &up);
    x->client->curl->easy_getinfo(x->easy, CURLINFO_SIZE_DOWNLOAD_T, &down);
    return (uint64_t)up + (uint64_t)down;
}

static void end_slow_ones(struct exchange_client *c, int64_t waited)
{
    for (struct running *x = c->first; x != NULL; x = x->next) {
        bool patient = x->request->patient;
        if (!x->added || x->paused ||
            !patience_ends(&x->patience, waited, bytes_moved, x, patient ? 1 : PATIENCE_BYTES))
            continue;
        c->curl->multi_remove_handle(c->multi, x->easy);
        x->added = false;
        x->seen.slow = true;
        fail(x, patient ? "not a byte in a minute" : "slower than 1 KiB a second for a minute");
    }
}

static void finish(struct running *x, CURLcode code)
{
    const struct libcurl *curl = x->client->curl;
    const char *why = NULL;
    curl->multi_remove_handle(x->client->multi, x->easy);
    x->added = false;
    if (code != CURLE_OK) {
        fail(x, what_failed(x, code));
        return;
    }
    enum hop_next next = hop_next(&x->hop, &why);
    if (next == HOP_AGAIN) {
        char *url = NULL;
        drop_body(x); /* it was the redirect's */
        x->patience = (struct patience){0};
        curl->easy_getinfo(x->easy, CURLINFO_REDIRECT_URL, &url);
        x->added =
            set_fields(x, url) && curl->multi_add_handle(x->client->multi, x->easy) == CURLM_OK;
        if (x->added)
            return;
        why = "out of memory";
    }
    curl->easy_getinfo(x->easy, CURLINFO_RESPONSE_CODE, &x->seen.status);
    x->seen.done = true;
    x->seen.whole = next == HOP_DONE;
    x->seen.delay = measure_delay(x);
    if (!x->seen.whole)
        fail(x, why);
}

void exchange_turn(struct exchange_client *c, int wait_ms)
{
    int n;
    CURLMsg *message;
    int64_t begun = clock_now();
    c->curl->multi_poll(c->multi, NULL, 0, wait_ms < STOP_MS ? wait_ms : STOP_MS, NULL);
    int64_t waited = clock_now() - begun;
    c->curl->multi_perform(c->multi, &n);
    while ((message = c->curl->multi_info_read(c->multi, &n)) != NULL) {
        struct running *x = NULL;
        CURLcode code = message->data.result;
        if (message->msg != CURLMSG_DONE)
            continue;
        c->curl->easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &x);
        finish(x, code);
    }
    end_slow_ones(c, waited);
}

void exchange_sleep(struct exchange_client *c, int64_t ns)
{
    int64_t until = clock_now() + ns, left = ns;
    while (left > 0 && (c->stop == NULL || !atomic_load(c->stop))) {
        int64_t some = left < STOP_MS * CLOCK_MS ? left : STOP_MS * CLOCK_MS;
        nanosleep(&(struct timespec){.tv_nsec = (long)some}, NULL);
        left = until - clock_now();
    }
}

void exchange_resume(struct exchange *x)
{
    struct running *r = running_of(x);
    r->paused = false;
    if (r->added)
        r->client->curl->easy_pause(r->easy, CURLPAUSE_CONT);
}

char *exchange_take(struct exchange *x)
{
    struct running *r = running_of(x);
    char *body = x->body;
    x->body = NULL;
    x->len = r->capacity = 0;
    return body;
}

void exchange_end(struct exchange *x)
{
    struct running *r = running_of(x);
    if (x == NULL)
        return;
    const struct libcurl *curl = r->client->curl;
    delist(r);
    if (r->added)
        curl->multi_remove_handle(r->client->multi, r->easy);
    if (r->easy != NULL)
        curl->easy_cleanup(r->easy);
    drop_fields(r);
    if (x->body != NULL)
        OPENSSL_cleanse(x->body, x->len); /* it may have brought a token */
    free(x->body);
    free(r);
}

struct exchange *exchange_run(struct exchange_client *c, const struct exchange_request *r)
{
    struct exchange *x = exchange_begin(c, r);
    while (x != NULL && !x->done) {
        exchange_turn(c, STOP_MS);
        if (!x->done && c->stop != NULL && atomic_load(c->stop)) {
            struct running *broken = running_of(x);
            broken->stopped = true;
            fail(broken, "broken off");
        }
    }
    return x;
}

/* ── The response ── */

const char *exchange_asked(const struct exchange *x, const char *name)
{
    const struct exchange_request *r = ((const struct running *)(const void *)x)->request;
    for (size_t i = 0; i < r->n_fields; i++)
        if (strcmp(r->fields[i].name, name) == 0)
            return r->fields[i].value;
    return NULL;
}

const char *exchange_header(struct exchange *x, const char *name, size_t i)
{
    struct running *r = running_of(x);
    struct curl_header *found = NULL;
    if (r->client->curl->easy_header(r->easy, name, i, CURLH_HEADER, -1, &found) != CURLHE_OK)
        return NULL;
    return found->value;
}

long exchange_status(struct exchange *x)
{
    struct running *r = running_of(x);
    long status = 0;
    r->client->curl->easy_getinfo(r->easy, CURLINFO_RESPONSE_CODE, &status);
    return status;
}

const char *exchange_url(struct exchange *x)
{
    struct running *r = running_of(x);
    const char *url = NULL;
    r->client->curl->easy_getinfo(r->easy, CURLINFO_EFFECTIVE_URL, &url);
    return url != NULL && url[0] != '\0' ? url : r->request->url;
}

bool exchange_is_direct(struct exchange *x)
{
    return str_eq_nocase(origin_of(exchange_url(x)), origin_of(running_of(x)->request->url));
}
