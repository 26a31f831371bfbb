#include "ranges/compile.h"

#include "policy/image.h"
#include "policy/wasm.h"
#include "ranges/asn.h"
#include "ranges/clouds.h"
#include "ranges/overlay.h"
#include "ranges/routing.h"
#include "sys/file.h"
#include "sys/xalloc.h"
#include <stdlib.h>

enum { FILE_MODE = 0644 };

/* The configuration in the builder's terms: views of it, in arrays of our own. */
struct input {
    struct policy policy;
    struct policy_store *store;
    struct policy_place *served; /* of all stores, one after the other */
    struct policy_place *blobs_for;
    struct routing routing;
    struct asn_table asns;
    struct overlay overlay;
    struct snapshot_source *source;
};

static struct policy_place place_of(const struct config_place *p)
{
    return (struct policy_place){str_from(p->cloud), str_from(p->region)};
}

static void take_stores(struct input *in, const struct config *c)
{
    size_t n = 0;
    for (size_t i = 0; i < c->n_stores; i++)
        n += c->stores[i].n_serves;
    in->served = xalloc_zero(n, sizeof(*in->served));
    in->store = xalloc_zero(c->n_stores, sizeof(*in->store));
    struct policy_place *next = in->served;
    for (size_t i = 0; i < c->n_stores; i++) {
        const struct config_store *store = &c->stores[i];
        in->store[i] = (struct policy_store){
            .name = str_from(store->name),
            .url = str_from(store->url),
            .serves = next,
            .n_serves = store->n_serves,
            .indexed = store->index,
        };
        for (size_t j = 0; j < store->n_serves; j++)
            *next++ = place_of(&store->serves[j]);
    }
    in->policy.stores = in->store;
    in->policy.n_stores = c->n_stores;
}

static void take_upstream(struct input *in, const struct config *c)
{
    const struct config_upstream *u = &c->upstream;
    in->blobs_for = xalloc_zero(u->n_blobs_for, sizeof(*in->blobs_for));
    for (size_t i = 0; i < u->n_blobs_for; i++)
        in->blobs_for[i] = place_of(&u->blobs_for[i]);
    in->policy.blobs_for = in->blobs_for;
    in->policy.n_blobs_for = u->n_blobs_for;
    in->policy.upstream_endpoint = str_from(u->endpoint);
    in->policy.upstream_path = str_from(u->path);
    in->policy.signature_endpoint = str_from(c->signature_endpoint);
    in->policy.info_page = str_from(c->info_page);
    in->policy.privacy_page = str_from(c->privacy_page);
}

static void take_ranges(struct input *in, const struct ranges *r)
{
    in->source = xalloc_zero(r->n_files, sizeof(*in->source));
    for (size_t i = 0; i < r->n_files; i++) {
        const struct ranges_file *file = &r->file[i];
        in->source[i] = (struct snapshot_source){
            .name = str_from(file->name),
            .cloud = str_from(file->cloud),
            .modified = (uint64_t)file->modified,
            .prefixes = file->prefixes,
        };
    }
    in->policy.sources = in->source;
    in->policy.n_sources = r->n_files;
}

static void take_routing(struct input *in, const struct config *c, const struct ranges *r,
                         struct diag *d)
{
    struct routing *routing = &in->routing;
    routing_make(c, routing);
    const struct asn_named named = {routing->asns, routing->n_asns};
    if (named.n > 0)
        asn_load(c->ranges.directory, &named, &in->asns, d);
    const struct overlay_sources sources = {
        .ranges = r,
        .asn = in->asns.entry,
        .n_asns = in->asns.n,
        .named = routing->asns,
        .n_named = routing->n_asns,
        .inside = routing->inside,
        .n_inside = routing->n_inside,
    };
    overlay_make(&sources, &in->overlay);
    in->policy.networks = in->overlay.network;
    in->policy.n_networks = in->overlay.n_networks;
    in->policy.ranges = in->overlay.range;
    in->policy.n_ranges = in->overlay.n_ranges;
    in->policy.upstreams = routing->upstreams;
    in->policy.n_upstreams = routing->n_upstreams;
    in->policy.providers = routing->providers;
    in->policy.n_providers = routing->n_providers;
    in->policy.routes = routing->routes;
    in->policy.n_routes = routing->n_routes;
}

static bool refuse(struct diag *d, const char *file, const char *why)
{
    diag_error(d, (struct diag_at){file, 0, 0}, "snapshot: %s", why);
    return false;
}

/* Builds into memory of the largest size, then gives back what was not needed. */
static bool build(const struct policy *p, void *scratch, struct compile_image *out, struct diag *d)
{
    const char *why;
    size_t bound = policy_image_bound(p, scratch, &why);
    if (bound == 0)
        return refuse(d, "", why);
    void *image = xalloc_zero(bound, 1);
    size_t size = policy_build(p, scratch, image);
    if (size == 0) {
        free(image);
        return refuse(d, "", "a prefix is unfit for the table");
    }
    void *shrunk = realloc(image, size);
    if (shrunk != NULL)
        image = shrunk;
    *out = (struct compile_image){.data = image, .size = size};
    why = snapshot_open(&out->snapshot, out->data, size);
    if (why == NULL)
        return true;
    compile_release(out);
    return refuse(d, "", why);
}

bool compile_snapshot(const struct config *c, const struct ranges *r, struct compile_image *out,
                      struct diag *d)
{
    struct input in = {0};
    bool built = false;
    clouds_check(c, r, d);
    take_stores(&in, c);
    take_upstream(&in, c);
    take_ranges(&in, r);
    take_routing(&in, c, r, d);
    *out = (struct compile_image){.data = NULL};
    size_t size = policy_scratch_size(&in.policy);
    if (size == SIZE_MAX) {
        refuse(d, "", "there are too many prefixes or routes");
    } else {
        void *scratch = xalloc_zero(size, 1);
        built = build(&in.policy, scratch, out, d);
        free(scratch);
    }
    free(in.store);
    free(in.served);
    free(in.blobs_for);
    overlay_release(&in.overlay);
    asn_release(&in.asns);
    routing_release(&in.routing);
    free(in.source);
    return built;
}

bool compile_strictly(const struct config *c, struct compile_image *out, struct diag *d)
{
    const size_t errors = d->n_errors;
    struct ranges *r = ranges_load(c->ranges.directory, d);
    bool built = r->n_refused == 0 && compile_snapshot(c, r, out, d);
    ranges_free(r);
    if (built && d->n_errors > errors) {
        compile_release(out);
        built = false;
    }
    return built;
}

bool compile_write(const struct compile_image *image, const char *path, struct diag *d)
{
    int error = file_replace(path, image->data, image->size, FILE_MODE, 0);
    if (error != 0)
        diag_error(d, (struct diag_at){path, 0, 0}, "cannot be written: %s", strerror(error));
    return error == 0;
}

bool compile_insert(const struct compile_image *image, struct str module, struct compile_image *out,
                    struct diag *d)
{
    const char *why = NULL;
    void *data = xalloc(wasm_bound(module.len, image->size));
    size_t size = wasm_insert(module, str_make(image->data, image->size), data, &why);
    *out = (struct compile_image){.data = data, .size = size};
    if (size > 0)
        return true;
    compile_release(out);
    return refuse(d, "", why);
}

bool compile_read(const char *path, struct compile_image *out, struct diag *d)
{
    struct stat st;
    char *data;
    size_t len;
    *out = (struct compile_image){.data = NULL};
    int error = file_read(path, IMAGE_SIZE_MAX, &data, &len, &st);
    if (error != 0) {
        diag_error(d, (struct diag_at){path, 0, 0}, "cannot be read: %s", strerror(error));
        return false;
    }
    *out = (struct compile_image){.data = data, .size = len};
    const char *why = snapshot_open(&out->snapshot, data, len);
    if (why == NULL)
        return true;
    compile_release(out);
    return refuse(d, path, why);
}

void compile_release(struct compile_image *image)
{
    free(image->data);
    *image = (struct compile_image){.data = NULL};
}
