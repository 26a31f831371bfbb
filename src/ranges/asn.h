/*
 * Which autonomous system an address is announced by: files in the ranges' directory.
 *
 *   *.mmdb       MaxMind's format with "autonomous_system_number", as GeoLite2-ASN has it
 *   *.asn        a line each: PREFIX ASN [NAME...], with blanks between; '#' begins a comment
 *   asn*.csv     a line each: FIRST,LAST,ASN[,NAME], addresses, without a header
 *
 * The numbers are of 32 bits (RFC 6793); 0 says that nobody is known (RFC 7607). A file that is
 * malformed is refused whole, with its name and position; the others still load.
 */
#ifndef RANGES_ASN_H
#define RANGES_ASN_H

#include "ranges/overlay.h"
#include "sys/diag.h"

/* Which numbers are wanted: those of all others need not be told apart, and become 0. */
struct asn_named {
    const uint32_t *asn; /* in ascending order */
    size_t n;
};

/* What files say, in their order. Where two have the same prefix, the first counts. */
struct asn_table {
    struct overlay_asn *entry;
    size_t n;
};

/* Reads all files of the directory that have such names, in the order of their names. Refused files
 * are errors in d; a directory that cannot be read holds none. asn_release() the table. Out of
 * memory ends the program. */
void asn_load(const char *directory, const struct asn_named *named, struct asn_table *out,
              struct diag *d);
void asn_release(struct asn_table *t);

/* One file's text, which is in the format that its name says; adds to the table. False: it is
 * refused, and has added nothing. */
bool asn_text_read(struct asn_table *t, const char *name, struct str text,
                   const struct asn_named *named, struct diag *d);

/* The same for a file in MaxMind's format. */
bool asn_mmdb_read(struct asn_table *t, const char *path, const struct asn_named *named,
                   struct diag *d);

/* For readers: adds an entry; false: the table is full. */
bool asn_add(struct asn_table *t, const struct prefix *prefix, uint32_t asn);
bool asn_is_named(const struct asn_named *named, uint32_t asn);

#endif
