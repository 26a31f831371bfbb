#include "cli/printable.h"

#include "sys/xalloc.h"
#include <stdlib.h>

void printable_put(struct str s, FILE *to)
{
    for (size_t i = 0; i < s.len; i++)
        fputc(s.data[i] >= ' ' && s.data[i] < 0x7f ? s.data[i] : '?', to);
}

json_t *printable_json(struct str s)
{
    if (s.len == 0)
        return json_null();
    json_t *value = json_stringn(s.data, s.len);
    if (value != NULL)
        return value;
    char *copy = xalloc_copy(s.data, s.len);
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)copy[i] >= 0x7f)
            copy[i] = '?';
    value = json_stringn(copy, s.len);
    free(copy);
    return value;
}
