#include "config/own.h"

#include "base/num.h"
#include "ip/endpoint.h"

#include <string.h>

#define PORT_HTTP 80
#define PORT_HTTPS 443

struct own_authority own_authority(const char *url)
{
    bool https = strncmp(url, "https://", 8) == 0;
    struct str rest = str_from(url + (https ? 8 : 7));
    struct own_authority a = {.port = https ? PORT_HTTPS : PORT_HTTP};
    a.host = str_make(rest.data, strcspn(rest.data, "/?#"));
    size_t colon = str_find_last(a.host, ':');
    if (colon < a.host.len && a.host.data[a.host.len - 1] != ']') {
        num_parse(str_skip(a.host, colon + 1), UINT16_MAX, &a.port);
        a.host.len = colon;
    }
    if (str_starts(a.host, STR("["))) {
        a.host = str_skip(a.host, 1);
        a.host.len--;
    }
    return a;
}

/* ── Addresses ── */

static bool is_any(const struct addr *a)
{
    static const uint8_t none[sizeof(a->bytes)];
    return memcmp(a->bytes, none, sizeof(none)) == 0;
}

static bool is_loopback(const struct addr *a)
{
    static const uint8_t v6[sizeof(a->bytes)] = {[15] = 1};
    return a->family == ADDR_V4 ? a->bytes[0] == 127 : memcmp(a->bytes, v6, sizeof(v6)) == 0;
}

/* Does what listens at `at` take connections to addr? "[::]" takes IPv4, too. */
static bool takes(const struct addr *at, const struct addr *addr)
{
    return addr_eq(at, addr) || (is_any(at) && (at->family == ADDR_V6 || addr->family == ADDR_V4));
}

/* An address that is written may be wrong, or be empty: then nobody listens. Port 0 is any. */
static bool parse(const char *text, struct endpoint *out)
{
    return endpoint_parse(str_from(text), out) && out->port != 0;
}

/* ── URLs that lead here ── */

/* RFC 6761 section 6.3; a dot at its end makes no difference. */
static bool is_localhost(struct str host)
{
    static const struct str suffix = STR_INIT(".localhost");
    if (str_ends(host, STR(".")))
        host.len--;
    return str_eq_nocase(host, STR("localhost")) ||
           (host.len > suffix.len && str_eq_nocase(str_skip(host, host.len - suffix.len), suffix));
}

static bool leads_to(const char *address, const struct own_authority *to)
{
    struct endpoint at;
    struct addr addr;
    if (!parse(address, &at) || at.port != to->port)
        return false;
    if (is_localhost(to->host))
        return is_any(&at.addr) || is_loopback(&at.addr);
    if (!addr_parse(to->host, &addr))
        return false;
    /* Of other addresses nobody knows here whether this machine has them. */
    return addr_eq(&at.addr, &addr) ||
           (takes(&at.addr, &addr) && (is_loopback(&addr) || is_any(&addr)));
}

const char *own_listener(const struct config *c, const struct own_authority *to)
{
    const struct config_server *s = &c->server;
    for (size_t i = 0; i < s->n_listen; i++)
        if (leads_to(s->listen[i].address, to))
            return "server.listen";
    if (leads_to(s->admin, to))
        return "server.admin";
    return leads_to(s->decide, to) ? "server.decide" : NULL;
}

bool own_port(const struct config *c, uint64_t port)
{
    struct endpoint at;
    for (size_t i = 0; i < c->server.n_listen; i++)
        if (parse(c->server.listen[i].address, &at) && at.port == port)
            return true;
    return port == PORT_HTTP || port == PORT_HTTPS;
}

/* ── Listeners beside each other ── */

static bool collide(const char *a, const char *b)
{
    struct endpoint one, two;
    return parse(a, &one) && parse(b, &two) && one.port == two.port &&
           (takes(&one.addr, &two.addr) || takes(&two.addr, &one.addr));
}

static void check_beside(const struct config *c, const char *setting, const char *address,
                         struct diag *d)
{
    for (size_t i = 0; i < c->server.n_listen; i++) {
        if (!collide(address, c->server.listen[i].address))
            continue;
        diag_error(d, config_setting_at(c, setting),
                   "%s: \"%s\" is taken by server.listen (\"%s\"); give it a port of its own",
                   setting, address, c->server.listen[i].address);
        return;
    }
}

void own_check(const struct config *c, struct diag *d)
{
    const struct config_server *s = &c->server;
    if (!s->admin_is_default) /* which only warns, and goes on without */
        check_beside(c, "server.admin", s->admin, d);
    check_beside(c, "server.decide", s->decide, d);
    if (collide(s->decide, s->admin))
        diag_error(d, config_setting_at(c, "server.decide"),
                   "server.decide: \"%s\" is taken by server.admin (\"%s\"); give it a port of "
                   "its own",
                   s->decide, s->admin);
}
