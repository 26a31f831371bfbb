#include "config/manual.h"

#include "config/document.h"
#include "config/listen.h"
#include "config/preset.h"
#include "config/routes.h"
#include "config/schema.h"
#include "config/stores.h"
#include "config/to.h"
#include "config/upstreams.h"
#include "config/when.h"
#include "sys/xalloc.h"
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define WIDTH 78
#define SHOWN_MAX 512

/* ── What a row says ── */

static const struct document_node *member(const struct document_node *map, const char *key,
                                          size_t len)
{
    const struct document_node *n = map != NULL ? map->first : NULL;
    while (n != NULL && (strlen(n->key) != len || strncmp(n->key, key, len) != 0))
        n = n->next;
    return n;
}

/* The preset's value of a row as YAML (free() it); NULL: it has none. */
static char *preset_value(const struct schema_row *row)
{
    struct diag d = {0};
    char *text = preset_text(), *value = NULL;
    struct document_node *top = document_read(PRESET_NAME, text, strlen(text), &d);
    size_t section = strcspn(row->name, ".");
    const struct document_node *n = member(top, row->name, section);
    if (n != NULL && row->name[section] == '.')
        n = member(n, row->name + section + 1, strlen(row->name) - section - 1);
    if (n != NULL && n->kind == DOCUMENT_SCALAR)
        value = xalloc_text(n->text);
    else if (n != NULL && n->first != NULL && n->first->kind == DOCUMENT_SCALAR)
        value = xalloc_format("[%s]", n->first->text); /* its lists of words have one */
    document_free(top);
    diag_clear(&d);
    free(text);
    return value;
}

/* The default as YAML; free() it. */
static char *default_value(const struct schema_row *row)
{
    char *value = preset_value(row);
    return value != NULL ? value : xalloc_text(row->fallback != NULL ? row->fallback : "\"\"");
}

static const char *key_of(const struct schema_row *row)
{
    const char *dot = strchr(row->name, '.');
    return dot != NULL ? dot + 1 : row->name;
}

static bool begins_section(size_t i, char section[SHOWN_MAX])
{
    const char *name = schema_rows[i].name;
    size_t len = strcspn(name, ".");
    if (name[len] == '\0' || (i > 0 && strncmp(schema_rows[i - 1].name, name, len + 1) == 0))
        return false;
    snprintf(section, SHOWN_MAX, "%.*s", (int)len, name);
    return true;
}

/* ── The sample ── */

/* A paragraph in lines of at most WIDTH columns, each after the same beginning. */
static void wrap(const char *text, const char *beginning, FILE *to)
{
    size_t column = 0, indent = strlen(beginning);
    for (const char *word = text; *word != '\0';) {
        size_t len = strcspn(word, " ");
        if (column == 0 || column + 1 + len > WIDTH) {
            fprintf(to, "%s%s", column > 0 ? "\n" : "", beginning);
            column = indent;
        } else {
            fputc(' ', to);
            column++;
        }
        fprintf(to, "%.*s", (int)len, word);
        column += len;
        word += len;
        word += strspn(word, " ");
    }
    fputc('\n', to);
}

static void sample_stores(FILE *to)
{
    fputs("#\n#stores:\n", to);
    fputs("#  - name: eu-west-3            # ", to);
    fprintf(to, "%s\n", stores_keys.key[0].help);
    fprintf(to, "#    url: https://blobs.eu-west-3.example.com\n");
    fprintf(to, "#    serves: [aws/eu-west-3]   # %s\n", stores_keys.key[2].help);
    fprintf(to, "#    index: true               # %s\n", stores_keys.key[3].help);
    fputs("#  - name: cdn\n#    url: https://cdn.example.com\n#    serves: [default]\n", to);
}

static void sample_listen(FILE *to)
{
    static const char *const values[] = {
        "\"[::]:8443\"",
        "{certificate: /etc/archeio/tls.crt, key: /etc/archeio/tls.key}",
        "[http/1.1, h2]",
        "[10.0.0.0/8]",
    };
    fputs("  # Or, with all that a listener may have:\n  # listen:\n", to);
    for (size_t i = 0; i < listen_keys.n; i++) {
        const char *name = listen_keys.key[i].name;
        wrap(listen_keys.key[i].help, i == 0 ? "  # # " : "  #   # ", to);
        fprintf(to, "  # %s %s: %s\n", i == 0 ? "-" : " ", name, values[i]);
    }
}

static void sample_routes(FILE *to)
{
    fputs("#\n#routes:\n", to);
    fputs("#  - name: sponsors\n", to);
    fputs("#    when: {provider: [amazon], repository: \"e2e-test-images/**\"}\n", to);
    fputs("#    to: [eu-west-3, upstream]\n", to);
    fputs("#  - name: binaries\n", to);
    fputs("#    when: {host: dl.example.org, path: \"/release/**\", network: [10.0.0.0/8]}\n", to);
    fputs("#    to: {url: https://storage.example.net/releases, status: 302}\n", to);
}

static void sample_row(const struct schema_row *row, FILE *to)
{
    bool nested = strchr(row->name, '.') != NULL;
    char text[SCHEMA_RANGE_MAX];
    const char *range = schema_range_text(row, text);
    char *value = default_value(row);
    wrap(row->help, nested ? "  # " : "# ", to);
    if (range[0] != '\0')
        fprintf(to, "%s# %s: %s\n", nested ? "  " : "", schema_type_text(row), range);
    if (row->variable != NULL)
        fprintf(to, "%s# Environment: %s\n", nested ? "  " : "", row->variable);
    if (row->type == SCHEMA_STORES)
        sample_stores(to);
    else if (row->type == SCHEMA_ROUTES)
        sample_routes(to);
    else if (row->type == SCHEMA_PROVIDERS)
        fputs("#\n#providers:\n#  amazon: [aws, as16509, as14618]\n", to);
    else
        fprintf(to, "%s#%s: %s\n", nested ? "  " : "", key_of(row), value);
    if (row->type == SCHEMA_LISTEN)
        sample_listen(to);
    fputc('\n', to);
    free(value);
}

void manual_sample(FILE *to)
{
    fputs("# Configuration of archeio: every setting with its default. Take away the \"#\" before\n"
          "# what you change. `archeio check-config FILE` finds mistakes; archeio.yaml(5) and\n"
          "# `archeio config` say more.\n\n",
          to);
    for (size_t i = 0; i < schema_count; i++) {
        char section[SHOWN_MAX];
        if (begins_section(i, section))
            fprintf(to, "# %s.\n%s:\n", schema_section_text(section), section);
        sample_row(&schema_rows[i], to);
    }
}

/* ── The README's table ── */

static void put_first_sentence(const char *text, FILE *to)
{
    const char *end = strstr(text, ". ");
    size_t len = end != NULL ? (size_t)(end - text) + 1 : strlen(text);
    for (size_t i = 0; i < len; i++)
        fprintf(to, text[i] == '|' ? "\\%c" : "%c", text[i]);
}

void manual_markdown(FILE *to)
{
    fputs("| setting | default | what |\n|---|---|---|\n", to);
    for (size_t i = 0; i < schema_count; i++) {
        const struct schema_row *row = &schema_rows[i];
        char range[SCHEMA_RANGE_MAX];
        char *value = default_value(row);
        fprintf(to, "| `%s` | ", row->name);
        if (row->type == SCHEMA_STORES)
            fputs("registry.k8s.io's", to);
        else if (strcmp(value, "\"\"") != 0)
            fprintf(to, "`%s`", value);
        fputs(" | ", to);
        put_first_sentence(row->help, to);
        if (row->type == SCHEMA_CHOICE)
            fprintf(to, " (%s)", schema_range_text(row, range));
        if (row->variable != NULL)
            fprintf(to, " Environment: `%s`.", row->variable);
        fputs(" |\n", to);
        free(value);
    }
}

/* ── archeio.yaml(5) ── */

/* What a section begins with that no dot tells; NULL: nothing begins. */
static const char *heading(size_t i)
{
    if (i == 0)
        return "Where to begin";
    if (schema_rows[i].type == SCHEMA_STORES)
        return "Where copies of the blobs are";
    return schema_rows[i].type == SCHEMA_UPSTREAMS ? "Rules of your own" : NULL;
}

/* Text for mdoc: sentences begin on lines of their own, and no line begins like a macro. */
static void put_mdoc(const char *text, FILE *to)
{
    size_t column = 0;
    for (const char *word = text; *word != '\0';) {
        size_t len = strcspn(word, " ");
        if (column > 0 && column + 1 + len > WIDTH) {
            fputc('\n', to);
            column = 0;
        }
        column += (size_t)fprintf(to, "%s", column > 0 ? " " : "");
        if (column == 0 && (*word == '.' || *word == '\''))
            fputs("\\&", to);
        for (size_t k = 0; k < len; k++)
            fprintf(to, word[k] == '\\' ? "%ce" : "%c", word[k]);
        column = word[len - 1] == '.' ? WIDTH : column + len;
        word += len;
        word += strspn(word, " ");
    }
    fputc('\n', to);
}

static void settings_row(const struct schema_row *row, FILE *to)
{
    char text[SCHEMA_RANGE_MAX];
    const char *range = schema_range_text(row, text);
    char *value = default_value(row);
    char *type =
        xalloc_format("Value: %s%s%s.", schema_type_text(row), range[0] != '\0' ? ": " : "", range);
    fprintf(to, ".It Ic %s\n", row->name);
    put_mdoc(row->help, to);
    fputs(".Pp\n", to);
    put_mdoc(type, to);
    if (row->type == SCHEMA_STORES)
        fputs("Default: those of registry.k8s.io.\n", to);
    else if (row->type != SCHEMA_PRESET)
        fprintf(to, "Default:\n.Li %s .\n", strcmp(value, "\"\"") == 0 ? "\\(dq\\(dq" : value);
    if (row->variable != NULL)
        fprintf(to, "Environment:\n.Ev %s .\n", row->variable);
    fprintf(to, "%s\n", row->live ? "Changed by a reload." : "Changed by a restart only.");
    free(type);
    free(value);
}

static void settings_keys(const char *sentence, const struct keys *keys, FILE *to)
{
    fputs(".Pp\n", to);
    put_mdoc(sentence, to);
    fputs(".Bl -tag -width Ds\n", to);
    for (size_t i = 0; i < keys->n; i++) {
        fprintf(to, ".It Ic %s\n", keys->key[i].name);
        put_mdoc(keys->key[i].help, to);
    }
    fputs(".El\n", to);
}

static void settings_routes(FILE *to)
{
    settings_keys("A route has these keys; name and to are required:", &routes_keys, to);
    settings_keys("Each condition of when takes one value, of which the brackets may be left out, "
                  "or a list, one of which must fit:",
                  &when_keys, to);
    fputs(".Pp\n"
          "In patterns, * stands for anything but a slash and ** for anything; where ** is\n"
          "a whole segment, it may stand for none.\n"
          "A pattern must match the whole path or repository.\n"
          "Routes may look at 16 fields of a request in all.\n"
          ".Pp\n"
          "Routes are no access control.\n"
          "Host and fields are what a client says.\n"
          "A path outside /v2/ is compared byte for byte as it came: /private/** does not\n"
          "match /%70rivate/x or //private/x, which are sent on like that to whoever may\n"
          "take them for the same; below /v2/, escapes are decoded beforehand.\n"
          "What not everybody may have is for stores and registries to refuse.\n"
          ".Pp\n"
          "to is one of these, or a list: the name of a store or upstream; \"stores\", which\n"
          "are those that serve the client's network; \"upstream\"; a mapping.\n"
          "They are tried in their order: a store if it has what is asked for, anything\n"
          "else at once.\n"
          "Behind the last, requests for the registry go on as if no store had what they\n"
          "ask for: blobs go to the upstream, unless \"stores\" stands there, too;\n"
          "a list of stores alone is therefore refused where other paths may be taken.\n"
          ".Pp\n"
          "A url takes the place of what stands before the first wildcard segment of the\n"
          "pattern that matched; without path, of nothing.\n"
          "What strip says is taken away instead, for stores and upstreams, too, which\n"
          "are otherwise sent the paths of artifacts whole.\n"
          ".Pp\n"
          "Names that nobody has, and what leads back to this server or to a host that\n"
          "a route is for, are refused; of routes that can never be taken,\n"
          ".Ic archeio check-config\n"
          "warns.\n",
          to);
    settings_keys("A mapping has either url or status, and these keys:", &to_keys, to);
}

static void settings_end(FILE *to)
{
    fputs(".Sh EXAMPLES\n"
          "A registry of one's own, with a bucket for one region and one for all others:\n"
          ".Bd -literal -offset indent\n"
          "upstream:\n"
          "  endpoint: https://registry.example.com\n"
          "  path: mirror/images\n"
          "stores:\n"
          "  - name: paris\n"
          "    url: https://blobs.eu-west-3.example.com\n"
          "    serves: [aws/eu-west-3]\n"
          "  - name: cdn\n"
          "    url: https://cdn.example.com\n"
          "    serves: [default]\n"
          ".Ed\n"
          ".Sh SEE ALSO\n"
          ".Xr archeio 1\n",
          to);
}

void manual_settings(FILE *to)
{
    fputs(".Dd " MANUAL_DATE "\n"
          ".Dt ARCHEIO.YAML 5\n"
          ".Os\n"
          ".Sh NAME\n"
          ".Nm archeio.yaml\n"
          ".Nd configuration of archeio\n"
          ".Sh DESCRIPTION\n"
          "The configuration is one YAML file, named with\n"
          ".Fl Fl config\n"
          "or by\n"
          ".Ev ARCHEIO_CONFIG .\n"
          "Without one, the built-in preset " PRESET_NAME " applies.\n"
          "The environment overrides the file, except that\n"
          ".Ev PORT\n"
          "counts only where the file sets no listen.\n"
          "A list replaces the one that it stands for; lists are never merged.\n"
          "A file that sets upstream.endpoint starts from no path, no blobs_for and no\n"
          "stores, unless it asks for the preset.\n"
          ".Pp\n"
          "Unknown settings, anchors, aliases, tags and a second document are refused.\n"
          "A file name that does not begin with a slash counts from the directory that\n"
          "archeio was started in.\n",
          to);
    bool open = false;
    for (size_t i = 0; i < schema_count; i++) {
        char section[SHOWN_MAX];
        bool nested = begins_section(i, section);
        if (nested || heading(i) != NULL) {
            if (open)
                fputs(".El\n", to);
            fprintf(to, ".Ss %s\n.Bl -tag -width Ds\n",
                    nested ? schema_section_text(section) : heading(i));
            open = true;
        }
        settings_row(&schema_rows[i], to);
        if (schema_rows[i].type == SCHEMA_STORES)
            settings_keys("A store has these keys; all but index are required:", &stores_keys, to);
        if (schema_rows[i].type == SCHEMA_UPSTREAMS)
            settings_keys("A registry has these keys; path may be left out:", &upstreams_keys, to);
        if (schema_rows[i].type == SCHEMA_ROUTES)
            settings_routes(to);
        if (schema_rows[i].type != SCHEMA_LISTEN)
            continue;
        settings_keys(
            "A listener that is a mapping has an address, and what it needs of:", &listen_keys, to);
        settings_keys("Each pair of files of tls has both keys:", &listen_tls_keys, to);
    }
    fputs(".El\n", to);
    settings_end(to);
}
