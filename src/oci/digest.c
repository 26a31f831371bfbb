#include <archeio/digest.h>

/* The value of a lower-case hex digit and 1; 0 for any other byte, which wraps to 255 when the 1 is
 * taken off again, so that a whole digest is judged by one OR over its digits. */
static const uint8_t digit_and_one[256] = {
    ['0'] = 1, ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,  ['6'] = 7,  ['7'] = 8,
    ['8'] = 9, ['9'] = 10, ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
};

static uint8_t digit(char c)
{
    return (uint8_t)(digit_and_one[(unsigned char)c] - 1);
}

static enum digest_result parse_hex(struct str hex, enum digest_algorithm algorithm, uint8_t size,
                                    struct digest *out)
{
    if (hex.len != 2 * (size_t)size)
        return DIGEST_MALFORMED;
    uint8_t bad = 0;
    for (size_t i = 0; i < size; i++) {
        uint8_t high = digit(hex.data[2 * i]), low = digit(hex.data[2 * i + 1]);
        bad |= high | low;
        out->bytes[i] = (uint8_t)(high << 4 | low);
    }
    if (bad > 15) {
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
