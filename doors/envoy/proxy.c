#include "proxy.h"
#include "abi.h"
#include "existence.h"
#include "memory.h"
#include "request.h"

/* The request that was announced last, and whose it is: its headers come next. */
static uint32_t announced, announced_root;

void proxy_abi_version_0_2_1(void)
{
}

void *proxy_on_memory_allocate(size_t size)
{
    return memory_take(size);
}

void proxy_on_context_create(uint32_t context, uint32_t parent)
{
    announced = context;
    announced_root = parent;
}

uint32_t proxy_on_configure(uint32_t context, size_t size)
{
    char *data = NULL;
    size_t len = 0;
    memory_reset();
    if (size > 0 && abi_get_buffer(ABI_PLUGIN_CONFIGURATION, 0, size, &data, &len) != ABI_OK)
        return 0;
    return root_configure(context, len > 0 ? str_make(data, len) : STR(""));
}

uint32_t proxy_on_request_headers(uint32_t context, uint32_t n, uint32_t end)
{
    (void)n;
    (void)end;
    memory_reset();
    struct root *r = context == announced ? root_find(announced_root) : NULL;
    return r != NULL ? request_begin(r, context) : ABI_CONTINUE;
}

void proxy_on_http_call_response(uint32_t context, uint32_t token, uint32_t n_headers,
                                 size_t body_size, uint32_t n_trailers)
{
    static const char key[] = ":status";
    char *data;
    size_t size;
    (void)body_size;
    (void)n_trailers;
    memory_reset();
    struct root *r = root_find(context);
    if (r == NULL)
        return;
    struct str status = STR("");
    if (n_headers > 0 &&
        abi_get_value(ABI_CALL_RESPONSE_HEADERS, key, sizeof(key) - 1, &data, &size) == ABI_OK)
        status = str_make(data, size);
    existence_landed(r, token, status);
    request_go_on(r);
}

void proxy_on_delete(uint32_t context)
{
    root_delete(context);
}

void proxy_on_tick(uint32_t context)
{
    memory_reset();
    struct root *r = root_find(context);
    if (r != NULL)
        root_tick(r);
}
