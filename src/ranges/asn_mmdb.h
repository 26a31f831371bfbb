/*
 * Autonomous systems in a database of MaxMind's format: "*.mmdb" of "ranges/asn.h". The format is
 * that of the "MaxMind DB File Format Specification", version 2.0.
 */
#ifndef RANGES_ASN_MMDB_H
#define RANGES_ASN_MMDB_H

#include "ranges/asn.h"

/* Reads a file's content; name stands in messages. False: it is refused, and an error in d says
 * why. However hostile it is, time and memory are bounded by its size. */
bool asn_mmdb_read(const struct asn_sink *to, const char *name, struct str content, struct diag *d);

#endif
