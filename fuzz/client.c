/*
 * X-Forwarded-For: the input is a byte that chooses rules and peer, and field lines with a line
 * feed between them.
 *
 * The result is that of another reader, which puts the lines together, cuts them at every comma,
 * and asks inet_pton().
 */
#include "fuzz.h"

#include "ranges/lookup.h"
#include <archeio/client.h>
#include <arpa/inet.h>

#define FIELDS_MAX 64
#define ENTRIES_MAX 1024

static const char *const proxies[] = {"10.0.0.0/8", "192.0.2.7/32", "2001:db8::/32", "::1/128"};
#define PROXIES (sizeof(proxies) / sizeof(proxies[0]))
static const char *const peers[] = {"10.0.0.1", "198.51.100.1", "2001:db8::1", "2001:db9::1"};

static struct prefix prefix[PROXIES];
static struct str field[FIELDS_MAX];
static struct lookup table;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    struct config_prefixes list = {prefix, PROXIES};
    for (size_t i = 0; i < PROXIES; i++)
        FUZZ_CHECK(prefix_parse(str_from(proxies[i]), &prefix[i]) == PREFIX_OK);
    FUZZ_CHECK(lookup_build_prefixes(&table, &list));
    return 0;
}

/* ── The other reader ── */

static bool read_text(const char *text, struct addr *a)
{
    uint8_t bytes[16];
    if (inet_pton(AF_INET, text, bytes) == 1)
        *a = addr_from_v4(bytes);
    else if (inet_pton(AF_INET6, text, bytes) == 1)
        *a = addr_from_v6(bytes);
    else
        return false;
    return true;
}

static bool is_port(const char *text)
{
    size_t len = strspn(text, "0123456789");
    return len > 0 && text[len] == '\0' && len <= 5 && atoi(text) <= 65535 &&
           (len == 1 || text[0] != '0');
}

/* "[ADDRESS]", "[ADDRESS]:PORT" of IPv6, or "ADDRESS:PORT" of IPv4. Changes text. */
static bool read_with_port(char *text, struct addr *a)
{
    char *end = text[0] == '[' ? strchr(text, ']') : strchr(text, ':');
    if (end == NULL)
        return false;
    bool v6 = *end == ']';
    char *port = v6 ? end + 1 : end;
    if (*port != '\0' && (*port != ':' || !is_port(port + 1)))
        return false;
    *end = '\0';
    return (strchr(text, ':') != NULL) == v6 && read_text(text + v6, a);
}

static bool read_entry(struct str entry, struct addr *a)
{
    char text[128];
    while (entry.len > 0 && strchr(" \t", entry.data[0]) != NULL && entry.data[0] != '\0')
        entry = str_skip(entry, 1);
    while (entry.len > 0 && (entry.data[entry.len - 1] == ' ' || entry.data[entry.len - 1] == '\t'))
        entry.len--;
    if (entry.len >= sizeof(text) || memchr(entry.data, '\0', entry.len) != NULL)
        return false;
    memcpy(text, entry.data, entry.len);
    text[entry.len] = '\0';
    return read_text(text, a) || read_with_port(text, a);
}

static bool is_proxy(const struct addr *a)
{
    for (size_t i = 0; i < PROXIES; i++)
        if (prefix_holds(&prefix[i], a))
            return true;
    return false;
}

static enum client_result unusable(struct addr *client)
{
    *client = (struct addr){.family = ADDR_NONE};
    return CLIENT_UNUSABLE;
}

static enum client_result expect(enum client_mode mode, const struct addr *peer,
                                 const struct str *entry, size_t n, struct addr *client)
{
    *client = *peer;
    if (mode == CLIENT_PEER || n == 0)
        return CLIENT_FROM_PEER;
    if (mode == CLIENT_GOOGLE_LB)
        return n >= 2 && read_entry(entry[n - 2], client) ? CLIENT_FROM_HEADER : unusable(client);
    if (mode == CLIENT_X_REAL_IP)
        return read_entry(field[0], client) ? CLIENT_FROM_HEADER : unusable(client);
    size_t left = n;
    while (left > 0 && is_proxy(client))
        if (!read_entry(entry[--left], client))
            return unusable(client);
    return left < n ? CLIENT_FROM_HEADER : CLIENT_FROM_PEER;
}

/* ── Both ── */

/* What lies between separators; a last piece that is empty counts. How many there are. */
static size_t split(struct str text, char separator, struct str *piece, size_t max)
{
    size_t n = 0;
    while (n < max) {
        size_t end = str_find(text, separator);
        piece[n++] = str_make(text.data, end);
        if (end == text.len)
            break;
        text = str_skip(text, end + 1);
    }
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct str entry[ENTRIES_MAX];
    uint8_t choice = fuzz_byte(&data, &size);
    enum client_mode mode = (enum client_mode)(choice % 4);
    struct client_rules rules = {mode, &table.table};
    struct addr peer, client, expected;
    FUZZ_CHECK(addr_parse(str_from(peers[choice / 4 % 4]), &peer));
    char *copy = fuzz_copy(data, size);
    size_t n_fields = size > 0 ? split(str_make(copy, size), '\n', field, FIELDS_MAX) : 0;
    size_t n = 0;
    for (size_t i = 0; i < n_fields; i++)
        n += split(field[i], ',', entry + n, ENTRIES_MAX - n);
    enum client_result result = client_address(&rules, &peer, field, n_fields, &client);
    FUZZ_CHECK(result == expect(mode, &peer, entry, n, &expected));
    FUZZ_CHECK(addr_eq(&client, &expected));
    free(copy);
    return 0;
}
