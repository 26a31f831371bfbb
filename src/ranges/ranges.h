/*
 * Published address ranges: which networks belong to which cloud and region.
 *
 * A directory holds files: "*.json" in one of the three providers' published formats (told apart by
 * content; a name that begins with "aws", "gcp" or "azure" must hold that one's), and "*.txt",
 * the operator's own: "PREFIX CLOUD [REGION]" a line, '#' begins a comment. Other names are
 * ignored. A file that is malformed, truncated, empty or of the wrong kind is refused whole, with
 * its name and position; the others still load.
 *
 * Where one prefix is given twice with different answers, one with a region wins over one without,
 * then the operator's own over a provider's, then the first in order of file names; counted.
 * Prefixes with host bits set are loaded with them cleared, and counted.
 */
#ifndef RANGES_RANGES_H
#define RANGES_RANGES_H

#include "policy/policy.h"
#include "sys/diag.h"

#define RANGES_FILE_MAX (64UL << 20) /* bytes; a larger file is refused */

struct ranges_file {
    char *name;          /* without the directory */
    char *cloud;         /* "aws", "gcp", "azure"; "own" for a .txt */
    int64_t modified;    /* when the data was published (from the file's content, else its mtime) */
    uint32_t prefixes;   /* that it brought to the table: of all files together, each once */
    uint32_t duplicates; /* that it said, but it or another file had said the same */
    uint32_t conflicts;  /* that it said, but another answer counts */
    uint32_t host_bits;
};

struct ranges_range {
    struct prefix prefix;
    uint32_t place; /* index into ranges.place */
};

/* All that a directory's files say. */
struct ranges {
    struct ranges_range *range; /* each prefix once, sorted by prefix_compare() */
    size_t n_ranges;
    struct policy_place *place; /* text owned by this structure */
    size_t n_places;
    struct ranges_file *file; /* those that loaded */
    size_t n_files;
    size_t n_refused; /* files, and the directory itself if it cannot be read */
    char *text;       /* the places' text */
};

/* Never NULL: a directory that is missing or holds nothing gives an empty set, with a warning in
 * d. Refused files are errors in d, and so is a directory that cannot be read or is none. Out of
 * memory ends the program. */
struct ranges *ranges_load(const char *directory, struct diag *d);
void ranges_free(struct ranges *r);

/* What one file says, held in memory: it counts in the place of the directory's file of that
 * name (if there is one). */
struct ranges_held {
    const char *name;
    const struct ranges *ranges; /* from ranges_parse() */
};

/* As ranges_load(), with files that could not be written there. */
struct ranges *ranges_load_with(const char *directory, const struct ranges_held *held,
                                size_t n_held, struct diag *d);

/* One file's worth, from memory: for updates and fuzzing. NULL if it is refused. */
struct ranges *ranges_parse(const char *name, const char *data, size_t len, struct diag *d);

#endif
