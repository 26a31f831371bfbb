#include "http/proxy.h"

#include "base/num.h"

/* ── Version 1: a line of text (section 2.1) ── */

/* Takes what stands before the next blank, or before the end. */
static struct str word(struct str *rest)
{
    size_t end = str_find(*rest, ' ');
    struct str taken = str_make(rest->data, end);
    *rest = str_skip(*rest, end < rest->len ? end + 1 : end);
    return taken;
}

static bool parse_address(struct str text, bool v6, struct addr *out)
{
    bool has_colon = str_find(text, ':') < text.len;
    return has_colon == v6 && addr_parse(text, out);
}

static bool parse_port(struct str text, uint16_t *out)
{
    uint64_t value;
    if (!num_parse(text, UINT16_MAX, &value))
        return false;
    *out = (uint16_t)value;
    return true;
}

/* "SOURCE DESTINATION PORT PORT", with one blank between them. */
static bool parse_addresses(struct str rest, bool v6, struct proxy_header *header)
{
    struct addr destination;
    uint16_t port;
    size_t blanks = 0;
    for (size_t i = 0; i < rest.len; i++)
        blanks += rest.data[i] == ' ';
    return blanks == 3 && parse_address(word(&rest), v6, &header->source) &&
           parse_address(word(&rest), v6, &destination) && parse_port(word(&rest), &header->port) &&
           parse_port(word(&rest), &port);
}

/* The line without "PROXY " and CRLF. What follows UNKNOWN has no meaning. */
static bool parse_line(struct str line, struct proxy_header *header)
{
    if (str_eq(line, STR("UNKNOWN")) || str_starts(line, STR("UNKNOWN ")))
        return true;
    bool v6 = str_starts(line, STR("TCP6 "));
    return (v6 || str_starts(line, STR("TCP4 "))) && parse_addresses(str_skip(line, 5), v6, header);
}

/* Where CRLF begins; len if there is none yet. False: a control character stands before it, or it
 * comes too late. */
static bool find_line_end(const char *data, size_t len, size_t *end)
{
    size_t i = 0, most = len < PROXY_V1_MAX - 1 ? len : PROXY_V1_MAX - 1;
    while (i < most && (unsigned char)data[i] >= 0x20 && data[i] != 0x7f)
        i++;
    *end = len;
    if (i == PROXY_V1_MAX - 1 || (i < len && data[i] != '\r'))
        return false;
    if (i == len || i + 1 == len)
        return true;
    *end = i;
    return data[i + 1] == '\n';
}

static enum proxy_result parse_v1(const char *data, size_t len, struct proxy_header *header)
{
    static const struct str beginning = STR_INIT("PROXY ");
    size_t end, known = len < beginning.len ? len : beginning.len;
    if (memcmp(data, beginning.data, known) != 0 || !find_line_end(data, len, &end))
        return PROXY_BAD;
    if (end == len)
        return PROXY_MORE;
    *header = (struct proxy_header){.size = end + 2};
    struct str line = str_make(data + beginning.len, end - beginning.len);
    return parse_line(line, header) ? PROXY_DONE : PROXY_BAD;
}

/* ── Version 2: binary (section 2.2) ── */

#define SIGNATURE_SIZE 12
#define FIXED_SIZE 16

static const unsigned char signature[SIGNATURE_SIZE + 1] = "\r\n\r\n\0\r\nQUIT\n";

enum { LOCAL = 0x20, PROXY = 0x21 };                /* version and command */
enum { UNSPEC = 0, INET = 1, INET6 = 2, UNIX = 3 }; /* family, the upper four bits */
enum { STREAM = 1, DGRAM = 2 };                     /* transport, the lower four */
enum { TLV_CRC32C = 0x03, TLV_UNIQUE_ID = 0x05, TLV_SSL = 0x20 };

static unsigned read_u16(const unsigned char *at)
{
    return (unsigned)at[0] << 8 | at[1];
}

/* CRC32C (RFC 9260 appendix A) over bytes, four bits at a time: headers are short, and there is
 * one for each connection. */
static uint32_t crc32c(uint32_t crc, const unsigned char *data, size_t len)
{
    static const uint32_t table[16] = {
        0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3,
        0x61c69362, 0x7198540d, 0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
        0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
    };
    for (size_t i = 0; i < len; i++) {
        crc ^= data[i];
        crc = crc >> 4 ^ table[crc & 15];
        crc = crc >> 4 ^ table[crc & 15];
    }
    return crc;
}

/* The checksum is that of the whole header with zeros in its own place (section 2.2.3). */
static bool is_checksum(const unsigned char *data, size_t size, const unsigned char *value)
{
    static const unsigned char zeros[4];
    const unsigned char *behind = value + sizeof(zeros);
    uint32_t crc = crc32c(UINT32_MAX, data, (size_t)(value - data));
    crc = crc32c(crc, zeros, sizeof(zeros));
    crc = ~crc32c(crc, behind, size - (size_t)(behind - data));
    return crc == ((uint32_t)read_u16(value) << 16 | read_u16(value + 2));
}

/* The value's bytes of the TLV at at, which must end by end; -1: it does not. */
static long tlv_size(const unsigned char *at, const unsigned char *end)
{
    if (end - at < 3 || end - at - 3 < (long)read_u16(at + 1))
        return -1;
    return (long)read_u16(at + 1);
}

/* Inside of a TLV about TLS: one byte, four bytes, more TLVs (section 2.2.6). */
static bool are_tls_details(const unsigned char *at, const unsigned char *end)
{
    if (end - at < 5)
        return false;
    for (at += 5; at < end;) {
        long size = tlv_size(at, end);
        if (size < 0)
            return false;
        at += 3 + size;
    }
    return true;
}

static bool check_tlvs(const unsigned char *data, size_t begin, size_t size)
{
    const unsigned char *end = data + size;
    for (const unsigned char *at = data + begin; at < end;) {
        const unsigned char *value = at + 3;
        long len = tlv_size(at, end);
        if (len < 0)
            return false;
        if ((at[0] == TLV_CRC32C && (len != 4 || !is_checksum(data, size, value))) ||
            (at[0] == TLV_UNIQUE_ID && len > 128) ||
            (at[0] == TLV_SSL && !are_tls_details(value, value + len)))
            return false;
        at = value + len;
    }
    return true;
}

/* The addresses, and what follows them. Of a family that is unspecified nothing is known, not even
 * how long its addresses are. */
static bool parse_block(const unsigned char *data, struct proxy_header *header)
{
    static const size_t lengths[] = {[UNSPEC] = 0, [INET] = 12, [INET6] = 36, [UNIX] = 216};
    const unsigned char *block = data + FIXED_SIZE;
    unsigned family = data[13] >> 4, transport = data[13] & 15;
    if (family > UNIX || transport > DGRAM)
        return false;
    if (family == UNSPEC)
        return true;
    size_t tlvs = FIXED_SIZE + lengths[family];
    if (header->size < tlvs || !check_tlvs(data, tlvs, header->size))
        return false;
    if (transport != STREAM || family == UNIX)
        return true;
    header->source = family == INET ? addr_from_v4(block) : addr_from_v6(block);
    header->port = (uint16_t)read_u16(family == INET ? block + 8 : block + 32);
    return true;
}

static enum proxy_result parse_v2(const unsigned char *data, size_t len,
                                  struct proxy_header *header)
{
    size_t known = len < SIGNATURE_SIZE ? len : SIGNATURE_SIZE;
    if (memcmp(data, signature, known) != 0)
        return PROXY_BAD;
    if (len > SIGNATURE_SIZE && data[12] != LOCAL && data[12] != PROXY)
        return PROXY_BAD;
    if (len < FIXED_SIZE)
        return PROXY_MORE;
    size_t size = FIXED_SIZE + read_u16(data + 14);
    if (size > PROXY_MAX)
        return PROXY_BAD;
    if (len < size)
        return PROXY_MORE;
    *header = (struct proxy_header){.size = size};
    /* LOCAL: "discard the protocol block including the family". */
    return data[12] == LOCAL || parse_block(data, header) ? PROXY_DONE : PROXY_BAD;
}

enum proxy_result proxy_parse(const char *data, size_t len, struct proxy_header *header)
{
    if (len == 0)
        return PROXY_MORE;
    if ((unsigned char)data[0] == signature[0])
        return parse_v2((const unsigned char *)data, len, header);
    return parse_v1(data, len, header);
}
