#include "inserted.h"

#include "policy/wasm.h"

/* Volatile: the compiler sees nobody who writes it. */
extern volatile struct wasm_place inserted_place;
volatile struct wasm_place inserted_place;

struct str inserted_snapshot(void)
{
    const struct wasm_place place = {inserted_place.address, inserted_place.size};
    return str_make((const char *)(uintptr_t)place.address, place.size);
}
