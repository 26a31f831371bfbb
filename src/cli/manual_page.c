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

void manual_page_literal(const char *text, FILE *to)
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
          ".Bl -tag -width ARCHEIO_CONFIG -compact\n"
          ".It Ev ARCHEIO_CONFIG\n"
          "The configuration file, where\n"
          ".Fl Fl config\n"
          "names none.\n"
          ".It Ev PORT\n"
          ".It Ev UPSTREAM_REGISTRY_ENDPOINT\n"
          ".It Ev UPSTREAM_REGISTRY_PATH\n"
          ".It Ev SIGNATURE_UPSTREAM_ENDPOINT\n"
          ".It Ev DEFAULT_AWS_BASE_URL\n"
          ".It Ev ARCHEIO_RANGES\n"
          ".It Ev ARCHEIO_USER\n"
          "Settings: see\n"
          ".Xr archeio.yaml 5 .\n"
          ".El\n",
          to);
}

static void put_signals(FILE *to)
{
    fputs(".Sh SIGNALS\n"
          ".Bl -tag -width SIGTERM\n"
          ".It Dv SIGHUP\n"
          "Reads the configuration and the ranges anew, and reopens the access log.\n"
          "If anything is wrong, what runs stays.\n"
          ".It Dv SIGTERM , SIGINT\n"
          "Ends it: what was accepted is answered first, as server.shutdown_delay and\n"
          "server.drain_timeout say.\n"
          "A second one ends it at once.\n"
          ".El\n",
          to);
}

static void put_files(FILE *to)
{
    fputs(".Sh FILES\n"
          ".Bl -tag -width Ds\n"
          ".It Pa /var/lib/archeio/ranges\n"
          "The clouds' published address ranges, your own\n"
          ".Pq Pa *.txt ,\n"
          "and tables of autonomous systems\n"
          ".Pq Pa *.mmdb , asn*.csv , *.asn ,\n"
          "unless ranges.directory says otherwise.\n"
          ".It Pa /etc/default/archeio\n"
          "Environment of the systemd unit: there,\n"
          ".Ev ARCHEIO_CONFIG\n"
          "names the configuration.\n"
          ".El\n",
          to);
}

static void put_exit_status(FILE *to)
{
    fputs(".Sh EXIT STATUS\n"
          ".Bl -tag -width Ds\n"
          ".It 0\n"
          "It was done.\n"
          ".It 1\n"
          "It could not be done, or something is wrong with the configuration, a file, an\n"
          "address or the network; a line on standard error says what.\n"
          ".It 2\n"
          "Wrong usage.\n"
          ".El\n"
          ".Pp\n"
          "Those of\n"
          ".Nm\n"
          ".Cm diff\n"
          "are those of\n"
          ".Xr diff 1 :\n"
          "0 if nothing differs, 1 if something does, 2 if there was trouble.\n",
          to);
}

static void put_examples(FILE *to)
{
    fputs(".Sh EXAMPLES\n"
          "Serve what registry.k8s.io serves, on port 8080:\n"
          ".Pp\n"
          ".Dl archeio serve\n"
          ".Pp\n"
          "Check a configuration, and whether the upstream and the stores answer:\n"
          ".Pp\n"
          ".Dl archeio check\\-config \\-\\-online archeio.yaml\n"
          ".Pp\n"
          "Find out where a client is sent for a manifest, and why:\n"
          ".Pp\n"
          ".Dl archeio ranges update\n"
          ".Dl archeio explain \\-\\-ip 15.188.0.1 /v2/pause/manifests/3.10\n"
          ".Pp\n"
          "See what a change would do to the requests of a log:\n"
          ".Pp\n"
          ".Dl archeio diff \\-\\-log access.log archeio.yaml new.yaml\n"
          ".Dl zcat access.log.1.gz | archeio diff \\-\\-log \\- archeio.yaml new.yaml\n"
          ".Pp\n"
          "Take over a configuration of the ArtifactServer:\n"
          ".Pp\n"
          ".Dl archeio convert artifactserver.yaml >archeio.yaml\n"
          ".Pp\n"
          "Start from a snapshot, which does not depend on files that may be missing later:\n"
          ".Pp\n"
          ".Dl archeio compile \\-\\-config archeio.yaml \\-\\-output archeio.snapshot\n"
          ".Dl archeio serve \\-\\-config archeio.yaml \\-\\-snapshot archeio.snapshot\n"
          ".Pp\n"
          "Put the same into the filter for Envoy:\n"
          ".Pp\n"
          ".Dl archeio compile \\-\\-wasm \\-\\-config archeio.yaml \\-\\-output archeio.wasm\n",
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
          "Without a subcommand it serves.\n"
          "Modules for nginx and Envoy, and whoever asks its decision endpoint\n"
          "(server.decide), give the same answers.\n",
          to);
    for (const struct cli_command *c = cli_commands; c->name != NULL; c++) {
        char *text = help_of(c);
        fprintf(to, ".Ss archeio %s\n.Bd -literal\n", c->name);
        manual_page_literal(text != NULL ? text : "", to);
        fputs(".Ed\n", to);
        free(text);
    }
    put_signals(to);
    put_environment(to);
    put_files(to);
    put_exit_status(to);
    put_examples(to);
    fputs(".Sh SEE ALSO\n"
          ".Xr geranos 1 ,\n"
          ".Xr archeio.yaml 5\n",
          to);
}
