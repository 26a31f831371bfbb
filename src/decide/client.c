#include <archeio/client.h>

#include "base/ascii.h"
#include "base/num.h"

enum { PORT_MAX = 65535 };

/* The entries of all field lines, taken from the right: what a client sent stands to the left of
 * what the proxies added, so nothing of it needs to be looked at. */
struct entries {
    const struct str *fields;
    size_t n;        /* field lines not used up; the last of them is `rest` */
    struct str rest; /* what of it was not taken yet */
};

static struct entries entries_make(const struct str *fields, size_t n)
{
    return (struct entries){fields, n, n > 0 ? fields[n - 1] : (struct str){0}};
}

static bool entries_take(struct entries *e, struct str *entry)
{
    if (e->n == 0)
        return false;
    size_t comma = str_find_last(e->rest, ',');
    if (comma < e->rest.len) {
        *entry = str_skip(e->rest, comma + 1);
        e->rest.len = comma;
        return true;
    }
    *entry = e->rest;
    e->n--;
    if (e->n > 0)
        e->rest = e->fields[e->n - 1];
    return true;
}

/* Nothing, or ":" and a port. */
static bool is_port(struct str s)
{
    uint64_t port;
    return s.len == 0 || (s.data[0] == ':' && num_parse(str_skip(s, 1), PORT_MAX, &port));
}

static bool parse_entry(struct str entry, struct addr *out)
{
    struct str s = ascii_trim(entry);
    if (addr_parse(s, out))
        return true;
    if (s.len > 0 && s.data[0] == '[') {
        size_t end = str_find(s, ']');
        struct str inside = str_make(s.data + 1, end - 1);
        return end < s.len && str_find(inside, ':') < inside.len && is_port(str_skip(s, end + 1)) &&
               addr_parse(inside, out);
    }
    size_t colon = str_find(s, ':');
    return is_port(str_skip(s, colon)) && addr_parse(str_make(s.data, colon), out);
}

static enum client_result unusable(struct addr *client)
{
    *client = (struct addr){.family = ADDR_NONE};
    return CLIENT_UNUSABLE;
}

static enum client_result from_entry(struct str entry, struct addr *client)
{
    return parse_entry(entry, client) ? CLIENT_FROM_HEADER : unusable(client);
}

static enum client_result from_load_balancer(struct entries entries, struct addr *client)
{
    struct str entry;
    if (entries_take(&entries, &entry) && entries_take(&entries, &entry))
        return from_entry(entry, client);
    return unusable(client);
}

static enum client_result from_proxies(const struct lpm *proxies, struct entries entries,
                                       struct addr *client)
{
    enum client_result result = CLIENT_FROM_PEER;
    struct str entry;
    while (lpm_lookup(proxies, client) != LPM_NONE && entries_take(&entries, &entry)) {
        result = CLIENT_FROM_HEADER;
        if (!parse_entry(entry, client))
            return unusable(client);
    }
    return result;
}

enum client_result client_address(const struct client_rules *rules, const struct addr *peer,
                                  const struct str *fields, size_t n, struct addr *client)
{
    if (rules->mode == CLIENT_GOOGLE_LB && n > 0)
        return from_load_balancer(entries_make(fields, n), client);
    if (rules->mode == CLIENT_X_REAL_IP && n > 0)
        return from_entry(fields[0], client);
    *client = *peer;
    if (rules->mode == CLIENT_TRUSTED_PROXIES)
        return from_proxies(rules->proxies, entries_make(fields, n), client);
    return CLIENT_FROM_PEER;
}
