#include "config/texts.h"

#include "sys/xalloc.h"

#include <stdlib.h>
#include <string.h>

bool texts_for_each(struct reader *r, const struct document_node *node,
                    const struct texts_rule *rule, texts_each *each, void *context)
{
    const char *label = rule->label, *expected = rule->expected;
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
    texts_add_at(texts, text, (struct config_origin){.line = 0});
}

void texts_add_at(struct config_texts *texts, struct str text, struct config_origin origin)
{
    texts->text = xalloc_grow(texts->text, texts->n, sizeof(*texts->text));
    texts->origin = xalloc_grow(texts->origin, texts->n, sizeof(*texts->origin));
    texts->text[texts->n] = xalloc_copy(text.data, text.len);
    texts->origin[texts->n++] = origin;
}

bool texts_have(const struct config_texts *texts, const char *text)
{
    for (size_t i = 0; i < texts->n; i++)
        if (strcmp(texts->text[i], text) == 0)
            return true;
    return false;
}

void texts_lower(char *text)
{
    for (; *text != '\0'; text++)
        if (*text >= 'A' && *text <= 'Z')
            *text = (char)(*text | 0x20);
}

struct reading {
    const struct texts_rule *rule;
    struct config_texts *out;
};

static bool add_new(struct reader *r, const struct document_node *node, const char *text,
                    const struct reading *reading)
{
    if (!texts_have(reading->out, text)) {
        texts_add_at(reading->out, str_from(text), reader_origin(r, node));
        return true;
    }
    reader_error(r, node, reading->rule->label, "\"%.64s\" is listed twice", node->text);
    return false;
}

static bool read_one(struct reader *r, const struct document_node *node, void *context)
{
    const struct reading *reading = context;
    const char *expected = reading->rule->check(str_from(node->text));
    if (expected != NULL)
        return reader_unfit(r, node, reading->rule->label, expected);
    char *text = xalloc_text(node->text);
    if (reading->rule->lower)
        texts_lower(text);
    bool good = add_new(r, node, text, reading);
    free(text);
    return good;
}

bool texts_read(struct reader *r, const struct document_node *node, const struct texts_rule *rule,
                struct config_texts *out)
{
    struct reading reading = {rule, out};
    return texts_for_each(r, node, rule, read_one, &reading);
}

void texts_clear(struct config_texts *texts)
{
    for (size_t i = 0; i < texts->n; i++)
        free(texts->text[i]);
    free(texts->text);
    free(texts->origin);
    *texts = (struct config_texts){.n = 0};
}
