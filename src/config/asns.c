#include "config/asns.h"

#include "base/num.h"
#include "sys/xalloc.h"

struct str asns_digits(struct str text)
{
    if (text.len > 2 && (text.data[0] | 0x20) == 'a' && (text.data[1] | 0x20) == 's')
        return str_skip(text, 2);
    return text;
}

bool asns_is_number(struct str text)
{
    struct str digits = asns_digits(text);
    size_t n = 0;
    while (n < digits.len && digits.data[n] >= '0' && digits.data[n] <= '9')
        n++;
    return n > 0 && n == digits.len;
}

static const char *parse(struct str text, uint32_t *out)
{
    uint64_t number;
    if (!num_parse(asns_digits(text), UINT32_MAX, &number) || number == 0)
        return "the number of an autonomous system such as as64500 (1 to 4294967295)";
    *out = (uint32_t)number;
    return NULL;
}

bool asns_add(struct reader *r, const struct document_node *node, const char *label,
              struct config_numbers *out)
{
    uint32_t asn;
    const char *expected = parse(str_from(node->text), &asn);
    if (expected != NULL)
        return reader_unfit(r, node, label, expected);
    for (size_t i = 0; i < out->n; i++)
        if (out->number[i] == asn) {
            reader_error(r, node, label, "as%u is listed twice", (unsigned)asn);
            return false;
        }
    out->number = xalloc_grow(out->number, out->n, sizeof(asn));
    out->number[out->n++] = asn;
    return true;
}
