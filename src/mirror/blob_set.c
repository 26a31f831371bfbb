#include "mirror/blob_set.h"

#include "mirror/sorter.h"

#include <assert.h>
#include <errno.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>

#define PIECE 65536

static const size_t width[BLOB_INDEX_KINDS] = {32, 64};
static const size_t memory[BLOB_INDEX_KINDS] = {8 << 20, 2 << 20};

struct blob_set {
    pthread_mutex_t lock;
    struct sorter *sorter[BLOB_INDEX_KINDS];
    int error; /* the first */
    uint64_t count[BLOB_INDEX_KINDS];

    /* What is being read: the header, then the sorters. */
    struct blob_index_writer writer;
    uint8_t header[BLOB_INDEX_HEADER];
    unsigned kind;
    const uint8_t *part; /* bytes that come next, of the header or of a digest */
    size_t left;
};

struct blob_set *blob_set_new(void)
{
    struct blob_set *b = calloc(1, sizeof(*b));
    if (b == NULL)
        return NULL;
    pthread_mutex_init(&b->lock, NULL);
    for (size_t i = 0; i < BLOB_INDEX_KINDS; i++)
        b->sorter[i] = sorter_new(width[i], memory[i]);
    if (b->sorter[0] != NULL && b->sorter[1] != NULL)
        return b;
    blob_set_free(b);
    return NULL;
}

void blob_set_free(struct blob_set *b)
{
    if (b == NULL)
        return;
    for (size_t i = 0; i < BLOB_INDEX_KINDS; i++)
        sorter_free(b->sorter[i]);
    pthread_mutex_destroy(&b->lock);
    free(b);
}

void blob_set_add(struct blob_set *b, const struct digest *d)
{
    assert(d->algorithm == DIGEST_SHA256 || d->algorithm == DIGEST_SHA512);
    pthread_mutex_lock(&b->lock);
    if (b->error == 0)
        b->error = sorter_add(b->sorter[d->algorithm - DIGEST_SHA256], d->bytes);
    pthread_mutex_unlock(&b->lock);
}

/* ── Reading ── */

static int rewind_both(struct blob_set *b)
{
    int error = b->error;
    for (size_t i = 0; i < BLOB_INDEX_KINDS && error == 0; i++)
        error = sorter_rewind(b->sorter[i]);
    return error;
}

static int count(struct blob_set *b)
{
    int error = rewind_both(b);
    for (size_t i = 0; i < BLOB_INDEX_KINDS && error == 0; i++) {
        b->count[i] = 0;
        while (sorter_next(b->sorter[i], &error) != NULL)
            b->count[i]++;
        if (b->count[i] > BLOB_INDEX_COUNT_MAX)
            error = EFBIG;
    }
    return error;
}

int blob_set_rewind(struct blob_set *b)
{
    int error = rewind_both(b);
    blob_index_begin(&b->writer, b->count, b->header);
    b->kind = 0;
    b->part = b->header;
    b->left = sizeof(b->header);
    return error;
}

/* The next digest becomes what comes next; none is left at the set's end. */
static int next(struct blob_set *b)
{
    struct digest d = {.algorithm = DIGEST_SHA256};
    int error = 0;
    for (; b->kind < BLOB_INDEX_KINDS; b->kind++) {
        b->part = sorter_next(b->sorter[b->kind], &error);
        if (b->part != NULL || error != 0)
            break;
    }
    if (b->part == NULL || error != 0)
        return error;
    b->left = width[b->kind];
    d.algorithm = (uint8_t)(DIGEST_SHA256 + b->kind);
    d.size = (uint8_t)b->left;
    memcpy(d.bytes, b->part, b->left);
    /* A file that has been tampered with sorts no more. */
    return blob_index_put(&b->writer, &d) ? 0 : EIO;
}

int blob_set_read(struct blob_set *b, char *data, size_t *len)
{
    size_t most = *len;
    int error = 0;
    for (*len = 0; *len < most && error == 0;) {
        if (b->left == 0 && ((error = next(b)) != 0 || b->left == 0))
            break;
        size_t n = most - *len < b->left ? most - *len : b->left;
        memcpy(data + *len, b->part, n);
        b->part += n;
        b->left -= n;
        *len += n;
    }
    return error;
}

static int hash(struct blob_set *b, EVP_MD_CTX *md, uint8_t out[32])
{
    char *piece = malloc(PIECE);
    int error = piece != NULL ? blob_set_rewind(b) : ENOMEM;
    bool fine = error == 0 && EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1;
    while (fine) {
        size_t n = PIECE;
        error = blob_set_read(b, piece, &n);
        if (error != 0 || n == 0)
            break;
        fine = EVP_DigestUpdate(md, piece, n) == 1;
    }
    free(piece);
    if (error != 0)
        return error;
    return fine && EVP_DigestFinal_ex(md, out, NULL) == 1 ? 0 : ENOMEM;
}

int blob_set_close(struct blob_set *b, uint64_t counts[BLOB_INDEX_KINDS], struct digest *object)
{
    int error = count(b);
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    *object = (struct digest){.algorithm = DIGEST_SHA256, .size = 32};
    memcpy(counts, b->count, sizeof(b->count));
    if (error == 0)
        error = md != NULL ? hash(b, md, object->bytes) : ENOMEM;
    EVP_MD_CTX_free(md);
    return error;
}
