#include "ranges/own.h"

#include "base/ascii.h"
#include "base/name.h"
#include "sys/xalloc.h"

enum { WORDS_MAX = 3, SHOWN_MAX = 64 };

struct line {
    struct set *set;
    struct diag *diag;
    const char *file;
    unsigned number;
    struct str text;
    struct str word[WORDS_MAX + 1];
    size_t n_words;
};

static void split(struct line *l)
{
    size_t end = str_find(l->text, '#'), at = 0;
    l->n_words = 0;
    while (l->n_words <= WORDS_MAX) {
        while (at < end && ascii_is_space(l->text.data[at]))
            at++;
        size_t start = at;
        while (at < end && !ascii_is_space(l->text.data[at]))
            at++;
        if (at == start)
            break;
        l->word[l->n_words++] = str_make(l->text.data + start, at - start);
    }
}

/* Always false. word: the index of the one that is wrong. */
static bool refuse(const struct line *l, size_t word, const char *what, const char *expected)
{
    unsigned column = (unsigned)(l->word[word].data - l->text.data) + 1;
    diag_error(l->diag, (struct diag_at){l->file, l->number, column}, "%s; expected %s", what,
               expected);
    return false;
}

/* The same for what is said of the word itself. */
static bool refuse_word(const struct line *l, size_t word, const char *what, const char *expected)
{
    const struct str *w = &l->word[word];
    unsigned column = (unsigned)(w->data - l->text.data) + 1;
    diag_error(l->diag, (struct diag_at){l->file, l->number, column}, "\"%.*s\" %s; expected %s",
               w->len < SHOWN_MAX ? (int)w->len : SHOWN_MAX, w->data, what, expected);
    return false;
}

static bool read_line(struct line *l)
{
    static const char format[] = "\"PREFIX CLOUD [REGION]\"";
    struct prefix prefix;
    const char *expected;
    split(l);
    if (l->n_words == 0)
        return true;
    if (l->n_words == 1 || l->n_words > WORDS_MAX)
        return refuse(l, l->n_words - 1,
                      l->n_words == 1 ? "the cloud is missing" : "there is more than a region",
                      format);
    enum prefix_result result = prefix_parse(l->word[0], &prefix);
    if (result == PREFIX_MALFORMED)
        return refuse_word(l, 0, "is no prefix", "one like 192.0.2.0/24 or 2001:db8::/32");
    if ((expected = name_check(l->word[1])) != NULL)
        return refuse_word(l, 1, "is no name of a cloud", expected);
    if (str_eq(l->word[1], STR("default")))
        return refuse_word(l, 1, "is what stores serve whom no other serves",
                           "the name of a cloud");
    struct str region = l->n_words > 2 ? l->word[2] : STR("");
    if (region.len > 0 && (expected = name_check(region)) != NULL)
        return refuse_word(l, 2, "is no name of a region", expected);
    if (result == PREFIX_HOST_BITS)
        set_file(l->set)->host_bits++;
    if ((expected = set_add(l->set, &prefix, l->word[1], region)) != NULL)
        return refuse(l, 0, expected, "fewer");
    return true;
}

bool own_read(struct set *s, const char *file, struct str text, struct diag *d)
{
    struct line l = {.set = s, .diag = d, .file = file};
    bool good = true;
    set_file(s)->cloud = xalloc_text("own");
    while (text.len > 0) {
        size_t end = str_find(text, '\n');
        l.number++;
        l.text = str_make(text.data, end);
        if (!read_line(&l))
            good = false;
        text = str_skip(text, end < text.len ? end + 1 : end);
    }
    return good;
}
