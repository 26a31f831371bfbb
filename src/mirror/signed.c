#include "mirror/signed.h"

#include "mirror/answer_json.h"

#include <string.h>

#define PROTECTED_MAX 1024
#define TAIL_MAX 64

static int value_of(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '-' ? 62 : c == '_' ? 63 : -1;
}

/* base64url without padding (RFC 7515 section 2). False: it is none, or too long. */
static bool decode(const char *text, char *out, size_t size, size_t *len)
{
    unsigned bits = 0, held = 0;
    *len = 0;
    for (; *text != '\0'; text++) {
        int value = value_of(*text);
        if (value < 0)
            return false;
        bits = (bits << 6 | (unsigned)value) & 0xffff;
        held += 6;
        if (held < 8)
            continue;
        held -= 8;
        if (*len == size)
            return false;
        out[(*len)++] = (char)(bits >> held & 0xff);
    }
    return true;
}

/* The header that the first signature protects. */
static json_t *read_header(const json_t *root)
{
    char text[PROTECTED_MAX];
    size_t len;
    const json_t *first = json_array_get(json_object_get(root, "signatures"), 0);
    const char *protected = json_string_value(json_object_get(first, "protected"));
    if (protected == NULL || !decode(protected, text, sizeof(text), &len))
        return NULL;
    return json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
}

/* It says how much of the manifest was signed, and what stood behind that. */
bool signed_strip(char *data, size_t *len)
{
    char end[TAIL_MAX];
    size_t end_len = 0;
    char why[160];
    json_t *root = answer_json_read(data, *len, JSON_REJECT_DUPLICATES, why);
    json_t *header = read_header(root);
    const json_t *length = json_object_get(header, "formatLength");
    const char *tail = json_string_value(json_object_get(header, "formatTail"));
    json_int_t n = json_is_integer(length) ? json_integer_value(length) : 0;
    bool fits = n > 0 && (size_t)n <= *len && tail != NULL &&
                decode(tail, end, sizeof(end), &end_len) && end_len <= *len - (size_t)n;
    json_decref(header);
    answer_json_done(root);
    if (!fits)
        return false;
    memcpy(data + n, end, end_len);
    *len = (size_t)n + end_len;
    data[*len] = '\0';
    return true;
}
