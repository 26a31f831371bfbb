#include "config/config.h"

#include "config/check.h"
#include "config/document.h"
#include "config/preset.h"
#include "config/reader.h"
#include "config/schema.h"
#include "config/stores.h"
#include "config/value.h"
#include "sys/file.h"
#include "sys/xalloc.h"
#include <stdlib.h>
#include <string.h>

#define NAME_SHOWN 64

/* ── Which nodes of a document are which settings ── */

struct layer {
    struct document_node *top;
    const struct document_node **given; /* one per row of the schema; NULL: not given */
};

/* Nearest of the rows' names, whole or below a section, and of the sections themselves. */
static const char *nearest_name(const char *name)
{
    const char **names = xalloc_zero(schema_count, sizeof(*names));
    for (size_t i = 0; i < schema_count; i++)
        names[i] = schema_rows[i].name;
    const char *nearest = diag_nearest(name, names, schema_count);
    free(names);
    return nearest;
}

/* A key that stands in the wrong section: "listen" at the top is server.listen. */
static const char *same_last_word(const char *key)
{
    for (size_t i = 0; i < schema_count; i++) {
        const char *dot = strchr(schema_rows[i].name, '.');
        if (dot != NULL && strcmp(dot + 1, key) == 0)
            return schema_rows[i].name;
    }
    return NULL;
}

static const char *nearest_section(const char *key)
{
    const char *top[SCHEMA_TOP_MAX];
    return diag_nearest(key, top, schema_top(top));
}

static void unknown(const char *file, const struct document_node *node, const char *name,
                    bool at_top, struct diag *d)
{
    struct diag_at at = {file, node->key_line, node->key_column};
    const char *nearest = at_top ? nearest_section(node->key) : nearest_name(name);
    if (nearest == NULL)
        nearest = same_last_word(node->key);
    if (nearest != NULL)
        diag_error(d, at, "unknown setting \"%.*s\"; did you mean \"%s\"?", NAME_SHOWN, name,
                   nearest);
    else
        diag_error(d, at, "unknown setting \"%.*s\"; `archeio config` lists all there are",
                   NAME_SHOWN, name);
}

static void take(struct layer *l, const char *file, const struct document_node *node,
                 const char *name, struct diag *d)
{
    size_t row = schema_find(name);
    struct diag_at at = {file, node->key_line, node->key_column};
    if (row == schema_count)
        unknown(file, node, name, strchr(name, '.') == NULL, d);
    else if (l->given[row] != NULL)
        diag_error(d, at, "%s is given twice; first in line %u", name, l->given[row]->key_line);
    else
        l->given[row] = node;
}

static void take_section(struct layer *l, const char *file, const struct document_node *section,
                         struct diag *d)
{
    if (section->kind != DOCUMENT_MAPPING && !document_is_null(section)) {
        char shown[DOCUMENT_SHOWN_MAX];
        diag_error(d, (struct diag_at){file, section->line, section->column},
                   "%s: expected settings below it (\"name: value\"), got %s", section->key,
                   document_show(section, shown));
        return;
    }
    for (const struct document_node *n = section->first; n != NULL; n = n->next) {
        char *name = xalloc_format("%s.%s", section->key, n->key);
        take(l, file, n, name, d);
        free(name);
    }
}

static bool is_known_twice(const struct document_node *top, const struct document_node *section)
{
    for (const struct document_node *n = top->first; n != section; n = n->next)
        if (strcmp(n->key, section->key) == 0)
            return true;
    return false;
}

static void sort_out(struct layer *l, const char *file, struct diag *d)
{
    l->given = xalloc_zero(schema_count, sizeof(struct document_node *));
    for (const struct document_node *n = l->top->first; n != NULL; n = n->next) {
        if (schema_section_text(n->key) == NULL) {
            take(l, file, n, n->key, d);
        } else if (is_known_twice(l->top, n)) {
            diag_error(d, (struct diag_at){file, n->key_line, n->key_column},
                       "%s is given twice; write its settings together", n->key);
        } else {
            take_section(l, file, n, d);
        }
    }
}

static void release(struct layer *l)
{
    document_free(l->top);
    free(l->given);
}

/* ── The layers, from the last resort to the first ── */

/* Built-in text: what is wrong with it is our bug, and shows as an error like any other. */
static void read_default(struct reader *r, size_t row)
{
    char *text = xalloc_format("value: %s\n", schema_rows[row].fallback);
    struct document_node *top = document_read("default", text, strlen(text), r->d);
    if (top != NULL)
        reader_row(r, row, top->first);
    document_free(top);
    free(text);
}

static void read_defaults(struct config *c, struct diag *d)
{
    struct reader r = {c, d, CONFIG_DEFAULT, "default"};
    for (size_t i = 0; i < schema_count; i++)
        if (schema_rows[i].type != SCHEMA_PRESET && schema_rows[i].fallback != NULL)
            read_default(&r, i);
}

static void read_layer(struct reader *r, const struct layer *l)
{
    for (size_t i = 0; i < schema_count; i++)
        if (l->given[i] != NULL)
            reader_row(r, i, l->given[i]);
}

static void read_preset(struct config *c, struct diag *d)
{
    struct reader r = {c, d, CONFIG_PRESET, PRESET_NAME};
    char *text = preset_text();
    struct layer l = {document_read(PRESET_NAME, text, strlen(text), d), NULL};
    if (l.top != NULL) {
        sort_out(&l, PRESET_NAME, d);
        read_layer(&r, &l);
    }
    release(&l);
    free(text);
}

/* Nobody else's stores are used by accident: a file with an upstream of its own asks for them. */
static bool preset_applies(const struct layer *file)
{
    return file->given[schema_find("upstream.endpoint")] == NULL ||
           file->given[schema_find("preset")] != NULL;
}

/* ── The environment ── */

static const char *look_up(char *const *environment, const char *name)
{
    size_t len = strlen(name);
    for (; environment != NULL && *environment != NULL; environment++)
        if (strncmp(*environment, name, len) == 0 && (*environment)[len] == '=')
            return *environment + len + 1;
    return NULL;
}

/* PORT=9000 is server.listen: ["[::]:9000"]. */
static void read_port(struct reader *r, size_t row, const struct document_node *port)
{
    struct document_node address = {.kind = DOCUMENT_SCALAR};
    struct document_node list = {.kind = DOCUMENT_LIST, .first = &address, .last = &address};
    address.text = xalloc_format("[::]:%s", port->text);
    if (strchr(port->text, ':') != NULL || value_listen(str_from(address.text)) != NULL)
        reader_error(r, port, "", "expected a port from 0 to 65535, got \"%.64s\"", port->text);
    else
        reader_row(r, row, &list);
    free(address.text);
}

static void read_variable(struct reader *r, size_t row, const char *value)
{
    char *copy = xalloc_text(value);
    struct document_node node = {.kind = DOCUMENT_SCALAR, .text = copy};
    if (schema_rows[row].type == SCHEMA_LISTEN)
        read_port(r, row, &node);
    else if (schema_rows[row].type == SCHEMA_STORES)
        stores_replace_default(r, &node);
    else
        reader_row(r, row, &node);
    free(copy);
}

/* A variable that is set to nothing says so only where nothing is a value. */
static void read_environment(struct config *c, char *const *environment, bool listen_given,
                             struct diag *d)
{
    for (size_t i = 0; i < schema_count; i++) {
        const struct schema_row *row = &schema_rows[i];
        const char *value = row->variable != NULL ? look_up(environment, row->variable) : NULL;
        if (value == NULL || (value[0] == '\0' && !row->optional))
            continue;
        if (row->type == SCHEMA_LISTEN && listen_given)
            continue;
        struct reader r = {c, d, CONFIG_ENVIRONMENT, row->variable};
        read_variable(&r, i, value);
    }
}

/* ── All together ── */

static struct config *finish(struct config *c, size_t errors_before, struct diag *d)
{
    if (d->n_errors == errors_before)
        check_config(c, d);
    if (d->n_errors == errors_before)
        return c;
    config_free(c);
    return NULL;
}

struct config *config_parse(const char *name, const char *text, size_t len,
                            char *const *environment, struct diag *d)
{
    size_t errors_before = d->n_errors, messages_before = d->n;
    struct layer file = {document_read(name, text, len, d), NULL};
    if (file.top == NULL)
        return NULL;
    struct config *c = xalloc_zero(1, sizeof(*c));
    c->origins = xalloc_zero(schema_count, sizeof(*c->origins));
    c->file = xalloc_text(name);
    sort_out(&file, c->file, d);
    read_defaults(c, d);
    if (preset_applies(&file))
        read_preset(c, d);
    struct reader r = {c, d, CONFIG_FILE, c->file};
    read_layer(&r, &file);
    size_t listen = schema_find("server.listen");
    read_environment(c, environment, file.given[listen] != NULL, d);
    c->server.admin_is_default = c->origins[schema_find("server.admin")].source == CONFIG_DEFAULT;
    release(&file);
    c = finish(c, errors_before, d);
    diag_sort(d, messages_before);
    return c;
}

struct config *config_load(const char *file, char *const *environment, struct diag *d)
{
    if (file == NULL)
        return config_parse("", "", 0, environment, d);
    char *text;
    size_t len;
    int error = file_read(file, DOCUMENT_SIZE_MAX, &text, &len, NULL);
    if (error != 0) {
        diag_error(d, (struct diag_at){file, 0, 0}, "cannot be read: %s", strerror(error));
        return NULL;
    }
    struct config *c = config_parse(file, text, len, environment, d);
    free(text);
    return c;
}

void config_free(struct config *c)
{
    if (c == NULL)
        return;
    for (size_t i = 0; i < schema_count; i++)
        reader_clear(c, &schema_rows[i]);
    free(c->origins);
    free(c->file);
    free(c);
}

struct diag_at config_at(const struct config_origin *o)
{
    return o->source == CONFIG_FILE ? (struct diag_at){o->name, o->line, o->column}
                                    : (struct diag_at){0};
}

struct diag_at config_setting_at(const struct config *c, const char *setting)
{
    return config_at(&c->origins[schema_find(setting)]);
}
