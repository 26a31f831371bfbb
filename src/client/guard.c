#include "client/guard.h"

#include <archeio/prefix.h>
#include <string.h>

struct special {
    struct prefix prefix;
    enum guard_class class;
};

#define V4(a, b, bits, class)                                                                      \
    {                                                                                              \
        {{ADDR_V4, {a, b}}, bits}, class                                                           \
    }
#define V6(a, b, bits, class)                                                                      \
    {                                                                                              \
        {{ADDR_V6, {a, b}}, bits}, class                                                           \
    }

static const struct special specials[] = {
    V4(0, 0, 8, GUARD_NEVER),
    V4(10, 0, 8, GUARD_PRIVATE),
    V4(100, 64, 10, GUARD_PRIVATE),
    V4(127, 0, 8, GUARD_LOOPBACK),
    V4(169, 254, 16, GUARD_NEVER),
    V4(172, 16, 12, GUARD_PRIVATE),
    V4(192, 0, 24, GUARD_NEVER),
    V4(192, 168, 16, GUARD_PRIVATE),
    V4(198, 18, 15, GUARD_NEVER),
    V4(224, 0, 3, GUARD_NEVER),
    {{{ADDR_V6, {[15] = 1}}, 128}, GUARD_LOOPBACK},
    V6(0, 0, 96, GUARD_NEVER), /* unspecified, and IPv4-compatible (RFC 4291 section 2.5.5.1) */
    {{{ADDR_V6, {0x00, 0x64, 0xff, 0x9b, 0x00, 0x01}}, 48}, GUARD_NEVER}, /* RFC 8215 */
    V6(0xfc, 0, 7, GUARD_PRIVATE),
    V6(0xfe, 0x80, 10, GUARD_NEVER),
    V6(0xfe, 0xc0, 10, GUARD_NEVER),
    V6(0xff, 0, 8, GUARD_NEVER),
};

/* RFC 6052: 64:ff9b::a.b.c.d */
static const struct prefix nat64 = {{ADDR_V6, {0x00, 0x64, 0xff, 0x9b}}, 96};

enum guard_class guard_classify(const struct addr *a)
{
    struct addr inner = *a;
    if (prefix_holds(&nat64, a))
        inner = addr_from_v4(&a->bytes[12]);
    if (inner.family == ADDR_NONE)
        return GUARD_NEVER;
    for (size_t i = 0; i < sizeof(specials) / sizeof(*specials); i++)
        if (prefix_holds(&specials[i].prefix, &inner))
            return specials[i].class;
    return GUARD_PUBLIC;
}

bool guard_allows(enum guard_class origin, const struct addr *a)
{
    enum guard_class class = guard_classify(a);
    return class == GUARD_PUBLIC || (class == origin && class != GUARD_NEVER);
}
