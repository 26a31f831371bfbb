#include "mirror/registry.h"

#include "httpd.h"

#include "check.h"

#include <signal.h>

#define HELLO "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"

/* A registry that does what real ones cannot be made to do. */
static struct httpd *server;
static struct registry *registry;
static struct exchange_client *client;
static struct registry_outcome out;
static atomic_bool stop;
static char error[256];
static char seen[8192]; /* names and tags, in the order they came, with blanks behind */
static unsigned tokens; /* that were given out */

static enum httpd_action json(struct httpd_request *r, const char *fields, const char *text)
{
    snprintf(r->answer, r->answer_size,
             "HTTP/1.1 200 x\r\nContent-Type: application/json; charset=utf-8\r\n%s"
             "Content-Length: %zu\r\n\r\n%s",
             fields, strlen(text), text);
    return HTTPD_SEND;
}

static enum httpd_action bytes(struct httpd_request *r, int status, const char *fields,
                               const char *text)
{
    snprintf(r->answer, r->answer_size, "HTTP/1.1 %d x\r\n%sContent-Length: %zu\r\n\r\n%s", status,
             fields, strlen(text), text);
    return HTTPD_SEND;
}

static bool path_is(const struct httpd_request *r, const char *path)
{
    return strcmp(r->path, path) == 0;
}

static enum httpd_action with_token(struct httpd *s, struct httpd_request *r)
{
    char fields[256];
    if (strstr(r->head, "Authorization: Bearer second") != NULL)
        return bytes(r, 200, "", "hello");
    snprintf(fields, sizeof(fields),
             "WWW-Authenticate: Bearer realm=\"%s/token\",service=\"s\","
             "scope=\"repository:p/private:pull\"\r\n",
             s->url);
    return bytes(r, 401, fields, "");
}

static enum httpd_action token(struct httpd_request *r)
{
    bool right = strstr(r->path, "service=s") != NULL &&
                 strstr(r->path, "scope=repository:p/private:pull") != NULL;
    tokens++;
    return json(r, "",
                !right        ? "{}"
                : tokens == 1 ? "{\"token\":\"first\"}"
                              : "{\"access_token\":\"second\"}");
}

static enum httpd_action blob(struct httpd_request *r)
{
    bool range = strstr(r->head, "Range: bytes=2-") != NULL;
    if (strstr(r->path, "/partial/") != NULL && range)
        return bytes(r, 206, "Content-Range: bytes 2-4/5\r\n", "llo");
    if (strstr(r->path, "/elsewhere/") != NULL && range)
        return bytes(r, 206, "Content-Range: bytes 1-4/5\r\n", "ello");
    return bytes(r, 200, "", "hello");
}

static enum httpd_action site(struct httpd *s, struct httpd_request *r)
{
    char link[256];
    if (path_is(r, "/v2/_catalog?n=1000"))
        return json(r, "Link: </v2/_catalog?n=2&last=p/b>; rel=\"next\"\r\n",
                    "{\"repositories\":[\"p/a\",\"px/b\",\"p/b\",\"../etc\",7,\"p\",\"other\"]}");
    if (path_is(r, "/v2/_catalog?n=2&last=p/b"))
        return json(r, "", "{\"repositories\":[\"p/c/d\"]}");
    if (path_is(r, "/v2/p/a/tags/list?n=1000")) {
        snprintf(link, sizeof(link), "Link: <%s/v2/p/a/tags/list?n=1000&last=2>; rel=\"next\"\r\n",
                 s->url);
        return json(r, link, "{\"name\":\"p/a\",\"tags\":[\"1\",\"2\",\"a/b\"]}");
    }
    if (path_is(r, "/v2/p/a/tags/list?n=1000&last=2"))
        return json(r, "Link: <http://other.example/v2/>; rel=\"next\"\r\n", "{\"tags\":[\"3\"]}");
    if (path_is(r, "/v2/p/google/tags/list?n=1000"))
        return json(r, "",
                    "{\"child\":[\"x\"],\"tags\":[\"t\"],\"manifest\":{\"" HELLO
                    "\":{\"tag\":[\"t\"]},\"md5:x\":{}}}");
    if (path_is(r, "/v2/p/circle/tags/list?n=1000"))
        return json(r, "Link: <?n=1000&last=1>; rel=\"next\"\r\n", "{\"tags\":[\"1\"]}");
    if (path_is(r, "/v2/p/circle/tags/list?n=1000&last=1"))
        return json(r, "Link: <?n=1000>; rel=\"next\"\r\n", "{\"tags\":[\"2\"]}");
    if (path_is(r, "/v2/p/null/tags/list?n=1000"))
        return json(r, "", "{\"name\":\"p/null\",\"tags\":null}");
    if (path_is(r, "/v2/p/busy/tags/list?n=1000"))
        return bytes(r, 429, "Retry-After: 3\r\n", "");
    if (path_is(r, "/v2/p/broken/tags/list?n=1000"))
        return bytes(r, 200, "", "<html>");
    if (path_is(r, "/v2/p/a/manifests/" HELLO) || path_is(r, "/v2/p/a/manifests/tag"))
        return json(r, "Docker-Content-Digest: sha256:0000\r\n", "hello");
    if (path_is(r, "/v2/p/liar/manifests/" HELLO))
        return json(r, "Docker-Content-Digest: " HELLO "\r\n", "hullo");
    if (strncmp(r->path, "/token", 6) == 0)
        return token(r);
    if (strncmp(r->path, "/v2/p/private/", 14) == 0)
        return with_token(s, r);
    if (strstr(r->path, "/blobs/" HELLO) != NULL)
        return blob(r);
    return bytes(r, 404, "", "");
}

static int setup(void **state)
{
    char from[128];
    const char *why;
    (void)state;
    setenv("DOCKER_CONFIG", "/nonexistent", 1);
    unsetenv("REGISTRY_AUTH_FILE");
    atomic_store(&stop, false);
    tokens = 0;
    seen[0] = '\0';
    server = httpd_start(site, NULL);
    snprintf(from, sizeof(from), "%s/p/", server->url);
    registry = registry_open(from, error);
    client = exchange_client_new(&stop, &why);
    return registry != NULL && client != NULL ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    registry_close(registry);
    exchange_client_free(client);
    httpd_stop(server);
    return 0;
}

static bool note_as(const char *what, struct str name)
{
    size_t len = strlen(seen);
    snprintf(seen + len, sizeof(seen) - len, "%s%.*s ", what, (int)name.len, name.data);
    return true;
}

static bool note(void *owner, struct str name)
{
    (void)owner;
    return note_as("", name);
}

static bool note_tag(void *owner, struct str name)
{
    (void)owner;
    return note_as("tag=", name);
}

static bool note_child(void *owner, struct str name)
{
    (void)owner;
    return note_as("child=", name);
}

static bool note_manifest(void *owner, struct str name)
{
    (void)owner;
    return note_as("manifest=", name);
}

static const struct registry_listing listing = {NULL, note_tag, note_child, note_manifest, NULL};

static void the_catalog_is_read_to_its_end_and_below_the_prefix(void **state)
{
    (void)state;
    registry_repositories(registry, client, note, NULL, &out);
    assert_int_equal(out.result, REGISTRY_OK);
    assert_string_equal(seen, "a b  c/d ");
}

static void tags_are_read_page_by_page_of_this_server_alone(void **state)
{
    (void)state;
    registry_list(registry, client, STR("a"), &listing, &out);
    assert_string_equal(seen, "tag=1 tag=2 tag=3 ");
    assert_int_equal(out.result, REGISTRY_FAILED); /* nobody knows what would have followed */
    assert_non_null(strstr(out.error, "another server"));
    seen[0] = '\0';
    registry_list(registry, client, STR("null"), &listing, &out);
    assert_int_equal(out.result, REGISTRY_OK);
    assert_string_equal(seen, "");
}

static void pages_that_lead_in_a_circle_end(void **state)
{
    (void)state;
    registry_list(registry, client, STR("circle"), &listing, &out);
    assert_int_equal(out.result, REGISTRY_FAILED);
    assert_non_null(strstr(out.error, "do not end"));
    assert_string_equal(seen, "tag=1 tag=2 tag=1 ");
}

static void googles_listing_brings_children_and_untagged_manifests(void **state)
{
    (void)state;
    registry_list(registry, client, STR("google"), &listing, &out);
    assert_string_equal(seen, "child=x tag=t manifest=" HELLO " ");
}

static void what_a_registry_refuses_is_told_apart(void **state)
{
    (void)state;
    registry_list(registry, client, STR("busy"), &listing, &out);
    assert_int_equal(out.result, REGISTRY_RETRY);
    assert_true(out.throttled);
    assert_int_equal(out.after, 3000);
    registry_list(registry, client, STR("nowhere"), &listing, &out);
    assert_int_equal(out.result, REGISTRY_MISSING);
    registry_list(registry, client, STR("broken"), &listing, &out);
    assert_int_equal(out.result, REGISTRY_RETRY);
    assert_non_null(strstr(out.error, "no JSON"));
}

static void manifests_are_verified_whatever_the_registry_says(void **state)
{
    struct registry_manifest m;
    char text[DIGEST_TEXT_MAX];
    (void)state;
    registry_manifest(registry, client, STR("a"), STR(HELLO), &m, &out);
    assert_int_equal(out.result, REGISTRY_OK);
    assert_int_equal(m.len, 5);
    assert_string_equal(m.type, "application/json");
    registry_manifest_release(&m);
    registry_manifest(registry, client, STR("a"), STR("tag"), &m, &out);
    check_str(str_make(text, digest_format(&m.digest, text)), HELLO);
    registry_manifest_release(&m);
    registry_manifest(registry, client, STR("liar"), STR(HELLO), &m, &out);
    assert_int_equal(out.result, REGISTRY_RETRY);
    assert_null(m.data);
    assert_non_null(strstr(out.error, "not the one of that digest"));
}

static char got[64];

static enum exchange_flow take(void *owner, const char *data, size_t len)
{
    (void)owner;
    strncat(got, data, len);
    return EXCHANGE_GO;
}

static void read_blob(const char *repository, int64_t offset)
{
    struct registry_blob b = {.repository = str_from(repository), .size = 5};
    digest_parse(STR(HELLO), &b.digest);
    got[0] = '\0';
    struct registry_read *x = registry_read_begin(registry, client, &b, offset, take, NULL);
    assert_non_null(x);
    while (!registry_read_turn(x, &out))
        exchange_turn(client, 100);
    registry_read_end(x);
}

static void a_blob_is_resumed_where_it_broke_off(void **state)
{
    (void)state;
    read_blob("partial", 0);
    assert_int_equal(out.result, REGISTRY_OK);
    assert_string_equal(got, "hello");
    read_blob("partial", 2);
    assert_string_equal(got, "llo");
    read_blob("whole", 2); /* a server that knows no ranges begins again */
    assert_int_equal(out.result, REGISTRY_OK);
    assert_string_equal(got, "llo");
    read_blob("elsewhere", 2);
    assert_int_equal(out.result, REGISTRY_RETRY);
    assert_non_null(strstr(out.error, "another place"));
    assert_string_equal(got, "");
}

static void a_token_is_fetched_and_renewed_once(void **state)
{
    (void)state;
    read_blob("private", 0); /* the first token is refused: nothing more is tried */
    assert_int_equal(out.result, REGISTRY_FAILED);
    assert_int_equal(out.status, 401);
    assert_int_equal(tokens, 1);
    read_blob("private", 0); /* it is known, refused again, and the next one is right */
    assert_int_equal(out.result, REGISTRY_OK);
    assert_string_equal(got, "hello");
    assert_int_equal(tokens, 2);
    read_blob("private", 0);
    assert_int_equal(out.result, REGISTRY_OK);
    assert_int_equal(tokens, 2);
}

static void what_names_no_registry_is_refused(void **state)
{
    static const char *const bad[] = {
        "", "ftp://a/b", "https://", "a/../b", "https://a/b?c", "http://a b", "https://a//b"};
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_null(registry_open(bad[i], error));
        assert_non_null(strstr(error, "names no registry"));
    }
}

static void a_password_is_refused_and_not_shown(void **state)
{
    static const char *const bad[] = {"user:secret@host/a", "https://user:secret@host"};
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_null(registry_open(bad[i], error));
        assert_non_null(strstr(error, "no user and password"));
        assert_null(strstr(error, "secret"));
    }
}

static void an_image_is_no_registry(void **state)
{
    static const char *const bad[] = {"host/a:v1", "https://host/a/b@sha256:00"};
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_null(registry_open(bad[i], error));
        assert_non_null(strstr(error, "names an image"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_catalog_is_read_to_its_end_and_below_the_prefix, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(pages_that_lead_in_a_circle_end, setup, teardown),
        cmocka_unit_test_setup_teardown(tags_are_read_page_by_page_of_this_server_alone, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(googles_listing_brings_children_and_untagged_manifests,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(what_a_registry_refuses_is_told_apart, setup, teardown),
        cmocka_unit_test_setup_teardown(manifests_are_verified_whatever_the_registry_says, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_blob_is_resumed_where_it_broke_off, setup, teardown),
        cmocka_unit_test_setup_teardown(a_token_is_fetched_and_renewed_once, setup, teardown),
        cmocka_unit_test(what_names_no_registry_is_refused),
        cmocka_unit_test(a_password_is_refused_and_not_shown),
        cmocka_unit_test(an_image_is_no_registry),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
