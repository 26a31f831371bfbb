#include "io/tls_memory.h"
#include "io/tls_rehearsal.h"
#include "io/tls_tickets.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* A pointer to a context is one to OpenSSL's first; the rest hangs on that and goes with it, when
 * the last connection has gone that was begun with it. */
struct set {
    unsigned protocols;
    size_t n;
    struct server {
        SSL_CTX *ctx;
        GENERAL_NAMES *names; /* of its certificate; NULL: it has none */
        bool asked;           /* OpenSSL wanted a passphrase for its key */
        struct tls_certificate about;
    } server[];
};

static void free_set(struct set *set)
{
    for (size_t i = 0; i < set->n; i++) {
        GENERAL_NAMES_free(set->server[i].names);
        free(set->server[i].about.file);
        if (i > 0)
            SSL_CTX_free(set->server[i].ctx);
    }
    free(set);
}

/* OpenSSL calls it for every context that goes; only first ones have a set. */
static void set_goes(void *parent, void *pointer, CRYPTO_EX_DATA *data, int index, long argl,
                     void *argp)
{
    (void)parent;
    (void)data;
    (void)index;
    (void)argl;
    (void)argp;
    if (pointer != NULL)
        free_set(pointer);
}

static int set_index(void)
{
    static int index = -1; /* the control thread's, from the first context on */
    if (index < 0)
        index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, set_goes);
    return index;
}

/* ── Problems ── */

static bool fail(struct tls_problem *problem, bool key, const char *text)
{
    problem->key = key;
    snprintf(problem->text, sizeof(problem->text), "%s", text);
    ERR_clear_error();
    return false;
}

static const char mismatch[] = "this key is not that of the certificate beside it";
static const char unusable[] = "out of memory, or OpenSSL lacks what TLS needs";

/* Why a file's content was refused, as far as OpenSSL says it in a way that helps somebody. */
static const char *what_is_wrong(bool key, bool asked)
{
    switch (ERR_GET_REASON(ERR_peek_last_error())) {
    case SSL_R_EE_KEY_TOO_SMALL:
    case SSL_R_CA_KEY_TOO_SMALL:
    case SSL_R_CA_MD_TOO_WEAK:
        return "holds a certificate that is too weak; expected RSA of 2048 bits or an elliptic "
               "curve of 256, and SHA-256";
    default:
        break;
    }
    if (!key)
        return "holds no certificate in PEM form, or a damaged one";
    return asked ? "is protected by a passphrase, and nobody is there to be asked; store the key "
                   "without one"
                 : "holds no private key in PEM form, or a damaged one";
}

/* asked: OpenSSL wanted a passphrase. */
static bool fail_to_read(struct tls_problem *problem, bool key, const char *file, bool asked)
{
    const char *what = key ? "private key without a passphrase" : "certificate";
    FILE *f = fopen(file, "re");
    if (f == NULL)
        snprintf(problem->text, sizeof(problem->text),
                 "cannot read \"%s\": %s; expected a PEM file with a %s", file, strerror(errno),
                 what);
    else
        snprintf(problem->text, sizeof(problem->text), "\"%s\" %s", file,
                 what_is_wrong(key, asked));
    if (f != NULL)
        fclose(f);
    problem->key = key;
    ERR_clear_error();
    return false;
}

/* ── One certificate ── */

/* A key that needs a passphrase is refused: nobody is there to be asked. */
static int no_passphrase(char *buffer, int size, int writing, void *context)
{
    bool *asked = context;
    (void)buffer;
    (void)size;
    (void)writing;
    *asked = true;
    return -1;
}

static bool load(struct server *s, const struct tls_files *files, struct tls_problem *problem)
{
    SSL_CTX_set_default_passwd_cb(s->ctx, no_passphrase);
    SSL_CTX_set_default_passwd_cb_userdata(s->ctx, &s->asked);
    if (SSL_CTX_use_certificate_chain_file(s->ctx, files->certificate) != 1)
        return fail_to_read(problem, false, files->certificate, false);
    if (SSL_CTX_use_PrivateKey_file(s->ctx, files->key, SSL_FILETYPE_PEM) != 1) {
        int reason = ERR_GET_REASON(ERR_peek_last_error());
        if (reason == X509_R_KEY_VALUES_MISMATCH || reason == X509_R_KEY_TYPE_MISMATCH)
            return fail(problem, true, mismatch);
        return fail_to_read(problem, true, files->key, s->asked);
    }
    if (SSL_CTX_check_private_key(s->ctx) != 1)
        return fail(problem, true, mismatch);
    return true;
}

static int64_t to_seconds(const ASN1_TIME *time)
{
    struct tm tm = {0};
    return ASN1_TIME_to_tm(time, &tm) == 1 ? timegm(&tm) : 0;
}

/* False: no memory, or it has names, and they cannot be read. */
static bool read_certificate(struct server *s, const char *file)
{
    X509 *own = SSL_CTX_get0_certificate(s->ctx);
    int found; /* -1: there are none */
    s->names = X509_get_ext_d2i(own, NID_subject_alt_name, &found, NULL);
    s->about = (struct tls_certificate){
        .file = strdup(file),
        .from = to_seconds(X509_get0_notBefore(own)),
        .until = to_seconds(X509_get0_notAfter(own)),
    };
    ERR_clear_error();
    return s->about.file != NULL && (s->names != NULL || found == -1);
}

/* ── Which certificate: RFC 6066 section 3, RFC 9525 section 6.3 ── */

/* A wildcard is a whole label, the first. */
static bool name_covers(const char *pattern, size_t len, const char *name)
{
    if (len > 2 && pattern[0] == '*' && pattern[1] == '.') {
        const char *dot = strchr(name, '.');
        if (dot == NULL || dot == name)
            return false;
        pattern += 1;
        len -= 1;
        name = dot;
    }
    return strlen(name) == len && strncasecmp(pattern, name, len) == 0;
}

static bool server_has(const struct server *s, const char *name)
{
    for (int i = 0; i < sk_GENERAL_NAME_num(s->names); i++) {
        const GENERAL_NAME *one = sk_GENERAL_NAME_value(s->names, i);
        if (one->type == GEN_DNS && name_covers((const char *)ASN1_STRING_get0_data(one->d.dNSName),
                                                (size_t)ASN1_STRING_length(one->d.dNSName), name))
            return true;
    }
    return false;
}

static int choose_server(SSL *ssl, int *alert, void *argument)
{
    const struct set *set = argument;
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    (void)alert;
    if (name == NULL)
        return SSL_TLSEXT_ERR_NOACK;
    for (size_t i = 0; i < set->n; i++) {
        if (!server_has(&set->server[i], name))
            continue;
        if (i > 0)
            SSL_set_SSL_CTX(ssl, set->server[i].ctx);
        return SSL_TLSEXT_ERR_OK;
    }
    return SSL_TLSEXT_ERR_OK;
}

/* ── Which protocol: RFC 7301 ── */

static bool offers(const unsigned char *list, unsigned len, const char *protocol)
{
    size_t n = strlen(protocol);
    for (unsigned i = 0; i < len && list[i] < len - i; i += 1U + list[i])
        if (list[i] == n && memcmp(list + i + 1, protocol, n) == 0)
            return true;
    return false;
}

/* A client that offers nothing that is spoken here is told so (section 3.2): on its own port it
 * would otherwise talk to a server of another kind. */
static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                           const unsigned char *in, unsigned in_len, void *argument)
{
    static const struct {
        unsigned bit;
        const char *name;
    } known[] = {{TLS_H2, "h2"}, {TLS_HTTP1, "http/1.1"}};
    const struct set *set = argument;
    (void)ssl;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (!(set->protocols & known[i].bit) || !offers(in, in_len, known[i].name))
            continue;
        *out = (const unsigned char *)known[i].name;
        *out_len = (unsigned char)strlen(known[i].name);
        return SSL_TLSEXT_ERR_OK;
    }
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* ── Contexts ── */

/* The hybrid group is there from OpenSSL 3.5 on. */
static bool set_groups(SSL_CTX *ctx)
{
    static char hybrid[] = "X25519MLKEM768:X25519:P-256:P-384";
    return SSL_CTX_set1_groups_list(ctx, hybrid) == 1 ||
           SSL_CTX_set1_groups_list(ctx, strchr(hybrid, ':') + 1) == 1;
}

static SSL_CTX *make_ctx(struct set *set, struct tls_tickets *tickets)
{
    SSL_CTX *ctx = tls_memory_open() ? SSL_CTX_new(TLS_server_method()) : NULL;
    if (ctx == NULL)
        return NULL;
    SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA |
                                 (tickets == NULL ? SSL_OP_NO_TICKET : 0));
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_timeout(ctx, 2 * TLS_TICKETS_PERIOD / 1000000000);
    SSL_CTX_set_num_tickets(ctx, tickets != NULL ? 1 : 0);
    SSL_CTX_set_tlsext_servername_callback(ctx, choose_server);
    SSL_CTX_set_tlsext_servername_arg(ctx, set);
    SSL_CTX_set_alpn_select_cb(ctx, choose_protocol, set);
    static const unsigned char id[] = "archeio";
    if (SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1 && set_groups(ctx) &&
        SSL_CTX_set_session_id_context(ctx, id, sizeof(id) - 1) == 1 &&
        SSL_CTX_set_cipher_list(ctx, "ECDHE+AESGCM+AES128:ECDHE+AESGCM:ECDHE+CHACHA20") == 1 &&
        SSL_CTX_set_ciphersuites(ctx, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:"
                                      "TLS_CHACHA20_POLY1305_SHA256") == 1 &&
        (tickets == NULL || tls_tickets_use(tickets, ctx)))
        return ctx;
    SSL_CTX_free(ctx);
    return NULL;
}

static bool fill(struct set *set, const struct tls_options *options, struct tls_problem *problem)
{
    for (size_t i = 0; i < options->n_files; i++) {
        struct server *s = &set->server[i];
        unsigned refusals = tls_memory_refusals();
        problem->file = i;
        s->ctx = make_ctx(set, options->tickets);
        if (s->ctx == NULL)
            return fail(problem, false, unusable);
        set->n = i + 1;
        if (!load(s, &options->files[i], problem))
            return false;
        if (!tls_rehearsal_succeeds(s->ctx) || refusals != tls_memory_refusals())
            return fail(problem, false, unusable);
        if (!read_certificate(s, options->files[i].certificate))
            return fail(problem, false, "out of memory, or the certificate's names are damaged");
    }
    return true;
}

struct tls_context *tls_context_new(const struct tls_options *options, struct tls_problem *problem)
{
    *problem = (struct tls_problem){0};
    struct set *set = calloc(1, sizeof(*set) + options->n_files * sizeof(set->server[0]));
    if (set == NULL) {
        fail(problem, false, "out of memory");
        return NULL;
    }
    set->protocols = options->protocols;
    bool filled = fill(set, options, problem);
    SSL_CTX *first = set->server[0].ctx;
    if (first == NULL || SSL_CTX_set_ex_data(first, set_index(), set) != 1) {
        if (filled)
            fail(problem, false, "out of memory");
        SSL_CTX_free(first);
        free_set(set);
        return NULL;
    }
    if (filled)
        return (struct tls_context *)(void *)first;
    SSL_CTX_free(first);
    return NULL;
}

void tls_context_free(struct tls_context *c)
{
    SSL_CTX_free((SSL_CTX *)(void *)c);
}

const struct tls_certificate *tls_context_certificate(const struct tls_context *c, size_t i)
{
    const struct set *set = SSL_CTX_get_ex_data((const SSL_CTX *)(const void *)c, set_index());
    return i < set->n ? &set->server[i].about : NULL;
}
