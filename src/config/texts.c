#include "config/texts.h"

#include "base/num.h"
#include "sys/xalloc.h"

#include <stdlib.h>
#include <string.h>

bool texts_for_each(struct reader *r, const struct document_node *node, const char *label,
                    const char *expected, texts_each *each, void *context)
{
    bool good = true;
    size_t n = 0;
    if (node->kind == DOCUMENT_SCALAR)
        return reader_scalar(r, node, label, expected) && each(r, node, context);
    if (node->kind != DOCUMENT_LIST || node->first == NULL)
        return reader_unfit(r, node, label, expected);
    for (const struct document_node *i = node->first; i != NULL; i = i->next) {
        if (n++ == TEXTS_MAX)
            return reader_unfit(r, i, label, "at most 4096 entries");
        good = reader_scalar(r, i, label, expected) && each(r, i, context) && good;
    }
    return good;
}

void texts_add(struct config_texts *texts, struct str text)
{
    texts->text = xalloc_grow(texts->text, texts->n, sizeof(*texts->text));
    texts->text[texts->n++] = xalloc_copy(text.data, text.len);
}

bool texts_have(const struct config_texts *texts, const char *text)
{
    for (size_t i = 0; i < texts->n; i++)
        if (strcmp(texts->text[i], text) == 0)
            return true;
    return false;
}

struct reading {
    const char *label;
    texts_check *check;
    struct config_texts *out;
};

static bool read_one(struct reader *r, const struct document_node *node, void *context)
{
    struct reading *reading = context;
    struct str text = str_from(node->text);
    const char *expected = reading->check(text);
    if (expected != NULL)
        return reader_unfit(r, node, reading->label, expected);
    if (!texts_have(reading->out, node->text)) {
        texts_add(reading->out, text);
        return true;
    }
    reader_error(r, node, reading->label, "\"%s\" is listed twice", node->text);
    return false;
}

bool texts_read(struct reader *r, const struct document_node *node, const char *label,
                const char *expected, texts_check *check, struct config_texts *out)
{
    struct reading reading = {label, check, out};
    return texts_for_each(r, node, label, expected, read_one, &reading);
}

void texts_clear(struct config_texts *texts)
{
    for (size_t i = 0; i < texts->n; i++)
        free(texts->text[i]);
    free(texts->text);
    *texts = (struct config_texts){NULL, 0};
}

const char *texts_asn(struct str text, uint32_t *out)
{
    uint64_t number;
    struct str digits = text;
    if (text.len > 2 && (text.data[0] | 0x20) == 'a' && (text.data[1] | 0x20) == 's')
        digits = str_skip(text, 2);
    if (!num_parse(digits, UINT32_MAX, &number) || number == 0)
        return "the number of an autonomous system such as as64500 (1 to 4294967295)";
    *out = (uint32_t)number;
    return NULL;
}
