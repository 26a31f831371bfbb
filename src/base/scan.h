/*
 * What bytes of a request are, eight at a time, on any machine (what is loaded is taken as
 * little-endian, so the lowest flagged bit is the first byte). Nothing past the end is read.
 */
#ifndef BASE_SCAN_H
#define BASE_SCAN_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define SCAN_ONES 0x0101010101010101U
#define SCAN_HIGH 0x8080808080808080U

static inline uint64_t scan_load(const char *data)
{
    uint64_t word;
    memcpy(&word, data, sizeof(word));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

/* The top bit of every byte that is below n (at most 128). A borrow may flag further bytes, but
 * only after one that is rightly flagged: whether there is one, and the first, are exact. */
static inline uint64_t scan_below(uint64_t word, uint64_t n)
{
    return (word - SCAN_ONES * n) & ~word & SCAN_HIGH;
}

/* The same for bytes equal to c. */
static inline uint64_t scan_equal(uint64_t word, uint64_t c)
{
    return scan_below(word ^ (SCAN_ONES * c), 1);
}

/* The top bit of every byte equal to c, and no other. */
static inline uint64_t scan_each(uint64_t word, uint64_t c)
{
    uint64_t differ = word ^ (SCAN_ONES * c);
    return ~(((differ & ~SCAN_HIGH) + ~SCAN_HIGH) | differ) & SCAN_HIGH;
}

/* Is c a control other than TAB? No line of a head may hold one, but for the CR LF that ends it. */
static inline int scan_is_control(unsigned char c)
{
    return (c < 0x20 && c != '\t') || c == 0x7f;
}

/* The first control (TAB is none) in [from, end) of data; end if there is none. */
static inline size_t scan_control(const char *data, size_t from, size_t end)
{
    while (end - from >= 8) {
        uint64_t word = scan_load(data + from);
        uint64_t found = scan_below(word, 0x20) | scan_equal(word, 0x7f);
        if (found == 0) {
            from += 8;
            continue;
        }
        from += (size_t)__builtin_ctzll(found) / 8;
        if (data[from] != '\t')
            return from;
        from++;
    }
    while (from < end && !scan_is_control((unsigned char)data[from]))
        from++;
    return from;
}

/* From from on, the first eight bytes of which one may be unfit for a request target (a blank, '#',
 * a backslash, a byte above 0x7f); or where fewer than eight are left. Controls are not looked for.
 */
static inline size_t scan_target(const char *data, size_t from, size_t end)
{
    while (end - from >= 8) {
        uint64_t word = scan_load(data + from);
        uint64_t found = (word & SCAN_HIGH) | scan_below(word, 0x21) | scan_equal(word, '#') |
                         scan_equal(word, '\\');
        if (found != 0)
            break;
        from += 8;
    }
    return from;
}

#endif
