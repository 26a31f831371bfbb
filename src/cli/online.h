/*
 * What only the network can tell of a configuration: for `archeio check-config --online`.
 */
#ifndef CLI_ONLINE_H
#define CLI_ONLINE_H

#include "config/config.h"

/* Asks the upstream and every store, one after the other, at most 5 s each. Errors in d: who does
 * not answer, and an upstream (or signatures' one) that wants a token, which clients that were sent
 * there do not have: they would have to get it where they asked first. */
void online_check(const struct config *c, struct diag *d);

#endif
