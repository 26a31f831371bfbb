/*
 * geranos(1), made from the subcommands' own --help texts. A test holds the committed page equal
 * to it.
 */
#ifndef CLI_GERANOS_PAGE_H
#define CLI_GERANOS_PAGE_H

#include <stdio.h>

void geranos_page_write(FILE *to);

#endif
