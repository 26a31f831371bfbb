/*
 * What bytes are in ASCII, whatever the locale.
 */
#ifndef BASE_ASCII_H
#define BASE_ASCII_H

#include <archeio/str.h>

static inline bool ascii_is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* Only letters, digits and what is in others; nothing does so, too. */
static inline bool ascii_consists_of(struct str s, const char *others)
{
    for (size_t i = 0; i < s.len; i++)
        if (!ascii_is_alnum(s.data[i]) && (s.data[i] == '\0' || strchr(others, s.data[i]) == NULL))
            return false;
    return true;
}

/* What may stand around values in a head: RFC 9110 section 5.6.3. */
static inline bool ascii_is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* What may stand around words in a file, of which lines may end in CR LF. */
static inline bool ascii_is_space(char c)
{
    return ascii_is_blank(c) || c == '\r' || c == '\n';
}

/* Without the blanks around it. */
static inline struct str ascii_trim(struct str s)
{
    while (s.len > 0 && ascii_is_blank(s.data[s.len - 1]))
        s.len--;
    while (s.len > 0 && ascii_is_blank(s.data[0]))
        s = str_skip(s, 1);
    return s;
}

/* Without the spaces around it. */
static inline struct str ascii_trim_space(struct str s)
{
    while (s.len > 0 && ascii_is_space(s.data[s.len - 1]))
        s.len--;
    while (s.len > 0 && ascii_is_space(s.data[0]))
        s = str_skip(s, 1);
    return s;
}

#endif
