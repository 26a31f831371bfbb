#include "cli/geranos.h"

#include "cli/geranos_page.h"
#include "mirror/answer_json.h"
#include "mirror/hashes.h"
#include "sys/diag.h"
#include "sys/log.h"

#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define SYNOPSIS "--from REGISTRY --to STORE [--to STORE]..."

const struct geranos_command geranos_commands[] = {
    {"sync",
     geranos_sync_main,
     "copy what stores lack of a registry's blobs",
     {"geranos sync", SYNOPSIS,
      "Copies every blob that a store lacks, each read once however many images and stores need "
      "it, and verified before it is visible. What is there is not touched. It may be broken off "
      "at any time: the next run goes on where it was.",
      GERANOS_OPTIONS_SYNC}},
    {"plan",
     geranos_sync_plan_main,
     "say what sync would copy",
     {"geranos plan", SYNOPSIS,
      "Says what sync would copy and how many bytes that is. Nothing is written.",
      GERANOS_OPTIONS_PLAN}},
    {"verify",
     geranos_verify_main,
     "say what the registry has and a store lacks",
     {"geranos verify", SYNOPSIS,
      "Lists the stores and walks the registry. Each blob that a store lacks, or holds with "
      "another size than the manifest says, is a line on standard output: \"missing\" or "
      "\"wrong-size\", "
      "digest, repository, size wanted, size found, store, with tabs between them. Nothing is "
      "written.",
      GERANOS_OPTIONS_VERIFY}},
    {"audit",
     geranos_audit_main,
     "read what stores hold, and say what is not what its name says",
     {"geranos audit", "--to STORE [--to STORE]... [--all] [--repair --from REGISTRY]",
      "Reads a sample of the blobs and hashes them. What is wrong is a line on standard output: "
      "\"damaged\" (its bytes are not what its name says) or \"foreign\" (its name is no digest), "
      "key, size, the digest of its bytes, store, with tabs between them. With --repair the right "
      "bytes are read from the registry and, once verified, put in its place in one step "
      "(\"repaired\"); what is foreign is never touched.\n"
      "The sample moves on from day to day: with 1%, a hundred days in a row read everything once.",
      GERANOS_OPTIONS_AUDIT}},
    {"index",
     geranos_index_main,
     "publish what a store holds, so that archeio need not ask",
     {"geranos index", "--to STORE [--to STORE]...",
      "Lists each store, and publishes the set of the digests that it holds as geranos/index/, "
      "which archeio believes where stores[].index is true. A set that did not change is read, and "
      "uploaded again only if it is damaged; its time is renewed. Sets that are no longer named "
      "are "
      "removed after "
      "an hour. Any number of machines may do this at the same time: an older listing never takes "
      "the place of a newer one.",
      GERANOS_OPTIONS_INDEX}},
    {.name = NULL},
};

#define COMMANDS (sizeof(geranos_commands) / sizeof(geranos_commands[0]) - 1)

static int help(void)
{
    fputs("usage: geranos SUBCOMMAND [OPTION]...\n"
          "\n"
          "Copies the content-addressed blobs of a container registry to object stores,\n"
          "where archeio sends clients.\n"
          "\n",
          stdout);
    for (const struct geranos_command *c = geranos_commands; c->name != NULL; c++)
        printf("  %-13s %s\n", c->name, c->what);
    fputs("\n"
          "  -h, --help     this text\n"
          "  -V, --version  the version\n"
          "  --man          the manual page, geranos(1), as mdoc\n"
          "\n"
          "`geranos SUBCOMMAND --help` says more. Exit codes: 0 everything is there and right,\n"
          "1 it is not, or something failed (lines say what), 2 wrong usage, 130 interrupted\n"
          "(143 by SIGTERM): run it again, and it goes on where it was.\n",
          stdout);
    return 0;
}

static int unknown(const char *name)
{
    const char *names[COMMANDS];
    for (size_t i = 0; i < COMMANDS; i++)
        names[i] = geranos_commands[i].name;
    const char *nearest = diag_nearest(name, names, COMMANDS);
    if (nearest != NULL)
        fprintf(stderr, "geranos: there is no subcommand \"%s\"; did you mean \"%s\"?\n", name,
                nearest);
    else
        fprintf(stderr, "geranos: there is no subcommand \"%s\"; `geranos --help` lists them\n",
                name);
    return 2;
}

static int run_command(const struct geranos_command *c, int argc, char **argv)
{
    char name[64];
    struct geranos_options o;
    snprintf(name, sizeof(name), "%s", c->usage.command);
    argv[0] = name;
    int code = geranos_options_read(&o, &c->usage, argc, argv);
    if (code < 0 && !hashes_open()) {
        log_error("out of memory");
        code = 1;
    }
    if (code < 0)
        code = c->run(&o);
    geranos_options_release(&o);
    return code;
}

static int run(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "--help";
    if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0)
        return puts("geranos " ARCHEIO_VERSION) < 0;
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0)
        return help();
    if (strcmp(name, "--man") == 0) {
        geranos_page_write(stdout);
        return 0;
    }
    for (const struct geranos_command *c = geranos_commands; c->name != NULL; c++)
        if (strcmp(name, c->name) == 0)
            return run_command(c, argc - 1, argv + 1);
    return unknown(name);
}

int geranos_main(int argc, char **argv)
{
    log_init("geranos", LOG_LEVEL_INFO);
    signal(SIGPIPE, SIG_IGN);
    answer_json_open();
    mallopt(M_MMAP_THRESHOLD, 256 << 10); /* what is large is given back, whichever thread had it */
    int code = run(argc, argv);
    if (fflush(stdout) == 0 && !ferror(stdout))
        return code;
    log_error("standard output cannot be written");
    return code != 0 ? code : 1;
}
