#include "policy/policy.h"

#include "base/num.h"
#include "policy/image.h"
#include "policy/layout.h"
#include "policy/route_parts.h"

static bool same_place(const struct policy_place *a, const struct policy_place *b)
{
    return str_eq(a->cloud, b->cloud) && str_eq(a->region, b->region);
}

static bool store_serves(const struct policy_store *store, const struct policy_place *place)
{
    for (size_t i = 0; i < store->n_serves; i++)
        if (same_place(&store->serves[i], place))
            return true;
    return false;
}

/* The stores that serve exactly this place, in the file's order; l may be NULL to count only. */
static uint32_t emit_servers(const struct policy *p, const struct policy_place *place,
                             struct layout *l)
{
    uint32_t n = 0;
    for (size_t i = 0; i < p->n_stores; i++) {
        uint16_t index = (uint16_t)i;
        if (!store_serves(&p->stores[i], place))
            continue;
        if (l != NULL)
            layout_emit(l, &index, sizeof(index));
        n++;
    }
    return n;
}

static const struct policy_place everywhere = {.cloud = {"", 0}, .region = {"", 0}};

/* How closely the entries name the place: the most specific one of them counts. */
static enum snapshot_match closest(const struct policy_place *entry, size_t n,
                                   const struct policy_place *place)
{
    enum snapshot_match best = SNAPSHOT_MATCH_NONE;
    for (size_t i = 0; i < n; i++) {
        enum snapshot_match match = SNAPSHOT_MATCH_NONE;
        if (entry[i].cloud.len == 0)
            match = SNAPSHOT_MATCH_DEFAULT;
        else if (str_eq(entry[i].cloud, place->cloud) && entry[i].region.len == 0)
            match = SNAPSHOT_MATCH_CLOUD;
        else if (same_place(&entry[i], place))
            match = SNAPSHOT_MATCH_REGION;
        best = match > best ? match : best;
    }
    return best;
}

/* R12: by the entry that names the place most closely, of all stores. */
static enum snapshot_match store_match(const struct policy *p, const struct policy_place *place)
{
    enum snapshot_match best = SNAPSHOT_MATCH_NONE;
    for (size_t i = 0; i < p->n_stores; i++) {
        enum snapshot_match match = closest(p->stores[i].serves, p->stores[i].n_serves, place);
        best = match > best ? match : best;
    }
    return best;
}

/* What the entry says that names the place so closely. */
static struct policy_place entry_of(const struct policy_place *place, enum snapshot_match match)
{
    if (match == SNAPSHOT_MATCH_REGION)
        return *place;
    if (match == SNAPSHOT_MATCH_CLOUD)
        return (struct policy_place){.cloud = place->cloud, .region = everywhere.region};
    return everywhere;
}

/* The unknown network, then those that ranges lead to. */
static const struct policy_place *place_of(const struct policy *p, size_t network)
{
    return network == SNAPSHOT_NETWORK_UNKNOWN ? &everywhere : &p->networks[network - 1].place;
}

/* Every text, in the order in which write_pages() and the parts refer to them. */
static void write_text(struct layout *l, const struct policy *p, const struct selector *r)
{
    layout_text(l, p->info_page);
    layout_text(l, p->privacy_page);
    layout_registry(l, p->upstream_endpoint, p->upstream_path);
    if (p->signature_endpoint.len > 0)
        layout_registry(l, p->signature_endpoint, p->upstream_path);
    for (size_t i = 0; i < p->n_stores; i++) {
        layout_text(l, p->stores[i].name);
        layout_text(l, p->stores[i].url);
        layout_emit(l, IMAGE_OBJECTS, sizeof(IMAGE_OBJECTS) - 1);
    }
    for (size_t i = 0; i < p->n_networks; i++) {
        layout_text(l, p->networks[i].place.cloud);
        layout_text(l, p->networks[i].place.region);
    }
    for (size_t i = 0; i < p->n_sources; i++) {
        layout_text(l, p->sources[i].name);
        layout_text(l, p->sources[i].cloud);
    }
    route_parts_text(l, r);
}

static void write_pages(struct image_header *h, const struct policy *p, uint32_t *t)
{
    h->info_page = layout_refer(t, p->info_page.len);
    h->privacy_page = layout_refer(t, p->privacy_page.len);
    h->upstream = layout_refer(t, layout_registry_len(p->upstream_endpoint, p->upstream_path));
    h->signatures = layout_refer(t, layout_registry_len(p->signature_endpoint, p->upstream_path));
}

static void write_stores(struct layout *l, const struct policy *p, uint32_t *t)
{
    for (size_t i = 0; i < p->n_stores; i++) {
        struct image_store store;
        store.name = layout_refer(t, p->stores[i].name.len);
        store.objects = layout_refer(t, p->stores[i].url.len + sizeof(IMAGE_OBJECTS) - 1);
        store.flags = p->stores[i].indexed ? IMAGE_INDEXED : 0;
        layout_emit(l, &store, sizeof(store));
    }
}

static void write_networks(struct layout *l, const struct policy *p, const struct selector *r,
                           uint32_t *t)
{
    const uint32_t n_default = emit_servers(p, &everywhere, NULL);
    uint32_t next = n_default;
    for (size_t i = 0; i <= p->n_networks; i++) {
        const struct policy_place *place = place_of(p, i);
        enum snapshot_match stays = closest(p->blobs_for, p->n_blobs_for, place);
        enum snapshot_match match = store_match(p, place);
        struct image_network network = {
            .flags = stays != SNAPSHOT_MATCH_NONE ? IMAGE_BLOBS_FROM_UPSTREAM : 0,
            .match = stays != SNAPSHOT_MATCH_NONE ? stays : match,
            .n_candidates = n_default, /* the first in the part, shared by all without their own */
            .asn = i == SNAPSHOT_NETWORK_UNKNOWN ? 0 : p->networks[i - 1].asn,
            .row = r->n_rows > 0 ? r->network_row[i] : 0,
        };
        network.cloud = layout_refer(t, place->cloud.len);
        network.region = layout_refer(t, place->region.len);
        if (match > SNAPSHOT_MATCH_DEFAULT) {
            struct policy_place entry = entry_of(place, match);
            network.candidates = next;
            network.n_candidates = emit_servers(p, &entry, NULL);
            next += network.n_candidates;
        }
        layout_emit(l, &network, sizeof(network));
    }
}

/* In the order that write_networks() counted on. Returns how many. */
static size_t write_candidates(struct layout *l, const struct policy *p)
{
    size_t n = emit_servers(p, &everywhere, l);
    for (size_t i = 0; i < p->n_networks; i++) {
        const struct policy_place *place = &p->networks[i].place;
        enum snapshot_match match = store_match(p, place);
        struct policy_place entry = entry_of(place, match);
        if (match > SNAPSHOT_MATCH_DEFAULT)
            n += emit_servers(p, &entry, l);
    }
    return n;
}

static void write_sources(struct layout *l, const struct policy *p, uint32_t *t)
{
    for (size_t i = 0; i < p->n_sources; i++) {
        struct image_source source = {
            .modified = p->sources[i].modified,
            .prefixes = p->sources[i].prefixes,
        };
        source.name = layout_refer(t, p->sources[i].name.len);
        source.cloud = layout_refer(t, p->sources[i].cloud.len);
        layout_emit(l, &source, sizeof(source));
    }
}

/* All but the table, which comes last. */
static void write_parts(struct layout *l, struct image_header *h, const struct policy *p,
                        const struct selector *r)
{
    uint32_t t = 0;
    l->at = sizeof(*h);
    layout_begin(l, h, IMAGE_TEXT, 0);
    size_t text = l->at;
    write_text(l, p, r);
    h->part[IMAGE_TEXT].count = (uint32_t)(l->at - text);
    write_pages(h, p, &t);
    layout_begin(l, h, IMAGE_STORES, p->n_stores);
    write_stores(l, p, &t);
    layout_begin(l, h, IMAGE_NETWORKS, p->n_networks + 1);
    write_networks(l, p, r, &t);
    layout_begin(l, h, IMAGE_SOURCES, p->n_sources);
    write_sources(l, p, &t);
    layout_begin(l, h, IMAGE_CANDIDATES, 0);
    h->part[IMAGE_CANDIDATES].count = (uint32_t)write_candidates(l, p);
    route_parts_write(l, h, r, &t);
    layout_begin(l, h, IMAGE_TABLE, 0);
}

static const char *check_texts(const struct policy *p)
{
    const size_t max = SNAPSHOT_URL_MAX;
    if (p->upstream_endpoint.len == 0)
        return "there is no upstream endpoint";
    if (p->info_page.len > max || p->privacy_page.len > max ||
        layout_registry_len(p->upstream_endpoint, p->upstream_path) > max ||
        layout_registry_len(p->signature_endpoint, p->upstream_path) > max)
        return "the URL of a page, the upstream or the signatures is too long";
    for (size_t i = 0; i < p->n_stores; i++)
        if (p->stores[i].name.len > max || p->stores[i].url.len > max - (sizeof(IMAGE_OBJECTS) - 1))
            return "the name or URL of a store is too long";
    for (size_t i = 0; i < p->n_networks; i++)
        if (p->networks[i].place.cloud.len > max || p->networks[i].place.region.len > max)
            return "the name of a cloud or region is too long";
    for (size_t i = 0; i < p->n_upstreams; i++)
        if (p->upstreams[i].name.len > max ||
            layout_registry_len(p->upstreams[i].endpoint, p->upstreams[i].path) > max)
            return "the name or URL of an upstream is too long";
    for (size_t i = 0; i < p->n_sources; i++)
        if (p->sources[i].name.len > max || p->sources[i].cloud.len > max)
            return "the name of a ranges file is too long";
    return NULL;
}

static const char *check_counts(const struct policy *p)
{
    if (p->n_stores > SNAPSHOT_STORES_MAX)
        return "there are too many stores";
    if (p->n_networks >= SNAPSHOT_NETWORKS_MAX)
        return "the ranges and routes tell too many networks apart";
    if (p->n_sources > SNAPSHOT_NETWORKS_MAX)
        return "there are too many ranges files";
    for (size_t i = 0; i < p->n_ranges; i++)
        if (p->ranges[i].network >= p->n_networks)
            return "a range is of a network that is not there";
    return NULL;
}

/* Scratch holds the routes, the table's entries, and what lpm_build() needs. */
struct scratch {
    struct selector *routes;
    unsigned char *routes_memory;
    struct lpm_entry *entries;
    void *table;
};

/* Offsets of the parts, and the size of all. */
struct scratch_sizes {
    size_t routes, entries, table, size;
};

/* False: too much. */
static bool measure_scratch(const struct policy *p, struct scratch_sizes *out)
{
    size_t routed = selector_scratch_size(p), entries;
    out->routes = layout_aligned(sizeof(struct selector));
    if (p->n_ranges > LPM_PREFIXES_MAX || routed == SIZE_MAX ||
        !num_mul(p->n_ranges, sizeof(struct lpm_entry), &entries) ||
        !num_add(out->routes, routed, &out->entries) ||
        !num_add(out->entries, layout_aligned(entries), &out->table))
        return false;
    return num_add(out->table, lpm_scratch_size(p->n_ranges), &out->size);
}

static struct scratch lay_out_scratch(const struct scratch_sizes *at, unsigned char *memory)
{
    return (struct scratch){
        .routes = (struct selector *)(void *)memory,
        .routes_memory = memory + at->routes,
        .entries = (struct lpm_entry *)(void *)(memory + at->entries),
        .table = memory + at->table,
    };
}

size_t policy_scratch_size(const struct policy *p)
{
    struct scratch_sizes sizes;
    return measure_scratch(p, &sizes) ? sizes.size : SIZE_MAX;
}

static const char *check(const struct policy *p)
{
    const char *why = check_counts(p);
    if (why == NULL)
        why = check_texts(p);
    return why != NULL ? why : selector_check(p);
}

size_t policy_image_bound(const struct policy *p, void *scratch, const char **why)
{
    struct scratch_sizes sizes;
    struct image_header counted;
    struct layout l = {NULL, 0};
    *why = measure_scratch(p, &sizes) ? check(p) : "there are too many prefixes or routes";
    if (*why != NULL)
        return 0;
    struct scratch s = lay_out_scratch(&sizes, scratch);
    for (size_t i = 0; i < p->n_ranges; i++)
        s.entries[i] = (struct lpm_entry){p->ranges[i].prefix, p->ranges[i].network + 1};
    selector_make(s.routes, p, s.routes_memory);
    write_parts(&l, &counted, p, s.routes);
    size_t table = lpm_image_bound(s.entries, p->n_ranges), size;
    if (!num_add(l.at, table, &size) || size > IMAGE_SIZE_MAX) {
        *why = "it would be larger than 1 GiB";
        return 0;
    }
    return layout_aligned(size);
}

size_t policy_build(const struct policy *p, void *scratch, void *image)
{
    struct scratch_sizes sizes;
    struct image_header header = {
        .magic = IMAGE_MAGIC,
        .version = SNAPSHOT_VERSION,
        .order = IMAGE_ORDER,
    };
    struct layout l = {image, 0};
    if (!measure_scratch(p, &sizes))
        return 0;
    struct scratch s = lay_out_scratch(&sizes, scratch);
    write_parts(&l, &header, p, s.routes);
    size_t table =
        lpm_build(s.entries, p->n_ranges, s.table, lpm_scratch_size(p->n_ranges), l.image + l.at);
    if (table == 0)
        return 0;
    header.part[IMAGE_TABLE].count = (uint32_t)table;
    header.size = l.at + table;
    memcpy(image, &header, sizeof(header));
    header.checksum = image_checksum(image, header.size);
    memcpy(image, &header, sizeof(header));
    return header.size;
}
