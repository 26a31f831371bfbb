#include "cli/manual_page.h"

#include "cli/cli.h"
#include "config/manual.h"
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What a subcommand's --help prints (free() it): it goes to standard output, which is a temporary
 * file for that long. NULL if that cannot be had. */
static char *help_of(const struct cli_command *command)
{
    char *text = NULL, option[] = "--help", *name = strdup(command->name);
    FILE *file = tmpfile();
    int saved = dup(STDOUT_FILENO);
    long size = 0;
    if (name == NULL || file == NULL || saved < 0 || fflush(stdout) != 0 ||
        dup2(fileno(file), STDOUT_FILENO) < 0)
        goto out;
    command->run(2, (char *[]){name, option, NULL});
    fflush(stdout);
    dup2(saved, STDOUT_FILENO);
    if (fseek(file, 0, SEEK_END) == 0 && (size = ftell(file)) >= 0)
        text = calloc(1, (size_t)size + 1);
    rewind(file);
    if (text != NULL && fread(text, 1, (size_t)size, file) != (size_t)size)
        text[0] = '\0';
out:
    free(name);
    if (file != NULL)
        fclose(file);
    if (saved >= 0)
        close(saved);
    return text;
}

static void put_literal(const char *text, FILE *to)
{
    bool line_start = true;
    for (const char *c = text; *c != '\0'; c++) {
        if (line_start && (*c == '.' || *c == '\''))
            fputs("\\&", to);
        if (*c == '\\')
            fputs("\\e", to);
        else if (*c == '-')
            fputs("\\-", to);
        else if (*c == '`')
            fputs("\\(ga", to);
        else
            fputc(*c, to);
        line_start = *c == '\n';
    }
}

static void put_environment(FILE *to)
{
    fputs(".Sh ENVIRONMENT\n"
          ".Bl -tag -width ARCHEIO_CONFIG\n"
          ".It Ev ARCHEIO_CONFIG\n"
          "The configuration file, where\n"
          ".Fl Fl config\n"
          "names none.\n"
          ".It Ev PORT , UPSTREAM_REGISTRY_ENDPOINT , UPSTREAM_REGISTRY_PATH ,\n"
          ".It Ev SIGNATURE_UPSTREAM_ENDPOINT , DEFAULT_AWS_BASE_URL , ARCHEIO_RANGES\n"
          "Settings: see\n"
          ".Xr archeio.yaml 5 .\n"
          ".El\n",
          to);
}

void manual_page_write(FILE *to)
{
    fputs(".Dd " MANUAL_DATE "\n"
          ".Dt ARCHEIO 1\n"
          ".Os\n"
          ".Sh NAME\n"
          ".Nm archeio\n"
          ".Nd redirect server in front of a container registry\n"
          ".Sh SYNOPSIS\n"
          ".Nm\n"
          ".Op Ar subcommand\n"
          ".Op Ar option ...\n"
          ".Sh DESCRIPTION\n"
          ".Nm\n"
          "answers pull requests with redirects, so that clients fetch blobs from the copy\n"
          "that is nearest to them, and everything else from the registry.\n"
          "Without a subcommand it serves.\n",
          to);
    for (const struct cli_command *c = cli_commands; c->name != NULL; c++) {
        char *text = help_of(c);
        fprintf(to, ".Ss archeio %s\n.Bd -literal\n", c->name);
        put_literal(text != NULL ? text : "", to);
        fputs(".Ed\n", to);
        free(text);
    }
    put_environment(to);
    fputs(".Sh EXIT STATUS\n"
          "0: fine; 1: the world's fault; 2: wrong usage.\n"
          ".Sh SEE ALSO\n"
          ".Xr archeio.yaml 5\n",
          to);
}
