#include "config/when.h"

#include "base/ascii.h"
#include "base/name.h"
#include "base/num.h"
#include "config/asns.h"
#include "config/pattern.h"
#include "config/texts.h"
#include "sys/xalloc.h"

#include <stdlib.h>
#include <string.h>

#define HOST_MAX 255 /* bytes: RFC 1035 section 2.3.4 */
#define VALUE_MAX 1024

enum {
    CLOUD,
    REGION,
    PROVIDER,
    ASN,
    NETWORK,
    HOST,
    PATH,
    REPOSITORY,
    KIND,
    METHOD,
    HEADER,
    SHARE,
};

static const struct keys_key keys[] = {
    {"cloud", "clouds of the client, by published ranges", false},
    {"region", "REGION or CLOUD/REGION, the same", false},
    {"provider", "names of \"providers\"", false},
    {"asn", "autonomous systems of the client: as64500", false},
    {"network", "prefixes that the client is in", false},
    {"host", "names of hosts that the request is for, without a port", false},
    {"path", "patterns of whole paths: /release/**", false},
    {"repository", "patterns of repositories: team/*, e2e/**", false},
    {"kind", "manifest, blob, tags, referrers, signature or other", false},
    {"method", "GET or HEAD", false},
    {"header",
     "fields and their values, a list each; one that ends in * stands for all that begin so",
     false},
    {"share", "a part of each digest's or path's clients, always the same: 5%", false},
};
const struct keys when_keys = {"routes: when", "set of conditions", keys,
                               sizeof(keys) / sizeof(keys[0])};

const char *const when_kinds[] = {"other",     "manifest",  "blob", "tags",
                                  "referrers", "signature", NULL};
const char *const when_methods[] = {"GET", "HEAD", NULL};

/* ── What a word must be ── */

static const char *check_region(struct str text)
{
    size_t slash = str_find(text, '/');
    if (name_check(str_make(text.data, slash)) == NULL &&
        (slash == text.len || name_check(str_skip(text, slash + 1)) == NULL))
        return NULL;
    return "REGION or CLOUD/REGION, such as aws/eu-west-3";
}

/* Letters, digits, '-' and '_' between single dots. */
static bool is_host_name(struct str text)
{
    char before = '.';
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if (c == '.' ? before == '.' : !ascii_is_alnum(c) && c != '-' && c != '_')
            return false;
        before = c;
    }
    return before != '.' && text.len <= HOST_MAX;
}

static const char *check_host(struct str text)
{
    struct addr addr;
    if (is_host_name(text))
        return NULL;
    if (str_find(text, '*') < text.len)
        return "a whole host such as dl.example.org: hosts have no wildcards";
    if (addr_parse(text, &addr))
        return "an IPv6 address in brackets, such as [2001:db8::1]";
    bool brackets = str_starts(text, STR("["));
    size_t colon = str_find_last(text, ':');
    if (colon < text.len && (!brackets || text.data[colon - 1] == ']'))
        return "a host without its port, such as dl.example.org";
    if (brackets && str_ends(text, STR("]")) && colon < text.len &&
        addr_parse(str_make(text.data + 1, text.len - 2), &addr))
        return NULL;
    return "a host such as dl.example.org";
}

const char *when_check_value(struct str text)
{
    bool good = text.len > 0 && text.len <= VALUE_MAX && !str_eq(text, STR("*")) &&
                ascii_trim(text).len == text.len; /* as a field's value comes */
    for (size_t i = 0; i < text.len; i++)
        good = good && text.data[i] >= 0x20 && text.data[i] < 0x7f;
    return good ? NULL
                : "printable ASCII of at most 1024 bytes, without blanks at its ends; a * at the "
                  "end stands for the rest";
}

/* RFC 9110 section 5.1. */
static const char *check_field_name(struct str text)
{
    if (text.len == 0 || text.len > NAME_LENGTH_MAX || !ascii_consists_of(text, "!#$%&'*+-.^_`|~"))
        return "the name of a header field of at most 64 bytes";
    return str_eq_nocase(text, STR("host")) ? "\"host\" as a condition of its own" : NULL;
}

/* One digit is tenths, two are hundredths. */
static bool parse_hundredths(struct str digits, uint64_t *out)
{
    if (digits.len == 0 || digits.len > 2)
        return false;
    *out = 0;
    for (size_t i = 0; i < 2; i++) {
        char c = i < digits.len ? digits.data[i] : '0';
        if (c < '0' || c > '9')
            return false;
        *out = *out * 10 + (uint64_t)(c - '0');
    }
    return true;
}

const char *when_share(struct str text, uint32_t *out)
{
    static const char expected[] = "a percentage above 0% and up to 100%, such as 5% or 0.25%";
    uint64_t whole, part = 0;
    if (!str_ends(text, STR("%")))
        return expected;
    text.len--;
    size_t dot = str_find(text, '.');
    if (!num_parse(str_make(text.data, dot), 100, &whole) ||
        (dot < text.len && !parse_hundredths(str_skip(text, dot + 1), &part)))
        return expected;
    uint64_t share = whole * 100 + part;
    if (share == 0 || share > WHEN_SHARE_ALL)
        return expected;
    *out = (uint32_t)share;
    return NULL;
}

/* ── Lists ── */

static const struct texts_rule rules[] = {
    [CLOUD] = {"routes: cloud", "clouds such as [aws]", name_check, false},
    [REGION] = {"routes: region", "regions such as [aws/eu-west-3]", check_region, false},
    [PROVIDER] = {"routes: provider", "names of providers", name_check, false},
    [ASN] = {"routes: asn", "autonomous systems such as [as64500]", NULL, false},
    [HOST] = {"routes: host", "hosts such as [dl.example.org]", check_host, true},
    [PATH] = {"routes: path", "paths such as /release/**", pattern_check_path, false},
    [REPOSITORY] = {"routes: repository", "repositories such as team/**", pattern_check_repository,
                    false},
    [KIND] = {"routes: kind", "kinds such as [manifest, tags]", NULL, false},
    [METHOD] = {"routes: method", "GET or HEAD", NULL, false},
};

static bool read_asn(struct reader *r, const struct document_node *node, void *context)
{
    return asns_add(r, node, rules[ASN].label, context);
}

struct words {
    const char *label, *expected;
    const char *const *word;
    unsigned *bits;
};

static bool read_word(struct reader *r, const struct document_node *node, void *context)
{
    const struct words *w = context;
    char shown[DOCUMENT_SHOWN_MAX];
    size_t n = 0;
    while (w->word[n] != NULL && strcmp(w->word[n], node->text) != 0)
        n++;
    if (w->word[n] != NULL) {
        bool is_new = (*w->bits & 1U << n) == 0;
        *w->bits |= 1U << n;
        if (!is_new)
            reader_error(r, node, w->label, "\"%s\" is listed twice", node->text);
        return is_new;
    }
    const char *nearest = diag_nearest(node->text, w->word, n);
    reader_error(r, node, w->label, "%s is none; %s%s%s", document_show(node, shown),
                 nearest != NULL ? "did you mean \"" : "expected ",
                 nearest != NULL ? nearest : w->expected, nearest != NULL ? "\"?" : "");
    return false;
}

/* As a list of prefixes, but for one the brackets may be left out, and there is one at least. */
static bool read_networks(struct reader *r, const struct document_node *node,
                          struct config_prefixes *out)
{
    static const char label[] = "routes: network";
    struct document_node word = *node;
    struct document_node list = {.kind = DOCUMENT_LIST, .first = &word, .last = &word};
    word.next = NULL;
    if (document_is_null(node) || (node->kind == DOCUMENT_LIST && node->first == NULL))
        return reader_unfit(r, node, label, "prefixes such as [10.0.0.0/8]");
    return reader_prefixes(r, node->kind == DOCUMENT_SCALAR ? &list : node, label, out);
}

static bool field_is_new(struct reader *r, const struct document_node *node,
                         const struct config_when *w)
{
    const struct config_field *last = &w->fields[w->n_fields - 1];
    for (const struct config_field *f = w->fields; f < last; f++)
        if (strcmp(f->name, last->name) == 0) {
            diag_error(r->d, config_at(&last->origin),
                       "routes: header: %s is given twice; list its values together", node->key);
            return false;
        }
    return true;
}

static bool read_field(struct reader *r, const struct document_node *node, struct config_when *w)
{
    static const struct texts_rule rule = {"routes: header", "values such as [blue, \"red-*\"]",
                                           when_check_value, false};
    struct config_origin origin = {r->source, r->name, node->key_line, node->key_column};
    const char *expected = check_field_name(str_from(node->key));
    if (expected != NULL) {
        diag_error(r->d, config_at(&origin), "routes: header: expected %s, got \"%.64s\"", expected,
                   node->key);
        return false;
    }
    w->fields = xalloc_grow(w->fields, w->n_fields, sizeof(*w->fields));
    struct config_field *field = &w->fields[w->n_fields++];
    *field = (struct config_field){.name = xalloc_text(node->key), .origin = origin};
    texts_lower(field->name);
    bool good = field_is_new(r, node, w);
    return texts_read(r, node, &rule, &field->values) && good;
}

static bool read_fields(struct reader *r, const struct document_node *map, struct config_when *w)
{
    bool good = true;
    if (map->kind != DOCUMENT_MAPPING || map->first == NULL)
        return reader_unfit(r, map, "routes: header", "fields and values (\"X-Team: blue\")");
    for (const struct document_node *n = map->first; n != NULL; n = n->next)
        good = read_field(r, n, w) && good;
    return good;
}

static bool read_share(struct reader *r, const struct document_node *node, uint32_t *out)
{
    if (!reader_scalar(r, node, "routes: share", "a percentage such as 5%"))
        return false;
    const char *expected = when_share(str_from(node->text), out);
    return expected == NULL || reader_unfit(r, node, "routes: share", expected);
}

/* ── All of them ── */

static bool read_condition(struct reader *r, size_t key, const struct document_node *node,
                           struct config_when *w)
{
    struct words kinds = {rules[KIND].label, "manifest, blob, tags, referrers, signature or other",
                          when_kinds, &w->kinds};
    struct words methods = {rules[METHOD].label, rules[METHOD].expected, when_methods, &w->methods};
    switch (key) {
    case CLOUD:
        return texts_read(r, node, &rules[key], &w->clouds);
    case REGION:
        return texts_read(r, node, &rules[key], &w->regions);
    case PROVIDER:
        return texts_read(r, node, &rules[key], &w->providers);
    case ASN:
        return texts_for_each(r, node, &rules[key], read_asn, &w->asns);
    case NETWORK:
        return read_networks(r, node, &w->networks);
    case HOST:
        return texts_read(r, node, &rules[key], &w->hosts);
    case PATH:
        return texts_read(r, node, &rules[key], &w->paths);
    case REPOSITORY:
        return texts_read(r, node, &rules[key], &w->repositories);
    case KIND:
        return texts_for_each(r, node, &rules[key], read_word, &kinds);
    case METHOD:
        return texts_for_each(r, node, &rules[key], read_word, &methods);
    case HEADER:
        return read_fields(r, node, w);
    default:
        return read_share(r, node, &w->share);
    }
}

bool when_read(struct reader *r, const struct document_node *node, struct config_when *w)
{
    const struct document_node *given[KEYS_MAX];
    bool good = keys_collect(r, &when_keys, node, given);
    for (size_t i = 0; i < when_keys.n; i++)
        if (given[i] != NULL)
            good = read_condition(r, i, given[i], w) && good;
    return good;
}

void when_clear(struct config_when *w)
{
    texts_clear(&w->clouds);
    texts_clear(&w->regions);
    texts_clear(&w->providers);
    texts_clear(&w->hosts);
    texts_clear(&w->paths);
    texts_clear(&w->repositories);
    free(w->asns.number);
    free(w->networks.prefix);
    for (size_t i = 0; i < w->n_fields; i++) {
        free(w->fields[i].name);
        texts_clear(&w->fields[i].values);
    }
    free(w->fields);
    *w = (struct config_when){.share = 0};
}
