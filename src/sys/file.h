/*
 * Whole files: read with a limit, written so that a reader sees the old or the new, never a part.
 */
#ifndef SYS_FILE_H
#define SYS_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

/* Reads all of path (regular files, pipes) into fresh memory with a terminator behind it, which is
 * not counted; free() it. st (may be NULL) gets what the file is. Returns 0, or an errno: EFBIG if
 * it holds more than max bytes. */
int file_read(const char *path, size_t max, char **data, size_t *len, struct stat *st);

/* Writes path through a temporary file beside it, fsync and rename; mode as given. mtime, if not
 * 0, becomes its modification time (Unix seconds). Returns 0 or an errno; on error nothing is left
 * behind. */
int file_replace(const char *path, const void *data, size_t len, mode_t mode, long long mtime);

/* Makes the directory, and those above it, where they are missing. Returns 0 or an errno. */
int file_make_directory(const char *directory);

#endif
