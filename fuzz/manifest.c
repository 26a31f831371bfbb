/*
 * Manifests: the input is one, as a registry serves it.
 *
 * It is refused with a reason, or what it names is verifiable and bounded: an image names blobs,
 * each once, an index only manifests. What media type the response says decides at most whether it
 * is refused, never what it names (CVE-2021-41190).
 */
#include "fuzz.h"

#include "mirror/answer_json.h"
#include "mirror/manifest.h"
#include "mirror/signed.h"

static const char *const types[] = {
    "",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.v1+prettyjws",
    "text/html",
};

static void check_digest(const struct digest *d)
{
    char text[DIGEST_TEXT_MAX];
    struct digest again;
    FUZZ_CHECK(d->size == 32 || d->size == 64);
    FUZZ_CHECK(digest_parse(str_make(text, digest_format(d, text)), &again) == DIGEST_OK);
    FUZZ_CHECK(memcmp(d, &again, sizeof(again)) == 0);
}

static void check_blobs(const struct manifest *m)
{
    FUZZ_CHECK(m->n_blobs <= MANIFEST_ENTRIES_MAX + 1);
    for (size_t i = 0; i < m->n_blobs; i++) {
        const struct manifest_blob *b = &m->blob[i];
        check_digest(&b->digest);
        FUZZ_CHECK(m->kind == MANIFEST_SCHEMA1 ? b->size == -1
                                               : b->size >= 0 && b->size <= INT64_C(1) << 50);
        for (size_t j = 0; j < i; j++)
            FUZZ_CHECK(memcmp(&m->blob[j].digest, &b->digest, sizeof(b->digest)) != 0);
    }
}

static void check_children(const struct manifest *m)
{
    FUZZ_CHECK(m->n_children <= MANIFEST_ENTRIES_MAX);
    for (size_t i = 0; i < m->n_children; i++) {
        check_digest(&m->child[i].digest);
        FUZZ_CHECK(m->child[i].size >= 0);
        FUZZ_CHECK(memchr(m->child[i].platform, '\0', MANIFEST_PLATFORM_MAX) != NULL);
    }
}

static bool same_digest(const struct digest *a, const struct digest *b)
{
    return memcmp(a, b, sizeof(*a)) == 0;
}

static bool same_blob(const struct manifest_blob *a, const struct manifest_blob *b)
{
    return same_digest(&a->digest, &b->digest) && a->size == b->size && a->foreign == b->foreign;
}

static bool same_child(const struct manifest_child *a, const struct manifest_child *b)
{
    return same_digest(&a->digest, &b->digest) && a->size == b->size &&
           strcmp(a->platform, b->platform) == 0;
}

static bool same(const struct manifest *a, const struct manifest *b)
{
    if (a->kind != b->kind || a->n_blobs != b->n_blobs || a->n_children != b->n_children ||
        !same_digest(&a->subject, &b->subject))
        return false;
    for (size_t i = 0; i < a->n_blobs; i++)
        if (!same_blob(&a->blob[i], &b->blob[i]))
            return false;
    for (size_t i = 0; i < a->n_children; i++)
        if (!same_child(&a->child[i], &b->child[i]))
            return false;
    return true;
}

static bool parse(struct str bytes, const char *type, struct manifest *m)
{
    char error[256] = "";
    memset(m, 0x5a, sizeof(*m));
    if (manifest_parse(bytes, str_from(type), m, error))
        return true;
    FUZZ_CHECK(error[0] != '\0' && m->blob == NULL && m->child == NULL);
    return false;
}

/* What was signed is the manifest's beginning and a short end, and stays in its place. */
static void check_signed(const uint8_t *data, size_t size)
{
    size_t len = size;
    char *bytes = malloc(size + 1);
    FUZZ_CHECK(bytes != NULL);
    memcpy(bytes, data, size);
    bool stripped = signed_strip(bytes, &len);
    FUZZ_CHECK(stripped ? len > 0 && len <= size && bytes[len] == '\0' && bytes[0] == (char)data[0]
                        : len == size && memcmp(bytes, data, size) == 0);
    free(bytes);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    answer_json_open();
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct manifest first = {.blob = NULL}, m;
    bool any = false;
    char *bytes = fuzz_copy(data, size);
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (!parse(str_make(bytes, size), types[i], &m))
            continue;
        check_blobs(&m);
        check_children(&m);
        FUZZ_CHECK(m.kind == MANIFEST_INDEX ? m.n_blobs == 0 : m.n_children == 0);
        FUZZ_CHECK(m.subject.size == 0 || m.subject.size == 32 || m.subject.size == 64);
        FUZZ_CHECK(!any || same(&first, &m));
        if (any)
            manifest_release(&m);
        else
            first = m;
        any = true;
    }
    manifest_release(&first);
    free(bytes);
    if (size > 0)
        check_signed(data, size);
    return 0;
}
