/*
 * Confinement: once a server has started, it keeps what it needs to serve and gives up the rest for
 * good. What somebody makes of a bug in it then is not worth much.
 *
 * In this order, each as far as the kernel permits it: root, all capabilities and the way back to
 * them (privileges.h), files (landlock.h), system calls (syscalls.h).
 */
#ifndef SYS_CONFINE_H
#define SYS_CONFINE_H

#include "sys/landlock.h"

#include <stdbool.h>

struct confine_options {
    const char *user;                  /* for privileges_find() */
    bool privileges_only;              /* files and system calls stay */
    const struct landlock_path *paths; /* beside those that every program needs */
    size_t n_paths;
    const char *directory; /* made, for the user, if it is missing; NULL: none */
};

/* Before the first thread. Logs one line that says what holds now, and a warning for what could not
 * be had. False and an error that was logged: there is no such user, or it was named and cannot be
 * had. */
bool confine(const struct confine_options *options);

#endif
