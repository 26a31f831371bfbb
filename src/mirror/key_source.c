#include "mirror/key_source.h"

#include "base/percent.h"
#include "mirror/exchange.h"
#include "mirror/s3_answer.h"
#include "mirror/s3_xml.h"
#include "mirror/secret.h"
#include "mirror/stamp.h"
#include "sys/env.h"
#include "sys/file.h"
#include "sys/xalloc.h"

#include <archeio/addr.h>
#include <jansson.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>

#define ANSWER_MAX 65536
#define TOKEN_FILE_MAX 16384
#define STS_MS 10000
#define LOCAL_MS 3000

/* ── Asking ── */

struct question {
    struct exchange_request request;
    struct str body;
};

/* By a client of its own: a caller may be in the middle of other exchanges. The answer's body is
 * the caller's to secret_free(), and NULL on failure. */
static char *ask(struct question *q, const char *who, long *status, char error[256])
{
    const char *why;
    char *body = NULL;
    struct exchange_client *client = exchange_client_new(NULL, &why);
    *status = 0;
    if (client == NULL) {
        snprintf(error, 256, "%s", why);
        return NULL;
    }
    q->request.max_bytes = ANSWER_MAX;
    if (strcmp(q->request.method, "GET") != 0) {
        q->request.read = exchange_read_str;
        q->request.owner = &q->body;
        q->request.size = (int64_t)q->body.len;
    }
    struct exchange *x = exchange_run(client, &q->request);
    if (x != NULL && x->whole) {
        *status = x->status;
        body = x->body != NULL ? x->body : xalloc_text("");
        x->body = NULL;
    } else {
        snprintf(error, 256, "%s does not answer: %.150s", who,
                 x != NULL ? x->error : "out of memory");
    }
    exchange_end(x);
    exchange_client_free(client);
    return body;
}

static bool keep(char *to, size_t size, const char *from)
{
    size_t len = from != NULL ? strlen(from) : 0;
    if (len >= size)
        return false;
    memcpy(to, from != NULL ? from : "", len);
    to[len] = '\0';
    return true;
}

static bool is_complete(const struct credentials_keys *k, const char *who, char error[256])
{
    if (k->access_key[0] != '\0' && k->secret_key[0] != '\0')
        return true;
    snprintf(error, 256, "%s answers without keys", who);
    return false;
}

/* ── JSON, as containers and machines answer ── */

/* Takes a text out of an object: what stays there is overwritten. */
static bool take(const json_t *object, const char *name, char *to, size_t size)
{
    const json_t *value = json_object_get(object, name);
    const char *text = json_string_value(value);
    bool fits = keep(to, size, text);
    if (text != NULL)
        OPENSSL_cleanse((void *)(uintptr_t)text, json_string_length(value));
    return fits;
}

static bool read_json(const char *body, const char *who, struct credentials_keys *out,
                      char error[256])
{
    char expires[64];
    json_t *object = json_loads(body, JSON_REJECT_DUPLICATES, NULL);
    memset(out, 0, sizeof(*out));
    /* All are taken, whatever becomes of the first: each is wiped in passing. */
    bool fits[] = {take(object, "AccessKeyId", out->access_key, sizeof(out->access_key)),
                   take(object, "SecretAccessKey", out->secret_key, sizeof(out->secret_key)),
                   take(object, "Token", out->token, sizeof(out->token)),
                   take(object, "Expiration", expires, sizeof(expires))};
    json_decref(object);
    if (fits[0] && fits[1] && fits[2] && fits[3] &&
        (expires[0] == '\0' || stamp_iso(expires, &out->expires)))
        return is_complete(out, who, error);
    snprintf(error, 256, "%s answers what is not understood", who);
    return false;
}

/* ── STS ── */

struct sts {
    struct credentials_keys *keys;
    bool fits;
};

static bool sts_element(void *owner, struct str path, struct str text)
{
    struct sts *s = owner;
    char expires[64];
    size_t slash = str_find_last(path, '/');
    struct str name = str_skip(path, slash < path.len ? slash + 1 : 0);
    if (!str_ends(str_make(path.data, slash), STR("/Credentials")))
        return true;
    char *to = str_eq(name, STR("AccessKeyId"))       ? s->keys->access_key
               : str_eq(name, STR("SecretAccessKey")) ? s->keys->secret_key
               : str_eq(name, STR("SessionToken"))    ? s->keys->token
               : str_eq(name, STR("Expiration"))      ? expires
                                                      : NULL;
    size_t size = to == s->keys->token ? sizeof(s->keys->token)
                  : to == expires      ? sizeof(expires)
                                       : CREDENTIALS_KEY_MAX;
    if (to == NULL)
        return true;
    if (text.len >= size)
        return false;
    memcpy(to, text.data, text.len);
    to[text.len] = '\0';
    return to != expires || stamp_iso(expires, &s->keys->expires);
}

/* A file's text without the line ends that editors leave. */
static char *read_token(const char *path, char error[256])
{
    char *token;
    size_t len;
    int why = file_read(path, TOKEN_FILE_MAX, &token, &len, NULL);
    if (why != 0) {
        snprintf(error, 256, "%.150s: the token cannot be read: %s", path, strerror(why));
        return NULL;
    }
    token[strcspn(token, "\r\n")] = '\0';
    return token;
}

static char *sts_url(const char *region)
{
    const char *endpoint = env_text("AWS_ENDPOINT_URL_STS");
    if (endpoint == NULL)
        endpoint = env_text("AWS_ENDPOINT_URL");
    if (endpoint != NULL)
        return xalloc_format("%s/", endpoint);
    if (region == NULL)
        return xalloc_text("https://sts.amazonaws.com/");
    return xalloc_format("https://sts.%s.amazonaws.com%s/", region,
                         strncmp(region, "cn-", 3) == 0 ? ".cn" : "");
}

static bool read_sts(char *body, long status, struct credentials_keys *out, char error[256])
{
    struct s3_answer_error refused;
    struct sts s = {.keys = out};
    const char *why;
    memset(out, 0, sizeof(*out));
    if (status == 200 && s3_xml_read(str_from(body), sts_element, &s, &why))
        return is_complete(out, "STS", error);
    s3_answer_error(str_from(body), &refused);
    if (status == 200)
        snprintf(error, 256, "STS answers what is not understood: %s", why);
    else
        snprintf(error, 256,
                 "STS refuses the web identity (HTTP %ld %s): check AWS_ROLE_ARN, the role's trust "
                 "policy, and that the token in AWS_WEB_IDENTITY_TOKEN_FILE is current",
                 status, refused.code);
    return false;
}

bool key_source_role(const struct key_source_role *role, struct credentials_keys *out,
                     char error[256])
{
    static const struct exchange_field fields[] = {
        {"Content-Type", "application/x-www-form-urlencoded", false}};
    const size_t size = 4 * TOKEN_FILE_MAX;
    const char *session = env_text("AWS_ROLE_SESSION_NAME");
    long status;
    char *token = read_token(role->token_file, error);
    if (token == NULL)
        return false;
    char *form = xalloc(size), *url = sts_url(role->region);
    struct buf b = buf_make(form, size);
    buf_text(&b, "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleSessionName=");
    percent_encode(&b, str_from(session != NULL ? session : "geranos"), "");
    buf_text(&b, "&RoleArn=");
    percent_encode(&b, str_from(role->role), "");
    buf_text(&b, "&WebIdentityToken=");
    percent_encode(&b, str_from(token), "");
    struct question q = {.request = {.method = "POST",
                                     .url = url,
                                     .timeout_ms = STS_MS,
                                     .fields = fields,
                                     .n_fields = 1},
                         .body = str_make(form, b.len)};
    char *body = ask(&q, "STS", &status, error);
    bool got = body != NULL && read_sts(body, status, out, error);
    OPENSSL_cleanse(form, size);
    secret_free(body);
    secret_free(token);
    free(form);
    free(url);
    return got;
}

/* ── Containers ── */

#define CONTAINER_HOST "http://169.254.170.2"

bool key_source_has_container(void)
{
    return env_text("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") != NULL ||
           env_text("AWS_CONTAINER_CREDENTIALS_FULL_URI") != NULL;
}

/* In clear only to this machine, and to the addresses that stand for it. */
static bool may_be_told(const char *url)
{
    struct addr a;
    struct str host = str_from(url);
    if (str_starts(host, STR("https://")))
        return true;
    if (!str_starts(host, STR("http://")))
        return false;
    host = str_skip(host, 7);
    host.len = strcspn(host.data, "/?#");
    if (str_find(host, '@') < host.len)
        return false;
    if (str_starts(host, STR("["))) {
        host = str_skip(host, 1);
        host.len = str_find(host, ']');
    } else {
        host.len = str_find(host, ':');
    }
    if (str_eq(host, STR("localhost")) || str_eq(host, STR("169.254.170.2")) ||
        str_eq(host, STR("169.254.170.23")) || str_eq(host, STR("fd00:ec2::23")) ||
        str_eq(host, STR("::1")))
        return true;
    return addr_parse(host, &a) && a.family == ADDR_V4 && a.bytes[0] == 127;
}

/* True, and *token NULL: none is needed. */
static bool container_token(char **token, char error[256])
{
    const char *file = env_text("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    const char *text = env_text("AWS_CONTAINER_AUTHORIZATION_TOKEN");
    *token = NULL;
    if (file != NULL)
        *token = read_token(file, error);
    else if (text != NULL)
        *token = xalloc_text(text);
    if (*token != NULL && strpbrk(*token, "\r\n") != NULL) {
        snprintf(error, 256, "AWS_CONTAINER_AUTHORIZATION_TOKEN holds a line end");
        secret_free(*token);
        *token = NULL;
        return false;
    }
    return *token != NULL || file == NULL;
}

bool key_source_container(struct credentials_keys *out, char error[256])
{
    static const char who[] = "the container's credentials endpoint";
    const char *relative = env_text("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    char *token;
    long status;
    bool got = false;
    char *url = relative != NULL ? xalloc_format(CONTAINER_HOST "%s", relative)
                                 : xalloc_text(env_text("AWS_CONTAINER_CREDENTIALS_FULL_URI"));
    if (!may_be_told(url)) {
        snprintf(error, 256,
                 "AWS_CONTAINER_CREDENTIALS_FULL_URI: expected https, or a loopback address");
    } else if (container_token(&token, error)) {
        const struct exchange_field fields[] = {{"Authorization", token, true}};
        struct question q = {.request = {.method = "GET",
                                         .url = url,
                                         .timeout_ms = LOCAL_MS,
                                         .direct = strncmp(url, "http://", 7) == 0,
                                         .fields = fields,
                                         .n_fields = token != NULL}};
        char *body = ask(&q, who, &status, error);
        if (body != NULL && status != 200)
            snprintf(error, 256, "%s answers %ld", who, status);
        else
            got = body != NULL && read_json(body, who, out, error);
        secret_free(body);
        secret_free(token);
    }
    free(url);
    return got;
}

/* ── Machines ── */

#define ROLES "/latest/meta-data/iam/security-credentials/"

static const char machine[] = "the instance metadata service";

bool key_source_has_machine(void)
{
    const char *off = env_text("AWS_EC2_METADATA_DISABLED");
    return off == NULL || !str_eq_nocase(str_from(off), STR("true"));
}

/* What a path holds, the first line of it; NULL: error says why there is none. */
static char *metadata(const char *method, const char *path, const struct exchange_field *field,
                      char error[256])
{
    const char *endpoint = env_text("AWS_EC2_METADATA_SERVICE_ENDPOINT");
    struct str base = str_from(endpoint != NULL ? endpoint : "http://169.254.169.254");
    long status;
    while (str_ends(base, STR("/")))
        base.len--;
    char *url = xalloc_format("%.*s%s", (int)base.len, base.data, path);
    struct question q = {.request = {.method = method,
                                     .url = url,
                                     .timeout_ms = LOCAL_MS,
                                     .direct = true,
                                     .fields = field,
                                     .n_fields = 1}};
    char *body = ask(&q, machine, &status, error);
    free(url);
    if (body == NULL || status == 200)
        return body;
    snprintf(error, 256,
             status == 404 ? "this machine has no role (%s answers %ld)" : "%s answers %ld",
             machine, status);
    secret_free(body);
    return NULL;
}

bool key_source_machine(struct credentials_keys *out, char error[256])
{
    static const struct exchange_field lifetime = {"X-aws-ec2-metadata-token-ttl-seconds", "21600",
                                                   false};
    char *roles = NULL, *keys = NULL;
    char *token = metadata("PUT", "/latest/api/token", &lifetime, error);
    if (token == NULL)
        return false;
    token[strcspn(token, "\r\n")] = '\0';
    const struct exchange_field field = {"X-aws-ec2-metadata-token", token, true};
    roles = metadata("GET", ROLES, &field, error);
    if (roles != NULL) {
        roles[strcspn(roles, "\r\n")] = '\0';
        char *path = xalloc_format(ROLES "%s", roles);
        keys = metadata("GET", path, &field, error);
        free(path);
    }
    bool got = keys != NULL && read_json(keys, machine, out, error);
    secret_free(token);
    free(roles);
    secret_free(keys);
    return got;
}
