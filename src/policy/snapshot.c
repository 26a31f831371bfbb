#include <archeio/snapshot.h>

#include "policy/column.h"

static const size_t element_size[IMAGE_PARTS] = {
    [IMAGE_TEXT] = 1,
    [IMAGE_STORES] = sizeof(struct image_store),
    [IMAGE_NETWORKS] = sizeof(struct image_network),
    [IMAGE_SOURCES] = sizeof(struct image_source),
    [IMAGE_CANDIDATES] = sizeof(uint16_t),
    [IMAGE_UPSTREAMS] = sizeof(struct image_upstream),
    [IMAGE_ROUTES] = sizeof(struct image_route),
    [IMAGE_TARGETS] = sizeof(struct image_target),
    [IMAGE_PATTERNS] = sizeof(struct image_pattern),
    [IMAGE_FIELDS] = sizeof(struct image_field),
    [IMAGE_LITERALS] = sizeof(struct image_literal),
    [IMAGE_ROWS] = sizeof(uint64_t),
    [IMAGE_TABLE] = 1,
};

/* Valid only after the span was checked. */
static const void *part(const struct image_header *h, enum image_part p)
{
    return (const unsigned char *)h + h->part[p].offset;
}

static const char *check_header(const struct image_header *h, size_t size)
{
    if (size < sizeof(*h) || memcmp(h->magic, IMAGE_MAGIC, sizeof(h->magic)) != 0)
        return "not a snapshot; make one with `archeio compile`";
    if (h->order != IMAGE_ORDER)
        return "made on a machine of another byte order; compile it anew on this one";
    if (h->version != SNAPSHOT_VERSION)
        return "made by another version of archeio; compile it anew with this one";
    if (h->size != size || size > IMAGE_SIZE_MAX)
        return "truncated or too long: its size is not the one in its header";
    if (h->checksum != image_checksum(h, size))
        return "corrupt: the checksum does not match";
    return NULL;
}

static const char *check_spans(const struct image_header *h)
{
    for (int p = 0; p < IMAGE_PARTS; p++) {
        uint64_t offset = h->part[p].offset, count = h->part[p].count;
        if (offset % IMAGE_ALIGN != 0 || offset < sizeof(*h) || offset > h->size)
            return "corrupt: a part begins outside";
        if (count * element_size[p] > h->size - offset)
            return "corrupt: a part ends outside";
    }
    if (h->part[IMAGE_STORES].count > SNAPSHOT_STORES_MAX ||
        h->part[IMAGE_NETWORKS].count > SNAPSHOT_NETWORKS_MAX ||
        h->part[IMAGE_UPSTREAMS].count > SNAPSHOT_UPSTREAMS_MAX ||
        h->part[IMAGE_ROUTES].count > SNAPSHOT_ROUTES_MAX ||
        h->part[IMAGE_FIELDS].count > SNAPSHOT_HEADERS_MAX)
        return "corrupt: too many stores, networks, upstreams, routes or fields";
    if (h->part[IMAGE_NETWORKS].count == 0)
        return "corrupt: the unknown network is missing";
    return NULL;
}

/* What stands here ends up in header lines: no byte may end one. */
static bool text_is_printable(const struct image_header *h)
{
    const unsigned char *at = part(h, IMAGE_TEXT);
    unsigned char bad = 0;
    for (uint32_t i = 0; i < h->part[IMAGE_TEXT].count; i++)
        bad |= (unsigned char)(at[i] < 0x20) | (unsigned char)(at[i] > 0x7e);
    return bad == 0;
}

static bool text_is_inside(const struct image_header *h, struct image_text t)
{
    uint32_t count = h->part[IMAGE_TEXT].count;
    return t.offset <= count && t.len <= count - t.offset && t.len <= SNAPSHOT_URL_MAX;
}

/* Is there a host for a Location to lead to, and to be read out of it? What stands behind it is
 * only printable. */
static bool is_url(struct str text)
{
    const struct str scheme = str_starts(text, STR("https://")) ? STR("https://") : STR("http://");
    if (!str_starts(text, scheme) || text.len == scheme.len)
        return false;
    char first = text.data[scheme.len];
    return first != '/' && first != '?' && first != '#' && first != '\\';
}

static bool stores_are_sound(const struct snapshot *s)
{
    for (uint32_t i = 0; i < s->n_stores; i++)
        if (!text_is_inside(s->image, s->stores[i].name) ||
            !text_is_inside(s->image, s->stores[i].objects) ||
            !str_ends(column_text(s, s->stores[i].objects), STR(IMAGE_OBJECTS)) ||
            !is_url(snapshot_store(s, i).base))
            return false;
    return true;
}

static bool networks_are_sound(const struct snapshot *s, uint32_t n_candidates)
{
    for (uint32_t i = 0; i < s->n_networks; i++) {
        const struct image_network *n = &s->networks[i];
        if (!text_is_inside(s->image, n->cloud) || !text_is_inside(s->image, n->region) ||
            n->candidates > n_candidates || n->n_candidates > n_candidates - n->candidates ||
            n->match > SNAPSHOT_MATCH_REGION)
            return false;
    }
    for (uint32_t i = 0; i < n_candidates; i++)
        if (s->candidates[i] >= s->n_stores)
            return false;
    return true;
}

static bool upstreams_are_sound(const struct snapshot *s)
{
    for (uint32_t i = 0; i < s->n_upstreams; i++) {
        const struct image_upstream *u = &s->upstreams[i];
        if (!text_is_inside(s->image, u->name) || !text_is_inside(s->image, u->registry) ||
            u->endpoint > u->registry.len || !is_url(snapshot_upstream(s, i).endpoint))
            return false;
    }
    return true;
}

static bool status_is_sound(const struct image_target *target)
{
    if (target->kind == SNAPSHOT_TARGET_URL)
        return snapshot_status_redirects(target->status);
    return target->kind != SNAPSHOT_TARGET_ANSWER || snapshot_status_answers(target->status);
}

static bool targets_are_sound(const struct snapshot *s, uint32_t n_targets)
{
    for (uint32_t i = 0; i < n_targets; i++) {
        const struct image_target *target = &s->targets[i];
        if (target->kind >= SNAPSHOT_TARGET_KINDS || !text_is_inside(s->image, target->text) ||
            (target->kind == SNAPSHOT_TARGET_STORE && target->index >= s->n_stores) ||
            (target->kind == SNAPSHOT_TARGET_UPSTREAM && target->index >= s->n_upstreams) ||
            (target->kind == SNAPSHOT_TARGET_URL && !is_url(column_text(s, target->text))) ||
            !status_is_sound(target))
            return false;
    }
    return true;
}

static bool is_within(uint32_t first, uint32_t n, uint32_t count)
{
    return first <= count && n <= count - first;
}

static bool routes_are_sound(const struct snapshot *s, const struct image_header *h)
{
    const uint32_t n_patterns = h->part[IMAGE_PATTERNS].count;
    for (uint32_t i = 0; i < s->n_routes; i++) {
        const struct image_route *r = &s->routes[i];
        if (!text_is_inside(h, r->name) ||
            !is_within(r->targets, r->n_targets, h->part[IMAGE_TARGETS].count) ||
            !is_within(r->paths, r->n_paths, n_patterns) ||
            !is_within(r->repositories, r->n_repositories, n_patterns))
            return false;
    }
    for (uint32_t i = 0; i < n_patterns; i++)
        if (!text_is_inside(h, s->patterns[i].text))
            return false;
    return targets_are_sound(s, h->part[IMAGE_TARGETS].count);
}

static bool rows_are_sound(const struct snapshot *s, const struct image_header *h, uint32_t n_rows)
{
    const uint32_t n_literals = h->part[IMAGE_LITERALS].count;
    uint32_t highest = 0;
    for (uint32_t i = 0; i < s->n_networks; i++)
        highest = s->networks[i].row > highest ? s->networks[i].row : highest;
    for (size_t i = 0; i < IMAGE_METHODS; i++)
        highest = h->method_row[i] > highest ? h->method_row[i] : highest;
    for (size_t i = 0; i < IMAGE_KINDS; i++)
        highest = h->kind_row[i] > highest ? h->kind_row[i] : highest;
    for (uint32_t i = 0; i < n_literals; i++)
        if (!text_is_inside(h, s->literals[i].text))
            return false;
    for (uint32_t i = 0; i < s->n_headers; i++)
        if (!text_is_inside(h, s->fields[i].name) || s->fields[i].name.len == 0 ||
            !column_is_sound(s, &s->fields[i].column, n_literals, n_rows))
            return false;
    return highest < n_rows && column_is_sound(s, &h->host, n_literals, n_rows) &&
           column_is_sound(s, &h->path, n_literals, n_rows) &&
           column_is_sound(s, &h->repository, n_literals, n_rows);
}

/* Without routes, nothing else of theirs: what could not be checked against them would be believed.
 */
static bool is_unrouted(const struct image_header *h)
{
    static const enum image_part part[] = {IMAGE_TARGETS, IMAGE_PATTERNS, IMAGE_FIELDS,
                                           IMAGE_LITERALS, IMAGE_ROWS};
    uint32_t n = 0;
    for (size_t i = 0; i < sizeof(part) / sizeof(part[0]); i++)
        n |= h->part[part[i]].count;
    return n == 0;
}

/* The first row, which holds every route, and no bit behind the last route's: it would name one
 * that is not there. */
static bool sets_are_sound(const struct snapshot *s, uint32_t words)
{
    const uint64_t last = UINT64_MAX >> (64 - 1 - (s->n_routes - 1) % 64);
    for (uint32_t i = 0; i + 1 < s->row_words; i++)
        if (s->rows[i] != UINT64_MAX)
            return false;
    for (uint32_t i = s->row_words - 1; i < words; i += s->row_words)
        if ((s->rows[i] & ~last) != 0)
            return false;
    return s->rows[s->row_words - 1] == last;
}

static const char *check_routing(const struct snapshot *s, const struct image_header *h)
{
    const uint32_t words = h->part[IMAGE_ROWS].count;
    if (!upstreams_are_sound(s))
        return "corrupt: the text of an upstream lies outside, or is no URL";
    if (s->n_routes == 0)
        return is_unrouted(h) ? NULL : "corrupt: there is what selects routes, and no route";
    if (words % s->row_words != 0 || !rows_are_sound(s, h, words / s->row_words))
        return "corrupt: what selects a route lies outside";
    if (!routes_are_sound(s, h))
        return "corrupt: a route names what is not there";
    if (!sets_are_sound(s, words))
        return "corrupt: a set of routes holds one that is not there, or the set of all lacks one";
    return NULL;
}

static bool sources_are_sound(const struct snapshot *s)
{
    for (uint32_t i = 0; i < s->n_sources; i++)
        if (!text_is_inside(s->image, s->sources[i].name) ||
            !text_is_inside(s->image, s->sources[i].cloud))
            return false;
    return true;
}

static bool is_page(const struct snapshot *s, struct image_text t)
{
    return text_is_inside(s->image, t) && is_url(column_text(s, t));
}

static bool pages_are_sound(const struct snapshot *s, const struct image_header *h)
{
    return is_page(s, h->info_page) && is_page(s, h->privacy_page) && is_page(s, h->upstream) &&
           (h->signatures.len == 0 || is_page(s, h->signatures)) &&
           text_is_inside(h, h->signatures);
}

static uint32_t longest(const struct snapshot *s, uint32_t n_targets)
{
    size_t max = s->info_page.len;
    const struct str other[] = {s->privacy_page, s->upstream, s->signatures};
    for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++)
        max = other[i].len > max ? other[i].len : max;
    for (uint32_t i = 0; i < s->n_stores; i++)
        max = s->stores[i].objects.len > max ? s->stores[i].objects.len : max;
    for (uint32_t i = 0; i < s->n_upstreams; i++)
        max = s->upstreams[i].registry.len > max ? s->upstreams[i].registry.len : max;
    for (uint32_t i = 0; i < n_targets; i++)
        max = s->targets[i].text.len > max ? s->targets[i].text.len : max;
    return (uint32_t)max;
}

static void view_parts(struct snapshot *s, const struct image_header *h)
{
    *s = (struct snapshot){
        .image = h,
        .size = h->size,
        .n_stores = h->part[IMAGE_STORES].count,
        .n_networks = h->part[IMAGE_NETWORKS].count,
        .n_sources = h->part[IMAGE_SOURCES].count,
        .n_upstreams = h->part[IMAGE_UPSTREAMS].count,
        .n_routes = h->part[IMAGE_ROUTES].count,
        .n_headers = h->part[IMAGE_FIELDS].count,
        .row_words = (h->part[IMAGE_ROUTES].count + 63) / 64,
        .stores = part(h, IMAGE_STORES),
        .networks = part(h, IMAGE_NETWORKS),
        .sources = part(h, IMAGE_SOURCES),
        .candidates = part(h, IMAGE_CANDIDATES),
        .upstreams = part(h, IMAGE_UPSTREAMS),
        .routes = part(h, IMAGE_ROUTES),
        .targets = part(h, IMAGE_TARGETS),
        .patterns = part(h, IMAGE_PATTERNS),
        .fields = part(h, IMAGE_FIELDS),
        .literals = part(h, IMAGE_LITERALS),
        .rows = part(h, IMAGE_ROWS),
    };
}

const char *snapshot_open(struct snapshot *s, const void *image, size_t size)
{
    const struct image_header *h = image;
    const char *why = check_header(h, size);
    if (why == NULL)
        why = check_spans(h);
    if (why != NULL)
        return why;
    if (!text_is_printable(h))
        return "corrupt: a text holds a byte that may not stand in a header line";
    view_parts(s, h);
    if (!pages_are_sound(s, h))
        return "corrupt: the text of a page or upstream lies outside, or is no URL";
    if (!stores_are_sound(s))
        return "corrupt: the text of a store lies outside, or is no URL";
    if (!networks_are_sound(s, h->part[IMAGE_CANDIDATES].count))
        return "corrupt: a network names what is not there";
    if (!sources_are_sound(s))
        return "corrupt: the text of a ranges file lies outside";
    why = check_routing(s, h);
    if (why != NULL)
        return why;
    s->info_page = column_text(s, h->info_page);
    s->privacy_page = column_text(s, h->privacy_page);
    s->upstream = column_text(s, h->upstream);
    s->signatures = column_text(s, h->signatures);
    s->prefix_max = longest(s, h->part[IMAGE_TARGETS].count);
    return lpm_open(&s->table, part(h, IMAGE_TABLE), h->part[IMAGE_TABLE].count);
}

struct snapshot_store snapshot_store(const struct snapshot *s, uint32_t i)
{
    struct str objects = column_text(s, s->stores[i].objects);
    return (struct snapshot_store){
        .name = column_text(s, s->stores[i].name),
        .objects = objects,
        .base = str_make(objects.data, objects.len - (sizeof(IMAGE_OBJECTS) - 1)),
        .indexed = (s->stores[i].flags & IMAGE_INDEXED) != 0,
    };
}

struct snapshot_network snapshot_network(const struct snapshot *s, uint32_t i)
{
    const struct image_network *n = &s->networks[i];
    return (struct snapshot_network){
        .cloud = column_text(s, n->cloud),
        .region = column_text(s, n->region),
        .stores = s->candidates + n->candidates,
        .n_stores = n->n_candidates,
        .blobs_from_upstream = (n->flags & IMAGE_BLOBS_FROM_UPSTREAM) != 0,
        .match = (enum snapshot_match)n->match,
        .asn = n->asn,
    };
}

struct snapshot_source snapshot_source(const struct snapshot *s, uint32_t i)
{
    const struct image_source *source = &s->sources[i];
    return (struct snapshot_source){
        .name = column_text(s, source->name),
        .cloud = column_text(s, source->cloud),
        .modified = source->modified,
        .prefixes = source->prefixes,
    };
}

uint32_t snapshot_locate(const struct snapshot *s, const struct addr *client)
{
    /* The table's values were not checked one by one: there are as many as prefixes. */
    uint32_t network = lpm_lookup(&s->table, client);
    return network < s->n_networks ? network : SNAPSHOT_NETWORK_UNKNOWN;
}

struct snapshot_upstream snapshot_upstream(const struct snapshot *s, uint32_t i)
{
    const struct image_upstream *upstream = &s->upstreams[i];
    struct str registry = column_text(s, upstream->registry);
    return (struct snapshot_upstream){
        .name = column_text(s, upstream->name),
        .registry = registry,
        .endpoint = str_make(registry.data, upstream->endpoint),
    };
}

struct snapshot_route snapshot_route(const struct snapshot *s, uint32_t i)
{
    const struct image_route *route = &s->routes[i];
    return (struct snapshot_route){
        .name = column_text(s, route->name),
        .first_target = route->targets,
        .n_targets = route->n_targets,
        .stripped = route->stripped,
    };
}

struct snapshot_target snapshot_target(const struct snapshot *s, uint32_t i)
{
    const struct image_target *target = &s->targets[i];
    return (struct snapshot_target){
        .kind = (enum snapshot_target_kind)target->kind,
        .index = target->index,
        .status = (uint16_t)target->status,
        .text = column_text(s, target->text),
    };
}

struct str snapshot_header(const struct snapshot *s, uint32_t i)
{
    return column_text(s, s->fields[i].name);
}
