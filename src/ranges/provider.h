/*
 * The three providers' published files:
 *
 *   aws    {"syncToken": "<Unix seconds>", "prefixes": [{"ip_prefix", "region"}...],
 *           "ipv6_prefixes": [{"ipv6_prefix", "region"}...]}; "GLOBAL" is no region
 *   gcp    {"syncToken": "<Unix milliseconds>", "prefixes": [{"ipv4Prefix" or "ipv6Prefix",
 *           "scope"}...]}; "global" is no region
 *   azure  {"values": [{"name", "properties": {"region", "addressPrefixes": [...]}}...]}; only the
 *           tags named "AzureCloud.<region>" with a region count, the others are subsets of them
 *
 * Members not named here are the provider's to add. Those named must be there, of their type.
 */
#ifndef RANGES_PROVIDER_H
#define RANGES_PROVIDER_H

#include "ranges/set.h"

/* Reads a file of one of them into s, between set_begin() and set_finish(). file stands in
 * messages; name is its last part, and where it begins with a provider's name, the file must be
 * that one's. False: refused, the reason is in d. */
bool provider_read(struct set *s, const char *file, const char *name, struct str json,
                   struct diag *d);

#endif
