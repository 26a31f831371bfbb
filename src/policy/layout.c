#include "policy/layout.h"

size_t layout_aligned(size_t n)
{
    return (n + IMAGE_ALIGN - 1) & ~(size_t)(IMAGE_ALIGN - 1);
}

void layout_emit(struct layout *l, const void *data, size_t len)
{
    if (l->image != NULL && len > 0)
        memcpy(l->image + l->at, data, len);
    l->at += len;
}

static void pad(struct layout *l)
{
    static const unsigned char zero[IMAGE_ALIGN];
    layout_emit(l, zero, layout_aligned(l->at) - l->at);
}

void layout_begin(struct layout *l, struct image_header *h, enum image_part p, size_t count)
{
    pad(l);
    h->part[p] = (struct image_span){(uint32_t)l->at, (uint32_t)count};
}

struct image_text layout_refer(uint32_t *t, size_t len)
{
    struct image_text out = {*t, (uint32_t)len};
    *t += (uint32_t)len;
    return out;
}

void layout_registry(struct layout *l, struct str endpoint, struct str path)
{
    layout_emit(l, endpoint.data, endpoint.len);
    layout_emit(l, "/v2/", 4);
    layout_emit(l, path.data, path.len);
    if (path.len > 0)
        layout_emit(l, "/", 1);
}

size_t layout_registry_len(struct str endpoint, struct str path)
{
    return endpoint.len == 0 ? 0 : endpoint.len + 4 + path.len + (path.len > 0);
}

void layout_text(struct layout *l, struct str text)
{
    layout_emit(l, text.data, text.len);
}
