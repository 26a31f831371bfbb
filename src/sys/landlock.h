/*
 * Landlock: which files this process may still open. Kernels since 5.13 have it, most of them
 * switched on.
 */
#ifndef SYS_LANDLOCK_H
#define SYS_LANDLOCK_H

#include <stddef.h>

enum landlock_access {
    LANDLOCK_READ,  /* files and directories */
    LANDLOCK_WRITE, /* files, which may be made, too; nothing is read or removed */
    LANDLOCK_KEEP   /* both, and files may be removed */
};

/* A file, or a directory with everything below it. One that is missing counts for nothing. */
struct landlock_path {
    const char *path;
    enum landlock_access access;
};

/* Nothing but these may be opened any more, nothing at all be executed, no TCP port be bound, and
 * no other process be signalled or traced; by this thread and those that it starts. Needs
 * no_new_privs. Returns the version of the kernel's interface, or a negative errno: -ENOSYS and
 * -EOPNOTSUPP say that this kernel does without. */
int landlock_confine(const struct landlock_path *paths, size_t n);

#endif
