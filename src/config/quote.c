#include "config/quote.h"

#include "config/value.h"

#include <string.h>
#include <strings.h>

/* Is it read back as itself, in a list in brackets, too, and taken for no null or number? */
static bool is_plain(const char *text)
{
    static const char safe[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                               "/._-%+~:";
    size_t len = strlen(text);
    if (len == 0 || strspn(text, safe) != len || text[len - 1] == ':')
        return false;
    return strchr("-.:%~+", text[0]) == NULL && strcasecmp(text, "null") != 0;
}

size_t quote_quoted(const char *text, FILE *to)
{
    size_t columns = 2;
    fputc('"', to);
    for (struct str rest = str_from(text); rest.len > 0;) {
        uint32_t c = 0;
        size_t n = value_utf8(rest, &c);
        if (c == '"' || c == '\\')
            columns += (size_t)fprintf(to, "\\%c", (char)c);
        else if (c >= 0x20 && c < 0x7f)
            columns += (size_t)fprintf(to, "%c", (char)c);
        else
            columns += (size_t)fprintf(to, c < 0x10000 ? "\\u%04x" : "\\U%08x", (unsigned)c);
        rest = str_skip(rest, n > 0 ? n : 1);
    }
    fputc('"', to);
    return columns;
}

size_t quote_text(const char *text, FILE *to)
{
    if (!is_plain(text))
        return quote_quoted(text, to);
    fputs(text, to);
    return strlen(text);
}

size_t quote_texts(const struct config_texts *list, FILE *to)
{
    size_t columns = 2;
    fputc('[', to);
    for (size_t i = 0; i < list->n; i++) {
        columns += i > 0 ? (size_t)fprintf(to, ", ") : 0;
        columns += quote_text(list->text[i], to);
    }
    fputc(']', to);
    return columns;
}

size_t quote_prefixes(const struct config_prefixes *list, FILE *to)
{
    size_t columns = 2;
    fputc('[', to);
    for (size_t i = 0; i < list->n; i++) {
        char text[PREFIX_TEXT_MAX];
        prefix_format(&list->prefix[i], text);
        columns += (size_t)fprintf(to, "%s\"%s\"", i > 0 ? ", " : "", text);
    }
    fputc(']', to);
    return columns;
}
