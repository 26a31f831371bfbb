/*
 * Autonomous systems in text: "asn*.csv" and "*.asn" of "ranges/asn.h".
 */
#ifndef RANGES_ASN_TEXT_H
#define RANGES_ASN_TEXT_H

#include "ranges/asn.h"

/* Reads a file's text; the format is the one that its name says. False: it is refused, and every
 * line that is wrong is an error in d. */
bool asn_text_read(const struct asn_sink *to, const char *name, struct str text, struct diag *d);

#endif
