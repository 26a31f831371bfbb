#include "mirror/s3_url.h"

#include "config/value.h"
#include "sys/env.h"
#include "sys/xalloc.h"

#include <archeio/addr.h>
#include <stdio.h>
#include <stdlib.h>

/* ── Bucket and prefix ── */

static bool is_bucket(struct str name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.data[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              (i > 0 && (c == '.' || c == '-' || c == '_'))))
            return false;
    }
    return name.len >= 3 && name.len <= S3_BUCKET_MAX;
}

/* Whether it can be part of a host's name, and of one that a certificate for "*.HOST" covers. */
static bool is_label(const char *bucket)
{
    for (const char *at = bucket; *at != '\0'; at++)
        if (*at == '.' || *at == '_' || (*at >= 'A' && *at <= 'Z'))
            return false;
    return true;
}

static bool read_place(struct str place, struct s3 *s, char error[256])
{
    struct str bucket = str_make(place.data, str_find(place, '/'));
    if (!is_bucket(bucket)) {
        snprintf(
            error, 256,
            "\"s3://%.*s\": expected the name of a bucket, 3 to 63 letters, digits, '-' or '.'",
            (int)(place.len < 80 ? place.len : 80), place.data);
        return false;
    }
    s->bucket = xalloc_copy(bucket.data, bucket.len);
    char *prefix = store_kind_decode(str_skip(place, bucket.len));
    struct str rest = str_from(prefix != NULL ? prefix : "");
    rest = value_trim(rest);
    if (prefix == NULL || rest.len > STORE_KIND_KEY_MAX / 2) {
        snprintf(error, 256, "\"s3://%s/...\": the prefix is too long, or has a broken escape",
                 s->bucket);
        free(prefix);
        return false;
    }
    s->prefix = rest.len > 0 ? xalloc_format("%.*s/", (int)rest.len, rest.data) : xalloc_text("");
    snprintf(s->name, sizeof(s->name), "s3://%s%s%.*s", s->bucket, rest.len > 0 ? "/" : "",
             (int)(rest.len < 128 ? rest.len : 128), rest.data);
    free(prefix);
    return true;
}

/* ── Endpoint ── */

struct endpoint {
    struct str scheme; /* with "://" */
    struct str host;   /* with its port where that is not the scheme's */
    struct str path;   /* "" or "/..." */
};

static struct endpoint split(const char *url)
{
    struct endpoint e;
    size_t n = strcspn(url, ":") + 3;
    e.scheme = str_make(url, n);
    e.host = str_make(url + n, strcspn(url + n, "/"));
    e.path = value_trim_end(str_skip(str_from(url), n + e.host.len));
    struct str usual = str_eq_nocase(e.scheme, STR("https://")) ? STR(":443") : STR(":80");
    if (str_ends(e.host, usual))
        e.host.len -= usual.len;
    return e;
}

/* Addresses have no names below them. */
static bool has_names(struct str host)
{
    struct addr a;
    if (str_starts(host, STR("[")))
        return false;
    host.len = str_find(host, ':');
    return !str_eq_nocase(host, STR("localhost")) && !addr_parse(host, &a);
}

static void place_bucket(struct s3 *s, const char *url, const char *path_style)
{
    struct endpoint e = split(url);
    bool in_path = path_style != NULL ? strcmp(path_style, "true") == 0
                                      : !has_names(e.host) || !is_label(s->bucket);
    s->host = xalloc_format("%s%s%.*s", in_path ? "" : s->bucket, in_path ? "" : ".",
                            (int)e.host.len, e.host.data);
    s->base = xalloc_format("%.*s%s", (int)e.scheme.len, e.scheme.data, s->host);
    s->path = xalloc_format("%.*s%s%s", (int)e.path.len, e.path.data, in_path ? "/" : "",
                            in_path ? s->bucket : "");
}

static bool read_endpoint(struct s3 *s, const char *url, const char *path_style, char error[256])
{
    const char *wrong = value_base_url(str_from(url));
    if (wrong != NULL) {
        snprintf(error, 256, "endpoint \"%.80s\": expected %s", url, wrong);
        return false;
    }
    if (path_style != NULL && strcmp(path_style, "true") != 0 && strcmp(path_style, "false") != 0) {
        snprintf(error, 256, "path-style=%.40s: expected true or false", path_style);
        return false;
    }
    place_bucket(s, url, path_style);
    return true;
}

static bool is_region(const char *region)
{
    size_t n = strspn(region, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_");
    return n > 0 && n <= 63 && region[n] == '\0';
}

/* Others than Amazon mostly do not care; what they expect then is this one. */
#define ANY_REGION "us-east-1"

static bool find_endpoint(struct s3 *s, const char *region, const char *endpoint,
                          const char *path_style, char error[256])
{
    if (endpoint == NULL)
        endpoint = env_text("AWS_ENDPOINT_URL_S3");
    if (endpoint == NULL)
        endpoint = env_text("AWS_ENDPOINT_URL");
    if (region == NULL)
        region = credentials_region(s->credentials);
    if (region == NULL && endpoint != NULL)
        region = ANY_REGION;
    if (region == NULL || !is_region(region)) {
        snprintf(error, 256,
                 "%s: say region=..., or set AWS_REGION; for another store than Amazon's, say "
                 "endpoint=https://...",
                 region == NULL ? "the region is not known" : "this is no region");
        return false;
    }
    s->region = xalloc_text(region);
    if (endpoint != NULL)
        return read_endpoint(s, endpoint, path_style, error);
    char *amazon = xalloc_format("https://s3.%s.amazonaws.com%s", region,
                                 strncmp(region, "cn-", 3) == 0 ? ".cn" : "");
    bool fits = read_endpoint(s, amazon, path_style, error);
    free(amazon);
    return fits;
}

/* ── Parameters ── */

enum { REGION, ENDPOINT, PATH_STYLE, PROFILE, PARTS_ABOVE, PART_SIZE, N_PARAMETERS };

static const char *const names[N_PARAMETERS] = {"region",  "endpoint",    "path-style",
                                                "profile", "parts-above", "part-size"};

static bool read_size(const char *name, const char *text, int64_t *out, char error[256])
{
    uint64_t value = 0;
    if (text == NULL)
        return true;
    const char *wrong = value_size(str_from(text), &value);
    if (wrong == NULL && (value < (uint64_t)S3_PART_LEAST || value > (uint64_t)S3_PART_MOST))
        wrong = "5MiB to 5GiB";
    if (wrong != NULL) {
        snprintf(error, 256, "%s=%.40s: expected %s", name, text, wrong);
        return false;
    }
    *out = (int64_t)value;
    return true;
}

static bool read_parameters(char *const value[N_PARAMETERS], struct s3 *s, char error[256])
{
    s->parts_above = 1LL << 30;
    s->part_size = 64LL << 20;
    if (!read_size(names[PARTS_ABOVE], value[PARTS_ABOVE], &s->parts_above, error) ||
        !read_size(names[PART_SIZE], value[PART_SIZE], &s->part_size, error))
        return false;
    s->credentials = credentials_new(value[PROFILE], error);
    return s->credentials != NULL &&
           find_endpoint(s, value[REGION], value[ENDPOINT], value[PATH_STYLE], error);
}

static bool read_query(struct str query, struct s3 *s, char error[256])
{
    char *value[N_PARAMETERS] = {NULL};
    char *unknown = store_kind_unknown(query, names, N_PARAMETERS);
    if (unknown != NULL) {
        snprintf(error, 256,
                 "\"%.40s\" is no parameter: expected region, endpoint, path-style, profile, "
                 "parts-above or part-size",
                 unknown);
        free(unknown);
        return false;
    }
    for (size_t i = 0; i < N_PARAMETERS; i++)
        value[i] = store_kind_parameter(query, names[i]);
    bool fits = read_parameters(value, s, error);
    for (size_t i = 0; i < N_PARAMETERS; i++)
        free(value[i]);
    return fits;
}

bool s3_url_read(const struct store_kind_url *url, struct s3 *s, char error[256])
{
    char why[256];
    if (!read_place(url->place, s, error))
        return false;
    if (read_query(url->query, s, why))
        return true;
    snprintf(error, 256, "%.60s: %.190s", s->name, why);
    return false;
}

void s3_url_release(struct s3 *s)
{
    credentials_free(s->credentials);
    free(s->bucket);
    free(s->prefix);
    free(s->region);
    free(s->base);
    free(s->path);
    free(s->host);
}
