#include "mirror/profile.h"

#include "base/ascii.h"
#include "mirror/secret.h"
#include "sys/env.h"
#include "sys/file.h"
#include "sys/xalloc.h"

#include <archeio/str.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>

#define FILE_MAX (1 << 20)

const char *profile_default(void)
{
    const char *name = env_text("AWS_PROFILE");
    return name != NULL ? name : "default";
}

/* ── The format: "[section]", "name = value", comments from '#' or ';' on ── */

/* Within a line only after a blank: keys may hold the characters themselves. */
static struct str without_comment(struct str line)
{
    for (size_t i = 0; i < line.len; i++)
        if ((line.data[i] == '#' || line.data[i] == ';') &&
            (i == 0 || line.data[i - 1] == ' ' || line.data[i - 1] == '\t'))
            return str_make(line.data, i);
    return line;
}

/* "[profile NAME]" in the one file, "[NAME]" in the other; the default has no prefix in either. */
static bool is_section(struct str line, const char *name)
{
    line = ascii_trim_space(str_make(line.data + 1, str_find(str_skip(line, 1), ']')));
    if (str_starts(line, STR("profile ")))
        line = ascii_trim_space(str_skip(line, sizeof("profile ") - 1));
    return str_eq(line, str_from(name));
}

static char **member(struct profile *p, struct str name)
{
    if (str_eq(name, STR("aws_access_key_id")))
        return &p->access_key;
    if (str_eq(name, STR("aws_secret_access_key")))
        return &p->secret_key;
    if (str_eq(name, STR("aws_session_token")))
        return &p->token;
    if (str_eq(name, STR("region")))
        return &p->region;
    if (str_eq(name, STR("role_arn")))
        return &p->role;
    return str_eq(name, STR("web_identity_token_file")) ? &p->token_file : NULL;
}

static void read_setting(struct profile *p, struct str line)
{
    size_t equals = str_find(line, '=');
    if (equals == line.len)
        return;
    char **to = member(p, ascii_trim_space(str_make(line.data, equals)));
    struct str value = ascii_trim_space(str_skip(line, equals + 1));
    if (to != NULL && *to == NULL && value.len > 0)
        *to = xalloc_copy(value.data, value.len);
}

/* What was read before counts. Lines that begin with a blank belong to a setting with settings of
 * its own ("s3 ="), none of which matters here. */
static void read_section(struct profile *p, struct str text, const char *name)
{
    bool inside = false;
    while (text.len > 0) {
        struct str line = str_make(text.data, str_find(text, '\n'));
        text = str_skip(text, line.len < text.len ? line.len + 1 : line.len);
        line = without_comment(line);
        if (line.len > 0 && line.data[0] == '[') {
            inside = is_section(line, name);
            p->found = p->found || inside;
        } else if (inside && line.len > 0 && line.data[0] != ' ' && line.data[0] != '\t') {
            read_setting(p, line);
        }
    }
}

/* Settings go on as strings: one would end early. */
static bool read_text(struct profile *p, struct str text, const char *name)
{
    if (str_find(text, '\0') < text.len)
        return false;
    read_section(p, text, name);
    return true;
}

/* ── The files ── */

static char *path_of(const char *variable, const char *name)
{
    const char *path = env_text(variable), *home = getenv("HOME");
    if (path != NULL)
        return xalloc_text(path);
    return home != NULL ? xalloc_format("%s/.aws/%s", home, name) : NULL;
}

static bool read_file(struct profile *p, char *path, const char *name, char error[256])
{
    char *text;
    size_t len;
    if (path == NULL)
        return true;
    int why = file_read(path, FILE_MAX, &text, &len, NULL);
    bool good = why == 0 || why == ENOENT || why == ENOTDIR;
    if (!good)
        snprintf(error, 256, "%.150s: cannot be read: %s", path, strerror(why));
    if (why == 0) {
        good = read_text(p, str_make(text, len), name);
        if (!good)
            snprintf(error, 256, "%.150s: expected text, but there is a NUL byte in it", path);
        OPENSSL_cleanse(text, len);
        free(text);
    }
    free(path);
    return good;
}

bool profile_read(const char *name, struct profile *out, char error[256])
{
    memset(out, 0, sizeof(*out));
    if (read_file(out, path_of("AWS_SHARED_CREDENTIALS_FILE", "credentials"), name, error) &&
        read_file(out, path_of("AWS_CONFIG_FILE", "config"), name, error))
        return true;
    profile_release(out);
    return false;
}

void profile_release(struct profile *p)
{
    secret_free(p->access_key);
    secret_free(p->secret_key);
    secret_free(p->token);
    free(p->region);
    free(p->role);
    free(p->token_file);
    memset(p, 0, sizeof(*p));
}
