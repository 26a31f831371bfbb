#include "mirror/store_kind.h"

#include "base/percent.h"
#include "sys/xalloc.h"

#include <stdio.h>
#include <stdlib.h>

void store_kind_end(struct store_outcome *out, enum store_result result)
{
    *out = (struct store_outcome){.result = result};
}

void store_kind_say(struct store_outcome *out, enum store_result result, const char *name,
                    const char *format, ...)
{
    va_list arguments;
    store_kind_end(out, result);
    int n = snprintf(out->error, sizeof(out->error), "%.120s: ", name);
    va_start(arguments, format);
    vsnprintf(out->error + n, sizeof(out->error) - (size_t)n, format, arguments);
    va_end(arguments);
}

char *store_kind_decode(struct str text)
{
    char *decoded = xalloc_copy(text.data, text.len);
    if (percent_decode(decoded))
        return decoded;
    free(decoded);
    return NULL;
}

/* Takes the next "name=value" off the front of a query. */
static struct str next_pair(struct str *query, struct str *name)
{
    struct str pair = str_make(query->data, str_find(*query, '&'));
    *query = str_skip(*query, pair.len < query->len ? pair.len + 1 : pair.len);
    *name = str_make(pair.data, str_find(pair, '='));
    return str_skip(pair, name->len < pair.len ? name->len + 1 : name->len);
}

char *store_kind_parameter(struct str query, const char *name)
{
    struct str found;
    while (query.len > 0) {
        struct str value = next_pair(&query, &found);
        if (str_eq(found, str_from(name)))
            return store_kind_decode(value);
    }
    return NULL;
}

char *store_kind_unknown(struct str query, const char *const *names, size_t n)
{
    struct str found;
    while (query.len > 0) {
        bool known = false;
        next_pair(&query, &found);
        for (size_t i = 0; i < n; i++)
            known |= str_eq(found, str_from(names[i]));
        if (!known)
            return xalloc_copy(found.data, found.len);
    }
    return NULL;
}
