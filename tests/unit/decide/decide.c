#include "check.h"

#include "policy/policy.h"
#include <archeio/decide.h>

#include <stdlib.h>

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void *image;
static struct snapshot snapshot;

/* Two stores for everybody; no signatures. */
static int build_site(void **state)
{
    (void)state;
    const struct policy_place everywhere = {STR(""), STR("")};
    const struct policy_store stores[] = {
        {STR("first"), STR("https://first.test"), &everywhere, 1, false},
        {STR("second"), STR("https://second.test/a-rather-long/path/before"), &everywhere, 1,
         false},
    };
    const struct policy p = {
        .info_page = STR("https://info.test/"),
        .privacy_page = STR("https://privacy.test/"),
        .upstream_endpoint = STR("https://upstream.test"),
        .upstream_path = STR("p"),
        .stores = stores,
        .n_stores = 2,
    };
    const char *why;
    void *scratch = malloc(policy_scratch_size(&p) + 1);
    image = malloc(policy_image_bound(&p, scratch, &why));
    size_t size = policy_build(&p, scratch, image);
    free(scratch);
    return snapshot_open(&snapshot, image, size) == NULL ? 0 : -1;
}

static int release_site(void **state)
{
    (void)state;
    free(image);
    return 0;
}

struct run {
    enum decide_next next;
    struct decision decision;
    char *buffer;
};

/* Begins a decision in a buffer that has not one byte more than it must have. */
static struct run begin(enum decide_method method, const char *target)
{
    const struct addr unknown = {0};
    struct run r;
    struct decide_request request = {
        .method = method,
        .target = str_from(target),
        .size = DECIDE_BUFFER_SIZE(&snapshot, strlen(target)),
    };
    r.buffer = request.buffer = malloc(request.size);
    r.next = decide_begin(&snapshot, &request, &unknown, &r.decision);
    return r;
}

static void test_candidates_are_asked_in_order(void **state)
{
    (void)state;
    struct run r = begin(DECIDE_GET, "/v2/a/blobs/sha256%3A" HEX64 "?x=y");
    assert_int_equal(r.next, DECIDE_ASK);
    assert_int_equal(r.decision.ask_store, 0);
    assert_int_equal(r.decision.digest.algorithm, DIGEST_SHA256);
    check_str(r.decision.digest_text, "sha256:" HEX64);
    assert_int_equal(decide_resume(&r.decision, DECIDE_ABSENT), DECIDE_ASK);
    assert_int_equal(r.decision.ask_store, 1);
    assert_int_equal(decide_resume(&r.decision, DECIDE_PRESENT), DECIDE_ANSWER);
    assert_int_equal(r.decision.answer.step, DECIDE_R12);
    assert_int_equal(r.decision.answer.store, 1);
    check_str(r.decision.answer.location,
              "https://second.test/a-rather-long/path/before/containers/images/sha256:" HEX64);
    free(r.buffer);
}

static void test_upstream_when_no_candidate_is_known_to_have_it(void **state)
{
    (void)state;
    struct run r = begin(DECIDE_HEAD, "/v2/a/blobs/sha256%3A" HEX64 "?x=y");
    assert_int_equal(decide_resume(&r.decision, DECIDE_UNKNOWN), DECIDE_ASK);
    assert_int_equal(decide_resume(&r.decision, DECIDE_UNKNOWN), DECIDE_ANSWER);
    assert_int_equal(r.decision.answer.step, DECIDE_R13);
    assert_int_equal(r.decision.answer.status, 307);
    assert_int_equal(r.decision.answer.store, DECIDE_NO_STORE);
    check_str(r.decision.answer.location,
              "https://upstream.test/v2/p/a/blobs/sha256:" HEX64 "?x=y");
    free(r.buffer);
}

static void test_suspended_decision_may_be_copied(void **state)
{
    (void)state;
    struct run r = begin(DECIDE_GET, "/v2/a/blobs/sha256:" HEX64);
    struct decision copy = r.decision;
    memset(&r.decision, 0xa5, sizeof(r.decision));
    assert_int_equal(decide_resume(&copy, DECIDE_PRESENT), DECIDE_ANSWER);
    check_str(copy.answer.location, "https://first.test/containers/images/sha256:" HEX64);
    free(r.buffer);
}

static void test_signature_tag_without_signature_upstream_is_a_manifest(void **state)
{
    (void)state;
    struct run r = begin(DECIDE_GET, "/v2/a/manifests/sha256-" HEX64 ".sig");
    assert_int_equal(r.next, DECIDE_ANSWER);
    assert_int_equal(r.decision.answer.step, DECIDE_R9);
    check_str(r.decision.answer.location,
              "https://upstream.test/v2/p/a/manifests/sha256-" HEX64 ".sig");
    free(r.buffer);
}

static void test_errors_are_those_of_the_distribution_specification(void **state)
{
    (void)state;
    static const struct {
        const char *target;
        const char *code;
    } row[] = {
        {"/v2/_catalog", "\"code\":\"UNSUPPORTED\""},
        {"/v2/a/../b", "\"code\":\"NAME_INVALID\""},
        {"/v2/a/blobs/sha256:00", "\"code\":\"DIGEST_INVALID\""},
    };
    for (size_t i = 0; i < 3; i++) {
        struct run r = begin(DECIDE_GET, row[i].target);
        char body[256];
        assert_int_equal(r.next, DECIDE_ANSWER);
        assert_in_range(r.decision.answer.body.len, 1, sizeof(body) - 1);
        memcpy(body, r.decision.answer.body.data, r.decision.answer.body.len);
        body[r.decision.answer.body.len] = '\0';
        assert_non_null(strstr(body, row[i].code));
        assert_int_equal(r.decision.answer.location.len, 0);
        free(r.buffer);
    }
}

static void test_longest_target_of_escapes_fits(void **state)
{
    (void)state;
    char target[DECIDE_TARGET_MAX + 1] = "/v2/";
    for (size_t at = 4; at + 3 <= DECIDE_TARGET_MAX; at += 3)
        memcpy(target + at, "%61", 4);
    struct run r = begin(DECIDE_GET, target);
    assert_int_equal(r.decision.answer.step, DECIDE_R9);
    assert_int_equal(r.decision.answer.location.len,
                     snapshot.upstream.len + (DECIDE_TARGET_MAX - 4) / 3);
    free(r.buffer);
}

static void test_every_step_has_a_name_and_a_text(void **state)
{
    (void)state;
    assert_string_equal(decide_step_name(DECIDE_ROUTE), "route");
    for (int s = DECIDE_R1; s <= DECIDE_R13; s++) {
        char want[16];
        snprintf(want, sizeof(want), "R%d", s);
        assert_string_equal(decide_step_name((enum decide_step)s), want);
    }
    for (int s = DECIDE_R1; s < DECIDE_STEPS; s++)
        assert_true(strlen(decide_step_text((enum decide_step)s)) > 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_candidates_are_asked_in_order),
        cmocka_unit_test(test_upstream_when_no_candidate_is_known_to_have_it),
        cmocka_unit_test(test_suspended_decision_may_be_copied),
        cmocka_unit_test(test_signature_tag_without_signature_upstream_is_a_manifest),
        cmocka_unit_test(test_errors_are_those_of_the_distribution_specification),
        cmocka_unit_test(test_longest_target_of_escapes_fits),
        cmocka_unit_test(test_every_step_has_a_name_and_a_text),
    };
    return cmocka_run_group_tests(tests, build_site, release_site);
}
