#include "ranges/compile.h"

#include "directory.h"
#include "sys/xalloc.h"
#include <archeio/decide.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static char aws[] = "aws", gcp[] = "gcp", here[] = "here", none[] = "", name[] = "near",
            url[] = "https://near.example", cdn[] = "cdn", cdn_url[] = "https://cdn.example",
            endpoint[] = "https://upstream.example", path[] = "images",
            info[] = "https://info.example/", privacy[] = "https://privacy.example/";

static struct config_place near_serves[] = {{.cloud = aws, .region = here}};
static struct config_place cdn_serves[] = {{.cloud = none, .region = none}};
static struct config_place stay[] = {{.cloud = gcp, .region = none}};
static struct config_store stores[] = {
    {.name = name, .url = url, .serves = near_serves, .n_serves = 1},
    {.name = cdn, .url = cdn_url, .serves = cdn_serves, .n_serves = 1},
};
static const struct config config = {
    .info_page = info,
    .privacy_page = privacy,
    .upstream = {.endpoint = endpoint, .path = path, .blobs_for = stay, .n_blobs_for = 1},
    .signature_endpoint = none,
    .stores = stores,
    .n_stores = 2,
};

static struct compile_image compile(const char *text)
{
    struct diag d = {0};
    struct compile_image image;
    struct ranges *r = ranges_parse("own.txt", text, strlen(text), &d);
    assert_non_null(r);
    assert_true(compile_snapshot(&config, r, &image, &d));
    assert_int_equal(d.n, 0);
    ranges_free(r);
    return image;
}

static struct snapshot_network locate(const struct snapshot *s, const char *address)
{
    struct addr a;
    assert_true(addr_parse(str_from(address), &a));
    return snapshot_network(s, snapshot_locate(s, &a));
}

static const char text[] = "192.0.2.0/24 aws here\n198.51.100.0/24 gcp there\n"
                           "203.0.113.0/24 aws elsewhere\n";

static void assert_decisions(const struct snapshot *s)
{
    struct snapshot_network near = locate(s, "192.0.2.7"), far = locate(s, "203.0.113.7");
    struct snapshot_network stays = locate(s, "198.51.100.7"), unknown = locate(s, "8.8.8.8");
    assert_int_equal(s->n_stores, 2);
    assert_true(str_eq(s->upstream, STR("https://upstream.example/v2/images/")));
    assert_true(str_eq(near.cloud, STR("aws")));
    assert_true(str_eq(near.region, STR("here")));
    assert_int_equal(near.n_stores, 1);
    assert_int_equal(near.stores[0], 0);
    assert_false(near.blobs_from_upstream);
    assert_int_equal(far.n_stores, 1);
    assert_int_equal(far.stores[0], 1);
    assert_true(stays.blobs_from_upstream);
    assert_int_equal(unknown.cloud.len, 0);
    assert_int_equal(unknown.stores[0], 1);
}

static void configuration_and_ranges_become_a_snapshot(void **state)
{
    (void)state;
    struct compile_image image = compile(text);
    assert_decisions(&image.snapshot);
    assert_int_equal(image.snapshot.n_sources, 1);
    struct snapshot_source source = snapshot_source(&image.snapshot, 0);
    assert_true(str_eq(source.name, STR("own.txt")));
    assert_int_equal(source.prefixes, 3);
    compile_release(&image);
    assert_null(image.data);
}

static void no_ranges_make_everybody_unknown(void **state)
{
    (void)state;
    struct diag d = {0};
    struct compile_image image;
    struct ranges *r = ranges_load("/nonexistent", &d);
    assert_true(compile_snapshot(&config, r, &image, &d));
    assert_int_equal(locate(&image.snapshot, "192.0.2.7").cloud.len, 0);
    compile_release(&image);
    ranges_free(r);
    diag_clear(&d);
}

static void what_a_snapshot_cannot_hold_is_refused(void **state)
{
    (void)state;
    static char long_url[SNAPSHOT_URL_MAX + 2];
    struct diag d = {0};
    struct compile_image image;
    struct config bad = config;
    struct ranges *r = ranges_load("/nonexistent", &d);
    diag_clear(&d);
    memset(long_url, 'x', SNAPSHOT_URL_MAX + 1);
    bad.info_page = long_url;
    assert_false(compile_snapshot(&bad, r, &image, &d));
    assert_null(image.data);
    assert_int_equal(d.n_errors, 1);
    assert_non_null(strstr(d.message[0].text, "too long"));
    ranges_free(r);
    diag_clear(&d);
}

static void a_file_that_was_written_is_read_again(void **state)
{
    (void)state;
    struct directory dir;
    struct diag d = {0};
    struct stat st;
    struct compile_image image = compile(text), again;
    directory_make(&dir);
    assert_true(compile_write(&image, directory_file(&dir, "snapshot"), &d));
    assert_int_equal(stat(dir.file, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0644);
    assert_int_equal(st.st_size, image.size);
    assert_true(compile_read(dir.file, &again, &d));
    assert_int_equal(again.size, image.size);
    assert_memory_equal(again.data, image.data, image.size);
    assert_decisions(&again.snapshot);
    compile_release(&again);
    compile_release(&image);
    directory_remove(&dir);
}

static void assert_refused(const char *file, const char *why)
{
    struct diag d = {0};
    struct compile_image image;
    assert_false(compile_read(file, &image, &d));
    assert_null(image.data);
    assert_int_equal(d.n_errors, 1);
    assert_string_equal(d.message[0].file, file);
    assert_non_null(strstr(d.message[0].text, why));
    diag_clear(&d);
}

static void a_file_that_is_damaged_or_not_there_is_refused_with_a_reason(void **state)
{
    (void)state;
    struct directory dir;
    struct diag d = {0};
    struct compile_image image = compile(text);
    directory_make(&dir);
    assert_refused(directory_file(&dir, "missing"), "cannot be read");
    directory_write(&dir, "text", "not a snapshot");
    assert_refused(directory_file(&dir, "text"), "snapshot: ");
    directory_write(&dir, "empty", "");
    assert_refused(directory_file(&dir, "empty"), "snapshot: ");
    ((unsigned char *)image.data)[image.size / 2] ^= 1;
    assert_true(compile_write(&image, directory_file(&dir, "flipped"), &d));
    assert_refused(dir.file, "snapshot: ");
    assert_int_equal(truncate(dir.file, (off_t)image.size - 1), 0);
    assert_refused(dir.file, "snapshot: ");
    compile_release(&image);
    directory_remove(&dir);
}

static void a_file_that_cannot_be_written_is_an_error(void **state)
{
    (void)state;
    struct diag d = {0};
    struct compile_image image = compile(text);
    assert_false(compile_write(&image, "/nonexistent/snapshot", &d));
    assert_int_equal(d.n_errors, 1);
    compile_release(&image);
    diag_clear(&d);
}

/* ── Autonomous systems ── */

static const char site[] =
    "upstream: {endpoint: https://registry.example}\n"
    "ranges: {directory: %s}\n"
    "providers:\n"
    "  amazon: [aws, as64500]\n"
    "  others: [as4294967295]\n"
    "routes:\n"
    "  - {name: amazon, when: {provider: amazon}, to: {url: https://amazon.example}}\n"
    "  - {name: others, when: {provider: others}, to: {url: https://others.example}}\n"
    "  - {name: one, when: {asn: as64501}, to: {url: https://one.example}}\n";

/* The name of the route that a client takes; "-": none. */
static const char *route_of(const struct snapshot *s, const char *client)
{
    static char route[64];
    char buffer[4096];
    struct addr a;
    struct decision d;
    const struct decide_request request = {
        .method = DECIDE_GET, .target = STR("/v2/a/manifests/b"), .buffer = buffer, .size = 4096};
    assert_true(addr_parse(str_from(client), &a));
    decide_begin(s, &request, &a, &d);
    strcpy(route, "-");
    if (d.answer.route != DECIDE_NO_ROUTE) {
        struct str taken = snapshot_route(s, d.answer.route).name;
        snprintf(route, sizeof(route), "%.*s", (int)taken.len, taken.data);
    }
    return route;
}

/* With the files of the directory. */
static struct compile_image compile_site(const struct directory *dir, struct diag *d)
{
    static char *const no_variables[] = {NULL};
    char *yaml = xalloc_format(site, dir->path);
    struct compile_image image;
    struct config *c = config_parse("site.yaml", yaml, strlen(yaml), no_variables, d);
    assert_non_null(c);
    struct ranges *r = ranges_load(dir->path, d);
    assert_true(compile_snapshot(c, r, &image, d));
    ranges_free(r);
    config_free(c);
    free(yaml);
    return image;
}

static void published_prefixes_win_and_then_the_autonomous_system(void **state)
{
    (void)state;
    struct directory dir;
    struct diag d = {0};
    directory_make(&dir);
    directory_write(&dir, "own.txt", "192.0.2.0/24 aws here\n198.51.100.0/24 lab\n");
    directory_write(&dir, "x.asn",
                    "192.0.2.0/25 4294967295\n" /* published as amazon's */
                    "198.51.100.0/25 AS64500\n" /* published as nobody's whom a provider has */
                    "203.0.113.0/24 4294967295\n"
                    "203.0.113.0/26 64501\n"
                    "203.0.113.64/26 64502\n" /* of whom nobody has asked */
                    "203.0.113.128/26 0\n");
    struct compile_image image = compile_site(&dir, &d);
    assert_int_equal(d.n, 0);
    static const char *const rows[][2] = {
        {"192.0.2.1", "amazon"}, {"192.0.2.129", "amazon"},   {"198.51.100.1", "amazon"},
        {"198.51.100.129", "-"}, {"203.0.113.1", "one"},      {"203.0.113.65", "-"},
        {"203.0.113.129", "-"},  {"203.0.113.193", "others"}, {"8.8.8.8", "-"}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_string_equal(route_of(&image.snapshot, rows[i][0]), rows[i][1]);
    assert_int_equal(locate(&image.snapshot, "203.0.113.193").asn, 4294967295U);
    assert_int_equal(locate(&image.snapshot, "203.0.113.65").asn, 0);
    compile_release(&image);
    directory_remove(&dir);
}

static void without_files_of_autonomous_systems_it_is_built_and_said(void **state)
{
    (void)state;
    struct directory dir;
    struct diag d = {0};
    directory_make(&dir);
    directory_write(&dir, "own.txt", "192.0.2.0/24 aws here\n");
    struct compile_image image = compile_site(&dir, &d);
    assert_int_equal(d.n, 1);
    assert_int_equal(d.n_errors, 0);
    assert_non_null(strstr(d.message[0].text, "no file here says which"));
    assert_string_equal(route_of(&image.snapshot, "192.0.2.1"), "amazon");
    compile_release(&image);
    diag_clear(&d);
    directory_write(&dir, "x.asn", "203.0.113.0/24 64501\n203.0.113.0/24\n");
    image = compile_site(&dir, &d);
    assert_int_equal(d.n_errors, 1);
    assert_int_equal(d.message[0].line, 2);
    assert_string_equal(route_of(&image.snapshot, "203.0.113.1"), "-");
    compile_release(&image);
    diag_clear(&d);
    directory_remove(&dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(configuration_and_ranges_become_a_snapshot),
        cmocka_unit_test(no_ranges_make_everybody_unknown),
        cmocka_unit_test(what_a_snapshot_cannot_hold_is_refused),
        cmocka_unit_test(a_file_that_was_written_is_read_again),
        cmocka_unit_test(a_file_that_is_damaged_or_not_there_is_refused_with_a_reason),
        cmocka_unit_test(a_file_that_cannot_be_written_is_an_error),
        cmocka_unit_test(published_prefixes_win_and_then_the_autonomous_system),
        cmocka_unit_test(without_files_of_autonomous_systems_it_is_built_and_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
