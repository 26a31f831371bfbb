/*
 * Link fields of a listing: the input is a field's value, on a server that is always the same.
 *
 * A target is part of the value, between angle brackets; a link stands alone as it does behind
 * others; what is followed lies on the same server, by the same scheme, and is a URL without
 * anything odd in it; resolving it once more changes nothing.
 */
#include "fuzz.h"

#include "mirror/link.h"

#define ORIGIN "https://r.example:5000"
#define URL ORIGIN "/v2/a/tags/list?n=1000"

static void check_url(const char *url)
{
    char again[2048];
    FUZZ_CHECK(strncasecmp(url, ORIGIN "/", sizeof(ORIGIN)) == 0);
    for (const char *at = url; *at != '\0'; at++)
        FUZZ_CHECK(*at > ' ' && *at <= '~' && strchr("\"#<>\\^`{|}", *at) == NULL);
    FUZZ_CHECK(link_resolve(STR(ORIGIN), STR(URL), str_from(url), again, sizeof(again)) == LINK_OK);
    FUZZ_CHECK(strcmp(again, url) == 0);
}

/* What is too long for a small buffer is refused, and no other result depends on it. */
static void check_target(struct str target)
{
    char out[2048], small[64];
    enum link_result result = link_resolve(STR(ORIGIN), STR(URL), target, out, sizeof(out));
    enum link_result cut = link_resolve(STR(ORIGIN), STR(URL), target, small, sizeof(small));
    FUZZ_CHECK(cut == result || cut == LINK_BAD);
    if (result == LINK_OK)
        check_url(out);
    if (result == LINK_OK && cut == LINK_OK)
        FUZZ_CHECK(strcmp(out, small) == 0);
}

static void check_alone(struct str target)
{
    struct str again = STR("");
    size_t len = target.len + sizeof("<>;rel=next") - 1;
    char *alone = malloc(len + 1);
    FUZZ_CHECK(alone != NULL);
    snprintf(alone, len + 1, "<%.*s", 0, "");
    memcpy(alone + 1, target.data, target.len);
    memcpy(alone + 1 + target.len, ">;rel=next", sizeof(">;rel=next"));
    FUZZ_CHECK(link_next(str_make(alone, len), &again) && str_eq(again, target));
    free(alone);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str target = STR("");
    char *value = fuzz_copy(data, size);
    check_target(str_make(value, size));
    if (link_next(str_make(value, size), &target)) {
        FUZZ_CHECK(target.data > value && target.data + target.len < value + size);
        FUZZ_CHECK(target.data[-1] == '<' && target.data[target.len] == '>');
        check_target(target);
        check_alone(target);
    }
    free(value);
    return 0;
}
