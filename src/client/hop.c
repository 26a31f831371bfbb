#include "client/hop.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define FIELDS_MAX (256 << 10) /* bytes */

static bool is_https(const char *url)
{
    return strlen(url) > 6 && str_eq_nocase(str_make(url, 6), STR("https:"));
}

/* The variables that libcurl looks at; HTTP_PROXY in capitals is not one of them, because a CGI
 * program's client can set it. */
static bool has_proxy(bool secure)
{
    static const char *const http[] = {"http_proxy", "all_proxy", "ALL_PROXY", NULL};
    static const char *const https[] = {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY",
                                        NULL};
    for (const char *const *name = secure ? https : http; *name != NULL; name++) {
        const char *value = getenv(*name);
        if (value != NULL && value[0] != '\0')
            return true;
    }
    return false;
}

/* Names end in a letter's label. What ends in a number and is no address in its usual form is one
 * in another ("0x7f.1", RFC 6943 section 3.1.1). */
static bool is_odd_address(struct str host)
{
    while (host.len > 0 && host.data[host.len - 1] == '.')
        host.len--;
    size_t dot = str_find_last(host, '.');
    struct str last = str_skip(host, dot < host.len ? dot + 1 : 0);
    return last.len > 0 && last.data[0] >= '0' && last.data[0] <= '9';
}

/* The address in a URL, ADDR_NONE if there is a name. Of an odd spelling it is 0.0.0.0, which is
 * refused. */
static struct addr literal(const char *url)
{
    struct addr a = {.family = ADDR_NONE};
    struct str rest = str_from(url);
    size_t slashes = str_find(rest, '/');
    if (rest.len - slashes < 2)
        return a;
    rest = str_skip(rest, slashes + 2);
    rest.len = strcspn(rest.data, "/?#");
    size_t at = str_find_last(rest, '@');
    if (at < rest.len)
        rest = str_skip(rest, at + 1);
    if (rest.len > 0 && rest.data[0] == '[') {
        rest = str_skip(rest, 1);
        rest.len = str_find(rest, ']');
    } else {
        rest.len = str_find(rest, ':');
    }
    if (!addr_parse(rest, &a) && is_odd_address(rest))
        a = addr_from_v4((const uint8_t[4]){0});
    return a;
}

static struct addr from_sockaddr(const struct sockaddr *sa)
{
    if (sa->sa_family == AF_INET) {
        struct sockaddr_in v4;
        memcpy(&v4, sa, sizeof(v4));
        return addr_from_v4((const uint8_t *)&v4.sin_addr);
    }
    if (sa->sa_family == AF_INET6) {
        struct sockaddr_in6 v6;
        memcpy(&v6, sa, sizeof(v6));
        return addr_from_v6(v6.sin6_addr.s6_addr);
    }
    return (struct addr){.family = ADDR_NONE};
}

static bool is_want(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

/* Before a connection: nothing is sent to an address that is refused, not even a SYN. */
static curl_socket_t open_socket(void *context, curlsocktype purpose, struct curl_sockaddr *to)
{
    struct hop *h = context;
    struct addr a = from_sockaddr(&to->addr);
    (void)purpose;
    if (h->redirect && !h->proxied && !guard_allows(h->origin, &a))
        h->refused = true;
    if (h->refused)
        return CURL_SOCKET_BAD;
    int fd = socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
    h->starved = fd < 0 && is_want(errno);
    return fd >= 0 ? fd : CURL_SOCKET_BAD;
}

/* Before a request: the connection may be an old one, opened for somebody who was allowed to. */
static int before_request(void *context, char *ip, char *local_ip, int port, int local_port)
{
    struct hop *h = context;
    struct addr a = {.family = ADDR_NONE};
    (void)local_ip;
    (void)port;
    (void)local_port;
    if (h->proxied)
        return h->refused ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
    addr_parse(str_from(ip), &a);
    if (!h->redirect) {
        h->origin = guard_classify(&a);
        return CURL_PREREQFUNC_OK;
    }
    h->refused = !guard_allows(h->origin, &a);
    return h->refused ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}

static size_t count_field(char *line, size_t size, size_t n, void *context)
{
    struct hop *h = context;
    (void)line;
    h->fields += size * n;
    return h->fields <= FIELDS_MAX ? size * n : 0;
}

static void aim(struct hop *h, const char *url, bool https_only)
{
    h->fields = 0;
    h->secure = is_https(url);
    h->proxied = has_proxy(h->secure);
    h->curl->easy_setopt(h->easy, CURLOPT_URL, url);
    h->curl->easy_setopt(h->easy, CURLOPT_PROTOCOLS_STR, https_only ? "https" : "http,https");
}

/* Somewhere that a server named. False: it may not lead there. */
static bool aim_as_told(struct hop *h, const char *url, bool https_only)
{
    h->redirect = true;
    aim(h, url, https_only);
    if (!h->proxied)
        return true; /* the address is looked at before it is connected to */
    struct addr a = literal(url);
    h->curl->easy_setopt(h->easy, CURLOPT_NOPROXY, "");
    return a.family == ADDR_NONE || guard_allows(h->origin, &a);
}

void hop_begin(struct hop *h, const struct libcurl *curl, CURL *easy,
               const struct hop_options *options)
{
    *h = (struct hop){.curl = curl, .easy = easy, .left = options->redirects};
    h->origin = options->from != NULL ? options->from->origin : GUARD_PUBLIC;
    if (options->from != NULL)
        h->refused = !aim_as_told(h, options->url, options->https_only);
    else
        aim(h, options->url, options->https_only);
    curl->easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl->easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl->easy_setopt(easy, CURLOPT_USERAGENT, "archeio/" ARCHEIO_VERSION);
    const char *authorities = getenv("SSL_CERT_FILE"); /* OpenSSL's own variable; libcurl sets its
                                                        * default over it */
    if (authorities != NULL && authorities[0] != '\0')
        curl->easy_setopt(easy, CURLOPT_CAINFO, authorities);
    curl->easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl->easy_setopt(easy, CURLOPT_OPENSOCKETDATA, h);
    curl->easy_setopt(easy, CURLOPT_PREREQFUNCTION, before_request);
    curl->easy_setopt(easy, CURLOPT_PREREQDATA, h);
    curl->easy_setopt(easy, CURLOPT_HEADERFUNCTION, count_field);
    curl->easy_setopt(easy, CURLOPT_HEADERDATA, h);
}

/* libcurl copies the URL that it is given, and this one is its own. */
static enum hop_next follow(struct hop *h, const char *url, const char **why)
{
    bool was_secure = h->secure;
    if (h->left == 0) {
        *why = "redirected once too often";
        return HOP_REFUSED;
    }
    if (was_secure && !is_https(url)) {
        *why = "redirected from https to something else";
        return HOP_REFUSED;
    }
    h->left--;
    if (aim_as_told(h, url, was_secure))
        return HOP_AGAIN;
    *why = "redirected to a private address";
    return HOP_REFUSED;
}

enum hop_next hop_next(struct hop *h, const char **why)
{
    long status = 0;
    const char *url = NULL;
    h->curl->easy_getinfo(h->easy, CURLINFO_RESPONSE_CODE, &status);
    h->curl->easy_getinfo(h->easy, CURLINFO_REDIRECT_URL, &url);
    bool redirect =
        status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
    return redirect && url != NULL ? follow(h, url, why) : HOP_DONE;
}

/* The resolver needs descriptors, too, and does not say that it had none. */
bool hop_starved(const struct hop *h, CURLcode code)
{
    if (h->starved || code == CURLE_OUT_OF_MEMORY)
        return true;
    if (code != CURLE_COULDNT_RESOLVE_HOST)
        return false;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return is_want(errno);
    close(fd);
    return false;
}

const char *hop_problem(const struct hop *h, CURLcode code, const char *error)
{
    if (h->refused)
        return "redirected to a private address";
    if (h->fields > FIELDS_MAX)
        return "its response has more than 256 KiB of header fields";
    if (hop_starved(h, code))
        return "no descriptor or memory to be had here";
    return error[0] != '\0' ? error : h->curl->easy_strerror(code);
}
