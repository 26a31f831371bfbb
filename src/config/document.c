#include "config/document.h"

#include "sys/xalloc.h"
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

struct loader {
    yaml_parser_t parser;
    const char *name;
    const char *text;
    size_t len;
    struct diag *d;
    struct document_node *open[DOCUMENT_DEPTH_MAX]; /* the mappings and lists we are in */
    unsigned depth;
    struct document_node *top;
    char *key; /* of the member whose value comes next; NULL in a mapping: a key comes next */
    yaml_mark_t key_mark;
    bool document_seen;
};

enum step { STEP_ON, STEP_END, STEP_FAILED };

static enum step refuse(struct loader *l, yaml_mark_t mark, const char *what)
{
    struct diag_at at = {l->name, (unsigned)mark.line + 1, (unsigned)mark.column + 1};
    diag_error(l->d, at, "%s", what);
    return STEP_FAILED;
}

static bool key_comes_next(const struct loader *l)
{
    return l->depth > 0 && l->open[l->depth - 1]->kind == DOCUMENT_MAPPING && l->key == NULL;
}

/* Takes over text. */
static struct document_node *add(struct loader *l, enum document_kind kind, yaml_mark_t mark,
                                 char *text)
{
    struct document_node *node = xalloc_zero(1, sizeof(*node));
    node->kind = kind;
    node->text = text;
    node->line = (unsigned)mark.line + 1;
    node->column = (unsigned)mark.column + 1;
    node->key = l->key;
    node->key_line = (unsigned)l->key_mark.line + 1;
    node->key_column = (unsigned)l->key_mark.column + 1;
    l->key = NULL;
    if (l->depth == 0) {
        l->top = node;
        return node;
    }
    struct document_node *parent = l->open[l->depth - 1];
    if (parent->first == NULL)
        parent->first = node;
    else
        parent->last->next = node;
    parent->last = node;
    return node;
}

static enum step open_node(struct loader *l, enum document_kind kind, const yaml_event_t *event)
{
    if (key_comes_next(l))
        return refuse(l, event->start_mark, "a key must be a word, not a list or a mapping");
    if (l->depth == DOCUMENT_DEPTH_MAX)
        return refuse(l, event->start_mark, "nested too deeply; no setting needs that");
    struct document_node *node = add(l, kind, event->start_mark, NULL);
    l->open[l->depth++] = node;
    return STEP_ON;
}

static enum step scalar(struct loader *l, const yaml_event_t *event)
{
    const char *value = (const char *)event->data.scalar.value;
    size_t len = event->data.scalar.length;
    if (memchr(value, '\0', len) != NULL)
        return refuse(l, event->start_mark, "a value must not hold a NUL character");
    if (key_comes_next(l)) {
        l->key = xalloc_copy(value, len);
        l->key_mark = event->start_mark;
        return STEP_ON;
    }
    struct document_node *node =
        add(l, DOCUMENT_SCALAR, event->start_mark, xalloc_copy(value, len));
    node->plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    return STEP_ON;
}

static bool has_anchor(const yaml_event_t *e)
{
    return (e->type == YAML_SCALAR_EVENT && e->data.scalar.anchor != NULL) ||
           (e->type == YAML_SEQUENCE_START_EVENT && e->data.sequence_start.anchor != NULL) ||
           (e->type == YAML_MAPPING_START_EVENT && e->data.mapping_start.anchor != NULL) ||
           e->type == YAML_ALIAS_EVENT;
}

/* A "*" at a value's beginning is a pattern more often than an alias. */
#define NO_ANCHORS                                                                                 \
    "anchors and aliases (& and *) are not allowed; put a value that begins with \"*\" or \"&\" "  \
    "in quotes"

static bool has_tag(const yaml_event_t *e)
{
    return (e->type == YAML_SCALAR_EVENT && e->data.scalar.tag != NULL) ||
           (e->type == YAML_SEQUENCE_START_EVENT && e->data.sequence_start.tag != NULL) ||
           (e->type == YAML_MAPPING_START_EVENT && e->data.mapping_start.tag != NULL);
}

static enum step take(struct loader *l, const yaml_event_t *event)
{
    if (has_anchor(event))
        return refuse(l, event->start_mark, NO_ANCHORS);
    if (has_tag(event))
        return refuse(l, event->start_mark,
                      "tags (!) are not allowed; put a value that begins with \"!\" in quotes");
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        if (l->document_seen)
            return refuse(l, event->start_mark, "a second document begins; expected only one");
        l->document_seen = true;
        return STEP_ON;
    case YAML_MAPPING_START_EVENT:
        return open_node(l, DOCUMENT_MAPPING, event);
    case YAML_SEQUENCE_START_EVENT:
        return open_node(l, DOCUMENT_LIST, event);
    case YAML_MAPPING_END_EVENT:
    case YAML_SEQUENCE_END_EVENT:
        l->depth--;
        return STEP_ON;
    case YAML_SCALAR_EVENT:
        return scalar(l, event);
    case YAML_STREAM_END_EVENT:
        return STEP_END;
    default:
        return STEP_ON;
    }
}

/* libyaml gives a byte offset, and no line, for bytes that are no characters. */
static yaml_mark_t mark_of_offset(const struct loader *l, size_t offset)
{
    yaml_mark_t mark = {.index = offset};
    for (size_t i = 0; i < offset && i < l->len; i++) {
        if (l->text[i] == '\n') {
            mark.line++;
            mark.column = 0;
        } else if (((unsigned char)l->text[i] & 0xc0) != 0x80) {
            mark.column++;
        }
    }
    return mark;
}

/* Marks count characters; what indents is bytes. */
static bool is_indenting_tab(const struct loader *l, yaml_mark_t mark)
{
    const char *at = l->text, *end = l->text + l->len;
    for (size_t line = 0; line < mark.line && at != NULL; line++) {
        at = memchr(at, '\n', (size_t)(end - at));
        at = at != NULL ? at + 1 : NULL;
    }
    for (size_t i = 0; at != NULL && at < end && i < mark.column; i++, at++)
        if (*at != ' ' && *at != '\t')
            return false;
    return at != NULL && at < end && *at == '\t';
}

/* libyaml's words for what it was at. */
static const char *const anchors[] = {"while scanning an anchor", "while scanning an alias", NULL};
static const char *const blocks[] = {"while parsing a block collection",
                                     "while parsing a block mapping", NULL};

static bool is_one_of(const char *context, const char *const *list)
{
    while (*list != NULL && strcmp(*list, context) != 0)
        list++;
    return *list != NULL;
}

static enum step syntax_error(struct loader *l)
{
    const yaml_parser_t *p = &l->parser;
    bool unreadable = p->error == YAML_READER_ERROR;
    yaml_mark_t mark = unreadable ? mark_of_offset(l, p->problem_offset) : p->problem_mark;
    struct diag_at at = {l->name, (unsigned)mark.line + 1, (unsigned)mark.column + 1};
    const char *problem = p->problem != NULL ? p->problem : "out of memory";
    if (unreadable)
        diag_error(l->d, at, "not UTF-8 text: %s", problem);
    else if (is_indenting_tab(l, mark))
        diag_error(l->d, at, "not YAML: this line is indented by a tab; use spaces");
    else if (p->context != NULL && is_one_of(p->context, anchors))
        diag_error(l->d, at, NO_ANCHORS);
    else if (p->context != NULL)
        diag_error(l->d, at, "not YAML: %s (%s that begins in line %zu)%s", problem, p->context,
                   p->context_mark.line + 1,
                   is_one_of(p->context, blocks) ? "; is this line indented as its neighbours are?"
                                                 : "");
    else
        diag_error(l->d, at, "not YAML: %s", problem);
    return STEP_FAILED;
}

static enum step load(struct loader *l)
{
    enum step step = STEP_ON;
    while (step == STEP_ON) {
        yaml_event_t event;
        if (!yaml_parser_parse(&l->parser, &event))
            return syntax_error(l);
        step = take(l, &event);
        yaml_event_delete(&event);
    }
    return step;
}

static struct document_node *checked_top(struct loader *l)
{
    if (l->top == NULL || document_is_null(l->top)) {
        document_free(l->top);
        l->top = xalloc_zero(1, sizeof(*l->top));
        l->top->kind = DOCUMENT_MAPPING;
    } else if (l->top->kind != DOCUMENT_MAPPING) {
        struct diag_at at = {l->name, l->top->line, l->top->column};
        char shown[DOCUMENT_SHOWN_MAX];
        diag_error(l->d, at,
                   "expected settings (\"section:\" and below it \"name: value\"), got %s",
                   document_show(l->top, shown));
        document_free(l->top);
        return NULL;
    }
    return l->top;
}

struct document_node *document_read(const char *name, const char *text, size_t len, struct diag *d)
{
    struct loader l = {.name = name, .text = text, .len = len, .d = d};
    if (len > DOCUMENT_SIZE_MAX) {
        diag_error(d, (struct diag_at){name, 0, 0}, "larger than 4 MiB; expected a configuration");
        return NULL;
    }
    if (!yaml_parser_initialize(&l.parser)) {
        diag_error(d, (struct diag_at){name, 0, 0}, "out of memory");
        return NULL;
    }
    yaml_parser_set_encoding(&l.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&l.parser, (const unsigned char *)text, len);
    enum step step = load(&l);
    yaml_parser_delete(&l.parser);
    free(l.key);
    if (step == STEP_END)
        return checked_top(&l);
    document_free(l.top);
    return NULL;
}

/* Recursion is bounded by DOCUMENT_DEPTH_MAX. */
void document_free(struct document_node *node)
{
    if (node == NULL)
        return;
    for (struct document_node *child = node->first; child != NULL;) {
        struct document_node *next = child->next;
        document_free(child);
        child = next;
    }
    free(node->text);
    free(node->key);
    free(node);
}

bool document_is_null(const struct document_node *node)
{
    return node->kind == DOCUMENT_SCALAR && node->plain &&
           (node->text[0] == '\0' || strcmp(node->text, "~") == 0 ||
            strcmp(node->text, "null") == 0 || strcmp(node->text, "Null") == 0 ||
            strcmp(node->text, "NULL") == 0);
}

const char *document_show(const struct document_node *node, char out[DOCUMENT_SHOWN_MAX])
{
    if (node->kind == DOCUMENT_LIST)
        return node->first != NULL ? "a list" : "an empty list";
    if (node->kind == DOCUMENT_MAPPING)
        return "a mapping";
    if (document_is_null(node))
        return "nothing";
    size_t max = DOCUMENT_SHOWN_MAX - sizeof("\"...\""), len = strlen(node->text);
    bool cut = len > max;
    if (cut)
        for (len = max; len > 0 && ((unsigned char)node->text[len] & 0xc0) == 0x80;)
            len--;
    snprintf(out, DOCUMENT_SHOWN_MAX, "\"%.*s%s\"", (int)len, node->text, cut ? "..." : "");
    return out;
}
