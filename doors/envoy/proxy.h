/*
 * What Envoy calls: the functions that Proxy-Wasm ABI 0.2.1 names. Those that are not here are not
 * called, which spares every request a crossing for each.
 */
#ifndef ENVOY_PROXY_H
#define ENVOY_PROXY_H

#include <stddef.h>
#include <stdint.h>

#ifdef __wasm__
#define PROXY_EXPORT(name) __attribute__((export_name(#name)))
#else
#define PROXY_EXPORT(name)
#endif

/* Says by its name which version of the ABI is meant; never called. */
PROXY_EXPORT(proxy_abi_version_0_2_1) void proxy_abi_version_0_2_1(void);

/* Memory for what a call of the filter's hands over. */
PROXY_EXPORT(proxy_on_memory_allocate) void *proxy_on_memory_allocate(size_t size);

/* parent: the root context of a request; 0: this is one. */
PROXY_EXPORT(proxy_on_context_create)
void proxy_on_context_create(uint32_t context, uint32_t parent);

/* 0 refuses the configuration. */
PROXY_EXPORT(proxy_on_configure) uint32_t proxy_on_configure(uint32_t context, size_t size);

/* Returns enum abi_action. */
PROXY_EXPORT(proxy_on_request_headers)
uint32_t proxy_on_request_headers(uint32_t context, uint32_t n, uint32_t end);

/* n_headers is 0 if there was no answer. */
PROXY_EXPORT(proxy_on_http_call_response)
void proxy_on_http_call_response(uint32_t context, uint32_t token, uint32_t n_headers,
                                 size_t body_size, uint32_t n_trailers);

/* A request or a root context is over. */
PROXY_EXPORT(proxy_on_delete) void proxy_on_delete(uint32_t context);

PROXY_EXPORT(proxy_on_tick) void proxy_on_tick(uint32_t context);

#endif
