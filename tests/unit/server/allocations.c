/*
 * No allocation per request: the whole server in the test's own process, every allocation of its
 * workers and of the access log's thread counted, whoever makes it.
 */
#include "server/server.h"

#include "indexed.h"

#include "check.h"
#include "sys/clock.h"
#include "sys/sanitized.h"

#include <netinet/tcp.h>
#include <signal.h>
#include <sys/prctl.h>

#define N(array) (sizeof(array) / sizeof((array)[0]))
#define WARM 50
#define REQUESTS 2000

static atomic_long counted;

/* Whether the calling thread is one that serves requests, by its name. */
static bool is_counted(void)
{
    char name[16] = "";
    prctl(PR_GET_NAME, name);
    return strncmp(name, "worker-", 7) == 0 || strcmp(name, "access-log") == 0;
}

static void count(void)
{
    if (is_counted())
        atomic_fetch_add(&counted, 1);
}

/* ── Every allocation of the process: through a sanitizer's hook, or instead of the C library's ──
 */

#if SANITIZED
/* As in sanitizer/allocator_interface.h, which not every compiler's package has. */
int __sanitizer_install_malloc_and_free_hooks(void (*allocated)(const volatile void *, size_t),
                                              void (*released)(const volatile void *));

static void allocated(const volatile void *at, size_t size)
{
    (void)at;
    (void)size;
    count();
}

static void released(const volatile void *at)
{
    (void)at;
}

static void begin_counting(void)
{
    assert_int_not_equal(__sanitizer_install_malloc_and_free_hooks(allocated, released), 0);
}
#else
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *at, size_t size);
void *__libc_memalign(size_t align, size_t size);

void *malloc(size_t size)
{
    count();
    return __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
    count();
    return __libc_calloc(n, size);
}

void *realloc(void *at, size_t size)
{
    count();
    return __libc_realloc(at, size);
}

void *aligned_alloc(size_t align, size_t size)
{
    count();
    return __libc_memalign(align, size);
}

static void begin_counting(void)
{
}
#endif

/* ── The server ── */

struct served {
    struct server_update start;
    struct httpd *store;
    atomic_bool index_used; /* the test has seen it */
    int port[2];            /* the second is the decision endpoint's */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool started;
};

static enum httpd_action has_everything(struct httpd *server, struct httpd_request *r)
{
    (void)server;
    return httpd_status(r, 200);
}

/* Only its index says that it has any blob, until the test has seen that the index is used. From
 * then on the watch is told so, too, which asks some seconds later. */
static enum httpd_action has_an_index(struct httpd *server, struct httpd_request *r)
{
    static const char blob[] =
        "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    struct indexed x;
    struct digest d;
    struct served *s = server->context;
    if (strncmp(r->path, "/files/", 7) == 0)
        return httpd_status(r, 200);
    digest_parse(STR(blob), &d);
    indexed_make(&x, &d, 1, clock_wall());
    if (indexed_answer(&x, r))
        return HTTPD_SEND;
    return httpd_status(r, atomic_load(&s->index_used) ? 200 : 404);
}

static void started(void *context, const struct server_started *how)
{
    struct served *s = context;
    pthread_mutex_lock(&s->lock);
    for (size_t i = 0; i < 2; i++)
        s->port[i] = how->listen[i].port;
    s->started = true;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

static void *run(void *argument)
{
    struct served *s = argument;
    const struct server_hooks hooks = {.context = s, .updates_fd = -1, .started = started};
    return (void *)(intptr_t)server_run(&s->start, &hooks);
}

static void serve(struct served *s, const char *log, bool index)
{
    static const char ranges[] = "192.0.2.0/24 aws eu-west-3\n198.51.100.0/24 gcp west\n";
    char text[2048], *const environment[] = {NULL};
    struct diag d = {0};
    memset(s, 0, sizeof(*s));
    s->store = httpd_start(index ? has_an_index : has_everything, s);
    int n = snprintf(text, sizeof(text),
                     "server: {listen: [\"127.0.0.1:0\"], decide: \"127.0.0.1:0\", admin: \"\", "
                     "workers: 1}\n"
                     "log: {access: \"%s\"}\n"
                     "upstream: {endpoint: \"https://upstream.test\", blobs_for: [gcp]}\n"
                     "stores:\n  - {name: eu, url: \"%s\", serves: [aws/eu-west-3], index: %s}\n"
                     "existence: {index_refresh: 20ms, absent_ttl: 1ms}\n"
                     "routes:\n"
                     "  - {name: files, when: {path: '/files/**'}, to: [eu, {status: 404}]}\n"
                     "  - name: team\n"
                     "    when: {host: x, header: {X-Team: [blue, 'red-*']}, share: 100%%}\n"
                     "    to: {url: 'https://team.test', status: 302}\n"
                     "  - {name: gone, when: {path: /gone}, to: {status: 410, body: gone}}\n",
                     log, s->store->url, index ? "true" : "false");
    s->start.config = config_parse("test", text, (size_t)n, environment, &d);
    assert_non_null(s->start.config);
    struct ranges *r = ranges_parse("own.txt", ranges, strlen(ranges), &d);
    assert_non_null(r);
    assert_true(compile_snapshot(s->start.config, r, &s->start.image, &d));
    ranges_free(r);
    diag_clear(&d);
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->changed, NULL);
    pthread_create(&s->thread, NULL, run, s);
    pthread_mutex_lock(&s->lock);
    while (!s->started)
        pthread_cond_wait(&s->changed, &s->lock);
    pthread_mutex_unlock(&s->lock);
}

static void stop(struct served *s)
{
    void *code;
    kill(getpid(), SIGTERM);
    pthread_join(s->thread, &code);
    assert_null(code);
    httpd_stop(s->store);
}

/* ── The client ── */

static const struct {
    const char *what;
    const char *head;
    const char *answer; /* stands in it */
} request[] = {
    {"manifest", "GET /v2/app/manifests/1 HTTP/1.1\r\nX-Forwarded-For: 192.0.2.1, 10.0.0.1",
     "Location: https://upstream.test/v2/app/manifests/1"},
    {"blob that is present",
     "GET /v2/app/blobs/sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef "
     "HTTP/1.1\r\nX-Forwarded-For: 192.0.2.1, 10.0.0.1",
     "/containers/images/sha256:0123"},
    {"blob of a network whose blobs stay at the upstream",
     "HEAD /v2/app/blobs/sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef "
     "HTTP/1.1\r\nX-Forwarded-For: 198.51.100.1, 10.0.0.1",
     "Location: https://upstream.test/v2/app/blobs/"},
    {"version check", "GET /v2/ HTTP/1.1", "HTTP/1.1 200"},
    {"escapes", "GET /v2/a%2eb/manifests/1?x=y HTTP/1.1", "/v2/a.b/manifests/1?x=y"},
    {"what is not there", "GET /nothing HTTP/1.1", "HTTP/1.1 404"},
    {"bad digest", "GET /v2/a/blobs/sha256:1 HTTP/1.1", "DIGEST_INVALID"},
    {"another method", "POST /v2/ HTTP/1.1", "HTTP/1.1 405"},
    {"file that is present", "GET /files/a%20b HTTP/1.1", "/files/a%20b\r\n"},
    {"route by a field", "GET /v2/app/tags/list HTTP/1.1\r\nX-Team: red-1",
     "HTTP/1.1 302 Found\r\nLocation: https://team.test/v2/app/tags/list\r\n"},
    {"fixed answer", "GET /gone HTTP/1.1", "HTTP/1.1 410 Gone"},
    {"question in the query", "GET /decide?ip=192.0.2.1&path=%2fv2%2fapp%2fmanifests%2f1 HTTP/1.1",
     "X-Archeio-Location: https://upstream.test/v2/app/manifests/1"},
    {"question in fields, about a blob",
     "GET /decide HTTP/1.1\r\nX-Real-Ip: 192.0.2.1\r\nX-Original-Uri: "
     "/v2/app/blobs/sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
     "\"store\":\"eu\""},
    {"question about a bad digest", "GET /decide?path=/v2/a/blobs/sha256:1 HTTP/1.1",
     "DIGEST_INVALID"},
    {"what is no question", "GET /decide HTTP/1.1", "HTTP/1.1 400"},
    {"question for a host", "GET /host HTTP/1.1", "upstream.test"},
};

#define BLOB 1
#define QUESTIONS 11 /* it and those behind it go to the decision endpoint */

static int connect_to(int port)
{
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                            .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    return fd;
}

/* A request cut in two, so that its beginning has to be held, and its whole answer. */
static bool try_exchange(int fd, size_t i)
{
    char text[4096];
    size_t got = 0, want = SIZE_MAX;
    int n =
        snprintf(text, sizeof(text), "%s\r\nHost: x\r\nUser-Agent: test\r\n\r\n", request[i].head);
    assert_int_equal(send(fd, text, 20, 0), 20);
    assert_int_equal(send(fd, text + 20, (size_t)n - 20, 0), n - 20);
    while (got < want) {
        ssize_t more = recv(fd, text + got, sizeof(text) - 1 - got, 0);
        if (more <= 0)
            fail_msg("%s: the connection ended behind \"%.*s\"", request[i].what, (int)got, text);
        got += (size_t)more;
        text[got] = '\0';
        const char *end = strstr(text, "\r\n\r\n"), *length = strstr(text, "Content-Length: ");
        if (end != NULL && length != NULL)
            want = (size_t)(end + 4 - text) +
                   (strncmp(request[i].head, "HEAD", 4) == 0 ? 0 : strtoul(length + 16, NULL, 10));
    }
    return strstr(text, request[i].answer) != NULL;
}

static void exchange(int fd, size_t i)
{
    assert_true(try_exchange(fd, i));
}

static void check_no_allocation(const char *log, bool index)
{
    struct served s;
    serve(&s, log, index);
    const int fd[] = {connect_to(s.port[0]), connect_to(s.port[1])};
    while (!try_exchange(fd[0], BLOB)) /* the index comes in the background */
        usleep(2000);
    atomic_store(&s.index_used, true);
    for (int k = 0; k < WARM; k++)
        for (size_t i = 0; i < N(request); i++)
            exchange(fd[i >= QUESTIONS], i);
    for (size_t i = 0; i < N(request); i++) {
        long before = atomic_load(&counted);
        for (int k = 0; k < REQUESTS; k++)
            exchange(fd[i >= QUESTIONS], i);
        long allocations = atomic_load(&counted) - before;
        if (allocations != 0)
            fail_msg("%s: %ld allocations for %d requests", request[i].what, allocations, REQUESTS);
    }
    close(fd[0]);
    close(fd[1]);
    stop(&s);
}

static void *allocate(void *name)
{
    prctl(PR_SET_NAME, name);
    void *volatile memory = malloc(100);
    free(memory);
    return NULL;
}

static void test_an_allocation_of_a_worker_is_counted_and_of_others_not(void **state)
{
    (void)state;
    char worker[] = "worker-7", other[] = "prober";
    pthread_t thread;
    long before = atomic_load(&counted);
    pthread_create(&thread, NULL, allocate, other);
    pthread_join(thread, NULL);
    assert_int_equal(atomic_load(&counted), before);
    pthread_create(&thread, NULL, allocate, worker);
    pthread_join(thread, NULL);
    assert_true(atomic_load(&counted) > before);
}

static void test_a_request_allocates_nothing(void **state)
{
    (void)state;
    check_no_allocation("off", false);
}

static void test_a_request_that_is_logged_allocates_nothing(void **state)
{
    (void)state;
    check_no_allocation("/dev/null", false);
}

static void test_a_request_that_an_index_answers_allocates_nothing(void **state)
{
    (void)state;
    check_no_allocation("off", true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_allocation_of_a_worker_is_counted_and_of_others_not),
        cmocka_unit_test(test_a_request_allocates_nothing),
        cmocka_unit_test(test_a_request_that_is_logged_allocates_nothing),
        cmocka_unit_test(test_a_request_that_an_index_answers_allocates_nothing),
    };
    server_block_signals();
    begin_counting();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
