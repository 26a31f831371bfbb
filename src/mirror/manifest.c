#include "mirror/manifest.h"

#include "mirror/answer_json.h"

#include <stdio.h>
#include <stdlib.h>

/* ── What is wrong ── */

static bool refuse(char error[256], const char *what, const char *where)
{
    snprintf(error, 256, "%s%s%.160s", what, where[0] != '\0' ? ": " : "", where);
    return false;
}

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text != NULL ? text : "";
}

/* ── Descriptors ── */

static bool read_digest(const char *text, struct digest *out, char error[256])
{
    switch (digest_parse(str_from(text), out)) {
    case DIGEST_OK:
        return true;
    case DIGEST_UNKNOWN:
        return refuse(error, "a digest of an algorithm that cannot be verified", text);
    case DIGEST_MALFORMED:
        break;
    }
    return refuse(error, text[0] != '\0' ? "a malformed digest" : "a descriptor without a digest",
                  text);
}

static bool read_size(const json_t *descriptor, int64_t *out, char error[256])
{
    const json_t *size = json_object_get(descriptor, "size");
    *out = json_integer_value(size);
    if (json_is_integer(size) && *out >= 0 && *out <= MANIFEST_BLOB_MAX)
        return true;
    return refuse(error, "a descriptor without a size", text_of(descriptor, "digest"));
}

static bool is_foreign(const json_t *descriptor)
{
    struct str type = str_from(text_of(descriptor, "mediaType"));
    return json_array_size(json_object_get(descriptor, "urls")) > 0 ||
           str_starts(type, STR("application/vnd.docker.image.rootfs.foreign.")) ||
           str_starts(type, STR("application/vnd.oci.image.layer.nondistributable."));
}

static bool has_blob(const struct manifest *m, const struct digest *d)
{
    for (size_t i = 0; i < m->n_blobs; i++)
        if (memcmp(&m->blob[i].digest, d, sizeof(*d)) == 0)
            return true;
    return false;
}

/* Two that share a digest and not a size: one of them lies, and no store could tell which. */
static bool agrees(const struct manifest *m, const struct manifest_blob *b)
{
    for (size_t i = 0; i < m->n_blobs; i++)
        if (memcmp(&m->blob[i].digest, &b->digest, sizeof(b->digest)) == 0)
            return m->blob[i].size == b->size;
    return true;
}

static bool add_blob(struct manifest *m, const json_t *descriptor, char error[256])
{
    struct manifest_blob b = {.foreign = is_foreign(descriptor)};
    if (!read_digest(text_of(descriptor, "digest"), &b.digest, error) ||
        !read_size(descriptor, &b.size, error))
        return false;
    if (!agrees(m, &b))
        return refuse(error, "one digest with two sizes", text_of(descriptor, "digest"));
    if (!has_blob(m, &b.digest))
        m->blob[m->n_blobs++] = b;
    return true;
}

static void write_platform(const json_t *platform, char out[MANIFEST_PLATFORM_MAX])
{
    const char *variant = text_of(platform, "variant");
    out[0] = '\0';
    if (platform != NULL)
        snprintf(out, MANIFEST_PLATFORM_MAX, "%.20s/%.20s%s%.20s", text_of(platform, "os"),
                 text_of(platform, "architecture"), variant[0] != '\0' ? "/" : "", variant);
}

static bool add_child(struct manifest *m, const json_t *descriptor, char error[256])
{
    struct manifest_child *c = &m->child[m->n_children];
    if (!read_digest(text_of(descriptor, "digest"), &c->digest, error) ||
        !read_size(descriptor, &c->size, error))
        return false;
    write_platform(json_object_get(descriptor, "platform"), c->platform);
    m->n_children++;
    return true;
}

/* ── The three kinds ── */

static bool read_image(struct manifest *m, const json_t *root, char error[256])
{
    const json_t *config = json_object_get(root, "config");
    const json_t *layers = json_object_get(root, "layers");
    size_t n = json_array_size(layers);
    m->kind = MANIFEST_IMAGE;
    m->blob = calloc(n + 1, sizeof(*m->blob));
    if (m->blob == NULL)
        return refuse(error, "out of memory", "");
    if (!json_is_object(config) || !json_is_array(layers))
        return refuse(error, "an image manifest without config or layers", "");
    if (!add_blob(m, config, error))
        return false;
    for (size_t i = 0; i < n; i++)
        if (!add_blob(m, json_array_get(layers, i), error))
            return false;
    return true;
}

static bool read_index(struct manifest *m, const json_t *root, char error[256])
{
    const json_t *children = json_object_get(root, "manifests");
    size_t n = json_array_size(children);
    m->kind = MANIFEST_INDEX;
    m->child = calloc(n + 1, sizeof(*m->child));
    if (m->child == NULL)
        return refuse(error, "out of memory", "");
    for (size_t i = 0; i < n; i++)
        if (!add_child(m, json_array_get(children, i), error))
            return false;
    return true;
}

static bool read_schema1(struct manifest *m, const json_t *root, char error[256])
{
    const json_t *layers = json_object_get(root, "fsLayers");
    size_t n = json_array_size(layers);
    m->kind = MANIFEST_SCHEMA1;
    m->blob = calloc(n + 1, sizeof(*m->blob));
    if (m->blob == NULL)
        return refuse(error, "out of memory", "");
    for (size_t i = 0; i < n; i++) {
        struct manifest_blob b = {.size = -1};
        if (!read_digest(text_of(json_array_get(layers, i), "blobSum"), &b.digest, error))
            return false;
        if (!has_blob(m, &b.digest)) /* the empty layer, above all */
            m->blob[m->n_blobs++] = b;
    }
    return true;
}

/* Something that can be read as two kinds is refused: two readers could be made to see two images
 * under one digest (CVE-2021-41190). */
static bool read_manifest(struct manifest *m, const json_t *root, struct str type, char error[256])
{
    const char *said = text_of(root, "mediaType");
    bool index = json_is_array(json_object_get(root, "manifests"));
    bool image = json_object_get(root, "layers") != NULL || json_object_get(root, "config") != NULL;
    bool schema1 = json_is_array(json_object_get(root, "fsLayers"));
    if (said[0] != '\0')
        type = str_from(said);
    if (json_array_size(json_object_get(root, "manifests")) > MANIFEST_ENTRIES_MAX ||
        json_array_size(json_object_get(root, "layers")) > MANIFEST_ENTRIES_MAX ||
        json_array_size(json_object_get(root, "fsLayers")) > MANIFEST_ENTRIES_MAX)
        return refuse(error, "more than 10,000 entries", "");
    if (index + image + schema1 != 1)
        return refuse(error, "neither an image's manifest nor an index, or both at once", said);
    if (json_integer_value(json_object_get(root, "schemaVersion")) != (schema1 ? 1 : 2))
        return refuse(error, "a schemaVersion that does not fit", said);
    bool named_index =
        str_ends(type, STR("image.index.v1+json")) || str_ends(type, STR("manifest.list.v2+json"));
    bool named_image = str_ends(type, STR("image.manifest.v1+json")) ||
                       str_ends(type, STR("distribution.manifest.v2+json"));
    if ((index && named_image) || (image && named_index))
        return refuse(error, "its media type says another kind than its content", said);
    if (schema1)
        return read_schema1(m, root, error);
    return index ? read_index(m, root, error) : read_image(m, root, error);
}

static bool read_subject(struct manifest *m, const json_t *root, char error[256])
{
    const json_t *subject = json_object_get(root, "subject");
    return subject == NULL || read_digest(text_of(subject, "digest"), &m->subject, error);
}

bool manifest_parse(struct str bytes, struct str type, struct manifest *out, char error[256])
{
    char why[160];
    *out = (struct manifest){.blob = NULL};
    if (bytes.len > MANIFEST_MAX)
        return refuse(error, "a manifest of more than 8 MiB", "");
    json_t *root = answer_json_read(bytes.data, bytes.len, JSON_REJECT_DUPLICATES, why);
    if (root == NULL)
        return refuse(error, why, "");
    bool read = json_is_object(root) ? read_manifest(out, root, type, error)
                                     : refuse(error, "no JSON object", "");
    read = read && read_subject(out, root, error);
    answer_json_done(root);
    if (!read)
        manifest_release(out);
    return read;
}

void manifest_release(struct manifest *m)
{
    free(m->blob);
    free(m->child);
    *m = (struct manifest){.blob = NULL};
}
