#include <archeio/snapshot.h>

#include "policy/image.h"

static const size_t element_size[IMAGE_PARTS] = {
    [IMAGE_TEXT] = 1,
    [IMAGE_STORES] = sizeof(struct image_store),
    [IMAGE_NETWORKS] = sizeof(struct image_network),
    [IMAGE_SOURCES] = sizeof(struct image_source),
    [IMAGE_CANDIDATES] = sizeof(uint16_t),
    [IMAGE_TABLE] = 1,
};

/* Valid only after the span was checked. */
static const void *part(const struct image_header *h, enum image_part p)
{
    return (const unsigned char *)h + h->part[p].offset;
}

static struct str text(const struct snapshot *s, struct image_text t)
{
    const struct image_header *h = s->image;
    return str_make((const char *)part(h, IMAGE_TEXT) + t.offset, t.len);
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
        h->part[IMAGE_NETWORKS].count > SNAPSHOT_NETWORKS_MAX)
        return "corrupt: too many stores or networks";
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

static bool stores_are_sound(const struct snapshot *s)
{
    for (uint32_t i = 0; i < s->n_stores; i++)
        if (!text_is_inside(s->image, s->stores[i].name) ||
            !text_is_inside(s->image, s->stores[i].objects) ||
            !str_ends(text(s, s->stores[i].objects), STR(IMAGE_OBJECTS)))
            return false;
    return true;
}

static bool networks_are_sound(const struct snapshot *s, uint32_t n_candidates)
{
    for (uint32_t i = 0; i < s->n_networks; i++) {
        const struct image_network *n = &s->networks[i];
        if (!text_is_inside(s->image, n->cloud) || !text_is_inside(s->image, n->region) ||
            n->candidates > n_candidates || n->n_candidates > n_candidates - n->candidates ||
            n->route > SNAPSHOT_ROUTE_REGION)
            return false;
    }
    for (uint32_t i = 0; i < n_candidates; i++)
        if (s->candidates[i] >= s->n_stores)
            return false;
    return true;
}

static bool sources_are_sound(const struct snapshot *s)
{
    for (uint32_t i = 0; i < s->n_sources; i++)
        if (!text_is_inside(s->image, s->sources[i].name) ||
            !text_is_inside(s->image, s->sources[i].cloud))
            return false;
    return true;
}

static bool pages_are_sound(const struct image_header *h)
{
    return text_is_inside(h, h->info_page) && text_is_inside(h, h->privacy_page) &&
           text_is_inside(h, h->upstream) && text_is_inside(h, h->signatures) &&
           h->upstream.len > 0;
}

static uint32_t longest(const struct snapshot *s)
{
    size_t max = s->info_page.len;
    const struct str other[] = {s->privacy_page, s->upstream, s->signatures};
    for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++)
        max = other[i].len > max ? other[i].len : max;
    for (uint32_t i = 0; i < s->n_stores; i++)
        max = s->stores[i].objects.len > max ? s->stores[i].objects.len : max;
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
        .stores = part(h, IMAGE_STORES),
        .networks = part(h, IMAGE_NETWORKS),
        .sources = part(h, IMAGE_SOURCES),
        .candidates = part(h, IMAGE_CANDIDATES),
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
    if (!pages_are_sound(h))
        return "corrupt: the text of a page or upstream lies outside";
    if (!stores_are_sound(s))
        return "corrupt: the text of a store lies outside";
    if (!networks_are_sound(s, h->part[IMAGE_CANDIDATES].count))
        return "corrupt: a network names what is not there";
    if (!sources_are_sound(s))
        return "corrupt: the text of a ranges file lies outside";
    s->info_page = text(s, h->info_page);
    s->privacy_page = text(s, h->privacy_page);
    s->upstream = text(s, h->upstream);
    s->signatures = text(s, h->signatures);
    s->prefix_max = longest(s);
    return lpm_open(&s->table, part(h, IMAGE_TABLE), h->part[IMAGE_TABLE].count);
}

struct snapshot_store snapshot_store(const struct snapshot *s, uint32_t i)
{
    return (struct snapshot_store){
        .name = text(s, s->stores[i].name),
        .objects = text(s, s->stores[i].objects),
        .indexed = (s->stores[i].flags & IMAGE_INDEXED) != 0,
    };
}

struct snapshot_network snapshot_network(const struct snapshot *s, uint32_t i)
{
    const struct image_network *n = &s->networks[i];
    return (struct snapshot_network){
        .cloud = text(s, n->cloud),
        .region = text(s, n->region),
        .stores = s->candidates + n->candidates,
        .n_stores = n->n_candidates,
        .blobs_from_upstream = (n->flags & IMAGE_BLOBS_FROM_UPSTREAM) != 0,
        .route = (enum snapshot_route)n->route,
    };
}

struct snapshot_source snapshot_source(const struct snapshot *s, uint32_t i)
{
    const struct image_source *source = &s->sources[i];
    return (struct snapshot_source){
        .name = text(s, source->name),
        .cloud = text(s, source->cloud),
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
