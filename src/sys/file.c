#include "sys/file.h"

#include "sys/xalloc.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FIRST_READ 65536
#define DIRECTORY_MODE 0755

static ssize_t read_some(int fd, char *to, size_t size)
{
    for (;;) {
        ssize_t n = read(fd, to, size);
        if (n >= 0 || errno != EINTR)
            return n;
    }
}

/* Reads until the end; *data is the caller's to free in every case. */
static int read_all(int fd, size_t max, size_t expected, char **data, size_t *len)
{
    size_t size = (expected < max ? expected : max) + 2; /* one to see the end, one to terminate */
    for (;;) {
        char *larger = realloc(*data, size);
        if (larger == NULL)
            return ENOMEM;
        *data = larger;
        while (*len < size - 1) {
            ssize_t n = read_some(fd, *data + *len, size - 1 - *len);
            if (n < 0)
                return errno;
            if (n == 0) {
                (*data)[*len] = '\0';
                return 0;
            }
            *len += (size_t)n;
            if (*len > max)
                return EFBIG;
        }
        size = size > SIZE_MAX / 2 ? SIZE_MAX : size * 2;
    }
}

int file_read(const char *path, size_t max, char **data, size_t *len, struct stat *st)
{
    struct stat own;
    *data = NULL;
    *len = 0;
    if (st == NULL)
        st = &own;
    if (max > SIZE_MAX - 2)
        max = SIZE_MAX - 2;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno;
    int error = 0;
    if (fstat(fd, st) != 0)
        error = errno;
    else if (S_ISDIR(st->st_mode))
        error = EISDIR;
    else if (S_ISREG(st->st_mode) && (uintmax_t)st->st_size > max)
        error = EFBIG;
    else
        error =
            read_all(fd, max, S_ISREG(st->st_mode) ? (size_t)st->st_size : FIRST_READ, data, len);
    close(fd);
    if (error != 0) {
        free(*data);
        *data = NULL;
        *len = 0;
    }
    return error;
}

static int write_all(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, data, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno;
        data += n;
        len -= (size_t)n;
    }
    return 0;
}

static int fill(int fd, const void *data, size_t len, mode_t mode, long long mtime)
{
    int error = write_all(fd, data, len);
    if (error != 0)
        return error;
    if (fchmod(fd, mode) != 0)
        return errno;
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = (time_t)mtime}};
    if (mtime != 0 && futimens(fd, times) != 0)
        return errno;
    return fsync(fd) == 0 ? 0 : errno;
}

/* A rename is on disk once its directory is. A file system that cannot sync a directory has done
 * all it can. */
static void sync_directory(const char *path)
{
    const char *slash = strrchr(path, '/');
    char directory[PATH_MAX];
    size_t len = slash == NULL ? 1 : slash == path ? 1 : (size_t)(slash - path);
    if (len >= sizeof(directory))
        return;
    memcpy(directory, slash == NULL ? "." : path, len);
    directory[len] = '\0';
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return;
    (void)fsync(fd);
    close(fd);
}

int file_replace(const char *path, const void *data, size_t len, mode_t mode, long long mtime)
{
    /* The leading dot keeps it out of what reads every "*.json" of a directory. */
    const char *slash = strrchr(path, '/');
    int directory_len = slash == NULL ? 0 : (int)(slash + 1 - path);
    char temporary[PATH_MAX];
    int n = snprintf(temporary, sizeof(temporary), "%.*s.%s.XXXXXX", directory_len, path,
                     path + directory_len);
    if (n < 0 || (size_t)n >= sizeof(temporary))
        return ENAMETOOLONG;
    int fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0)
        return errno;
    int error = fill(fd, data, len, mode, mtime);
    if (close(fd) != 0 && error == 0)
        error = errno;
    if (error == 0 && rename(temporary, path) != 0)
        error = errno;
    if (error != 0)
        unlink(temporary);
    else
        sync_directory(path);
    return error;
}

int file_make_directory(const char *directory)
{
    int error = 0;
    if (directory[0] == '\0')
        return ENOENT;
    char *path = xalloc_text(directory);
    for (char *p = path + 1; error == 0; p++) {
        if (*p != '/' && *p != '\0')
            continue;
        char end = *p;
        *p = '\0';
        if (mkdir(path, DIRECTORY_MODE) != 0 && errno != EEXIST)
            error = errno;
        *p = end;
        if (end == '\0')
            break;
    }
    free(path);
    return error;
}
