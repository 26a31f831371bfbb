/*
 * What Envoy offers to a filter: Proxy-Wasm ABI 0.2.1 (github.com/proxy-wasm/spec), as far as it is
 * used here, and a clock and random bytes of WASI. Each call crosses from one world into another
 * and costs about as much as a decision.
 *
 * What is handed over through char ** is memory that the host took with proxy_on_memory_allocate():
 * valid until the callback ends.
 */
#ifndef ENVOY_ABI_H
#define ENVOY_ABI_H

#include <stddef.h>
#include <stdint.h>

#ifdef __wasm__
#define ABI_IMPORT(module, name) __attribute__((import_module(module), import_name(name)))
#else
#define ABI_IMPORT(module, name)
#endif
#define ABI_PROXY(name) ABI_IMPORT("env", "proxy_" name)
#define ABI_WASI(name) ABI_IMPORT("wasi_snapshot_preview1", name)

enum abi_status { ABI_OK = 0, ABI_NOT_FOUND = 1, ABI_CAS_MISMATCH = 8 };
enum abi_action { ABI_CONTINUE = 0, ABI_PAUSE = 1 };
enum abi_level { ABI_INFO = 2, ABI_WARN = 3, ABI_ERROR = 4 };
enum abi_map { ABI_REQUEST_HEADERS = 0, ABI_CALL_RESPONSE_HEADERS = 6 };
enum abi_buffer { ABI_PLUGIN_CONFIGURATION = 7 };
enum abi_metric { ABI_COUNTER = 0 };
enum abi_clock { ABI_REALTIME = 0, ABI_MONOTONIC = 1 };

#define ABI_NO_GRPC_STATUS UINT32_MAX

ABI_PROXY("log") uint32_t abi_log(uint32_t level, const char *text, size_t size);

ABI_WASI("clock_time_get") uint32_t abi_clock(uint32_t clock, uint64_t precision, uint64_t *ns);
ABI_WASI("random_get") uint32_t abi_random(void *out, size_t size);

ABI_PROXY("set_tick_period_milliseconds") uint32_t abi_set_tick(uint32_t milliseconds);

/* Whose request is meant by what follows, until the callback ends; ABI_OK if it is still there. */
ABI_PROXY("set_effective_context") uint32_t abi_set_context(uint32_t context);

ABI_PROXY("get_buffer_bytes")
uint32_t abi_get_buffer(uint32_t buffer, size_t start, size_t max, char **data, size_t *size);

/* path: names, each followed by a zero byte. */
ABI_PROXY("get_property")
uint32_t abi_get_property(const char *path, size_t path_size, char **data, size_t *size);

/* "pairs.h" reads and writes these. */
ABI_PROXY("get_header_map_pairs")
uint32_t abi_get_pairs(uint32_t map, char **data, size_t *size);
ABI_PROXY("get_header_map_value")
uint32_t abi_get_value(uint32_t map, const char *key, size_t key_size, char **data, size_t *size);

ABI_PROXY("send_local_response")
uint32_t abi_send_response(uint32_t status, const char *details, size_t details_size,
                           const char *body, size_t body_size, const char *pairs, size_t pairs_size,
                           uint32_t grpc_status);

ABI_PROXY("http_call")
uint32_t abi_call(const char *cluster, size_t cluster_size, const char *pairs, size_t pairs_size,
                  const char *body, size_t body_size, const char *trailers, size_t trailers_size,
                  uint32_t milliseconds, uint32_t *token);

/* Shared by all threads. cas: what getting it gave, or 0: whatever is there. */
ABI_PROXY("get_shared_data")
uint32_t abi_get_shared(const char *key, size_t key_size, char **data, size_t *size, uint32_t *cas);
ABI_PROXY("set_shared_data")
uint32_t abi_set_shared(const char *key, size_t key_size, const char *data, size_t size,
                        uint32_t cas);

ABI_PROXY("define_metric")
uint32_t abi_define_metric(uint32_t type, const char *name, size_t size, uint32_t *id);
ABI_PROXY("increment_metric") uint32_t abi_increment_metric(uint32_t id, int64_t by);

#endif
