#include "mirror/token.h"

#include "base/percent.h"
#include "mirror/answer_json.h"
#include "mirror/challenge.h"
#include "mirror/dictionary.h"
#include "mirror/secret.h"
#include "sys/clock.h"

#include <openssl/crypto.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define ANSWER_MAX (1 << 20)
#define TIMEOUT_MS 30000L
#define TOKENS_MAX 256 /* at a time: each may have 16 KiB */
#define LIFETIME 60    /* seconds, where the answer says nothing */
#define EARLY 10       /* seconds before its end a token is not used any more */

struct token {
    char *header; /* "Bearer ..." */
    int64_t until;
};

struct token_keeper {
    const struct login *login;
    pthread_mutex_t lock;
    struct dictionary tokens; /* by repository */
    char *basic;              /* "Basic ...", once the registry has asked for that */
};

/* ── Life ── */

static void release(void *value)
{
    struct token *t = value;
    if (t != NULL)
        secret_free(t->header);
    free(t);
}

struct token_keeper *token_keeper_new(const struct login *login)
{
    struct token_keeper *k = calloc(1, sizeof(*k));
    if (k == NULL)
        return NULL;
    k->login = login;
    pthread_mutex_init(&k->lock, NULL);
    return k;
}

void token_keeper_free(struct token_keeper *k)
{
    if (k == NULL)
        return;
    dictionary_clear(&k->tokens, release);
    secret_free(k->basic);
    pthread_mutex_destroy(&k->lock);
    free(k);
}

void token_header(struct token_keeper *k, struct str repository, char out[TOKEN_HEADER_MAX])
{
    out[0] = '\0';
    pthread_mutex_lock(&k->lock);
    const struct token *t = dictionary_find(&k->tokens, repository);
    if (t != NULL && clock_now() < t->until)
        snprintf(out, TOKEN_HEADER_MAX, "%s", t->header);
    else if (k->basic != NULL)
        snprintf(out, TOKEN_HEADER_MAX, "%s", k->basic);
    pthread_mutex_unlock(&k->lock);
}

/* ── Asking for a token ── */

static void put_pair(struct buf *out, const char *name, const char *value)
{
    if (value[0] == '\0')
        return;
    if (out->len > 0)
        buf_char(out, '&');
    buf_text(out, name);
    buf_char(out, '=');
    percent_encode(out, str_from(value), "/:");
}

/* What is asked for: the challenge's own scope, or to pull from the repository. */
static void write_scope(const struct challenge *ch, struct str repository,
                        char out[CHALLENGE_TEXT_MAX])
{
    if (ch->scope[0] != '\0')
        snprintf(out, CHALLENGE_TEXT_MAX, "%s", ch->scope);
    else if (repository.len > 0)
        snprintf(out, CHALLENGE_TEXT_MAX, "repository:%.*s:pull", (int)repository.len,
                 repository.data);
    else
        out[0] = '\0';
}

/* A form for POST, or the query of a GET. */
struct asking {
    char url[4 * CHALLENGE_TEXT_MAX];
    char memory[16384]; /* of the form */
    struct str form;
    char *basic; /* "Basic ...", or NULL */
};

static char *make_basic(const struct login *login)
{
    char *encoded = login_basic(login);
    if (encoded == NULL)
        return NULL;
    size_t size = strlen(encoded) + sizeof("Basic ");
    char *header = malloc(size);
    if (header != NULL)
        snprintf(header, size, "Basic %s", encoded);
    secret_free(encoded);
    return header;
}

static bool prepare(struct asking *a, const struct login *login, const struct challenge *ch,
                    struct str repository)
{
    char scope[CHALLENGE_TEXT_MAX];
    struct buf form = buf_make(a->memory, sizeof(a->memory));
    write_scope(ch, repository, scope);
    if (login->identity != NULL) {
        put_pair(&form, "grant_type", "refresh_token");
        put_pair(&form, "client_id", "geranos");
        put_pair(&form, "refresh_token", login->identity);
    }
    put_pair(&form, "service", ch->service);
    put_pair(&form, "scope", scope);
    a->form = str_make(a->memory, form.len);
    bool query = login->identity == NULL && form.len > 0;
    int n = snprintf(a->url, sizeof(a->url), "%s%s%.*s", ch->realm,
                     !query                           ? ""
                     : strchr(ch->realm, '?') == NULL ? "?"
                                                      : "&",
                     query ? (int)form.len : 0, a->memory);
    a->basic = login->identity == NULL ? make_basic(login) : NULL;
    return !form.full && n > 0 && (size_t)n < sizeof(a->url);
}

/* ── Taking it ── */

/* A token is visible ASCII: whatever else would break out of its header. */
static bool is_token(const char *text)
{
    for (const char *p = text; *p != '\0'; p++)
        if (*p <= ' ' || *p > '~')
            return false;
    return text[0] != '\0' && strlen(text) < TOKEN_HEADER_MAX - sizeof("Bearer ");
}

static struct token *read_token(const char *answer)
{
    char why[160];
    json_t *root = answer != NULL ? answer_json_read(answer, strlen(answer), 0, why) : NULL;
    const char *text = json_string_value(json_object_get(root, "token"));
    if (text == NULL || text[0] == '\0')
        text = json_string_value(json_object_get(root, "access_token"));
    const json_t *lifetime = json_object_get(root, "expires_in");
    int64_t seconds = json_is_integer(lifetime) ? json_integer_value(lifetime) : LIFETIME;
    if (seconds < 2 * EARLY || seconds > 365 * 86400)
        seconds = LIFETIME;
    struct token *t = text != NULL && is_token(text) ? calloc(1, sizeof(*t)) : NULL;
    if (t != NULL) {
        size_t size = strlen(text) + sizeof("Bearer ");
        t->header = malloc(size);
        if (t->header != NULL)
            snprintf(t->header, size, "Bearer %s", text);
        t->until = clock_now() + (seconds - EARLY) * CLOCK_S;
    }
    answer_json_done(root);
    return t;
}

static bool keep(struct token_keeper *k, struct str repository, struct token *t)
{
    pthread_mutex_lock(&k->lock);
    if (k->tokens.n >= TOKENS_MAX) /* whoever needs one of those again is given another */
        dictionary_clear(&k->tokens, release);
    void **at = t->header != NULL ? dictionary_at(&k->tokens, repository) : NULL;
    if (at != NULL) {
        release(*at);
        *at = t;
    }
    pthread_mutex_unlock(&k->lock);
    if (at == NULL)
        release(t);
    return at != NULL;
}

static bool take_token(struct token_keeper *k, struct str repository, const struct exchange *x,
                       char error[256])
{
    if (!x->whole) {
        snprintf(error, 256, "the token server: %.200s", x->error);
        return false;
    }
    if (x->status != 200) {
        snprintf(error, 256,
                 "the token server answered %ld: is the user known, and may it pull? (log in anew)",
                 x->status);
        return false;
    }
    struct token *t = read_token(x->body);
    if (t != NULL && keep(k, repository, t))
        return true;
    snprintf(error, 256, "the token server's answer holds no token");
    return false;
}

static bool fetch_token(struct token_keeper *k, struct exchange_client *c, struct str repository,
                        const struct challenge *ch, struct exchange *refused, char error[256])
{
    struct asking *a = calloc(1, sizeof(*a));
    if (a == NULL || !prepare(a, k->login, ch, repository)) {
        free(a);
        snprintf(error, 256, "the token server's address or scope is too long");
        return false;
    }
    bool post = k->login->identity != NULL;
    const struct exchange_field fields[] = {
        {post ? "Content-Type" : "Authorization",
         post ? "application/x-www-form-urlencoded" : (a->basic != NULL ? a->basic : ""), !post}};
    const struct exchange_request request = {
        .method = post ? "POST" : "GET",
        .url = a->url,
        .fields = fields,
        .n_fields = post || a->basic != NULL,
        .redirects = 0,
        .timeout_ms = TIMEOUT_MS,
        .max_bytes = ANSWER_MAX,
        .from = refused,
        .read = post ? exchange_read_str : NULL,
        .owner = &a->form,
        .size = (int64_t)a->form.len,
    };
    struct exchange *x = exchange_run(c, &request);
    bool taken = x != NULL && take_token(k, repository, x, error);
    if (x == NULL)
        snprintf(error, 256, "out of memory");
    exchange_end(x);
    secret_free(a->basic);
    OPENSSL_cleanse(a, sizeof(*a));
    free(a);
    return taken;
}

/* ── Challenges ── */

/* What was refused may have been asked before another thread's answer to the same challenge. */
static bool use_basic(struct token_keeper *k, const char *sent, char error[256])
{
    pthread_mutex_lock(&k->lock);
    if (k->basic == NULL)
        k->basic = make_basic(k->login);
    bool made = k->basic != NULL;
    bool tried = made && sent != NULL && strcmp(sent, k->basic) == 0;
    pthread_mutex_unlock(&k->lock);
    if (made && !tried)
        return true;
    snprintf(error, 256,
             made ? "user or password is wrong: log in anew (docker login, skopeo login)"
                  : "it wants user and password: log in first (docker login, skopeo "
                    "login)");
    return false;
}

/* A realm is where our credentials are sent: over https, unless the registry itself is spoken to in
 * clear. */
static bool realm_is_fit(const char *realm, const char *registry)
{
    bool clear = strncmp(registry, "http://", 7) == 0;
    return strncmp(realm, "https://", 8) == 0 || (clear && strncmp(realm, "http://", 7) == 0);
}

bool token_renew(struct token_keeper *k, struct exchange_client *c, struct str repository,
                 struct exchange *refused, char error[256])
{
    struct challenge *ch = calloc(1, sizeof(*ch));
    const char *line;
    bool renewed = false;
    snprintf(error, 256, "out of memory");
    if (ch == NULL)
        return false;
    for (size_t i = 0; (line = exchange_header(refused, "WWW-Authenticate", i)) != NULL; i++)
        challenge_read(ch, str_from(line));
    if (!exchange_is_direct(refused)) /* whoever that is shall not learn who we are */
        snprintf(error, 256, "it redirects to a server that answers 401");
    else if (ch->scheme == CHALLENGE_BASIC)
        renewed = use_basic(k, exchange_asked(refused, "Authorization"), error);
    else if (ch->scheme == CHALLENGE_NONE)
        snprintf(error, 256, "it answers 401 and does not say what it wants");
    else if (!realm_is_fit(ch->realm, exchange_url(refused)))
        snprintf(error, 256, "it sends us to a token server that is not https: %.150s", ch->realm);
    else
        renewed = fetch_token(k, c, repository, ch, refused, error);
    free(ch);
    return renewed;
}
