/*
 * What must hold of a database of MaxMind's format before libmaxminddb may see it.
 *
 * The library's promises end where a file is made to do harm: 1.7 (Debian 12) goes down into maps
 * and lists by recursion without a bound, follows lists of pointers to lists of pointers, reads
 * beyond a last section of one or two bytes, and loses memory where a list in the metadata holds
 * other things than texts. So each value that it is to walk through is walked through here first
 * ("Output Data Section" and "Metadata" of the specification, version 2.0).
 */
#ifndef RANGES_MMDB_GUARD_H
#define RANGES_MMDB_GUARD_H

#include <archeio/str.h>
#include <stdint.h>

/* How many values the records of one file may have all together, for it to be read in a second or
 * so; a table of all networks of the Internet has a tenth of that. */
#define MMDB_GUARD_VALUES_MAX (UINT64_C(1) << 26)

/* NULL if the file's metadata may be read; otherwise what is wrong (static). */
const char *mmdb_guard_metadata(struct str file);

/* The same for the record that stands so many bytes into the file's data section; left: how many
 * values may still be looked at, of MMDB_GUARD_VALUES_MAX at the start. */
const char *mmdb_guard_record(struct str data, size_t at, uint64_t *left);

#endif
