/*
 * The settings: one row each, in the order in which they are written and documented. The reader,
 * `archeio config`, the sample file, the manual page and the README's table are made from it.
 */
#ifndef CONFIG_SCHEMA_H
#define CONFIG_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum schema_type {
    SCHEMA_PRESET,   /* the name of a preset; not stored */
    SCHEMA_LISTEN,   /* a list of listeners */
    SCHEMA_ADDRESS,  /* one of them, or nothing */
    SCHEMA_COUNT,    /* a plain integer */
    SCHEMA_CHOICE,   /* one of words; stored as its number */
    SCHEMA_PREFIXES, /* a list of network prefixes */
    SCHEMA_DURATION,
    SCHEMA_SIZE,
    SCHEMA_RATE, /* events an hour */
    SCHEMA_PERCENT,
    SCHEMA_URL,  /* to which paths are added */
    SCHEMA_PAGE, /* a URL as it is */
    SCHEMA_PATH, /* repository segments */
    SCHEMA_FILE, /* a path, or one of words */
    SCHEMA_USER, /* of this system: a name or a number */
    SCHEMA_PLACES,
    SCHEMA_STORES,
    SCHEMA_UPSTREAMS, /* a list of registries */
    SCHEMA_PROVIDERS, /* a mapping of names to lists of networks */
    SCHEMA_ROUTES,    /* a list of routes */
};

struct schema_row {
    const char *name;      /* "server.listen"; at most one dot */
    enum schema_type type; /* says what lies at offset in struct config */
    bool live;             /* SIGHUP changes it; otherwise a restart does */
    bool optional;         /* a text may be empty */
    size_t offset;
    size_t size;              /* bytes there */
    uint64_t least;           /* of a number: nanoseconds, bytes, events an hour */
    uint64_t most;            /* the same */
    const char *const *words; /* NULL-terminated; of a count, the one that stands for 0 */
    const char *fallback;     /* the default, as YAML; the preset may have another */
    const char *variable;     /* of the environment; NULL: none */
    const char *help;         /* one paragraph, plain text */
};

extern const struct schema_row schema_rows[];
extern const size_t schema_count;

/* By its whole name; schema_count if there is none. */
size_t schema_find(const char *name);

/* What a value of this row looks like: "a duration (an integer and ms, s, m, h or d)". */
const char *schema_type_text(const struct schema_row *row);

/* The number's range as text ("10ms to 1h"), or the words ("peer, google-lb or ..."); "" if there
 * is neither. */
#define SCHEMA_RANGE_MAX 128
const char *schema_range_text(const struct schema_row *row, char out[SCHEMA_RANGE_MAX]);

/* A number of this row as it is written: "90s", "64MiB", "auto". */
#define SCHEMA_NUMBER_MAX 32
const char *schema_number_text(const struct schema_row *row, uint64_t value,
                               char out[SCHEMA_NUMBER_MAX]);

/* What may stand at the top of a file: the sections, and the settings that lie in none. Returns how
 * many there are. */
#define SCHEMA_TOP_MAX 16
size_t schema_top(const char *out[SCHEMA_TOP_MAX]);

/* What a section (the part before the dot) is about, for headings and comments; NULL: unknown. */
const char *schema_section_text(const char *section);

#endif
