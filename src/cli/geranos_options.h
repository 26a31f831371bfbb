/*
 * What `geranos` is told: by options on the command line, or by the same names in a YAML file. One
 * table has them all, and --help and the manual page are made from it.
 */
#ifndef CLI_GERANOS_OPTIONS_H
#define CLI_GERANOS_OPTIONS_H

#include "sys/log.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define GERANOS_OPTIONS_TEXTS_MAX 256

struct geranos_options_texts {
    const char *text[GERANOS_OPTIONS_TEXTS_MAX];
    size_t n;
};

/* Texts stay valid until geranos_options_release(); a NULL or a list of none was not given. */
struct geranos_options {
    const char *config;
    const char *from;
    struct geranos_options_texts to;
    struct geranos_options_texts include, exclude, tag, exclude_tag, platform;
    struct geranos_options_texts reference;
    const char *references; /* a file of them; "-": standard input */
    const char *without;    /* a file of digests */
    const char *failures;
    const char *blobs;   /* prefixes of keys, with their last slash */
    const char *records; /* "": none are written */
    uint64_t jobs;
    uint64_t requests;  /* an hour, of the source; 0: no limit */
    uint64_t bandwidth; /* bytes a second, from the source; 0: no limit */
    uint32_t shard;
    uint32_t shards;     /* at least 1 */
    uint32_t sample;     /* millionths */
    int64_t every;       /* nanoseconds from one run's begin to the next's; 0: there is one run */
    const char *metrics; /* ADDRESS:PORT; NULL: they are not given out */
    enum log_level log_level;
    bool all;
    bool repair;
    bool index;

    struct document_node *document; /* private */
};

/* Which subcommands an option is for. */
enum geranos_options_command {
    GERANOS_OPTIONS_SYNC = 1,
    GERANOS_OPTIONS_PLAN = 2,
    GERANOS_OPTIONS_VERIFY = 4,
    GERANOS_OPTIONS_AUDIT = 8,
    GERANOS_OPTIONS_INDEX = 16,
};

struct geranos_options_usage {
    const char *command;  /* "geranos sync" */
    const char *synopsis; /* what is always needed */
    const char *about;    /* paragraphs, for people */
    enum geranos_options_command bit;
};

/* Reads argv[1] and on. -1: it is all there; otherwise the exit code, and it has been said why (or
 * the help was asked for, and printed). Release in any case. */
int geranos_options_read(struct geranos_options *o, const struct geranos_options_usage *usage,
                         int argc, char **argv);
void geranos_options_release(struct geranos_options *o);

void geranos_options_help(const struct geranos_options_usage *usage, FILE *to);

#endif
