#include "policy/wasm.h"

#include "base/buf.h"
#include "policy/image.h"

#define HEADER "\0asm\1\0\0\0" /* magic and version */
#define HEADER_SIZE 8U
#define PAGE 65536U
#define LEB_MAX 5U  /* bytes of a 32-bit number */
#define SEGMENTS 2U /* that are added */

enum section {
    SECTION_CUSTOM,
    SECTION_IMPORT = 2,
    SECTION_MEMORY = 5,
    SECTION_GLOBAL,
    SECTION_EXPORT,
    SECTION_DATA = 11,
    SECTION_DATA_COUNT,
    SECTIONS
};

enum kind { KIND_FUNCTION, KIND_TABLE, KIND_MEMORY, KIND_GLOBAL };

enum opcode {
    OP_END = 0x0b,
    OP_GLOBAL_GET = 0x23,
    OP_I32_CONST = 0x41,
    OP_I64_CONST,
    OP_F32_CONST,
    OP_F64_CONST
};

/* ── Reading: past the end everything is 0 and `bad` stays set ── */

struct reader {
    struct str rest;
    bool bad;
};

static struct str take(struct reader *r, size_t n)
{
    if (n > r->rest.len) {
        r->bad = true;
        n = r->rest.len;
    }
    struct str taken = str_make(r->rest.data, n);
    r->rest = str_skip(r->rest, n);
    return taken;
}

static uint8_t take_byte(struct reader *r)
{
    struct str byte = take(r, 1);
    return byte.len == 1 ? (uint8_t)byte.data[0] : 0;
}

/* LEB128 of up to so many bytes. The bits of a number of 64 are cut, which nobody here needs. */
static uint32_t take_leb(struct reader *r, unsigned bytes)
{
    uint32_t value = 0;
    for (unsigned i = 0; i < bytes; i++) {
        uint8_t byte = take_byte(r);
        if (i < LEB_MAX)
            value |= (uint32_t)(byte & 0x7f) << (7 * i);
        if ((byte & 0x80) == 0)
            return value;
    }
    r->bad = true;
    return 0;
}

static uint32_t take_number(struct reader *r)
{
    return take_leb(r, LEB_MAX);
}

static struct str take_name(struct reader *r)
{
    return take(r, take_number(r));
}

struct limits {
    uint32_t min, max;
    bool bounded;
};

static struct limits take_limits(struct reader *r)
{
    uint8_t flags = take_byte(r);
    struct limits limits = {.min = take_number(r), .bounded = flags == 1};
    if (limits.bounded)
        limits.max = take_number(r);
    if (flags > 1) /* shared, or with addresses of 64 bits */
        r->bad = true;
    return limits;
}

/* An initial value; *address is written if it is a constant of 32 bits. */
static void take_expression(struct reader *r, uint32_t *address)
{
    uint32_t value = 0;
    switch (take_byte(r)) {
    case OP_I32_CONST:
        value = take_number(r);
        break;
    case OP_GLOBAL_GET:
        take_number(r);
        break;
    case OP_I64_CONST:
        take_leb(r, 10);
        break;
    case OP_F32_CONST:
        take(r, 4);
        break;
    case OP_F64_CONST:
        take(r, 8);
        break;
    default:
        r->bad = true;
    }
    if (take_byte(r) != OP_END)
        r->bad = true;
    *address = value;
}

/* ── What has to be known of the module ── */

struct module {
    struct str section[SECTIONS]; /* what is in it; data NULL: there is none */
    struct limits memory;         /* pages */
    uint32_t place;               /* address of the struct */
};

/* The next section, whole, and what is in it. */
static struct str take_section(struct reader *r, uint8_t *id, struct str *content)
{
    struct str from = r->rest;
    *id = take_byte(r);
    *content = take(r, take_number(r));
    return str_make(from.data, from.len - r->rest.len);
}

static bool find_sections(struct str module, struct module *m)
{
    struct reader r = {module, false};
    if (!str_eq(take(&r, HEADER_SIZE), str_make(HEADER, HEADER_SIZE)))
        return false;
    while (r.rest.len > 0 && !r.bad) {
        uint8_t id;
        struct str content;
        take_section(&r, &id, &content);
        if (id != SECTION_CUSTOM && id < SECTIONS)
            m->section[id] = content;
    }
    return !r.bad && m->section[SECTION_MEMORY].data != NULL &&
           m->section[SECTION_DATA].data != NULL;
}

static uint32_t count_imported_globals(struct str section, bool *bad)
{
    struct reader r = {section, false};
    uint32_t globals = 0;
    for (uint32_t n = section.data != NULL ? take_number(&r) : 0; n > 0 && !r.bad; n--) {
        take_name(&r);
        take_name(&r);
        switch (take_byte(&r)) {
        case KIND_FUNCTION:
            take_number(&r);
            break;
        case KIND_GLOBAL:
            take(&r, 2);
            globals++;
            break;
        default: /* its table and memory are its own */
            r.bad = true;
        }
    }
    *bad |= r.bad;
    return globals;
}

static bool find_export(struct str section, uint32_t *index)
{
    struct reader r = {section, false};
    for (uint32_t n = section.data != NULL ? take_number(&r) : 0; n > 0 && !r.bad; n--) {
        struct str name = take_name(&r);
        uint8_t kind = take_byte(&r);
        *index = take_number(&r);
        if (!r.bad && kind == KIND_GLOBAL && str_eq(name, STR(WASM_PLACE)))
            return true;
    }
    return false;
}

static bool find_place(struct module *m)
{
    bool bad = false;
    uint32_t index;
    uint32_t imported = count_imported_globals(m->section[SECTION_IMPORT], &bad);
    if (bad || !find_export(m->section[SECTION_EXPORT], &index) || index < imported)
        return false;
    struct reader r = {m->section[SECTION_GLOBAL], false};
    uint32_t n = r.rest.data != NULL ? take_number(&r) : 0;
    if (index - imported >= n)
        return false;
    for (uint32_t i = imported; i <= index && !r.bad; i++) {
        take(&r, 2);
        take_expression(&r, &m->place);
    }
    uint64_t end = (uint64_t)m->memory.min * PAGE;
    return !r.bad && m->place > 0 && (uint64_t)m->place + sizeof(struct wasm_place) <= end;
}

static bool find_memory(struct module *m)
{
    struct reader r = {m->section[SECTION_MEMORY], false};
    uint32_t n = take_number(&r);
    m->memory = take_limits(&r);
    return !r.bad && n == 1 && m->memory.min <= WASM_MEMORY_MAX / PAGE;
}

/* ── Writing ── */

static void put_number(struct buf *out, uint32_t value)
{
    for (; value >= 0x80; value >>= 7)
        buf_char(out, (char)(value | 0x80));
    buf_char(out, (char)value);
}

/* A constant is signed: the highest of the seven bits of its last byte is its sign. */
static void put_address(struct buf *out, uint32_t value)
{
    for (; value >= 0x40; value >>= 7)
        buf_char(out, (char)(value | 0x80));
    buf_char(out, (char)value);
}

static void put_u32(struct buf *out, uint32_t value)
{
    for (unsigned i = 0; i < 4; i++)
        buf_char(out, (char)(value >> (8 * i)));
}

/* What stands before the bytes of an active segment of memory 0. */
static void put_segment(struct buf *out, uint32_t address, uint32_t size)
{
    buf_char(out, 0);
    buf_char(out, OP_I32_CONST);
    put_address(out, address);
    buf_char(out, OP_END);
    put_number(out, size);
}

static void put_head(struct buf *out, enum section id, size_t size)
{
    buf_char(out, (char)id);
    put_number(out, (uint32_t)size);
}

static void put_memory(struct buf *out, const struct limits *before, uint32_t pages)
{
    char memory[4 * LEB_MAX];
    struct buf b = buf_make(memory, sizeof(memory));
    uint32_t min = before->min + pages;
    put_number(&b, 1);
    buf_char(&b, before->bounded ? 1 : 0);
    put_number(&b, min);
    if (before->bounded)
        put_number(&b, before->max > min ? before->max : min);
    put_head(out, SECTION_MEMORY, b.len);
    buf_put(out, b.data, b.len);
}

static void put_count(struct buf *out, struct str section)
{
    char memory[LEB_MAX];
    struct buf b = buf_make(memory, sizeof(memory));
    struct reader r = {section, false};
    put_number(&b, take_number(&r) + SEGMENTS);
    put_head(out, SECTION_DATA_COUNT, b.len);
    buf_put(out, b.data, b.len);
}

/* Segments are written into memory in their order: behind the module's own, ours have the last
 * word. */
static void put_data(struct buf *out, const struct module *m, struct str image)
{
    char memory[2][64];
    struct buf count = buf_make(memory[0], sizeof(memory[0]));
    struct buf ours = buf_make(memory[1], sizeof(memory[1]));
    struct reader r = {m->section[SECTION_DATA], false};
    uint32_t address = m->memory.min * PAGE;
    put_number(&count, take_number(&r) + SEGMENTS);
    put_segment(&ours, m->place, sizeof(struct wasm_place));
    put_u32(&ours, address);
    put_u32(&ours, (uint32_t)image.len);
    put_segment(&ours, address, (uint32_t)image.len);
    put_head(out, SECTION_DATA, count.len + r.rest.len + ours.len + image.len);
    buf_put(out, count.data, count.len);
    buf_str(out, r.rest);
    buf_put(out, ours.data, ours.len);
    buf_str(out, image);
}

static void put_module(struct buf *out, struct str module, const struct module *m, struct str image)
{
    struct reader r = {module, false};
    buf_str(out, take(&r, HEADER_SIZE));
    while (r.rest.len > 0) {
        uint8_t id;
        struct str content, whole = take_section(&r, &id, &content);
        if (id == SECTION_MEMORY)
            put_memory(out, &m->memory, (uint32_t)((image.len + PAGE - 1) / PAGE));
        else if (id == SECTION_DATA_COUNT)
            put_count(out, content);
        else if (id == SECTION_DATA)
            put_data(out, m, image);
        else
            buf_str(out, whole);
    }
}

size_t wasm_bound(size_t module_size, size_t image_size)
{
    return module_size + image_size + 128;
}

static bool is_little_endian(struct str image)
{
    static const unsigned char order[] = {4, 3, 2, 1}; /* IMAGE_ORDER */
    return image.len >= sizeof(struct image_header) &&
           memcmp(image.data + offsetof(struct image_header, order), order, sizeof(order)) == 0;
}

size_t wasm_insert(struct str module, struct str image, void *out, const char **why)
{
    struct module m = {0};
    if (module.len > WASM_MEMORY_MAX || !find_sections(module, &m) || !find_memory(&m) ||
        !find_place(&m)) {
        *why = "the filter is no WebAssembly module that a snapshot can be put into";
        return 0;
    }
    if (!is_little_endian(image)) {
        *why =
            "WebAssembly is little-endian, and this machine is not; compile it on x86-64 or arm64";
        return 0;
    }
    if (image.len > WASM_MEMORY_MAX - m.memory.min * PAGE) {
        *why = "too large for a filter: module and snapshot may take 512 MiB of memory";
        return 0;
    }
    struct buf b = buf_make(out, wasm_bound(module.len, image.len));
    put_module(&b, module, &m, image);
    if (!b.full)
        return b.len;
    *why = "the filter is no WebAssembly module that a snapshot can be put into";
    return 0;
}
