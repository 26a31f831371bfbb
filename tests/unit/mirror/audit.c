#include "mirror/audit.h"

#include "check.h"

#define BLOBS 20000

/* Spread as real ones are. */
static struct digest digest_number(uint32_t n)
{
    struct digest d = {.algorithm = DIGEST_SHA256, .size = 32};
    n *= 2654435761U;
    for (int i = 0; i < 4; i++)
        d.bytes[i] = (uint8_t)(n >> (24 - 8 * i));
    return d;
}

static unsigned times_due(uint32_t n, uint32_t sample, int64_t first, unsigned days)
{
    unsigned times = 0;
    struct digest d = digest_number(n);
    for (unsigned i = 0; i < days; i++)
        times += audit_is_due(&d, sample, first + i);
    return times;
}

static void a_hundredth_takes_a_hundred_days_for_each_blob_once(void **state)
{
    (void)state;
    for (uint32_t n = 0; n < BLOBS; n++)
        assert_int_equal(times_due(n, 10000, 20778, 100), 1);
}

static void as_many_days_as_a_sample_needs_cover_everything(void **state)
{
    static const struct {
        uint32_t sample;
        unsigned days;
    } cases[] = {{300000, 4}, {333333, 4}, {70000, 15}, {999999, 2}, {500000, 2}};
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        for (uint32_t n = 0; n < BLOBS; n++)
            assert_true(times_due(n, cases[i].sample, 20778, cases[i].days) >= 1);
}

static void a_sample_is_about_as_large_as_it_says(void **state)
{
    static const uint32_t samples[] = {10000, 100000, 500000};
    (void)state;
    for (size_t i = 0; i < 3; i++)
        for (int64_t day = 20778; day < 20782; day++) {
            uint64_t due = 0, meant = (uint64_t)BLOBS * samples[i] / AUDIT_ALL;
            for (uint32_t n = 0; n < BLOBS; n++)
                due += times_due(n, samples[i], day, 1);
            assert_in_range(due, meant * 9 / 10, meant * 11 / 10);
        }
}

static void everything_is_everything_on_every_day(void **state)
{
    (void)state;
    for (uint32_t n = 0; n < BLOBS; n += 97)
        assert_int_equal(times_due(n, AUDIT_ALL, 20778, 10), 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hundredth_takes_a_hundred_days_for_each_blob_once),
        cmocka_unit_test(as_many_days_as_a_sample_needs_cover_everything),
        cmocka_unit_test(a_sample_is_about_as_large_as_it_says),
        cmocka_unit_test(everything_is_everything_on_every_day),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
