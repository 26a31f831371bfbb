#include "policy/policy.h"

#include "base/num.h"
#include "policy/image.h"

/* Where the next byte of the image goes. Without memory it only counts: the bound and the image
 * come from the same walk. */
struct layout {
    unsigned char *image;
    size_t at;
};

static size_t aligned(size_t n)
{
    return (n + IMAGE_ALIGN - 1) & ~(size_t)(IMAGE_ALIGN - 1);
}

static void emit(struct layout *l, const void *data, size_t len)
{
    if (l->image != NULL && len > 0)
        memcpy(l->image + l->at, data, len);
    l->at += len;
}

static void emit_padding(struct layout *l)
{
    static const unsigned char zero[IMAGE_ALIGN];
    emit(l, zero, aligned(l->at) - l->at);
}

static void begin_part(struct layout *l, struct image_header *h, enum image_part p, size_t count)
{
    emit_padding(l);
    h->part[p] = (struct image_span){(uint32_t)l->at, (uint32_t)count};
}

/* Text is written first, so that what refers to it knows where it is: t walks along. */
static struct image_text text_of(uint32_t *t, size_t len)
{
    struct image_text out = {*t, (uint32_t)len};
    *t += (uint32_t)len;
    return out;
}

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
            emit(l, &index, sizeof(index));
        n++;
    }
    return n;
}

static const struct policy_place everywhere = {.cloud = {"", 0}, .region = {"", 0}};

/* How closely the entries name the place: the most specific one of them counts. */
static enum snapshot_route closest(const struct policy_place *entry, size_t n,
                                   const struct policy_place *place)
{
    enum snapshot_route best = SNAPSHOT_ROUTE_NONE;
    for (size_t i = 0; i < n; i++) {
        enum snapshot_route route = SNAPSHOT_ROUTE_NONE;
        if (entry[i].cloud.len == 0)
            route = SNAPSHOT_ROUTE_DEFAULT;
        else if (str_eq(entry[i].cloud, place->cloud) && entry[i].region.len == 0)
            route = SNAPSHOT_ROUTE_CLOUD;
        else if (same_place(&entry[i], place))
            route = SNAPSHOT_ROUTE_REGION;
        best = route > best ? route : best;
    }
    return best;
}

/* R12: by the entry that names the place most closely, of all stores. */
static enum snapshot_route store_route(const struct policy *p, const struct policy_place *place)
{
    enum snapshot_route best = SNAPSHOT_ROUTE_NONE;
    for (size_t i = 0; i < p->n_stores; i++) {
        enum snapshot_route route = closest(p->stores[i].serves, p->stores[i].n_serves, place);
        best = route > best ? route : best;
    }
    return best;
}

/* What the entry says that names the place so closely. */
static struct policy_place entry_of(const struct policy_place *place, enum snapshot_route route)
{
    if (route == SNAPSHOT_ROUTE_REGION)
        return *place;
    if (route == SNAPSHOT_ROUTE_CLOUD)
        return (struct policy_place){.cloud = place->cloud, .region = everywhere.region};
    return everywhere;
}

/* The unknown network, then the places of the ranges. */
static const struct policy_place *place_of(const struct policy *p, size_t network)
{
    return network == SNAPSHOT_NETWORK_UNKNOWN ? &everywhere : &p->places[network - 1];
}

static void emit_prefix(struct layout *l, struct str endpoint, struct str path)
{
    emit(l, endpoint.data, endpoint.len);
    emit(l, "/v2/", 4);
    emit(l, path.data, path.len);
    if (path.len > 0)
        emit(l, "/", 1);
}

static size_t prefix_len(struct str endpoint, struct str path)
{
    return endpoint.len == 0 ? 0 : endpoint.len + 4 + path.len + (path.len > 0);
}

/* Every text, in the order in which write_pages() and the parts refer to them. */
static void write_text(struct layout *l, const struct policy *p)
{
    emit(l, p->info_page.data, p->info_page.len);
    emit(l, p->privacy_page.data, p->privacy_page.len);
    emit_prefix(l, p->upstream_endpoint, p->upstream_path);
    if (p->signature_endpoint.len > 0)
        emit_prefix(l, p->signature_endpoint, p->upstream_path);
    for (size_t i = 0; i < p->n_stores; i++) {
        emit(l, p->stores[i].name.data, p->stores[i].name.len);
        emit(l, p->stores[i].url.data, p->stores[i].url.len);
        emit(l, IMAGE_OBJECTS, sizeof(IMAGE_OBJECTS) - 1);
    }
    for (size_t i = 0; i < p->n_places; i++) {
        emit(l, p->places[i].cloud.data, p->places[i].cloud.len);
        emit(l, p->places[i].region.data, p->places[i].region.len);
    }
    for (size_t i = 0; i < p->n_sources; i++) {
        emit(l, p->sources[i].name.data, p->sources[i].name.len);
        emit(l, p->sources[i].cloud.data, p->sources[i].cloud.len);
    }
}

static void write_pages(struct image_header *h, const struct policy *p, uint32_t *t)
{
    h->info_page = text_of(t, p->info_page.len);
    h->privacy_page = text_of(t, p->privacy_page.len);
    h->upstream = text_of(t, prefix_len(p->upstream_endpoint, p->upstream_path));
    h->signatures = text_of(t, prefix_len(p->signature_endpoint, p->upstream_path));
}

static void write_stores(struct layout *l, const struct policy *p, uint32_t *t)
{
    for (size_t i = 0; i < p->n_stores; i++) {
        struct image_store store;
        store.name = text_of(t, p->stores[i].name.len);
        store.objects = text_of(t, p->stores[i].url.len + sizeof(IMAGE_OBJECTS) - 1);
        store.flags = p->stores[i].indexed ? IMAGE_INDEXED : 0;
        emit(l, &store, sizeof(store));
    }
}

static void write_networks(struct layout *l, const struct policy *p, uint32_t *t)
{
    const uint32_t n_default = emit_servers(p, &everywhere, NULL);
    uint32_t next = n_default;
    for (size_t i = 0; i <= p->n_places; i++) {
        const struct policy_place *place = place_of(p, i);
        enum snapshot_route stays = closest(p->blobs_for, p->n_blobs_for, place);
        enum snapshot_route route = store_route(p, place);
        struct image_network network = {
            .flags = stays != SNAPSHOT_ROUTE_NONE ? IMAGE_BLOBS_FROM_UPSTREAM : 0,
            .route = stays != SNAPSHOT_ROUTE_NONE ? stays : route,
            .n_candidates = n_default, /* the first in the part, shared by all without their own */
        };
        network.cloud = text_of(t, place->cloud.len);
        network.region = text_of(t, place->region.len);
        if (route > SNAPSHOT_ROUTE_DEFAULT) {
            struct policy_place entry = entry_of(place, route);
            network.candidates = next;
            network.n_candidates = emit_servers(p, &entry, NULL);
            next += network.n_candidates;
        }
        emit(l, &network, sizeof(network));
    }
}

/* In the order that write_networks() counted on. Returns how many. */
static size_t write_candidates(struct layout *l, const struct policy *p)
{
    size_t n = emit_servers(p, &everywhere, l);
    for (size_t i = 0; i < p->n_places; i++) {
        enum snapshot_route route = store_route(p, &p->places[i]);
        struct policy_place entry = entry_of(&p->places[i], route);
        if (route > SNAPSHOT_ROUTE_DEFAULT)
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
        source.name = text_of(t, p->sources[i].name.len);
        source.cloud = text_of(t, p->sources[i].cloud.len);
        emit(l, &source, sizeof(source));
    }
}

/* All but the table, which comes last. */
static void write_parts(struct layout *l, struct image_header *h, const struct policy *p)
{
    uint32_t t = 0;
    l->at = sizeof(*h);
    begin_part(l, h, IMAGE_TEXT, 0);
    size_t text = l->at;
    write_text(l, p);
    h->part[IMAGE_TEXT].count = (uint32_t)(l->at - text);
    write_pages(h, p, &t);
    begin_part(l, h, IMAGE_STORES, p->n_stores);
    write_stores(l, p, &t);
    begin_part(l, h, IMAGE_NETWORKS, p->n_places + 1);
    write_networks(l, p, &t);
    begin_part(l, h, IMAGE_SOURCES, p->n_sources);
    write_sources(l, p, &t);
    begin_part(l, h, IMAGE_CANDIDATES, 0);
    h->part[IMAGE_CANDIDATES].count = (uint32_t)write_candidates(l, p);
    begin_part(l, h, IMAGE_TABLE, 0);
}

static const char *check_texts(const struct policy *p)
{
    const size_t max = SNAPSHOT_URL_MAX;
    if (p->upstream_endpoint.len == 0)
        return "there is no upstream endpoint";
    if (p->info_page.len > max || p->privacy_page.len > max ||
        prefix_len(p->upstream_endpoint, p->upstream_path) > max ||
        prefix_len(p->signature_endpoint, p->upstream_path) > max)
        return "the URL of a page, the upstream or the signatures is too long";
    for (size_t i = 0; i < p->n_stores; i++)
        if (p->stores[i].name.len > max || p->stores[i].url.len > max - (sizeof(IMAGE_OBJECTS) - 1))
            return "the name or URL of a store is too long";
    for (size_t i = 0; i < p->n_places; i++)
        if (p->places[i].cloud.len > max || p->places[i].region.len > max)
            return "the name of a cloud or region is too long";
    for (size_t i = 0; i < p->n_sources; i++)
        if (p->sources[i].name.len > max || p->sources[i].cloud.len > max)
            return "the name of a ranges file is too long";
    return NULL;
}

static const char *check_counts(const struct policy *p)
{
    if (p->n_stores > SNAPSHOT_STORES_MAX)
        return "there are too many stores";
    if (p->n_places >= SNAPSHOT_NETWORKS_MAX)
        return "the ranges name too many clouds and regions";
    if (p->n_sources > SNAPSHOT_NETWORKS_MAX)
        return "there are too many ranges files";
    for (size_t i = 0; i < p->n_ranges; i++)
        if (p->ranges[i].place >= p->n_places)
            return "a range is of a place that is not there";
    return NULL;
}

/* Scratch holds the table's entries, then what lpm_build() needs. */
static size_t entries_size(const struct policy *p)
{
    size_t size;
    if (p->n_ranges > LPM_PREFIXES_MAX || !num_mul(p->n_ranges, sizeof(struct lpm_entry), &size))
        return SIZE_MAX;
    return aligned(size);
}

size_t policy_scratch_size(const struct policy *p)
{
    size_t entries = entries_size(p), size;
    if (entries == SIZE_MAX || !num_add(entries, lpm_scratch_size(p->n_ranges), &size))
        return SIZE_MAX;
    return size;
}

size_t policy_image_bound(const struct policy *p, void *scratch, const char **why)
{
    struct image_header counted;
    struct layout l = {NULL, 0};
    *why = check_counts(p);
    if (*why == NULL)
        *why = check_texts(p);
    if (*why != NULL)
        return 0;
    struct lpm_entry *entry = scratch;
    for (size_t i = 0; i < p->n_ranges; i++)
        entry[i] = (struct lpm_entry){p->ranges[i].prefix, p->ranges[i].place + 1};
    write_parts(&l, &counted, p);
    size_t table = lpm_image_bound(entry, p->n_ranges), size;
    if (!num_add(l.at, table, &size) || size > IMAGE_SIZE_MAX) {
        *why = "it would be larger than 1 GiB";
        return 0;
    }
    return aligned(size);
}

size_t policy_build(const struct policy *p, void *scratch, void *image)
{
    struct image_header header = {
        .magic = IMAGE_MAGIC,
        .version = SNAPSHOT_VERSION,
        .order = IMAGE_ORDER,
    };
    struct layout l = {image, 0};
    size_t entries = entries_size(p);
    write_parts(&l, &header, p);
    size_t table = lpm_build(scratch, p->n_ranges, (unsigned char *)scratch + entries,
                             lpm_scratch_size(p->n_ranges), l.image + l.at);
    if (table == 0)
        return 0;
    header.part[IMAGE_TABLE].count = (uint32_t)table;
    header.size = l.at + table;
    memcpy(image, &header, sizeof(header));
    header.checksum = image_checksum(image, header.size);
    memcpy(image, &header, sizeof(header));
    return header.size;
}
