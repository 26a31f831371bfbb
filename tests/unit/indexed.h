/*
 * A store's index for a stand-in server (httpd.h) to serve.
 */
#ifndef TESTS_UNIT_INDEXED_H
#define TESTS_UNIT_INDEXED_H

#include "httpd.h"
#include "oci/blob_index.h"

#include <openssl/sha.h>

#define INDEXED_MAX 8192 /* bytes of a set */

struct indexed {
    uint8_t set[INDEXED_MAX];
    size_t size;
    char pointer[BLOB_INDEX_POINTER_MAX];
    size_t pointer_len;
    char key[160]; /* of the set */
};

/* Of SHA-256 digests in ascending order, made then. */
static inline void indexed_make(struct indexed *x, const struct digest *d, size_t n, int64_t made)
{
    struct blob_index_pointer p = {.time = made, .count = {n, 0}};
    struct blob_index_writer w;
    x->size = (size_t)blob_index_size(p.count);
    assert(x->size <= sizeof(x->set));
    blob_index_begin(&w, p.count, x->set);
    for (size_t i = 0; i < n; i++) {
        bool put = blob_index_put(&w, &d[i]);
        assert(put);
        (void)put;
        memcpy(x->set + BLOB_INDEX_HEADER + i * 32, d[i].bytes, 32);
    }
    p.object = (struct digest){.algorithm = DIGEST_SHA256, .size = 32};
    SHA256(x->set, x->size, p.object.bytes);
    x->pointer_len = blob_index_pointer_format(&p, x->pointer);
    size_t len = sizeof(BLOB_INDEX_DIRECTORY) - 1;
    memcpy(x->key, BLOB_INDEX_DIRECTORY, len);
    len += digest_format(&p.object, x->key + len);
    x->key[len] = '\0';
}

static inline void indexed_body(struct httpd_request *r, const void *body, size_t len)
{
    int head =
        snprintf(r->answer, r->answer_size, "HTTP/1.1 200 x\r\nContent-Length: %zu\r\n\r\n", len);
    assert((size_t)head + len <= r->answer_size);
    memcpy(r->answer + head, body, len);
    r->answer_len = (size_t)head + len;
}

/* Answers if it is the index that is asked for. */
static inline bool indexed_answer(const struct indexed *x, struct httpd_request *r)
{
    if (strcmp(r->path + 1, BLOB_INDEX_CURRENT) == 0)
        indexed_body(r, x->pointer, x->pointer_len);
    else if (strcmp(r->path + 1, x->key) == 0)
        indexed_body(r, x->set, x->size);
    else
        return false;
    return true;
}

#endif
