#include "config/listen.h"

#include "config/value.h"
#include "sys/xalloc.h"
#include <stdlib.h>
#include <string.h>

#define LISTENERS_MAX 64
#define CERTIFICATES_MAX 1024
#define PROTOCOLS 2
#define ALL_PROTOCOLS (CONFIG_PROTOCOL_HTTP1 | CONFIG_PROTOCOL_H2)

enum { ADDRESS, TLS, SPOKEN, PROXY };
enum { CERTIFICATE, KEY };

static const struct keys_key keys[] = {
    {"address", "an address and a port", true},
    {"tls", "PEM files: certificate and key, or a list of such pairs, of which SNI chooses one",
     false},
    {"protocols", "http/1.1, h2, or both, which is the default", false},
    {"proxy_protocol",
     "prefixes of peers that must begin with a PROXY header, version 1 or 2; all others must not",
     false},
};

static const struct keys_key tls_keys[] = {
    {"certificate", "the chain, the server's own certificate first", true},
    {"key", "its private key, without a password", true},
};

const struct keys listen_keys = {"server.listen", "listener", keys, sizeof(keys) / sizeof(keys[0])};
const struct keys listen_tls_keys = {"server.listen: tls", "pair of files", tls_keys,
                                     sizeof(tls_keys) / sizeof(tls_keys[0])};
const char *const listen_protocols[PROTOCOLS + 1] = {"http/1.1", "h2", NULL};

static bool read_address(struct reader *r, const struct document_node *node,
                         struct config_listen *l)
{
    const struct config_server *s = &r->config->server;
    if (!reader_scalar(r, node, listen_keys.label, "an address and a port"))
        return false;
    const char *expected = value_listen(str_from(node->text));
    bool kernel_chooses = str_ends(str_from(node->text), STR(":0"));
    for (size_t i = 0; i < s->n_listen && expected == NULL; i++)
        if (s->listen[i].address != NULL && strcmp(s->listen[i].address, node->text) == 0 &&
            !kernel_chooses)
            expected = "every address once";
    if (expected != NULL)
        return reader_unfit(r, node, listen_keys.label, expected);
    l->address = xalloc_text(node->text);
    return true;
}

/* ── tls ── */

static bool read_file(struct reader *r, const struct document_node *node, const char *label,
                      char **out)
{
    if (!reader_scalar(r, node, label, "a file"))
        return false;
    struct str text = str_from(node->text);
    const char *expected = text.len == 0 ? "a file" : value_file(text);
    if (expected != NULL)
        return reader_unfit(r, node, label, expected);
    *out = xalloc_text(node->text);
    return true;
}

static bool certificate_is_new(struct reader *r, const struct document_node *node,
                               const struct config_listen *l)
{
    const struct config_certificate *last = &l->certificate[l->n_certificates - 1];
    for (const struct config_certificate *c = l->certificate; c < last; c++) {
        if (c->certificate == NULL || strcmp(c->certificate, last->certificate) != 0)
            continue;
        reader_error(r, node, "server.listen: certificate",
                     "\"%s\" is listed twice; first in line %u", last->certificate,
                     c->certificate_origin.line);
        return false;
    }
    return true;
}

static bool read_pair(struct reader *r, const struct document_node *node, struct config_listen *l)
{
    const struct document_node *given[KEYS_MAX];
    if (l->n_certificates == CERTIFICATES_MAX)
        return reader_unfit(r, node, listen_tls_keys.label, "at most 1024 certificates");
    bool good = keys_collect(r, &listen_tls_keys, node, given);
    l->certificate = xalloc_grow(l->certificate, l->n_certificates, sizeof(*l->certificate));
    struct config_certificate *c = &l->certificate[l->n_certificates++];
    *c = (struct config_certificate){0};
    if (given[CERTIFICATE] != NULL) {
        c->certificate_origin = reader_origin(r, given[CERTIFICATE]);
        good = read_file(r, given[CERTIFICATE], "server.listen: certificate", &c->certificate) &&
               certificate_is_new(r, given[CERTIFICATE], l) && good;
    }
    if (given[KEY] != NULL) {
        c->key_origin = reader_origin(r, given[KEY]);
        good = read_file(r, given[KEY], "server.listen: key", &c->key) && good;
    }
    return good;
}

static bool read_tls(struct reader *r, const struct document_node *node, struct config_listen *l)
{
    static const char expected[] = "certificate and key, or a list of such pairs";
    if (node->kind == DOCUMENT_MAPPING)
        return read_pair(r, node, l);
    if (node->kind != DOCUMENT_LIST)
        return reader_unfit(r, node, listen_tls_keys.label, expected);
    if (node->first == NULL)
        return reader_unfit(r, node, listen_tls_keys.label, "at least one certificate and key");
    bool good = true;
    for (const struct document_node *n = node->first; n != NULL && good; n = n->next)
        good = read_pair(r, n, l);
    return good;
}

/* ── protocols ── */

static bool read_protocol(struct reader *r, const struct document_node *node,
                          struct config_listen *l)
{
    static const char label[] = "server.listen: protocols", expected[] = "http/1.1 or h2";
    if (!reader_scalar(r, node, label, expected))
        return false;
    for (unsigned i = 0; i < PROTOCOLS; i++) {
        if (strcmp(node->text, listen_protocols[i]) != 0)
            continue;
        if ((l->protocols & 1U << i) != 0)
            return reader_unfit(r, node, label, "every protocol once");
        l->protocols |= 1U << i;
        return true;
    }
    const char *nearest = diag_nearest(node->text, listen_protocols, PROTOCOLS);
    char shown[DOCUMENT_SHOWN_MAX];
    reader_error(r, node, label, "expected %s, got %s%s%s%s", expected, document_show(node, shown),
                 nearest != NULL ? "; did you mean \"" : "", nearest != NULL ? nearest : "",
                 nearest != NULL ? "\"?" : "");
    return false;
}

static bool read_protocols(struct reader *r, const struct document_node *list,
                           struct config_listen *l)
{
    static const char expected[] = "a list such as [http/1.1, h2]";
    bool good = reader_list(r, list, "server.listen: protocols", expected);
    if (good && list->first == NULL)
        good = reader_unfit(r, list, "server.listen: protocols", expected);
    for (const struct document_node *n = list->first; n != NULL && good; n = n->next)
        good = read_protocol(r, n, l);
    return good;
}

/* ── A listener ── */

static bool read_mapping(struct reader *r, const struct document_node *node,
                         struct config_listen *l)
{
    const struct document_node *given[KEYS_MAX];
    bool good = keys_collect(r, &listen_keys, node, given);
    if (given[ADDRESS] != NULL)
        good = read_address(r, given[ADDRESS], l) && good;
    if (given[TLS] != NULL)
        good = read_tls(r, given[TLS], l) && good;
    if (given[SPOKEN] != NULL)
        good = read_protocols(r, given[SPOKEN], l) && good;
    else
        l->protocols = ALL_PROTOCOLS;
    if (given[PROXY] != NULL)
        good =
            reader_prefixes(r, given[PROXY], "server.listen: proxy_protocol", &l->proxy_protocol) &&
            good;
    return good;
}

static bool read_listener(struct reader *r, const struct document_node *node,
                          struct config_listen *l)
{
    l->origin = reader_origin(r, node);
    if (node->kind == DOCUMENT_MAPPING)
        return read_mapping(r, node, l);
    l->protocols = ALL_PROTOCOLS;
    return read_address(r, node, l);
}

bool listen_read(struct reader *r, const struct document_node *list)
{
    struct config_server *s = &r->config->server;
    bool good = reader_list(r, list, listen_keys.label, "a list such as [\"[::]:8080\"]");
    listen_free(s->listen, s->n_listen);
    s->listen = NULL;
    s->n_listen = 0;
    if (!good)
        return false;
    if (list->first == NULL)
        return reader_unfit(r, list, listen_keys.label,
                            "at least one address, as in [\"[::]:8080\"]");
    for (const struct document_node *n = list->first; n != NULL; n = n->next) {
        struct config_listen l = {0};
        if (s->n_listen == LISTENERS_MAX)
            return reader_unfit(r, n, listen_keys.label, "at most 64 addresses");
        good = read_listener(r, n, &l) && good;
        s->listen = xalloc_grow(s->listen, s->n_listen, sizeof(*s->listen));
        s->listen[s->n_listen++] = l;
    }
    return good;
}

void listen_free(struct config_listen *listeners, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct config_listen *l = &listeners[i];
        for (size_t k = 0; k < l->n_certificates; k++) {
            free(l->certificate[k].certificate);
            free(l->certificate[k].key);
        }
        free(l->certificate);
        free(l->proxy_protocol.prefix);
        free(l->address);
    }
    free(listeners);
}

bool listen_is_plain(const struct config_listen *l)
{
    return l->n_certificates == 0 && l->protocols == ALL_PROTOCOLS && l->proxy_protocol.n == 0;
}
