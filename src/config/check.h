/*
 * What settings say together: each of them may be fine, and all of them wrong.
 */
#ifndef CONFIG_CHECK_H
#define CONFIG_CHECK_H

#include "config/config.h"

/* Every load: what cannot be meant is an error in d. */
void check_config(const struct config *c, struct diag *d);

/* `archeio check-config`: warnings of what is allowed and will hardly work. */
void check_advise(const struct config *c, struct diag *d);

#endif
