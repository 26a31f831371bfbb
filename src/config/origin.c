#include "config/origin.h"

#define COMMENT_COLUMN 44

static void put_origin(const struct config_origin *o, FILE *to)
{
    switch (o->source) {
    case CONFIG_DEFAULT:
        fputs("# default\n", to);
        return;
    case CONFIG_PRESET:
        fprintf(to, "# preset %s\n", o->name);
        return;
    case CONFIG_ENVIRONMENT:
        fprintf(to, "# environment %s\n", o->name);
        return;
    case CONFIG_FILE:
        break;
    }
    fputs("# ", to);
    for (const char *c = o->name; *c != '\0'; c++)
        fputc((unsigned char)*c < 0x20 || (unsigned char)*c >= 0x7f ? '?' : *c, to);
    fprintf(to, ":%u\n", o->line);
}

void origin_end_line(const struct config_origin *o, size_t column, FILE *to)
{
    int blanks = column < COMMENT_COLUMN ? (int)(COMMENT_COLUMN - column) : 1;
    fprintf(to, "%*s", blanks, "");
    put_origin(o, to);
}
