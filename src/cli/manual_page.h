/*
 * archeio(1), made from the subcommands' own --help texts.
 */
#ifndef CLI_MANUAL_PAGE_H
#define CLI_MANUAL_PAGE_H

#include <stdio.h>

void manual_page_write(FILE *to);

/* Text as it is, between .Bd -literal and .Ed. */
void manual_page_literal(const char *text, FILE *to);

#endif
