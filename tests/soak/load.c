/*
 * Asks for manifests and blobs as fast as it can, over HTTP/1.1 (pipelined), the same over TLS, and
 * HTTP/2, and looks at every answer. Usage:
 *
 *   load REQUESTS CLEAR_PORT TLS_PORT UPSTREAM_URL STORE_URL[,STORE_URL...]
 *
 * Blobs whose digest begins with "f" are in no store. The first wrong or missing answer ends it
 * with exit code 1 and says which; else it prints how many were answered, and by whom.
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <nghttp2/nghttp2.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define THREADS 6   /* two of each kind */
#define BATCH 64    /* requests that are under way on one connection */
#define BATCHES 200 /* of one connection */
#define DIGESTS 2000
#define TEXT 512
#define STORES 8

enum kind { CLEAR, SECURE, MULTIPLEXED, KINDS };

static struct {
    const char *upstream;
    char *store[STORES];
    unsigned n_stores;
    uint16_t port, tls_port;
    SSL_CTX *tls;
} site;

static atomic_long left;
static atomic_ulong from_upstream, from_stores;

struct link {
    int fd;
    SSL *ssl; /* NULL: in clear */
};

__attribute__((noreturn, format(printf, 1, 2))) static void fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(1);
}

/* ── Connections ── */

static struct link open_link(uint16_t port, bool secure)
{
    const int on = 1;
    struct link l = {.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    setsockopt(l.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (l.fd < 0 || connect(l.fd, (struct sockaddr *)&to, sizeof(to)) != 0)
        fail("cannot connect to port %u", port);
    if (!secure)
        return l;
    l.ssl = SSL_new(site.tls);
    if (l.ssl == NULL || SSL_set_fd(l.ssl, l.fd) != 1 || SSL_connect(l.ssl) != 1)
        fail("no handshake at port %u", port);
    return l;
}

static void close_link(struct link *l)
{
    SSL_free(l->ssl);
    close(l->fd);
}

static void send_all(struct link *l, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = l->ssl != NULL ? SSL_write(l->ssl, data, (int)len) : write(l->fd, data, len);
        if (n <= 0)
            fail("closed while requests were sent");
        data += n;
        len -= (size_t)n;
    }
}

static size_t receive(struct link *l, char *data, size_t size)
{
    ssize_t n = l->ssl != NULL ? SSL_read(l->ssl, data, (int)size) : read(l->fd, data, size);
    if (n <= 0)
        fail("closed while answers were awaited");
    return (size_t)n;
}

/* ── What is asked, and what is right ── */

struct question {
    bool blob;
    char digest[65];
    char target[TEXT];
};

static void ask(struct question *q, unsigned *seed)
{
    unsigned n = (unsigned)rand_r(seed) % DIGESTS;
    q->blob = n % 4 != 0;
    snprintf(q->digest, sizeof(q->digest), "%x%063x", n % 16, n);
    if (q->blob)
        snprintf(q->target, TEXT, "/v2/soak/blobs/sha256:%s", q->digest);
    else
        snprintf(q->target, TEXT, "/v2/soak/manifests/v%u?n=%u", n, n);
}

static void judge(const struct question *q, int status, const char *location)
{
    char right[TEXT];
    snprintf(right, TEXT, "%s%s", site.upstream, q->target);
    if (status == 307 && strcmp(location, right) == 0) {
        atomic_fetch_add(&from_upstream, 1);
        return;
    }
    for (unsigned i = 0; i < site.n_stores && q->blob && q->digest[0] != 'f'; i++) {
        snprintf(right, TEXT, "%s/containers/images/sha256:%s", site.store[i], q->digest);
        if (status == 307 && strcmp(location, right) == 0) {
            atomic_fetch_add(&from_stores, 1);
            return;
        }
    }
    fail("wrong answer to %s: %d %s", q->target, status, location);
}

/* ── HTTP/1.1 ── */

static char *judge_head(const struct question *q, char *head, char *end)
{
    char location[TEXT] = "";
    int status = 0;
    *end = '\0';
    char *field = strstr(head, "\r\nLocation: ");
    if (sscanf(head, "HTTP/1.1 %d ", &status) != 1)
        fail("no answer: %.100s", head);
    if (field != NULL)
        sscanf(field, "\r\nLocation: %511s", location);
    judge(q, status, location);
    return end + 4;
}

static void run_http1(struct link *l, unsigned *seed)
{
    static _Thread_local char out[BATCH * 2 * TEXT], in[BATCH * 4 * TEXT + 1];
    static _Thread_local struct question question[BATCH];
    size_t len = 0, have = 0, answered = 0;
    for (size_t i = 0; i < BATCH; i++) {
        ask(&question[i], seed);
        len += (size_t)snprintf(out + len, sizeof(out) - len,
                                "GET %s HTTP/1.1\r\nHost: localhost\r\nUser-Agent: soak\r\n\r\n",
                                question[i].target);
    }
    send_all(l, out, len);
    while (answered < BATCH) {
        have += receive(l, in + have, sizeof(in) - 1 - have);
        in[have] = '\0';
        char *head = in, *end;
        while ((end = strstr(head, "\r\n\r\n")) != NULL)
            head = judge_head(&question[answered++], head, end);
        have -= (size_t)(head - in);
        memmove(in, head, have);
    }
}

/* ── HTTP/2 ── */

struct session {
    nghttp2_session *http2;
    struct question question[BATCH];
    int status[BATCH];
    char location[BATCH][TEXT];
    int32_t first; /* stream of this batch */
    unsigned answered;
};

static int on_header(nghttp2_session *http2, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
                     void *context)
{
    struct session *s = context;
    int i = (frame->hd.stream_id - s->first) / 2;
    (void)http2;
    (void)flags;
    if (name_len == 7 && memcmp(name, ":status", 7) == 0)
        s->status[i] = atoi((const char *)value);
    if (name_len == 8 && memcmp(name, "location", 8) == 0)
        snprintf(s->location[i], TEXT, "%.*s", (int)value_len, (const char *)value);
    return 0;
}

static int on_close(nghttp2_session *http2, int32_t stream, uint32_t error, void *context)
{
    struct session *s = context;
    int i = (stream - s->first) / 2;
    (void)http2;
    if (error != 0)
        fail("stream %d of %s was reset: %u", stream, s->question[i].target, error);
    judge(&s->question[i], s->status[i], s->location[i]);
    s->answered++;
    return 0;
}

static void begin_session(struct session *s)
{
    nghttp2_session_callbacks *callbacks;
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
    nghttp2_session_client_new(&s->http2, callbacks, s);
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_submit_settings(s->http2, NGHTTP2_FLAG_NONE, NULL, 0);
}

static void put(nghttp2_nv *field, const char *name, const char *value)
{
    *field = (nghttp2_nv){.name = (uint8_t *)(uintptr_t)name,
                          .value = (uint8_t *)(uintptr_t)value,
                          .namelen = strlen(name),
                          .valuelen = strlen(value)};
}

static void run_http2(struct session *s, struct link *l, unsigned *seed)
{
    char in[16384];
    s->answered = 0;
    for (size_t i = 0; i < BATCH; i++) {
        nghttp2_nv field[4];
        ask(&s->question[i], seed);
        s->location[i][0] = '\0';
        put(&field[0], ":method", "GET");
        put(&field[1], ":scheme", "http");
        put(&field[2], ":authority", "localhost");
        put(&field[3], ":path", s->question[i].target);
        int32_t stream = nghttp2_submit_request(s->http2, NULL, field, 4, NULL, NULL);
        s->first = i == 0 ? stream : s->first;
    }
    while (s->answered < BATCH) {
        const uint8_t *out;
        ssize_t n;
        while ((n = nghttp2_session_mem_send(s->http2, &out)) > 0)
            send_all(l, (const char *)out, (size_t)n);
        size_t got = receive(l, in, sizeof(in));
        if (nghttp2_session_mem_recv(s->http2, (uint8_t *)in, got) < 0)
            fail("that is no HTTP/2");
    }
}

/* ── Threads ── */

static void *work(void *argument)
{
    unsigned number = (unsigned)(uintptr_t)argument, seed = number + 1;
    enum kind kind = (enum kind)(number % KINDS);
    struct session *session = calloc(1, sizeof(*session));
    while (session != NULL && atomic_load(&left) > 0) {
        struct link l = open_link(kind == SECURE ? site.tls_port : site.port, kind == SECURE);
        if (kind == MULTIPLEXED)
            begin_session(session);
        for (int i = 0; i < BATCHES && atomic_fetch_sub(&left, BATCH) > 0; i++)
            if (kind == MULTIPLEXED)
                run_http2(session, &l, &seed);
            else
                run_http1(&l, &seed);
        if (kind == MULTIPLEXED)
            nghttp2_session_del(session->http2);
        close_link(&l);
    }
    free(session);
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t thread[THREADS];
    if (argc != 6)
        fail("usage: load REQUESTS CLEAR_PORT TLS_PORT UPSTREAM_URL STORE_URL[,STORE_URL...]");
    atomic_store(&left, atol(argv[1]));
    site.port = (uint16_t)atoi(argv[2]);
    site.tls_port = (uint16_t)atoi(argv[3]);
    site.upstream = argv[4];
    for (char *s = strtok(argv[5], ","); s != NULL && site.n_stores < STORES; s = strtok(NULL, ","))
        site.store[site.n_stores++] = s;
    site.tls = SSL_CTX_new(TLS_client_method());
    for (uintptr_t i = 0; i < THREADS; i++)
        if (pthread_create(&thread[i], NULL, work, (void *)i) != 0)
            fail("no thread to be had");
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    SSL_CTX_free(site.tls);
    printf("%lu %lu\n", atomic_load(&from_upstream), atomic_load(&from_stores));
    return 0;
}
