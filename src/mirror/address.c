#include "mirror/address.h"

#include "client/guard.h"

#include <stdio.h>

static bool is_this_machine(struct str host)
{
    struct addr a;
    struct str name = str_make(host.data, str_find_last(host, ':'));
    if (name.len > 1 && name.data[0] == '[')
        name = str_make(name.data + 1, str_find(name, ']') - 1);
    return str_eq_nocase(name, STR("localhost")) ||
           (addr_parse(name, &a) && guard_classify(&a) == GUARD_LOOPBACK);
}

/* A password among them must not be shown. */
static void say_no_registry(const char *from, char error[256])
{
    const char *after = strstr(from, "://");
    const char *host = after != NULL ? after + 3 : from;
    size_t slash = strcspn(host, "/");
    if (memchr(host, '@', slash) != NULL)
        snprintf(error, 256,
                 "a registry's name holds no user and password: expected HOST[:PORT][/PREFIX]; "
                 "`docker login` and `skopeo login` keep them");
    else if (strpbrk(host + slash, ":@") != NULL)
        snprintf(error, 256,
                 "\"%.100s\" names an image: expected HOST[:PORT][/PREFIX], and the image by "
                 "--reference",
                 from);
    else
        snprintf(error, 256,
                 "\"%.100s\" names no registry: expected HOST[:PORT][/PREFIX], with http:// or "
                 "https:// before it or not",
                 from);
}

bool address_read(struct address *a, const char *from, char error[256])
{
    struct str rest = str_from(from), scheme = STR("");
    const char *after = strstr(from, "://");
    if (after != NULL) {
        scheme = str_make(from, (size_t)(after - from));
        rest = str_from(after + 3);
    }
    size_t slash = str_find(rest, '/');
    struct str host = str_make(rest.data, slash);
    struct str prefix = str_skip(rest, slash < rest.len ? slash + 1 : slash);
    if (prefix.len > 0 && prefix.data[prefix.len - 1] == '/')
        prefix.len--;
    if (after == NULL)
        scheme = is_this_machine(host) ? STR("http") : STR("https");
    bool known = str_eq(scheme, STR("https")) || str_eq(scheme, STR("http"));
    if (!known || !names_host_valid(host) || host.len > 255 ||
        (prefix.len > 0 && !names_repository_valid(prefix))) {
        say_no_registry(from, error);
        return false;
    }
    if (str_eq(host, STR("docker.io")))
        host = STR("registry-1.docker.io");
    snprintf(a->base, sizeof(a->base), "%.*s://%.*s", (int)scheme.len, scheme.data, (int)host.len,
             host.data);
    snprintf(a->prefix, sizeof(a->prefix), "%.*s", (int)prefix.len, prefix.data);
    snprintf(a->name, sizeof(a->name), "%.*s%s%s", (int)host.len, host.data,
             prefix.len > 0 ? "/" : "", a->prefix);
    return true;
}
