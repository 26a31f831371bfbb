/*
 * PROXY headers: the input is what a connection begins with.
 *
 * However it is cut, the result is the same, and a verdict is final; the size is right; version 1
 * says what another, simpler reader finds in it.
 */
#include "fuzz.h"

#include "http/proxy.h"
#include <arpa/inet.h>

#define CUTS 48

static enum proxy_result parse(const char *data, size_t len, struct proxy_header *header)
{
    char *copy = fuzz_copy(data, len);
    memset(header, 0, sizeof(*header));
    enum proxy_result result = proxy_parse(copy, len, header);
    free(copy);
    return result;
}

static bool same(const struct proxy_header *a, const struct proxy_header *b)
{
    return a->size == b->size && a->port == b->port && addr_eq(&a->source, &b->source);
}

/* ── Version 1, by strtok() and inet_pton() ── */

static bool read_port(const char *text, uint16_t *port)
{
    char again[8];
    char *end;
    long value = strtol(text, &end, 10);
    snprintf(again, sizeof(again), "%ld", value);
    if (*end != '\0' || value < 0 || value > 65535 || strcmp(again, text) != 0)
        return false;
    *port = (uint16_t)value;
    return true;
}

static bool read_address(const char *text, bool v6, struct addr *a)
{
    uint8_t bytes[16];
    if (inet_pton(v6 ? AF_INET6 : AF_INET, text, bytes) != 1)
        return false;
    *a = v6 ? addr_from_v6(bytes) : addr_from_v4(bytes);
    return true;
}

/* line: without CRLF. False: it is bad. */
static bool read_line(char *line, struct proxy_header *header)
{
    char *word[8] = {NULL};
    size_t n = 0, blanks = 0;
    struct addr destination;
    uint16_t port;
    if (strcmp(line, "PROXY UNKNOWN") == 0 || strncmp(line, "PROXY UNKNOWN ", 14) == 0)
        return true;
    for (const char *at = line; *at != '\0'; at++)
        blanks += *at == ' ';
    for (char *rest = line; n < 8 && (word[n] = strtok_r(rest, " ", &rest)) != NULL;)
        n++;
    if (n != 6 || blanks != 5 || strcmp(word[0], "PROXY") != 0)
        return false;
    bool v6 = strcmp(word[1], "TCP6") == 0;
    return (v6 || strcmp(word[1], "TCP4") == 0) && read_address(word[2], v6, &header->source) &&
           read_address(word[3], v6, &destination) && read_port(word[4], &header->port) &&
           read_port(word[5], &port);
}

/* The result for data that holds CRLF behind nothing but printable bytes. */
static void check_line(const char *data, size_t len, enum proxy_result result,
                       const struct proxy_header *header)
{
    char line[PROXY_V1_MAX + 1];
    struct proxy_header expected = {0};
    size_t end = 0;
    while (end < len && end < PROXY_V1_MAX && (unsigned char)data[end] >= 0x20 && data[end] != 0x7f)
        end++;
    if (end + 2 > len || end + 2 > PROXY_V1_MAX || memcmp(data + end, "\r\n", 2) != 0)
        return;
    memcpy(line, data, end);
    line[end] = '\0';
    bool good = read_line(line, &expected);
    expected.size = end + 2;
    FUZZ_CHECK(result == (good ? PROXY_DONE : PROXY_BAD));
    FUZZ_CHECK(!good || same(header, &expected));
}

/* ── Any version ── */

static void check_cut(const char *data, size_t cut, enum proxy_result whole,
                      const struct proxy_header *header)
{
    struct proxy_header of_part;
    enum proxy_result result = parse(data, cut, &of_part);
    if (result == PROXY_MORE)
        FUZZ_CHECK(whole != PROXY_DONE || cut < header->size);
    else
        FUZZ_CHECK(result == whole && (result == PROXY_BAD || same(&of_part, header)));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    const char *data = (const char *)bytes;
    struct fuzz_random random = fuzz_random(bytes, size);
    struct proxy_header header;
    enum proxy_result result = parse(data, size, &header);
    FUZZ_CHECK(result != PROXY_MORE || size < PROXY_MAX);
    if (result == PROXY_DONE) {
        FUZZ_CHECK(header.size >= sizeof("PROXY UNKNOWN\r\n") - 1 && header.size <= size);
        FUZZ_CHECK(header.size <= PROXY_MAX);
        FUZZ_CHECK(header.source.family != ADDR_NONE || header.port == 0);
        check_cut(data, header.size, result, &header);
        check_cut(data, header.size - 1, result, &header);
    }
    for (size_t i = 0; i < CUTS && i <= size; i++)
        check_cut(data, size < CUTS ? i : fuzz_draw(&random, size + 1), result, &header);
    if (size > 0 && data[0] == 'P')
        check_line(data, size, result, &header);
    return 0;
}
