#include "policy/selector.h"

#include "base/glob.h"
#include "base/num.h"
#include "base/sort.h"
#include "policy/column.h"

#define WORD 64U

/* One text that a route looks for in a column. */
struct selector_item {
    struct str text;
    bool longer; /* or anything that begins with it */
    uint32_t route;
};

/* What a column is about. */
enum subject { HOST, PATH, REPOSITORY, FIELD };

/* ── Memory ── */

static size_t words_of(const struct policy *p)
{
    return (p->n_routes + WORD - 1) / WORD;
}

static size_t count_items(const struct policy *p)
{
    size_t n = 0;
    for (size_t i = 0; i < p->n_routes; i++) {
        const struct policy_route *route = &p->routes[i];
        n += route->hosts.n + route->paths.n + route->repositories.n;
        for (size_t f = 0; f < route->n_fields; f++)
            n += route->fields[f].n_values;
    }
    return n;
}

/* The first, one for each network, method, kind and column, and two for each literal. */
static size_t rows_max(const struct policy *p, size_t items)
{
    return 1 + p->n_networks + 1 + IMAGE_METHODS + IMAGE_KINDS + 3 + SNAPSHOT_HEADERS_MAX +
           2 * items;
}

static size_t slots_for(size_t rows)
{
    size_t n = 64;
    while (n < 2 * rows)
        n *= 2;
    return n;
}

/* Takes bytes off the front of the memory; without memory it only counts. */
static void *take(unsigned char **memory, size_t *size, size_t n, size_t each)
{
    size_t bytes = 0;
    if (!num_mul(n, each, &bytes) || !num_add(*size, (bytes + 7) & ~(size_t)7, size)) {
        *size = SIZE_MAX;
        return NULL;
    }
    if (*memory == NULL)
        return NULL;
    void *at = *memory;
    *memory += (bytes + 7) & ~(size_t)7;
    return at;
}

static size_t lay_out(struct selector *r, const struct policy *p, unsigned char *memory)
{
    size_t size = 0, items = count_items(p), rows = rows_max(p, items);
    *r = (struct selector){.policy = p, .words = (uint32_t)words_of(p), .max_items = items};
    if (p->n_routes == 0)
        return 0;
    r->n_slots = slots_for(rows);
    r->row = take(&memory, &size, rows, r->words * sizeof(*r->row));
    r->slot = take(&memory, &size, r->n_slots, sizeof(*r->slot));
    r->literal = take(&memory, &size, items, sizeof(*r->literal));
    r->item = take(&memory, &size, 2 * items, sizeof(*r->item));
    r->network_row = take(&memory, &size, p->n_networks + 1, sizeof(*r->network_row));
    r->around = take(&memory, &size, r->words, sizeof(*r->around));
    r->everywhere = take(&memory, &size, r->words, sizeof(*r->everywhere));
    r->nested = take(&memory, &size, 2 * nesting_count(p), sizeof(*r->nested));
    return size;
}

size_t selector_scratch_size(const struct policy *p)
{
    struct selector counted;
    return lay_out(&counted, p, NULL);
}

/* ── Rows ── */

static void set(uint64_t *row, size_t route)
{
    row[route / WORD] |= UINT64_C(1) << (route % WORD);
}

/* A row of no routes, to be filled: in the place where the next one will stand. */
static uint64_t *blank(const struct selector *r)
{
    uint64_t *row = r->row + (size_t)r->n_rows * r->words;
    memset(row, 0, r->words * sizeof(*row));
    return row;
}

/* The index of what blank() gave, or of the row that is equal to it. */
static uint32_t keep(struct selector *r)
{
    const size_t size = r->words * sizeof(uint64_t);
    const uint64_t *row = r->row + (size_t)r->n_rows * r->words;
    size_t at = image_hash(row, size, 0) & (r->n_slots - 1);
    for (; r->slot[at] != 0; at = (at + 1) & (r->n_slots - 1)) {
        uint32_t other = r->slot[at] - 1;
        if (memcmp(r->row + (size_t)other * r->words, row, size) == 0)
            return other;
    }
    r->slot[at] = ++r->n_rows;
    return r->n_rows - 1;
}

/* ── Networks ── */

static bool has_text(const struct policy_texts *list, struct str text)
{
    for (size_t i = 0; i < list->n; i++)
        if (str_eq(list->text[i], text))
            return true;
    return false;
}

static bool has_number(const uint32_t *list, size_t n, uint32_t number)
{
    for (size_t i = 0; i < n; i++)
        if (list[i] == number)
            return true;
    return false;
}

/* "eu-west-3", or "aws/eu-west-3". */
static bool names_region(struct str name, const struct policy_place *place)
{
    if (place->region.len == 0)
        return false;
    size_t slash = str_find(name, '/');
    if (slash == name.len)
        return str_eq(name, place->region);
    return str_eq(str_make(name.data, slash), place->cloud) &&
           str_eq(str_skip(name, slash + 1), place->region);
}

static bool has_region(const struct policy_texts *list, const struct policy_place *place)
{
    for (size_t i = 0; i < list->n; i++)
        if (names_region(list->text[i], place))
            return true;
    return false;
}

static bool has_cloud(const struct policy_provider *provider, struct str cloud)
{
    const struct policy_texts clouds = {provider->clouds, provider->n_clouds};
    return cloud.len > 0 && has_text(&clouds, cloud);
}

static bool cloud_has_provider(const struct policy *p, struct str cloud)
{
    for (size_t i = 0; i < p->n_providers; i++)
        if (has_cloud(&p->providers[i], cloud))
            return true;
    return false;
}

static bool is_of_provider(const struct policy *p, const struct policy_route *route,
                           const struct policy_network *network, bool by_cloud)
{
    for (size_t i = 0; i < route->n_providers; i++) {
        const struct policy_provider *provider = &p->providers[route->providers[i]];
        if (by_cloud
                ? has_cloud(provider, network->place.cloud)
                : network->asn != 0 && has_number(provider->asns, provider->n_asns, network->asn))
            return true;
    }
    return false;
}

static void make_nesting(struct selector *r)
{
    const struct policy *p = r->policy;
    memset(r->everywhere, 0, r->words * sizeof(*r->everywhere));
    for (size_t i = 0; i < p->n_routes; i++)
        if (p->routes[i].n_prefixes == 0)
            set(r->everywhere, i);
    nesting_make(&r->nesting, p, r->nested);
}

/* All addresses of a network are in a prefix that holds its longest: none that routes name divides
 * it. */
static void list_around(struct selector *r, const struct prefix *inside)
{
    memcpy(r->around, r->everywhere, r->words * sizeof(*r->around));
    uint32_t next = nesting_find(&r->nesting, inside);
    for (; next > 0; next = r->nesting.entry[next - 1].outer)
        set(r->around, r->nesting.entry[next - 1].route);
    r->inside = *inside;
}

static bool admits(const struct policy *p, const struct policy_route *route,
                   const struct policy_network *network, bool by_cloud)
{
    const struct policy_place *place = &network->place;
    return (route->clouds.n == 0 || has_text(&route->clouds, place->cloud)) &&
           (route->regions.n == 0 || has_region(&route->regions, place)) &&
           (route->n_asns == 0 ||
            (network->asn != 0 && has_number(route->asns, route->n_asns, network->asn))) &&
           (route->n_providers == 0 || is_of_provider(p, route, network, by_cloud));
}

static uint32_t make_network(struct selector *r, const struct policy_network *network)
{
    const struct policy *p = r->policy;
    bool by_cloud = cloud_has_provider(p, network->place.cloud);
    uint64_t *row = blank(r);
    /* They come in the order of their addresses: many in a row are inside the same. */
    if (prefix_compare(&r->inside, &network->inside) != 0)
        list_around(r, &network->inside);
    for (size_t word = 0; word < r->words; word++)
        for (uint64_t left = r->around[word]; left != 0; left &= left - 1) {
            size_t i = word * WORD + (size_t)__builtin_ctzll(left);
            if (admits(p, &p->routes[i], network, by_cloud))
                set(row, i);
        }
    return keep(r);
}

/* The first row holds every route. */
static void make_first(struct selector *r)
{
    uint64_t *row = blank(r);
    for (size_t i = 0; i < r->policy->n_routes; i++)
        set(row, i);
    keep(r);
}

static void make_networks(struct selector *r)
{
    const struct policy_network unknown = {.asn = 0};
    make_nesting(r);
    list_around(r, &unknown.inside);
    r->network_row[SNAPSHOT_NETWORK_UNKNOWN] = make_network(r, &unknown);
    for (size_t i = 0; i < r->policy->n_networks; i++)
        r->network_row[i + 1] = make_network(r, &r->policy->networks[i]);
}

static void make_methods_and_kinds(struct selector *r)
{
    const struct policy *p = r->policy;
    for (unsigned method = 0; method < IMAGE_METHODS; method++) {
        uint64_t *row = blank(r);
        for (size_t i = 0; i < p->n_routes; i++)
            if (p->routes[i].methods == 0 || (p->routes[i].methods & 1U << method) != 0)
                set(row, i);
        r->method_row[method] = keep(r);
    }
    for (unsigned kind = 0; kind < IMAGE_KINDS; kind++) {
        uint64_t *row = blank(r);
        for (size_t i = 0; i < p->n_routes; i++)
            if (p->routes[i].kinds == 0 || (p->routes[i].kinds & 1U << kind) != 0)
                set(row, i);
        r->kind_row[kind] = keep(r);
    }
}

/* ── Columns of text ── */

static struct selector_item of_pattern(struct str pattern)
{
    size_t literal = glob_literal(pattern);
    return (struct selector_item){.text = str_make(pattern.data, literal),
                                  .longer = literal < pattern.len};
}

static const struct policy_field *field_of(const struct policy_route *route, struct str name)
{
    for (size_t i = 0; i < route->n_fields; i++)
        if (str_eq(route->fields[i].name, name))
            return &route->fields[i];
    return NULL;
}

/* The j-th text that a route looks for; false if it looks for fewer. */
static bool item_of(const struct policy_route *route, enum subject subject, struct str name,
                    size_t j, struct selector_item *item)
{
    const struct policy_texts *patterns = subject == PATH ? &route->paths : &route->repositories;
    if (subject == HOST) {
        if (j >= route->hosts.n)
            return false;
        *item = (struct selector_item){.text = route->hosts.text[j]};
        return true;
    }
    if (subject == FIELD) {
        const struct policy_field *field = field_of(route, name);
        if (field == NULL || j >= field->n_values)
            return false;
        *item = (struct selector_item){.text = field->values[j].text,
                                       .longer = field->values[j].longer};
        return true;
    }
    if (j >= patterns->n)
        return false;
    *item = of_pattern(patterns->text[j]);
    return true;
}

static int by_text(const void *a, const void *b)
{
    const struct selector_item *x = a, *y = b;
    return str_compare(x->text, y->text);
}

/* Of the column's literals, the longest that this one, which comes last, begins with. */
static uint32_t parent_of(const struct selector *r, uint32_t first, struct str text)
{
    uint32_t i = r->n_literals - first;
    while (i > 0 && !str_starts(text, r->literal[first + i - 1].text))
        i = r->literal[first + i - 1].parent;
    return i;
}

/* Adds the literal of the items at the front, which all look for the same; returns how many. */
static size_t add_literal(struct selector *r, const struct image_column *c,
                          const struct selector_item *item, size_t n)
{
    struct selector_literal *literal = &r->literal[r->n_literals];
    size_t same = 1;
    while (same < n && str_eq(item[same].text, item[0].text))
        same++;
    *literal = (struct selector_literal){
        .text = item[0].text,
        .parent = parent_of(r, c->first, item[0].text),
    };
    uint32_t above =
        literal->parent > 0 ? r->literal[c->first + literal->parent - 1].longer : c->others;
    uint64_t *row = blank(r);
    memcpy(row, r->row + (size_t)above * r->words, r->words * sizeof(*row));
    for (size_t i = 0; i < same; i++)
        if (item[i].longer)
            set(row, item[i].route);
    literal->longer = keep(r);
    row = blank(r);
    memcpy(row, r->row + (size_t)literal->longer * r->words, r->words * sizeof(*row));
    for (size_t i = 0; i < same; i++)
        set(row, item[i].route);
    literal->equal = keep(r);
    r->n_literals++;
    return same;
}

/* Gathers the column's items; those that any text begins with, and routes that do not look at it,
 * are in the row of all other texts. */
static size_t gather(struct selector *r, struct image_column *c, enum subject subject,
                     struct str name)
{
    const struct policy *p = r->policy;
    uint64_t *row = blank(r);
    size_t n = 0;
    for (size_t i = 0; i < p->n_routes; i++) {
        struct selector_item item;
        size_t j = 0;
        for (; item_of(&p->routes[i], subject, name, j, &item); j++) {
            item.route = (uint32_t)i;
            if (item.text.len > 0)
                r->item[n++] = item;
            else
                set(row, i);
        }
        if (j == 0)
            set(row, i);
        else
            c->used = 1;
    }
    if (c->used != 0)
        c->others = keep(r);
    return n;
}

/* Sorted, all begin with what the first and the last share. */
static void share(struct selector *r, struct image_column *c)
{
    struct selector_literal *literal = &r->literal[c->first];
    struct str first = literal[0].text, last = literal[c->count - 1].text;
    while (c->shared < first.len && c->shared < last.len &&
           first.data[c->shared] == last.data[c->shared])
        c->shared++;
    for (uint32_t i = 0; i < c->count; i++)
        literal[i].key = column_key(str_skip(literal[i].text, c->shared));
}

static struct image_column make_column(struct selector *r, enum subject subject, struct str name)
{
    struct image_column c = {.first = r->n_literals};
    size_t n = gather(r, &c, subject, name);
    const struct selector_item *item =
        sort_merge(r->item, r->item + r->max_items, n, sizeof(*r->item), by_text);
    for (size_t i = 0; i < n;)
        i += add_literal(r, &c, item + i, n - i);
    c.count = r->n_literals - c.first;
    if (c.count > 0)
        share(r, &c);
    return c;
}

/* Which fields any route looks at, each once; true if there are not too many. */
static bool list_fields(const struct policy *p, struct str name[SNAPSHOT_HEADERS_MAX], uint32_t *n)
{
    *n = 0;
    for (size_t i = 0; i < p->n_routes; i++)
        for (size_t f = 0; f < p->routes[i].n_fields; f++) {
            const struct policy_texts known = {name, *n};
            if (has_text(&known, p->routes[i].fields[f].name))
                continue;
            if (*n == SNAPSHOT_HEADERS_MAX)
                return false;
            name[(*n)++] = p->routes[i].fields[f].name;
        }
    return true;
}

void selector_make(struct selector *r, const struct policy *p, void *scratch)
{
    struct str name[SNAPSHOT_HEADERS_MAX];
    lay_out(r, p, scratch);
    if (p->n_routes == 0)
        return;
    memset(r->slot, 0, r->n_slots * sizeof(*r->slot));
    make_first(r);
    make_networks(r);
    make_methods_and_kinds(r);
    r->host = make_column(r, HOST, STR(""));
    r->path = make_column(r, PATH, STR(""));
    r->repository = make_column(r, REPOSITORY, STR(""));
    list_fields(p, name, &r->n_fields);
    for (uint32_t i = 0; i < r->n_fields; i++)
        r->field[i] = (struct selector_field){name[i], make_column(r, FIELD, name[i])};
}

/* ── Limits ── */

static bool texts_fit(const struct policy_texts *texts)
{
    for (size_t i = 0; i < texts->n; i++)
        if (texts->text[i].len > SNAPSHOT_URL_MAX)
            return false;
    return true;
}

static bool route_fits(const struct policy_route *route)
{
    for (size_t i = 0; i < route->n_targets; i++)
        if (route->targets[i].text.len > SNAPSHOT_URL_MAX)
            return false;
    for (size_t f = 0; f < route->n_fields; f++)
        for (size_t i = 0; i < route->fields[f].n_values; i++)
            if (route->fields[f].values[i].text.len > SNAPSHOT_URL_MAX)
                return false;
    return route->name.len <= SNAPSHOT_URL_MAX && texts_fit(&route->hosts) &&
           texts_fit(&route->paths) && texts_fit(&route->repositories);
}

const char *selector_check(const struct policy *p)
{
    struct str name[SNAPSHOT_HEADERS_MAX];
    uint32_t n;
    if (p->n_routes > SNAPSHOT_ROUTES_MAX)
        return "there are too many routes";
    if (p->n_upstreams > SNAPSHOT_UPSTREAMS_MAX)
        return "there are too many upstreams";
    if (!list_fields(p, name, &n))
        return "the routes look at too many header fields";
    for (size_t i = 0; i < p->n_routes; i++)
        if (!route_fits(&p->routes[i]))
            return "a text of a route is too long";
    return NULL;
}

uint32_t selector_replaced(const struct policy_route *route, struct str pattern)
{
    size_t literal = glob_literal(pattern);
    if (route->strips)
        return (uint32_t)route->strip.len;
    if (literal == pattern.len)
        return UINT32_MAX;
    size_t slash = str_find_last(str_make(pattern.data, literal), '/');
    return slash < literal ? (uint32_t)slash : 0;
}

uint64_t selector_seed(struct str name)
{
    return image_hash(name.data, name.len, 0);
}
