/* PROXY headers: tables of good and bad ones, each cut at every byte, and a million damaged ones.
 * Input ends at an unmapped page. */
#include "http/proxy.h"

#include "http/http1.h"

#include "chance.h"
#include "check.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define ROOM 8192
#define DAMAGED 1000000
#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define SOURCE_4 "\xc0\x00\x02\x01"                         /* 192.0.2.1 */
#define BLOCK_4 SOURCE_4 "\x0a\x00\x00\x01\xdc\x04\x01\xbb" /* 56324, 443 */
#define SOURCE_6 "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1"
#define BLOCK_6 SOURCE_6 SOURCE_6 "\xdc\x04\x01\xbb"
#define HEX_16 "0123456789abcdef"
#define PATH_108 HEX_16 HEX_16 HEX_16 HEX_16 HEX_16 HEX_16 "0123456789ab"

struct sample {
    const char *name;
    struct str bytes;
    const char *source; /* NULL: bad; "-": no address */
    uint16_t port;
};

#define GOOD(name, bytes, source, port)                                                            \
    {                                                                                              \
        name, STR_INIT(bytes), source, port                                                        \
    }
#define BAD(name, bytes)                                                                           \
    {                                                                                              \
        name, STR_INIT(bytes), NULL, 0                                                             \
    }

static const struct sample lines[] = {
    GOOD("TCP4", "PROXY TCP4 192.0.2.1 10.0.0.1 56324 443\r\n", "192.0.2.1", 56324),
    GOOD("TCP6", "PROXY TCP6 2001:DB8::1 ::1 1 0\r\n", "2001:db8::1", 1),
    GOOD("as HAProxy 2.6 sends it", "PROXY TCP6 ::1 ::1 59802 18434\r\n", "::1", 59802),
    GOOD("longest",
         "PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
         "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n",
         "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 65535),
    GOOD("mapped", "PROXY TCP6 ::ffff:192.0.2.1 ::ffff:10.0.0.1 1 2\r\n", "192.0.2.1", 1),
    GOOD("ports at their ends", "PROXY TCP4 192.0.2.1 10.0.0.1 0 65535\r\n", "192.0.2.1", 0),
    GOOD("UNKNOWN alone", "PROXY UNKNOWN\r\n", "-", 0),
    GOOD("UNKNOWN and what has no meaning", "PROXY UNKNOWN 1.2.3.4  \xff zzz\r\n", "-", 0),
    GOOD("UNKNOWN of 107 bytes",
         "PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
         "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n",
         "-", 0),
    BAD("UNKNOWN of 108 bytes", "PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
                                "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 655355\r\n"),
    BAD("no end", "PROXY UNKNOWN " HEX_16 HEX_16 HEX_16 HEX_16 HEX_16 HEX_16 HEX_16),
    BAD("bare LF", "PROXY TCP4 192.0.2.1 10.0.0.1 56324 443\n"),
    BAD("bare CR", "PROXY TCP4 192.0.2.1 10.0.0.1 56324 443\rG"),
    BAD("CR in UNKNOWN", "PROXY UNKNOWN a\rb\r\n"),
    BAD("NUL in UNKNOWN", "PROXY UNKNOWN a\0b\r\n"),
    BAD("a request", "GET / HTTP/1.1\r\n"),
    BAD("lower case", "proxy TCP4 192.0.2.1 10.0.0.1 1 2\r\n"),
    BAD("PROXY alone", "PROXY\r\n"),
    BAD("PROXY and a blank", "PROXY \r\n"),
    BAD("a method called PROXY", "PROXY / HTTP/1.1\r\n"),
    BAD("two blanks", "PROXY  TCP4 192.0.2.1 10.0.0.1 1 2\r\n"),
    BAD("two blanks later", "PROXY TCP4 192.0.2.1  10.0.0.1 1 2\r\n"),
    BAD("blank at the end", "PROXY TCP4 192.0.2.1 10.0.0.1 1 2 \r\n"),
    BAD("TAB", "PROXY TCP4\t192.0.2.1 10.0.0.1 1 2\r\n"),
    BAD("UDP4", "PROXY UDP4 192.0.2.1 10.0.0.1 1 2\r\n"),
    BAD("TCP5", "PROXY TCP5 192.0.2.1 10.0.0.1 1 2\r\n"),
    BAD("TCP", "PROXY TCP 192.0.2.1 10.0.0.1 1 2\r\n"),
    BAD("UNKNOWNS", "PROXY UNKNOWNS\r\n"),
    BAD("no addresses", "PROXY TCP4\r\n"),
    BAD("one port", "PROXY TCP4 192.0.2.1 10.0.0.1 1\r\n"),
    BAD("three ports", "PROXY TCP4 192.0.2.1 10.0.0.1 1 2 3\r\n"),
    BAD("an IPv6 address in TCP4", "PROXY TCP4 ::1 10.0.0.1 1 2\r\n"),
    BAD("an IPv4 address in TCP6", "PROXY TCP6 192.0.2.1 ::1 1 2\r\n"),
    BAD("an IPv4 destination in TCP6", "PROXY TCP6 ::1 192.0.2.1 1 2\r\n"),
    BAD("a bad destination", "PROXY TCP4 192.0.2.1 10.0.0.256 1 2\r\n"),
    BAD("leading zero", "PROXY TCP4 192.0.2.01 10.0.0.1 1 2\r\n"),
    BAD("three octets", "PROXY TCP4 192.0.2 10.0.0.1 1 2\r\n"),
    BAD("hexadecimal", "PROXY TCP4 0xc0.0.2.1 10.0.0.1 1 2\r\n"),
    BAD("a zone", "PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n"),
    BAD("brackets", "PROXY TCP6 [::1] ::1 1 2\r\n"),
    BAD("a name", "PROXY TCP4 localhost 10.0.0.1 1 2\r\n"),
    BAD("port with leading zero", "PROXY TCP4 192.0.2.1 10.0.0.1 01 2\r\n"),
    BAD("port with sign", "PROXY TCP4 192.0.2.1 10.0.0.1 +1 2\r\n"),
    BAD("port too large", "PROXY TCP4 192.0.2.1 10.0.0.1 1 65536\r\n"),
    BAD("no port", "PROXY TCP4 192.0.2.1 10.0.0.1  2\r\n"),
};

static const struct sample blocks[] = {
    GOOD("TCP over IPv4", SIGNATURE "\x21\x11\0\x0c" BLOCK_4, "192.0.2.1", 56324),
    GOOD("TCP over IPv6", SIGNATURE "\x21\x21\0\x24" BLOCK_6, "2001:db8::1", 56324),
    GOOD("mapped",
         SIGNATURE "\x21\x21\0\x24\0\0\0\0\0\0\0\0\0\0\xff\xff" SOURCE_4 SOURCE_6
                   "\xdc\x04\x01\xbb",
         "192.0.2.1", 56324),
    GOOD("checksum, unique id and TLS as HAProxy 2.6 sends them over IPv4",
         SIGNATURE "\x21\x11\0\x1e\x7f\0\0\1\x7f\0\0\1\xe2\x0a\x47\xff\3\0\4\xb7\x62\x72\x57\5\0\0"
                   "\x20\0\5\0\0\0\0\0",
         "127.0.0.1", 57866),
    GOOD("checksum, unique id and TLS as HAProxy 2.6 sends them over IPv6",
         SIGNATURE "\x21\x21\0\x36\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1"
                   "\xc1\x42\x48\0\3\0\4\xe5\x38\x91\xb8\5\0\0\x20\0\5\0\0\0\0\0",
         "::1", 49474),
    GOOD("TLVs: padding, custom, unknown",
         SIGNATURE "\x21\x11\0\x1a" BLOCK_4 "\4\0\0\xe0\0\2ab\xff\0\3xyz", "192.0.2.1", 56324),
    GOOD("TLS with details",
         SIGNATURE "\x21\x11\0\x1e" BLOCK_4 "\x20\0\x0f\7\0\0\0\0\x21\0\7TLSv1.3", "192.0.2.1",
         56324),
    GOOD("LOCAL", SIGNATURE "\x20\0\0\0", "-", 0),
    GOOD("LOCAL with addresses", SIGNATURE "\x20\x11\0\x0c" BLOCK_4, "-", 0),
    GOOD("LOCAL with anything", SIGNATURE "\x20\xff\0\4\xff\xff\xff\xff", "-", 0),
    GOOD("unspecified", SIGNATURE "\x21\0\0\0", "-", 0),
    GOOD("unspecified with anything", SIGNATURE "\x21\0\0\4\xff\xff\xff\xff", "-", 0),
    GOOD("unspecified transport", SIGNATURE "\x21\x10\0\x0c" BLOCK_4, "-", 0),
    GOOD("UDP", SIGNATURE "\x21\x12\0\x0c" BLOCK_4, "-", 0),
    GOOD("UNIX", SIGNATURE "\x21\x31\0\xd8" PATH_108 PATH_108, "-", 0),
    BAD("version 1", SIGNATURE "\x11\x11\0\x0c" BLOCK_4),
    BAD("version 3", SIGNATURE "\x31\x11\0\x0c" BLOCK_4),
    BAD("command 2", SIGNATURE "\x22\x11\0\x0c" BLOCK_4),
    BAD("family 4", SIGNATURE "\x21\x41\0\x0c" BLOCK_4),
    BAD("transport 3", SIGNATURE "\x21\x13\0\x0c" BLOCK_4),
    BAD("unspecified family, transport 3", SIGNATURE "\x21\x03\0\0"),
    BAD("block too short for IPv4", SIGNATURE "\x21\x11\0\x0b" BLOCK_4),
    BAD("block too short for IPv6", SIGNATURE "\x21\x21\0\x0c" BLOCK_4),
    BAD("block too short for UNIX", SIGNATURE "\x21\x31\0\x0c" BLOCK_4),
    BAD("no block", SIGNATURE "\x21\x11\0\0"),
    BAD("signature of another", "\r\n\r\n\0\r\nQUIT\r\x21\x11\0\x0c" BLOCK_4),
    BAD("one byte that is no TLV", SIGNATURE "\x21\x11\0\x0d" BLOCK_4 "\4"),
    BAD("two bytes that are no TLV", SIGNATURE "\x21\x11\0\x0e" BLOCK_4 "\4\0"),
    BAD("a TLV beyond the end", SIGNATURE "\x21\x11\0\x10" BLOCK_4 "\4\0\2x"),
    BAD("a TLV far beyond the end", SIGNATURE "\x21\x11\0\x10" BLOCK_4 "\4\xff\xff"
                                              "x"),
    BAD("wrong checksum", SIGNATURE "\x21\x11\0\x13" BLOCK_4 "\3\0\4\1\2\3\4"),
    BAD("short checksum", SIGNATURE "\x21\x11\0\x12" BLOCK_4 "\3\0\3\1\2\3"),
    BAD("long unique id",
        SIGNATURE "\x21\x11\0\x90" BLOCK_4
                  "\5\0\x81" HEX_16 HEX_16 HEX_16 HEX_16 HEX_16 HEX_16 HEX_16 HEX_16 "x"),
    BAD("short TLS", SIGNATURE "\x21\x11\0\x13" BLOCK_4 "\x20\0\4\7\0\0\0"),
    BAD("TLS with a detail beyond its end",
        SIGNATURE "\x21\x11\0\x18" BLOCK_4 "\x20\0\x09\7\0\0\0\0\x21\0\2x"),
    BAD("larger than any", SIGNATURE "\x21\x11\xff\xff" BLOCK_4),
    BAD("one byte too large", SIGNATURE "\x21\x11\x0f\xf1" BLOCK_4),
    BAD("TLS", "\x16\3\1\2\0\1\0\1\xfc\3\3"),
    BAD("HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
};

/* ── The edge ── */

static char *edge;

static int map_edge(void **state)
{
    (void)state;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *memory =
        mmap(NULL, ROOM + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(memory != MAP_FAILED);
    assert_int_equal(mprotect(memory + ROOM, page, PROT_NONE), 0);
    edge = memory + ROOM;
    return 0;
}

static int unmap_edge(void **state)
{
    (void)state;
    return munmap(edge - ROOM, ROOM + (size_t)sysconf(_SC_PAGESIZE));
}

static enum proxy_result parse(struct str bytes, struct proxy_header *header)
{
    assert_true(bytes.len <= ROOM);
    memcpy(edge - bytes.len, bytes.data, bytes.len);
    return proxy_parse(edge - bytes.len, bytes.len, header);
}

/* ── Whole and cut ── */

static void assert_sample(const struct sample *s, struct str bytes)
{
    struct proxy_header header;
    char text[ADDR_TEXT_MAX];
    enum proxy_result result = parse(bytes, &header);
    if (result != (s->source == NULL ? PROXY_BAD : PROXY_DONE))
        fail_msg("%s: result %d", s->name, (int)result);
    if (result != PROXY_DONE)
        return;
    addr_format(&header.source, text);
    if (strcmp(text, s->source) != 0 || header.port != s->port || header.size != s->bytes.len)
        fail_msg("%s: %s port %u, %zu bytes", s->name, text, header.port, header.size);
}

/* A beginning is never taken for the whole; of bad bytes a beginning may be known to be bad. */
static void assert_cut(const struct sample *s)
{
    struct proxy_header header;
    bool bad = false;
    for (size_t len = 0; len < s->bytes.len; len++) {
        enum proxy_result result = parse(str_make(s->bytes.data, len), &header);
        if (result == PROXY_DONE || (result == PROXY_BAD && s->source != NULL))
            fail_msg("%s, %zu bytes of it: result %d", s->name, len, (int)result);
        if (bad && result != PROXY_BAD)
            fail_msg("%s, %zu bytes of it: good again", s->name, len);
        bad = result == PROXY_BAD;
    }
}

static void assert_samples(const struct sample *samples, size_t n)
{
    char followed[ROOM];
    static const struct str next = STR_INIT("GET / HTTP/1.1\r\n\r\n");
    for (size_t i = 0; i < n; i++) {
        const struct sample *s = &samples[i];
        assert_sample(s, s->bytes);
        assert_cut(s);
        memcpy(followed, s->bytes.data, s->bytes.len);
        memcpy(followed + s->bytes.len, next.data, next.len);
        assert_sample(s, str_make(followed, s->bytes.len + next.len));
    }
}

static void lines_of_version_1_are_read_strictly(void **state)
{
    (void)state;
    assert_samples(lines, sizeof(lines) / sizeof(lines[0]));
}

static void blocks_of_version_2_are_read_strictly(void **state)
{
    (void)state;
    assert_samples(blocks, sizeof(blocks) / sizeof(blocks[0]));
}

static void what_is_no_header_is_refused_at_its_first_byte(void **state)
{
    (void)state;
    struct proxy_header header;
    for (int c = 0; c < 256; c++) {
        char byte = (char)c;
        assert_int_equal(proxy_parse(&byte, 1, &header),
                         c == 'P' || c == '\r' ? PROXY_MORE : PROXY_BAD);
    }
}

static void a_second_header_is_no_valid_request(void **state)
{
    (void)state;
    const struct sample *both[] = {&lines[0], &blocks[0]};
    char bytes[512];
    for (int i = 0; i < 4; i++) {
        struct str first = both[i / 2]->bytes, second = both[i % 2]->bytes;
        struct proxy_header header;
        struct http1_parser parser = {0};
        struct http_request request;
        memcpy(bytes, first.data, first.len);
        memcpy(bytes + first.len, second.data, second.len);
        size_t len = first.len + second.len;
        assert_int_equal(parse(str_make(bytes, len), &header), PROXY_DONE);
        assert_int_equal(header.size, first.len);
        enum http1_result result =
            http1_parse(&parser, bytes + header.size, len - header.size, &request);
        assert_true(result == HTTP1_ERROR || result == HTTP1_CLOSE);
    }
}

/* ── The checksum, by another way of computing it ── */

static uint32_t reference_crc32c(const unsigned char *data, size_t len)
{
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < 8 * len; i++) {
        uint32_t bit = (crc ^ data[i / 8] >> (i % 8)) & 1;
        crc = crc >> 1 ^ (bit != 0 ? 0x82f63b78 : 0);
    }
    return ~crc;
}

/* A header of the largest size with its checksum at the very end; returns its size. */
static size_t make_checked(unsigned char out[PROXY_MAX])
{
    static const char front[] = SIGNATURE "\x21\x11\x0f\xf0" BLOCK_4;
    size_t begin = sizeof(front) - 1, padding = PROXY_MAX - begin - 7 - 3;
    memset(out, 'x', PROXY_MAX);
    memcpy(out, front, begin);
    memcpy(out + begin, (unsigned char[]){4, (unsigned char)(padding >> 8), padding & 255}, 3);
    memcpy(out + PROXY_MAX - 7, "\3\0\4\0\0\0\0", 7);
    uint32_t crc = reference_crc32c(out, PROXY_MAX);
    for (int i = 0; i < 4; i++)
        out[PROXY_MAX - 4 + i] = (unsigned char)(crc >> (24 - 8 * i));
    return PROXY_MAX;
}

static void every_bit_of_a_header_is_under_its_checksum(void **state)
{
    (void)state;
    static unsigned char bytes[PROXY_MAX];
    struct proxy_header header;
    size_t size = make_checked(bytes);
    assert_int_equal(reference_crc32c((const unsigned char *)"123456789", 9), 0xe3069283);
    assert_int_equal(parse(str_make((char *)bytes, size), &header), PROXY_DONE);
    assert_int_equal(header.size, PROXY_MAX);
    for (size_t bit = 16 * 8; bit < 8 * size; bit += bit < 40 * 8 ? 1 : 13) {
        size_t byte = bit / 8, of_checksum = size - 7;
        if ((byte >= 28 && byte <= 30) || (byte >= of_checksum && byte <= of_checksum + 2))
            continue; /* what says where the TLVs are */
        bytes[byte] ^= (unsigned char)(1U << bit % 8);
        assert_int_equal(parse(str_make((char *)bytes, size), &header), PROXY_BAD);
        bytes[byte] ^= (unsigned char)(1U << bit % 8);
    }
}

/* ── Damage ── */

static size_t damage(char *bytes, size_t len)
{
    for (size_t edits = 1 + chance_below(3); edits > 0 && len > 1; edits--) {
        size_t at = chance_below(len), n = 1 + chance_below(4);
        switch (chance_below(4)) {
        case 0:
            bytes[at] = (char)chance_below(256);
            break;
        case 1:
            bytes[at] ^= (char)(1 << chance_below(8));
            break;
        case 2:
            n = n < len - at ? n : len - at - 1;
            memmove(bytes + at, bytes + at + n, len - at - n);
            len -= n;
            break;
        default:
            memmove(bytes + at + n, bytes + at, len - at);
            len += n;
            break;
        }
    }
    return len;
}

/* What is true of every input: the header lies within it, and cutting behind the header changes
 * nothing, before its end leaves it unfinished. */
static void assert_sound(struct str bytes)
{
    struct proxy_header whole, part;
    enum proxy_result result = parse(bytes, &whole);
    size_t cut = chance_below(bytes.len + 1);
    enum proxy_result of_part = parse(str_make(bytes.data, cut), &part);
    if (result == PROXY_MORE)
        assert_true(bytes.len < PROXY_MAX && of_part == PROXY_MORE);
    if (result == PROXY_BAD)
        assert_true(of_part != PROXY_DONE);
    if (result != PROXY_DONE)
        return;
    assert_true(whole.size <= bytes.len && whole.size <= PROXY_MAX);
    assert_true(whole.source.family != ADDR_NONE || whole.port == 0);
    assert_int_equal(of_part, cut < whole.size ? PROXY_MORE : PROXY_DONE);
    if (of_part == PROXY_DONE)
        assert_true(part.size == whole.size && addr_eq(&part.source, &whole.source));
}

static void a_million_damaged_headers_do_no_harm(void **state)
{
    (void)state;
    const size_t n_lines = sizeof(lines) / sizeof(lines[0]),
                 n_blocks = sizeof(blocks) / sizeof(blocks[0]);
    char bytes[1024];
    for (long i = 0; i < DAMAGED; i++) {
        size_t which = chance_below(n_lines + n_blocks);
        struct str from = which < n_lines ? lines[which].bytes : blocks[which - n_lines].bytes;
        memcpy(bytes, from.data, from.len);
        assert_sound(str_make(bytes, damage(bytes, from.len)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_no_header_is_refused_at_its_first_byte),
        cmocka_unit_test(lines_of_version_1_are_read_strictly),
        cmocka_unit_test(blocks_of_version_2_are_read_strictly),
        cmocka_unit_test(every_bit_of_a_header_is_under_its_checksum),
        cmocka_unit_test(a_second_header_is_no_valid_request),
        cmocka_unit_test(a_million_damaged_headers_do_no_harm),
    };
    return cmocka_run_group_tests(tests, map_edge, unmap_edge);
}
