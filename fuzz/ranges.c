/*
 * Ranges files: the input is a byte that chooses the file's name, and its content.
 *
 * It is refused with a reason, or accepted; what is accepted is sorted and fit, and the table that
 * is made of it finds for addresses at every edge what a look at each prefix finds.
 */
#include "fuzz.h"

#include "base/name.h"
#include "ranges/lookup.h"
#include "ranges/ranges.h"

static const char *const names[] = {"aws-ip-ranges.json", "gcp-cloud.json",
                                    "azure-service-tags.json", "other.json", "own.txt"};
#define NAMES (sizeof(names) / sizeof(names[0]))
#define SAMPLES 64 /* prefixes */

static unsigned bits_of(const struct addr *a)
{
    return a->family == ADDR_V4 ? 32 : 128;
}

/* ── What is accepted ── */

static void check_prefix(const struct ranges *r, size_t i)
{
    const struct ranges_range *range = &r->range[i];
    struct prefix p = range->prefix;
    FUZZ_CHECK(p.addr.family == ADDR_V4 || p.addr.family == ADDR_V6);
    FUZZ_CHECK(p.bits <= bits_of(&p.addr) && !prefix_clear_host(&p));
    FUZZ_CHECK(range->place < r->n_places);
    FUZZ_CHECK(i == 0 || prefix_compare(&r->range[i - 1].prefix, &p) < 0);
}

static void check_ranges(const struct ranges *r)
{
    FUZZ_CHECK(r->n_files == 1 && r->n_refused == 0);
    FUZZ_CHECK(r->file[0].prefixes == r->n_ranges);
    for (size_t i = 0; i < r->n_ranges; i++)
        check_prefix(r, i);
    for (size_t i = 0; i < r->n_places; i++) {
        FUZZ_CHECK(name_check(r->place[i].cloud) == NULL);
        FUZZ_CHECK(r->place[i].region.len == 0 || name_check(r->place[i].region) == NULL);
    }
}

/* ── Lookups ── */

static uint32_t scan(const struct ranges *r, const struct addr *a)
{
    const struct ranges_range *best = NULL;
    for (size_t i = 0; i < r->n_ranges; i++)
        if (prefix_holds(&r->range[i].prefix, a) &&
            (best == NULL || best->prefix.bits < r->range[i].prefix.bits))
            best = &r->range[i];
    return best != NULL ? best->place : LPM_NONE;
}

static void check_address(const struct ranges *r, const struct lpm *table, const struct addr *a)
{
    struct prefix matched;
    uint32_t place = scan(r, a);
    FUZZ_CHECK(lpm_lookup(table, a) == place);
    FUZZ_CHECK(lpm_match(table, a, &matched) == place);
    FUZZ_CHECK(place == LPM_NONE || prefix_holds(&matched, a));
}

/* The neighbour of an address; the one of the last is the first. */
static struct addr step(struct addr a, bool up)
{
    for (unsigned i = bits_of(&a) / 8; i-- > 0;) {
        a.bytes[i] = (uint8_t)(a.bytes[i] + (up ? 1 : -1));
        if (a.bytes[i] != (up ? 0 : 255))
            break;
    }
    return a;
}

static struct addr last_of(const struct prefix *p)
{
    struct addr a = p->addr;
    for (unsigned bit = p->bits; bit < bits_of(&a); bit++)
        a.bytes[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
    return a;
}

static void check_table(const struct ranges *r)
{
    struct lookup l;
    FUZZ_CHECK(lookup_build_ranges(&l, r));
    FUZZ_CHECK(lpm_count(&l.table, ADDR_V4) + lpm_count(&l.table, ADDR_V6) == r->n_ranges);
    for (size_t i = 0; i < r->n_ranges && i < SAMPLES; i++) {
        struct addr first = r->range[i].prefix.addr, last = last_of(&r->range[i].prefix);
        struct addr before = step(first, false), after = step(last, true);
        check_address(r, &l.table, &first);
        check_address(r, &l.table, &last);
        check_address(r, &l.table, &before);
        check_address(r, &l.table, &after);
    }
    lookup_release(&l);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct diag d = {0};
    const char *name = names[fuzz_byte(&data, &size) % NAMES];
    char *copy = fuzz_copy(data, size);
    struct ranges *r = ranges_parse(name, copy, size, &d);
    FUZZ_CHECK((r == NULL) == (d.n_errors > 0));
    free(copy);
    diag_clear(&d);
    if (r == NULL)
        return 0;
    check_ranges(r);
    check_table(r);
    ranges_free(r);
    return 0;
}
