/*
 * Configurations as texts: what is said about them, and how they are printed again.
 */
#ifndef TESTS_UNIT_CONFIG_CONFIGS_H
#define TESTS_UNIT_CONFIG_CONFIGS_H

#include "config/config.h"
#include "config/dump.h"

#include "said.h"

static char *const configs_no_environment[] = {NULL};

static inline struct config *configs_parse(const char *text, char *const *environment,
                                           struct diag *d)
{
    return config_parse("f", text, strlen(text), environment, d);
}

/* A configuration without errors and warnings. */
static inline struct config *configs_good(const char *text, char *const *environment)
{
    struct diag d = {0};
    struct config *c = configs_parse(text, environment, &d);
    char *said = said_by(&d);
    assert_string_equal(said, "");
    free(said);
    diag_clear(&d);
    assert_non_null(c);
    return c;
}

/* What is said about a text that is refused (free() it). */
static inline char *configs_refused(const char *text, size_t len, char *const *environment)
{
    struct diag d = {0};
    struct config *c = config_parse("f", text, len, environment, &d);
    assert_null(c);
    assert_true(d.n_errors > 0);
    char *said = said_by(&d);
    diag_clear(&d);
    return said;
}

static inline void configs_assert_said(const char *text, const char *expected)
{
    char *said = configs_refused(text, strlen(text), configs_no_environment);
    if (strstr(said, expected) == NULL)
        fail_msg("%s\nsaid: %sexpected: %s", text, said, expected);
    free(said);
}

/* A text of head and n times `before`, a number and `after` is refused, with what is expected. */
static inline void configs_assert_too_many(const char *head, const char *before, const char *after,
                                           int n, const char *expected)
{
    char *text = NULL;
    size_t len = 0;
    FILE *to = open_memstream(&text, &len);
    assert_non_null(to);
    fputs(head, to);
    for (int i = 0; i < n; i++)
        fprintf(to, "%s%d%s", before, i, after);
    fclose(to);
    configs_assert_said(text, expected);
    free(text);
}

static inline char *configs_dumped(const struct config *c)
{
    char *text = NULL;
    size_t len = 0;
    FILE *to = open_memstream(&text, &len);
    assert_non_null(to);
    dump_config(c, to);
    fclose(to);
    return text;
}

/* Cuts the comments off: the origins differ. Values here hold no " #". */
static inline void configs_cut_comments(char *text)
{
    char *to = text;
    for (const char *line = text; *line != '\0';) {
        size_t len = strcspn(line, "\n"), kept = len;
        for (size_t i = 0; i + 2 < len && kept == len; i++)
            if (strncmp(line + i, " # ", 3) == 0)
                kept = i;
        while (kept > 0 && line[kept - 1] == ' ')
            kept--;
        memmove(to, line, kept);
        to += kept;
        *to++ = '\n';
        line += len + (line[len] == '\n');
    }
    *to = '\0';
}

/* Does what is printed of it read back to itself? */
static inline void configs_assert_again(const char *row)
{
    struct diag d = {0};
    struct config *first = configs_parse(row, configs_no_environment, &d);
    assert_non_null(first);
    char *text = configs_dumped(first);
    struct config *second = configs_parse(text, configs_no_environment, &d);
    if (second == NULL)
        diag_print(&d, stderr);
    assert_non_null(second);
    char *again = configs_dumped(second);
    assert_string_equal(second->ranges.directory, first->ranges.directory);
    assert_string_equal(second->log.access, first->log.access);
    configs_cut_comments(text);
    configs_cut_comments(again);
    assert_string_equal(again, text);
    free(text);
    free(again);
    diag_clear(&d);
    config_free(first);
    config_free(second);
}

#endif
