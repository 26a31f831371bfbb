#include "server/exposition.h"

void exposition_family(FILE *f, const char *name, const char *type, const char *help)
{
    fprintf(f, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

void exposition_label(FILE *f, const char *name, struct str value)
{
    fprintf(f, "%s=\"", name);
    for (size_t i = 0; i < value.len; i++) {
        char c = value.data[i];
        if (c == '\n') {
            fputs("\\n", f);
            continue;
        }
        if (c == '"' || c == '\\')
            fputc('\\', f);
        fputc(c, f);
    }
    fputc('"', f);
}

void exposition_single(FILE *f, const char *name, const char *type, const char *help,
                       uint64_t value)
{
    exposition_family(f, name, type, help);
    fprintf(f, "%s %llu\n", name, (unsigned long long)value);
}
