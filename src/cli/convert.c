#include "cli/backends.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/conversion.h"
#include "config/document.h"
#include "sys/file.h"
#include "sys/xalloc.h"
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: archeio convert FILE\n"
    "\n"
    "Prints archeio's configuration for FILE, which is one of the ArtifactServer\n"
    "(backends with host, pathPrefix and conditions). It gives the same answers:\n"
    "302 to the first backend one of whose conditions holds, else to the first\n"
    "without any; 200 for /_/healthz; 404 where there is none. Clients are who\n"
    "X-Real-Ip says, else the peer. Nothing is printed if anything in FILE is\n"
    "wrong, or cannot be said in routes.\n"
    "\n"
    "  -h, --help   this text\n";

/* Whatever was overlooked here is found before anybody relies on it. */
static bool is_accepted(const char *file, const char *text, size_t len, struct diag *d)
{
    struct diag of_result = {0};
    struct config *c = config_parse("", text, len, NULL, &of_result);
    for (size_t i = 0; i < of_result.n; i++)
        if (of_result.message[i].severity == DIAG_ERROR)
            diag_error(d, (struct diag_at){file, 0, 0}, "cannot be converted: %s",
                       of_result.message[i].text);
    diag_clear(&of_result);
    config_free(c);
    return c != NULL;
}

/* To memory first: at its end it may turn out to be refused. False: there is no memory. */
static bool write_conversion(const struct backends *b, char **text, size_t *len, struct diag *d)
{
    FILE *to = open_memstream(text, len);
    if (to == NULL)
        return false;
    conversion_write(b, to, d);
    return fclose(to) == 0 && *text != NULL; /* fclose() may have lost it without saying so */
}

static bool convert(const char *file, struct str text, struct diag *d)
{
    struct backends b;
    char *result = NULL;
    size_t len = 0;
    bool good = backends_read(file, text, &b, d);
    if (good && !write_conversion(&b, &result, &len, d)) {
        diag_error(d, (struct diag_at){file, 0, 0}, "there is no memory to convert it");
        good = false;
    }
    good = good && is_accepted(file, result, len, d);
    if (good)
        fwrite(result, 1, len, stdout);
    free(result);
    backends_release(&b);
    return good;
}

static int convert_file(const char *file)
{
    struct diag d = {0};
    char *text;
    size_t len;
    bool converted = false;
    int error = file_read(file, DOCUMENT_SIZE_MAX, &text, &len, NULL);
    if (error != 0) {
        diag_error(&d, (struct diag_at){file, 0, 0}, "cannot be read: %s", strerror(error));
    } else {
        converted = convert(file, str_make(text, len), &d);
        free(text);
    }
    diag_sort(&d, 0);
    diag_print(&d, stderr);
    diag_clear(&d);
    return converted ? 0 : 1;
}

int convert_main(int argc, char **argv)
{
    static const struct option options[] = {{"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
    optind = 0;
    int c = getopt_long(argc, argv, "h", options, NULL);
    if (c != -1) {
        return cli_help(argv[0], usage, c);
    }
    if (optind + 1 != argc)
        return cli_misuse(argv[0], "expected one FILE");
    return convert_file(argv[optind]);
}
