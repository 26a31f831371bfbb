#include "base/scan.h"
#include <archeio/digest.h>

/* The values of eight lower-case hex digits, a byte each; *bad gets bits where one is none. */
static uint64_t values_of(const char digits[8], uint64_t *bad)
{
    uint64_t text = scan_load(digits);
    uint64_t letter = text >> 6 & SCAN_ONES; /* 'a' to 'f' end in 1 to 6 */
    uint64_t value = (text & SCAN_ONES * 15) + letter * 9;
    uint64_t above_9 = (value + SCAN_ONES * 6) >> 4 & SCAN_ONES;
    uint64_t same = value + SCAN_ONES * '0' + above_9 * ('a' - '0' - 10);
    *bad |= (text ^ same) | (value & SCAN_ONES * 0xf0);
    return value;
}

static enum digest_result parse_hex(struct str hex, enum digest_algorithm algorithm, uint8_t size,
                                    struct digest *out)
{
    if (hex.len != 2 * (size_t)size)
        return DIGEST_MALFORMED;
    uint64_t bad = 0;
    for (size_t i = 0; i < size; i += 4) {
        uint64_t value = values_of(hex.data + 2 * i, &bad);
        uint64_t pairs = value << 4 | value >> 8; /* every other byte is a whole one */
        for (size_t k = 0; k < 4; k++)
            out->bytes[i + k] = (uint8_t)(pairs >> 16 * k);
    }
    if (bad != 0) {
        memset(out->bytes, 0, sizeof(out->bytes));
        return DIGEST_MALFORMED;
    }
    out->algorithm = (uint8_t)algorithm;
    out->size = size;
    return DIGEST_OK;
}

static bool is_component(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_separator(unsigned char c)
{
    return c == '+' || c == '.' || c == '_' || c == '-';
}

static bool is_encoded(unsigned char c)
{
    return is_component(c) || (c >= 'A' && c <= 'Z') || c == '=' || c == '_' || c == '-';
}

static bool fits_grammar(struct str algorithm, struct str encoded)
{
    bool separated = true; /* a component must begin here */
    for (size_t i = 0; i < algorithm.len; i++) {
        unsigned char c = (unsigned char)algorithm.data[i];
        if (!is_component(c) && (separated || !is_separator(c)))
            return false;
        separated = !is_component(c);
    }
    for (size_t i = 0; i < encoded.len; i++)
        if (!is_encoded((unsigned char)encoded.data[i]))
            return false;
    return !separated && encoded.len > 0;
}

enum digest_result digest_parse(struct str text, struct digest *out)
{
    memset(out, 0, sizeof(*out));
    size_t colon = str_find(text, ':');
    if (colon == text.len)
        return DIGEST_MALFORMED;
    struct str algorithm = str_make(text.data, colon);
    struct str encoded = str_skip(text, colon + 1);
    if (str_eq(algorithm, STR("sha256")))
        return parse_hex(encoded, DIGEST_SHA256, 32, out);
    if (str_eq(algorithm, STR("sha512")))
        return parse_hex(encoded, DIGEST_SHA512, 64, out);
    return fits_grammar(algorithm, encoded) ? DIGEST_UNKNOWN : DIGEST_MALFORMED;
}

size_t digest_format(const struct digest *d, char out[DIGEST_TEXT_MAX])
{
    static const char hex[16] = "0123456789abcdef";
    memcpy(out, d->algorithm == DIGEST_SHA256 ? "sha256:" : "sha512:", 7);
    for (size_t i = 0; i < d->size; i++) {
        out[7 + 2 * i] = hex[d->bytes[i] >> 4];
        out[8 + 2 * i] = hex[d->bytes[i] & 15];
    }
    return 7 + 2 * (size_t)d->size;
}
