/*
 * Pages of a registry's listing: the input is one.
 *
 * It says the same however it comes in pieces; a name is not longer than the page; and what another
 * reader takes for a JSON object is whole here, too, unless it lies too deep.
 */
#include "fuzz.h"

#include "mirror/listing.h"

#include <jansson.h>

struct names {
    size_t n;
    size_t len;
    uint64_t mixed; /* all bytes of all names, and of which member each is */
};

static bool note(void *owner, enum listing_member member, struct str name)
{
    struct names *names = owner;
    FUZZ_CHECK(member < LISTING_OTHER && name.len <= LISTING_NAME_MAX);
    names->n++;
    names->len += name.len;
    names->mixed = names->mixed * 31 + member;
    for (size_t i = 0; i < name.len; i++)
        names->mixed = names->mixed * 31 + (unsigned char)name.data[i];
    return true;
}

static bool read_in(struct str page, size_t piece, struct names *names)
{
    struct listing l;
    bool fine = true;
    *names = (struct names){0};
    listing_begin(&l, note, names);
    for (; fine && page.len > 0; page = str_skip(page, page.len < piece ? page.len : piece))
        fine = listing_feed(&l, str_make(page.data, page.len < piece ? page.len : piece));
    FUZZ_CHECK(!l.ended);
    return fine && listing_is_whole(&l);
}

/* Lies too deep; or holds a zero byte, which jansson passes over behind a word. */
static bool is_odd(struct str page)
{
    size_t marks = str_find(page, '\0') < page.len ? 33 : 0;
    for (size_t i = 0; i < page.len; i++)
        marks += page.data[i] == '[' || page.data[i] == '{';
    return marks > 32;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const size_t pieces[] = {1, 2, 7, 100};
    struct names all, some;
    char *bytes = fuzz_copy(data, size);
    struct str page = str_make(bytes, size);
    bool whole = read_in(page, size + 1, &all);
    FUZZ_CHECK(all.len <= size && all.n <= size);
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        FUZZ_CHECK(read_in(page, pieces[i], &some) == whole);
        FUZZ_CHECK(some.n == all.n && some.mixed == all.mixed);
    }
    json_t *root = json_loadb(bytes, size, 0, NULL);
    FUZZ_CHECK(!json_is_object(root) || whole || is_odd(page));
    json_decref(root);
    free(bytes);
    return 0;
}
