/*
 * Puts a snapshot into a WebAssembly module, so that the two are one file: WebAssembly core
 * specification 1.0, section 5 "Binary Format".
 *
 * The module exports a global named WASM_PLACE, the address of a struct wasm_place that is all
 * zero. The image becomes a data segment of its own, behind everything that the module's memory
 * held until now (so it is aligned to a page of 64 KiB), and a second, small segment writes where
 * it lies into the struct. Everything else stays byte for byte as it is.
 */
#ifndef POLICY_WASM_H
#define POLICY_WASM_H

#include <archeio/str.h>
#include <stdint.h>

#define WASM_PLACE "inserted_place"

/* Envoy lets the memory of a module grow to 1 GiB; half of it is left for what is not in the file.
 */
#define WASM_MEMORY_MAX (UINT32_C(1) << 29)

struct wasm_place {
    uint32_t address; /* 0: nothing was put in */
    uint32_t size;
};

/* How much memory the result takes at most. */
size_t wasm_bound(size_t module_size, size_t image_size);

/* Writes the module with the image in it to out, which has room for wasm_bound() bytes; returns how
 * many there are. 0: it cannot be done, and *why says why (static; reads well after "snapshot: ").
 * No byte of the module is trusted; one of more than WASM_MEMORY_MAX bytes is refused, so that all
 * sizes fit 32 bits. */
size_t wasm_insert(struct str module, struct str image, void *out, const char **why);

#endif
