#include "cli/geranos_page.h"

#include "cli/geranos.h"
#include "cli/manual_page.h"
#include "config/manual.h"

#include <stdlib.h>

static void put_command(const struct geranos_command *c, FILE *to)
{
    char *text = NULL;
    size_t len = 0;
    FILE *memory = open_memstream(&text, &len);
    if (memory != NULL) {
        geranos_options_help(&c->usage, memory);
        fclose(memory);
    }
    fprintf(to, ".Ss geranos %s\n.Bd -literal\n", c->name);
    manual_page_literal(text != NULL ? text : "", to);
    fputs(".Ed\n", to);
    free(text);
}

static void put_environment(FILE *to)
{
    fputs(".Sh ENVIRONMENT\n"
          ".Bl -tag -width Ds\n"
          ".It Ev AWS_ACCESS_KEY_ID , AWS_SECRET_ACCESS_KEY , AWS_SESSION_TOKEN\n"
          "Keys for S3; without them the profile, a web identity, the container's endpoint\n"
          "and the machine's metadata service are asked, in this order.\n"
          ".It Ev AWS_PROFILE , AWS_SHARED_CREDENTIALS_FILE , AWS_CONFIG_FILE , AWS_REGION\n"
          "As everywhere.\n"
          ".It Ev REGISTRY_AUTH_FILE , DOCKER_CONFIG\n"
          "Where logins to registries are, and which credential helpers have them.\n"
          ".It Ev SSL_CERT_FILE\n"
          "The certificate authorities to trust, instead of the system's.\n"
          ".It Ev TMPDIR\n"
          "Where large listings are sorted for an index\n"
          ".Pq Pa /tmp .\n"
          ".It Ev NO_COLOR\n"
          "If it is not empty, failures are not shown in red on a terminal.\n"
          ".It Ev JOB_COMPLETION_INDEX\n"
          "Which shard this is, for\n"
          ".Fl Fl shard Cm auto/ Ns Ar N .\n"
          ".It Ev https_proxy , http_proxy , no_proxy\n"
          "As curl has them.\n"
          ".El\n",
          to);
}

static void put_stores(FILE *to)
{
    fputs(".Sh STORES\n"
          "A bucket's URL may say more, behind\n"
          ".Ql \\&?\n"
          "and with\n"
          ".Ql &\n"
          "between:\n"
          ".Bl -tag -width Ds\n"
          ".It Cm region= Ns Ar R\n"
          "As the store calls it; else\n"
          ".Ev AWS_REGION\n"
          "or the profile's.\n"
          ".It Cm endpoint= Ns Ar URL\n"
          "Where the store speaks S3; else AWS's of that region.\n"
          ".It Cm path-style= Ns Cm true | false\n"
          "Whether the bucket stands in the path, or in the host's name; by default the\n"
          "endpoint decides.\n"
          ".It Cm profile= Ns Ar NAME\n"
          "Whose keys; else\n"
          ".Ev AWS_PROFILE .\n"
          ".It Cm parts-above= Ns Ar SIZE , Cm part-size= Ns Ar SIZE\n"
          "Blobs larger than the first (1GiB) go up in parts of the second (64MiB).\n"
          ".El\n"
          ".Pp\n"
          "The bucket or directory must exist.\n",
          to);
}

static void put_exit_status(FILE *to)
{
    fputs(".Sh EXIT STATUS\n"
          ".Bl -tag -width Ds\n"
          ".It 0\n"
          "Everything is there, and right.\n"
          ".It 1\n"
          "It is not, or something failed; lines on standard error say what.\n"
          ".It 2\n"
          "Wrong usage.\n"
          ".It 130 , 143\n"
          "Ended by SIGINT or SIGTERM; run again, it goes on where it was.\n"
          "With\n"
          ".Fl Fl every\n"
          "it is 0: that is how a service ends.\n"
          ".El\n",
          to);
}

static void put_examples(FILE *to)
{
    fputs(".Sh EXAMPLES\n"
          "Fill a bucket from everything below a registry's prefix:\n"
          ".Pp\n"
          ".Dl geranos sync \\-\\-from registry.example.com/images "
          "\\-\\-to \\(aqs3://bucket?region=eu\\-west\\-3\\(aq\n"
          ".Pp\n"
          "Say what that would copy:\n"
          ".Pp\n"
          ".Dl geranos plan \\-\\-from registry.example.com/images "
          "\\-\\-to \\(aqs3://bucket?region=eu\\-west\\-3\\(aq\n"
          ".Pp\n"
          "Fill a directory with two images:\n"
          ".Pp\n"
          ".Dl printf \\(aqapp:v1\\enother:v2\\en\\(aq | geranos sync \\-\\-from "
          "http://127.0.0.1:5000 \\-\\-references \\- \\-\\-to file:///srv/blobs\n"
          ".Pp\n"
          "Publish what a bucket holds, so that archeio need not ask:\n"
          ".Pp\n"
          ".Dl geranos index \\-\\-to \\(aqs3://bucket?region=eu\\-west\\-3\\(aq\n"
          ".Pp\n"
          "Take the settings from a file:\n"
          ".Pp\n"
          ".Dl geranos sync \\-\\-config geranos.yaml\n",
          to);
}

void geranos_page_write(FILE *to)
{
    fputs(".Dd " MANUAL_DATE "\n"
          ".Dt GERANOS 1\n"
          ".Os\n"
          ".Sh NAME\n"
          ".Nm geranos\n"
          ".Nd mirror a container registry's blobs to object stores\n"
          ".Sh SYNOPSIS\n"
          ".Nm\n"
          ".Ar subcommand\n"
          ".Op Ar option ...\n"
          ".Sh DESCRIPTION\n"
          ".Nm\n"
          "copies the content-addressed blobs of a registry to object stores, where\n"
          ".Xr archeio 1\n"
          "sends clients.\n"
          "Each setting is an option of the command line, and a key of the same name\n"
          "(without the hyphens in front) in the YAML file that\n"
          ".Fl Fl config\n"
          "names; what may be given several times is a list there.\n",
          to);
    for (const struct geranos_command *c = geranos_commands; c->name != NULL; c++)
        put_command(c, to);
    put_stores(to);
    put_environment(to);
    put_exit_status(to);
    put_examples(to);
    fputs(".Sh SEE ALSO\n"
          ".Xr archeio 1\n",
          to);
}
