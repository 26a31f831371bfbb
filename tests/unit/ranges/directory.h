/*
 * A directory of its own for a test, gone at its end.
 */
#ifndef TESTS_RANGES_DIRECTORY_H
#define TESTS_RANGES_DIRECTORY_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct directory {
    char path[64];
    char file[64 + 256 + 1];
};

static inline void directory_make(struct directory *d)
{
    strcpy(d->path, "/tmp/archeio-ranges-XXXXXX");
    if (mkdtemp(d->path) == NULL)
        abort();
}

/* The path of a file in it, until the next call. */
static inline const char *directory_file(struct directory *d, const char *name)
{
    snprintf(d->file, sizeof(d->file), "%s/%s", d->path, name);
    return d->file;
}

static inline void directory_write(struct directory *d, const char *name, const char *text)
{
    FILE *f = fopen(directory_file(d, name), "w");
    if (f == NULL || fputs(text, f) < 0 || fclose(f) != 0)
        abort();
}

static inline void directory_remove(struct directory *d)
{
    DIR *list = opendir(d->path);
    const struct dirent *e;
    while (list != NULL && (e = readdir(list)) != NULL)
        if (e->d_name[0] != '.' && unlink(directory_file(d, e->d_name)) != 0)
            rmdir(directory_file(d, e->d_name));
    if (list != NULL)
        closedir(list);
    rmdir(d->path);
}

#endif
