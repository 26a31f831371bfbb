/*
 * A bucket of the test's own making: a stand-in for S3 that answers as each test says, and keeps
 * what it was asked.
 */
#ifndef TESTS_MIRROR_BUCKET_H
#define TESTS_MIRROR_BUCKET_H

#include "httpd.h"

#include "check.h"
#include "putting.h"

#define KEY "images/sha256:ab"
#define SECRET "s3cr3tk3y"

static struct httpd *server;
static struct exchange_client *client;
static atomic_bool stop;
static struct store *store;

#define SEEN_MAX 64

/* Of each request: method, path, head, body; of more, the last. */
static struct request {
    char line[2100];
    char head[4096];
    char body[4096];
    size_t body_len;
} seen[SEEN_MAX];
static int n_seen;

static void (*answer)(struct httpd_request *r, int n); /* n: the request's number, from 0 */

static inline void reply(struct httpd_request *r, int status, const char *fields, const char *body)
{
    snprintf(r->answer, r->answer_size, "HTTP/1.1 %d x\r\n%sContent-Length: %zu\r\n\r\n%s", status,
             fields, strcmp(r->method, "HEAD") == 0 ? 0 : strlen(body), body);
}

static inline void reply_error(struct httpd_request *r, int status, const char *code)
{
    char body[256];
    snprintf(body, sizeof(body), "<Error><Code>%s</Code><Message>m</Message></Error>", code);
    reply(r, status, "", body);
}

static inline enum httpd_action handle(struct httpd *s, struct httpd_request *r)
{
    (void)s;
    pthread_mutex_lock(&s->lock);
    struct request *one = &seen[n_seen % SEEN_MAX];
    snprintf(one->line, sizeof(one->line), "%s %s", r->method, r->path);
    snprintf(one->head, sizeof(one->head), "%s", r->head);
    one->body_len = r->body_len;
    snprintf(one->body, sizeof(one->body), "%s", r->body);
    answer(r, n_seen++);
    pthread_mutex_unlock(&s->lock);
    return HTTPD_SEND;
}

static inline struct store *open_store(const char *bucket, const char *parameters)
{
    char url[256], error[256];
    snprintf(url, sizeof(url), "s3://%s?endpoint=%s%s", bucket, server->url, parameters);
    struct store *s = store_open(url, error);
    if (s == NULL)
        fail_msg("%s", error);
    return s;
}

static inline int setup(void **state)
{
    const char *why;
    (void)state;
    n_seen = 0;
    setenv("AWS_ACCESS_KEY_ID", "AKID", 1);
    setenv("AWS_SECRET_ACCESS_KEY", SECRET, 1);
    unsetenv("AWS_SESSION_TOKEN");
    unsetenv("AWS_REGION");
    unsetenv("AWS_DEFAULT_REGION");
    setenv("HOME", "/nowhere", 1);
    server = httpd_start(handle, NULL);
    client = exchange_client_new(&stop, &why);
    store = open_store("bucket", "");
    return client != NULL ? 0 : -1;
}

static inline int teardown(void **state)
{
    (void)state;
    store_close(store);
    exchange_client_free(client);
    httpd_stop(server);
    return 0;
}

static inline bool said(int n, const char *text)
{
    return strstr(seen[n].head, text) != NULL;
}

static inline struct store_outcome put(struct store *s, const char *key, const char *data,
                                       size_t len)
{
    struct store_object object = {
        .key = str_from(key), .digest = putting_digest(data, len), .size = (int64_t)len};
    struct putting source = {.data = data, .len = len};
    return putting_run(s, client, &object, &source);
}

static inline void check_error(struct store_outcome out, enum store_result result, const char *text)
{
    if (out.result != result || strstr(out.error, text) == NULL)
        fail_msg("%d \"%s\", expected %d \"%s\"", out.result, out.error, result, text);
    assert_null(strstr(out.error, SECRET));
}

#endif
