#include "server/access_sink.h"

#include "sys/clock.h"
#include "sys/wake.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A pipe without a reader is refused, not waited for. What stdout is belongs to others, too, and is
 * left in the mode that it has. */
static int open_target(const char *target)
{
    if (strcmp(target, "stdout") == 0)
        return fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
    return open(target, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0640);
}

static void use(struct access_sink *s, int fd)
{
    struct stat st;
    s->fd = fd;
    s->torn = false;
    s->may_block = fstat(fd, &st) != 0 || !S_ISREG(st.st_mode);
}

int access_sink_open(struct access_sink *s, const char *target)
{
    *s = (struct access_sink){.fd = -1, .next = -1, .wake = -1, .until = INT64_MAX};
    int fd = open_target(target);
    if (fd < 0)
        return errno;
    use(s, fd);
    s->wake = wake_open();
    return s->wake >= 0 ? 0 : errno;
}

static void close_some(int fd)
{
    if (fd >= 0)
        close(fd);
}

void access_sink_close(struct access_sink *s)
{
    close_some(s->fd);
    close_some(s->next);
    close_some(s->wake);
}

int access_sink_reopen(struct access_sink *s, const char *target)
{
    int fd = open_target(target);
    if (fd < 0)
        return errno;
    close_some(__atomic_exchange_n(&s->next, fd, __ATOMIC_ACQ_REL));
    access_sink_wake(s);
    return 0;
}

void access_sink_hurry(struct access_sink *s)
{
    __atomic_store_n(&s->until, clock_now() + ACCESS_SINK_PATIENCE, __ATOMIC_RELEASE);
    access_sink_wake(s);
}

void access_sink_wake(struct access_sink *s)
{
    wake_send(s->wake);
}

/* ── The writing thread ── */

static bool go_over(struct access_sink *s)
{
    int fd = __atomic_exchange_n(&s->next, -1, __ATOMIC_ACQ_REL);
    if (fd < 0)
        return false;
    close(s->fd);
    use(s, fd);
    return true;
}

/* Milliseconds that may still be waited; -1: without end. */
static int patience(const struct access_sink *s)
{
    int64_t until = __atomic_load_n(&s->until, __ATOMIC_ACQUIRE);
    if (until == INT64_MAX)
        return -1;
    int64_t left = until - clock_now();
    return left > 0 ? (int)(left / CLOCK_MS) + 1 : 0;
}

/* Waits until the target takes something, or another takes its place. False: it has been waited for
 * long enough. */
static bool ready(struct access_sink *s)
{
    while (s->may_block) {
        struct pollfd p[] = {{.fd = s->fd, .events = POLLOUT}, {.fd = s->wake, .events = POLLIN}};
        int wait = patience(s);
        int n = poll(p, 2, wait);
        if (n == 0 && wait >= 0)
            return false;
        if (n > 0 && p[1].revents != 0)
            wake_hear(s->wake);
        if (n > 0 && p[0].revents != 0)
            return true;
        if (__atomic_load_n(&s->next, __ATOMIC_RELAXED) >= 0)
            return true;
    }
    return true;
}

/* How much to write at once. A pipe that is ready takes PIPE_BUF bytes whole and without blocking;
 * of those, whole lines, so that other writers' come between lines and a change of targets, too. */
static size_t piece(const struct access_sink *s, const char *data, size_t len)
{
    if (!s->may_block || len <= PIPE_BUF)
        return len;
    const char *end = memrchr(data, '\n', PIPE_BUF);
    return end != NULL ? (size_t)(end - data) + 1 : PIPE_BUF;
}

static uint64_t count_lines(const char *data, size_t len)
{
    uint64_t n = 0;
    for (size_t i = 0; i < len; i++)
        n += data[i] == '\n';
    return n;
}

/* What is left of a line whose beginning is at another place. */
static size_t rest_of_line(const char *data, size_t at, size_t len)
{
    if (at == 0 || data[at - 1] == '\n')
        return 0;
    const char *end = memchr(data + at, '\n', len - at);
    return end != NULL ? (size_t)(end - data) + 1 - at : len - at;
}

/* Ends a line that a full disk has cut, so that the next one is whole. False: it takes nothing. */
static bool mend(struct access_sink *s)
{
    if (s->torn && ready(s) && !go_over(s))
        s->torn = write(s->fd, "\n", 1) != 1;
    return !s->torn;
}

uint64_t access_sink_write(struct access_sink *s, const char *data, size_t len)
{
    uint64_t lost = 0;
    size_t at = 0;
    go_over(s);
    if (!mend(s))
        return count_lines(data, len);
    while (at < len && ready(s)) {
        if (go_over(s)) {
            size_t cut = rest_of_line(data, at, len);
            lost += cut > 0;
            at += cut;
            continue;
        }
        ssize_t n = write(s->fd, data + at, piece(s, data + at, len - at));
        if (n >= 0)
            at += (size_t)n;
        else if (errno != EINTR && errno != EAGAIN)
            break;
    }
    if (at > 0)
        s->torn = data[at - 1] != '\n';
    return lost + count_lines(data + at, len - at);
}

void access_sink_rest(struct access_sink *s)
{
    struct pollfd p = {.fd = s->wake, .events = POLLIN};
    if (poll(&p, 1, -1) > 0)
        wake_hear(s->wake);
    go_over(s);
}
