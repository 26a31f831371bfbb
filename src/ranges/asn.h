/*
 * Which autonomous system an address is announced by: files in the ranges' directory.
 *
 *   *.asn        a line each: PREFIX ASN [NAME...], with blanks between; '#' begins a comment
 *   asn*.csv     a line each: FIRST,LAST,ASN[,NAME], addresses, sorted, without a header; where
 *                two overlap, the first counts; files that end in "-num.csv" hold the same in
 *                another form, and are left alone
 *   *.mmdb       MaxMind's format with "autonomous_system_number", as GeoLite2-ASN has it
 *
 * The numbers are of 32 bits (RFC 6793); 0 says that nobody is known (RFC 7607). A file that is
 * malformed is refused whole, with its name and position; the others still load.
 *
 * For an address the longest prefix of all files counts. Of two files with the same prefix, one
 * ending in ".asn", which is the operator's own, stands before the others, and these stand in the
 * order of their names.
 */
#ifndef RANGES_ASN_H
#define RANGES_ASN_H

#include "ranges/overlay.h"
#include "sys/diag.h"

/* Of all files together: four times what is announced in the whole Internet. */
#define ASN_PREFIXES_MAX (4U << 20)

/* Which numbers are wanted: those of all others need not be told apart, and become 0. */
struct asn_named {
    const uint32_t *asn; /* in ascending order */
    size_t n;
};

/* Of two numbers, for qsort() and bsearch(). */
int asn_compare(const void *a, const void *b);

/* NULL: all are wanted. 0 never is. */
bool asn_is_named(const struct asn_named *named, uint32_t asn);

/* What a file says of one prefix. */
struct asn_word {
    struct prefix prefix; /* without host bits */
    uint32_t asn;         /* 0: of nobody, or of one that is not wanted */
    struct str name;      /* what the file calls it, if names are wanted; valid during the call */
};

/* Who is told what files say. Of numbers that are not wanted, readers need say only what lies in
 * the prefix of one that is. */
struct asn_sink {
    bool (*take)(void *context, const struct asn_word *word); /* false: there is no more room */
    void *context;
    const struct asn_named *named;
    bool names; /* are wanted */
};

#define ASN_NO_ROOM "there are too many prefixes, the table holds 4194304" /* ASN_PREFIXES_MAX */

/* The paths of the directory's files that have such names, in their order. A directory that cannot
 * be read holds none. */
struct asn_files {
    char **path; /* owned, as each text is */
    size_t n;
};

void asn_files(const char *directory, struct asn_files *out);
void asn_files_release(struct asn_files *f);

/* Reads one. False: it is refused, errors are in d, and what the sink was told is void. */
bool asn_read(const struct asn_sink *to, const char *path, struct diag *d);

/* What all files say, in their order: of the same prefix, the first counts. */
struct asn_table {
    struct overlay_asn *entry;
    size_t n;
};

/* Refused files are errors in d; that there is no file at all is a warning. asn_release() the
 * table. Out of memory ends the program. */
void asn_load(const char *directory, const struct asn_named *named, struct asn_table *out,
              struct diag *d);
void asn_release(struct asn_table *t);

#endif
