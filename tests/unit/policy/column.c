/*
 * Columns of text: which row a text selects.
 */
#include "chance.h"
#include "check.h"

#include "policy/column.h"

#include <stdlib.h>

#define N(array) (sizeof(array) / sizeof((array)[0]))
#define MOST 64

/* ── A snapshot that is nothing but a column ── */

struct column {
    struct image_header *image; /* its text lies behind it */
    struct image_column column;
    struct image_literal literal[MOST];
    uint64_t row[3 * MOST]; /* row i holds i */
    struct snapshot snapshot;
};

#define OTHERS (2 * MOST)

/* Literal i is the one of that text; its rows are 2 * i (equal) and 2 * i + 1 (longer). The texts
 * are sorted, none twice. */
static void make(struct column *c, const char *const text[], uint32_t n)
{
    char *at;
    size_t size = sizeof(*c->image);
    for (uint32_t i = 0; i < n; i++)
        size += strlen(text[i]);
    c->image = calloc(1, size);
    c->image->part[IMAGE_TEXT] = (struct image_span){sizeof(*c->image), 0};
    at = (char *)(c->image + 1);
    c->column = (struct image_column){.first = 0, .count = n, .others = OTHERS, .used = 1};
    for (uint32_t i = 0; i < n; i++) {
        uint32_t len = (uint32_t)strlen(text[i]), offset = (uint32_t)(at - (char *)(c->image + 1));
        memcpy(at, text[i], len);
        at += len;
        c->literal[i] = (struct image_literal){
            .text = {offset, len}, .parent = 0, .equal = 2 * i, .longer = 2 * i + 1};
        for (uint32_t j = 0; j < i; j++)
            if (strncmp(text[i], text[j], strlen(text[j])) == 0)
                c->literal[i].parent = j + 1;
    }
    while (n > 0 && text[0][c->column.shared] != '\0' &&
           text[0][c->column.shared] == text[n - 1][c->column.shared])
        c->column.shared++;
    for (uint32_t i = 0; i < n; i++)
        c->literal[i].key = column_key(str_from(text[i] + c->column.shared));
    for (uint64_t i = 0; i < N(c->row); i++)
        c->row[i] = i;
    c->snapshot = (struct snapshot){
        .image = c->image, .literals = c->literal, .rows = c->row, .row_words = 1};
}

static uint64_t row_of(const struct column *c, struct str text)
{
    return *column_row(&c->snapshot, &c->column, text);
}

/* The longest literal that the text begins with. */
static uint64_t expected(const char *const text[], uint32_t n, struct str looked_up)
{
    uint64_t found = OTHERS;
    size_t longest = 0;
    for (uint32_t i = 0; i < n; i++) {
        struct str literal = str_from(text[i]);
        if (str_starts(looked_up, literal) && literal.len > longest) {
            longest = literal.len;
            found = 2 * i + (looked_up.len > literal.len);
        }
    }
    return found;
}

/* ── Tests ── */

static void the_longest_literal_that_a_text_begins_with_counts(void **state)
{
    static const char *const text[] = {"a", "ab", "abcd", "abd", "b", "ba", "\x7e"};
    static const struct {
        struct str text;
        uint64_t row;
    } rows[] = {
        {STR_INIT(""), OTHERS}, {STR_INIT("A"), OTHERS},    {STR_INIT("a"), 0},
        {STR_INIT("aa"), 1},    {STR_INIT("ab"), 2},        {STR_INIT("abc"), 3},
        {STR_INIT("abcd"), 4},  {STR_INIT("abcdd"), 5},     {STR_INIT("abce"), 3},
        {STR_INIT("abd"), 6},   {STR_INIT("abd\xff"), 7},   {STR_INIT("ac"), 1},
        {STR_INIT("b"), 8},     {STR_INIT("b\xff"), 9},     {STR_INIT("ba"), 10},
        {STR_INIT("bb"), 9},    {STR_INIT("c"), OTHERS},    {STR_INIT("\x7e"), 12},
        {STR_INIT("~~"), 13},   {STR_INIT("\xff"), OTHERS}, {STR_INIT("a\0b"), 1},
    };
    struct column c;
    (void)state;
    make(&c, text, N(text));
    assert_true(column_is_sound(&c.snapshot, &c.column, N(text), N(c.row)));
    for (size_t i = 0; i < N(rows); i++)
        if (row_of(&c, rows[i].text) != rows[i].row)
            fail_msg("\"%.*s\" selects row %d", (int)rows[i].text.len, rows[i].text.data,
                     (int)row_of(&c, rows[i].text));
    assert_int_equal(row_of(&c, (struct str){NULL, 0}), OTHERS);
    free(c.image);
}

static void a_key_is_the_next_eight_bytes(void **state)
{
    (void)state;
    assert_true(column_key(STR("")) == 0);
    assert_true(column_key(STR("a")) == UINT64_C(0x6100000000000000));
    assert_true(column_key(STR("\xff"
                               "a")) == UINT64_C(0xff61000000000000));
    assert_true(column_key(STR("abcdefgh")) == UINT64_C(0x6162636465666768));
    assert_true(column_key(STR("abcdefghi")) == UINT64_C(0x6162636465666768));
}

/* Their keys are equal: what follows decides. */
static void literals_may_share_more_than_a_key_holds(void **state)
{
    static const char *const text[] = {"/a", "/team-of-one/1", "/team-of-one/12", "/team-of-one/2"};
    static const struct {
        struct str text;
        uint64_t row;
    } rows[] = {
        {STR_INIT("/"), OTHERS},
        {STR_INIT("/team-of"), OTHERS},
        {STR_INIT("/team-of-one/"), OTHERS},
        {STR_INIT("/team-of-one/1"), 2},
        {STR_INIT("/team-of-one/10"), 3},
        {STR_INIT("/team-of-one/12"), 4},
        {STR_INIT("/team-of-one/123"), 5},
        {STR_INIT("/team-of-one/2"), 6},
        {STR_INIT("/team-of-one/3"), OTHERS},
        {STR_INIT("/team-of-two/1"), OTHERS},
        {STR_INIT("/a"), 0},
        {STR_INIT("/a\0"), 1},
        {STR_INIT("/a\0\0\0\0\0\0\0\0"), 1},
        {STR_INIT("team"), OTHERS},
    };
    struct column c;
    (void)state;
    make(&c, text, N(text));
    assert_int_equal(c.column.shared, 1);
    assert_true(column_is_sound(&c.snapshot, &c.column, N(text), N(c.row)));
    for (size_t i = 0; i < N(rows); i++)
        if (row_of(&c, rows[i].text) != rows[i].row)
            fail_msg("%s selects row %d", rows[i].text.data, (int)row_of(&c, rows[i].text));
    free(c.image);
}

static void a_column_without_literals_has_one_row(void **state)
{
    struct column c;
    (void)state;
    make(&c, NULL, 0);
    assert_int_equal(row_of(&c, STR("")), OTHERS);
    assert_int_equal(row_of(&c, STR("a")), OTHERS);
    free(c.image);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* Of all texts of two letters, at most four long, some are literals; all are looked up. */
static void any_literals_select_what_they_should(void **state)
{
    enum { ALL = 2 + 4 + 8 + 16 };
    char all[ALL][8], longer[16];
    size_t n = 0;
    (void)state;
    for (size_t len = 1; len <= 4; len++)
        for (size_t bits = 0; bits < (size_t)1 << len; bits++, n++) {
            for (size_t i = 0; i < len; i++)
                all[n][i] = (bits >> i & 1) != 0 ? 'b' : 'a';
            all[n][len] = '\0';
        }
    qsort(all, ALL, sizeof(all[0]), by_text);
    for (size_t round = 0; round < 2000; round++) {
        const char *text[ALL];
        struct column c;
        uint32_t count = 0;
        for (size_t i = 0; i < ALL; i++)
            if (chance_below(3) == 0)
                text[count++] = all[i];
        make(&c, text, count);
        assert_true(column_is_sound(&c.snapshot, &c.column, count, N(c.row)));
        for (size_t i = 0; i < ALL; i++) {
            struct str one = str_from(all[i]), more = str_make(longer, one.len + 1);
            memcpy(longer, all[i], one.len);
            longer[one.len] = "abc"[chance_below(3)];
            assert_int_equal(row_of(&c, one), expected(text, count, one));
            assert_int_equal(row_of(&c, more), expected(text, count, more));
        }
        free(c.image);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_longest_literal_that_a_text_begins_with_counts),
        cmocka_unit_test(a_key_is_the_next_eight_bytes),
        cmocka_unit_test(literals_may_share_more_than_a_key_holds),
        cmocka_unit_test(a_column_without_literals_has_one_row),
        cmocka_unit_test(any_literals_select_what_they_should),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
