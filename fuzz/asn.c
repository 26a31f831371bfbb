/*
 * Files of autonomous systems: the input is a byte that chooses the file's name, and its content.
 *
 * It is refused with one reason or more, or accepted; whatever a reader says of it is a fit prefix
 * of a number that is wanted, and of those that it says of everybody, it says the same of one.
 */
#include "fuzz.h"

#include "ranges/asn_mmdb.h"
#include "ranges/asn_text.h"

static const char *const names[] = {"own.asn", "asn-ipv4.csv", "GeoLite2-ASN.mmdb"};
#define NAMES (sizeof(names) / sizeof(names[0]))

struct said {
    const struct asn_named *named;
    size_t prefixes;
    size_t of_one; /* whose number is ONE */
    size_t bytes;  /* of names: they are read, so that a sanitizer looks at them */
};

static const uint32_t one = 64500;
static const struct asn_named only_one = {&one, 1};

static bool take(void *context, const struct asn_word *word)
{
    struct said *s = context;
    struct prefix p = word->prefix;
    FUZZ_CHECK(p.addr.family == ADDR_V4 || p.addr.family == ADDR_V6);
    FUZZ_CHECK(p.bits <= (p.addr.family == ADDR_V4 ? 32 : 128) && !prefix_clear_host(&p));
    FUZZ_CHECK(word->asn == 0 || asn_is_named(s->named, word->asn));
    s->prefixes++;
    s->of_one += word->asn == one;
    for (size_t i = 0; i < word->name.len; i++)
        s->bytes += (unsigned char)word->name.data[i];
    return s->prefixes < ASN_PREFIXES_MAX;
}

static bool read_file(const char *name, struct str content, struct said *s, bool with_names)
{
    struct diag d = {0};
    const struct asn_sink sink = {
        .take = take, .context = s, .named = s->named, .names = with_names};
    bool mmdb = str_ends(str_from(name), STR(".mmdb"));
    bool good = (mmdb ? asn_mmdb_read : asn_text_read)(&sink, name, content, &d);
    FUZZ_CHECK(good == (d.n_errors == 0));
    diag_clear(&d);
    return good;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *name = names[fuzz_byte(&data, &size) % NAMES];
    char *copy = fuzz_copy(data, size);
    struct said all = {.named = NULL}, wanted = {.named = &only_one};
    bool good = read_file(name, str_make(copy, size), &all, true);
    FUZZ_CHECK(read_file(name, str_make(copy, size), &wanted, false) == good);
    FUZZ_CHECK(!good || all.of_one == wanted.of_one);
    FUZZ_CHECK(wanted.prefixes <= all.prefixes);
    free(copy);
    return 0;
}
