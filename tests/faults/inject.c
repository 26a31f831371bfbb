/*
 * Preloaded into a program under test, makes one call of it fail: the n-th, from a given moment on,
 * of those that can fail in a given way. Who tests says which through a shared file that
 * FAULTS_CONTROL names (struct control), at any time; tests/system/lib/faults.py is its other half.
 *
 * What fails, fails as the kernel would have it: after a read that was cut short or a spurious
 * EAGAIN the descriptor becomes ready again, as if the rest had come a moment later.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pthread.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* In the order of WAYS in faults.py. */
enum way {
    WAY_MEMORY, /* an allocation, a mapping or a thread is not to be had */
    WAY_SHORT,  /* one byte is read or written */
    WAY_EINTR,
    WAY_EAGAIN,
    WAY_EMFILE,
    WAY_ENOMEM, /* the kernel's own memory */
    WAY_ECONNRESET,
};

#define BIT(way) (1U << (way))
#define OPENS (BIT(WAY_EMFILE) | BIT(WAY_ENOMEM))
#define MOVES                                                                                      \
    (BIT(WAY_SHORT) | BIT(WAY_EINTR) | BIT(WAY_EAGAIN) | BIT(WAY_ENOMEM) | BIT(WAY_ECONNRESET))

struct control {
    uint32_t armed;
    uint32_t way;
    uint64_t at;    /* the call that fails, from 1 */
    uint64_t count; /* calls of that kind so far */
    uint32_t fired;
    char name[32]; /* what failed */
};

#define WATCHED_MAX 4096

static struct control *control;
static _Thread_local bool exempt __attribute__((tls_model("initial-exec")));
static struct {
    int epoll; /* 0: none */
    struct epoll_event event;
} watched[WATCHED_MAX];

/* The next definition of a function: the C library's, or the sanitizer's that wraps it. */
#define REAL(name)                                                                                 \
    ({                                                                                             \
        static __typeof__(name) *real;                                                             \
        if (real == NULL)                                                                          \
            real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name);                                    \
        real;                                                                                      \
    })

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("FAULTS_CONTROL");
    if (path == NULL)
        return;
    int fd = REAL(open)(path, O_RDWR | O_CLOEXEC);
    void *memory = fd < 0 ? MAP_FAILED
                          : REAL(mmap)(NULL, sizeof(struct control), PROT_READ | PROT_WRITE,
                                       MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED) {
        perror(path);
        _exit(127);
    }
    REAL(close)(fd);
    control = memory;
}

void __sanitizer_print_stack_trace(void) __attribute__((weak));

/* Whether this call is the one; ways: how it can fail. errno is set where it fails with one. */
static bool fails(const char *name, unsigned ways)
{
    static const int errors[] = {ENOMEM, 0, EINTR, EAGAIN, EMFILE, ENOMEM, ECONNRESET};
    if (control == NULL || exempt || !__atomic_load_n(&control->armed, __ATOMIC_ACQUIRE) ||
        (ways & BIT(control->way)) == 0)
        return false;
    if (__atomic_add_fetch(&control->count, 1, __ATOMIC_RELAXED) != control->at)
        return false;
    for (size_t i = 0; i < sizeof(control->name) - 1 && name[i] != '\0'; i++)
        control->name[i] = name[i];
    __atomic_store_n(&control->fired, 1, __ATOMIC_RELEASE);
    if (getenv("FAULTS_TRACE") != NULL && __sanitizer_print_stack_trace != NULL)
        __sanitizer_print_stack_trace();
    errno = errors[control->way];
    return true;
}

/* ── Memory ── */

#define NO_MEMORY(name) fails(name, BIT(WAY_MEMORY))

void *malloc(size_t size)
{
    return NO_MEMORY("malloc") ? NULL : REAL(malloc)(size);
}

void *calloc(size_t n, size_t size)
{
    return NO_MEMORY("calloc") ? NULL : REAL(calloc)(n, size);
}

void *realloc(void *old, size_t size)
{
    return NO_MEMORY("realloc") ? NULL : REAL(realloc)(old, size);
}

void *reallocarray(void *old, size_t n, size_t size)
{
    return NO_MEMORY("reallocarray") ? NULL : REAL(reallocarray)(old, n, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return NO_MEMORY("aligned_alloc") ? NULL : REAL(aligned_alloc)(alignment, size);
}

int posix_memalign(void **out, size_t alignment, size_t size)
{
    return NO_MEMORY("posix_memalign") ? ENOMEM : REAL(posix_memalign)(out, alignment, size);
}

/* A sanitizer takes the memory of these from itself, and not by malloc(). */
char *strdup(const char *text)
{
    return NO_MEMORY("strdup") ? NULL : REAL(strdup)(text);
}

char *strndup(const char *text, size_t most)
{
    return NO_MEMORY("strndup") ? NULL : REAL(strndup)(text, most);
}

void *mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset)
{
    return NO_MEMORY("mmap") ? MAP_FAILED : REAL(mmap)(at, size, protection, flags, fd, offset);
}

void *mmap64(void *at, size_t size, int protection, int flags, int fd, off64_t offset)
{
    return NO_MEMORY("mmap") ? MAP_FAILED : REAL(mmap64)(at, size, protection, flags, fd, offset);
}

int pthread_create(pthread_t *out, const pthread_attr_t *attr, void *(*run)(void *), void *argument)
{
    return NO_MEMORY("pthread_create") ? EAGAIN : REAL(pthread_create)(out, attr, run, argument);
}

/* ── What cannot do without ── */

/* A sanitizer begins every thread with it. */
int pthread_getattr_np(pthread_t thread, pthread_attr_t *out)
{
    exempt = true;
    int error = REAL(pthread_getattr_np)(thread, out);
    exempt = false;
    return error;
}

/* The C library asserts, or reads at NULL, when it has no memory to look for a user. */
struct passwd *getpwnam(const char *name)
{
    exempt = true;
    struct passwd *entry = REAL(getpwnam)(name);
    exempt = false;
    return entry;
}

struct passwd *getpwuid(uid_t uid)
{
    exempt = true;
    struct passwd *entry = REAL(getpwuid)(uid);
    exempt = false;
    return entry;
}

int initgroups(const char *name, gid_t group)
{
    exempt = true;
    int result = REAL(initgroups)(name, group);
    exempt = false;
    return result;
}

/* libseccomp 2.5 says that all went well, and loads a filter that lacks what it had no memory for:
 * no program could go on with it, nor know. */
int seccomp_load(void *filter);

int seccomp_load(void *filter)
{
    exempt = true;
    int error = REAL(seccomp_load)(filter);
    exempt = false;
    return error;
}

/* ── Descriptors ── */

int socket(int domain, int type, int protocol)
{
    return fails("socket", OPENS) ? -1 : REAL(socket)(domain, type, protocol);
}

int socketpair(int domain, int type, int protocol, int out[2])
{
    return fails("socketpair", OPENS) ? -1 : REAL(socketpair)(domain, type, protocol, out);
}

int accept4(int fd, struct sockaddr *from, socklen_t *size, int flags)
{
    unsigned ways = OPENS | BIT(WAY_EINTR) | BIT(WAY_EAGAIN) | BIT(WAY_ECONNRESET);
    return fails("accept4", ways) ? -1 : REAL(accept4)(fd, from, size, flags);
}

static mode_t mode_of(int flags, va_list arguments)
{
    return flags & (O_CREAT | __O_TMPFILE) ? va_arg(arguments, mode_t) : 0;
}

int open(const char *path, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = mode_of(flags, arguments);
    va_end(arguments);
    return fails("open", OPENS | BIT(WAY_EINTR)) ? -1 : REAL(open)(path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = mode_of(flags, arguments);
    va_end(arguments);
    return fails("open", OPENS | BIT(WAY_EINTR)) ? -1 : REAL(open64)(path, flags, mode);
}

FILE *fopen(const char *path, const char *mode)
{
    return fails("fopen", OPENS) ? NULL : REAL(fopen)(path, mode);
}

FILE *fopen64(const char *path, const char *mode)
{
    return fails("fopen", OPENS) ? NULL : REAL(fopen64)(path, mode);
}

int scandir64(const char *path, struct dirent64 ***out,
              int (*selects)(const struct dirent64 *entry),
              int (*compares)(const struct dirent64 **a, const struct dirent64 **b))
{
    return fails("scandir", OPENS) ? -1 : REAL(scandir64)(path, out, selects, compares);
}

int mkostemp64(char *template, int flags)
{
    return fails("mkostemp", OPENS) ? -1 : REAL(mkostemp64)(template, flags);
}

int dup(int fd)
{
    return fails("dup", BIT(WAY_EMFILE)) ? -1 : REAL(dup)(fd);
}

int eventfd(unsigned count, int flags)
{
    return fails("eventfd", OPENS) ? -1 : REAL(eventfd)(count, flags);
}

int signalfd(int fd, const sigset_t *set, int flags)
{
    return fails("signalfd", OPENS) ? -1 : REAL(signalfd)(fd, set, flags);
}

int epoll_create1(int flags)
{
    return fails("epoll_create1", OPENS) ? -1 : REAL(epoll_create1)(flags);
}

/* ── What is done with them ── */

int epoll_ctl(int epoll, int what, int fd, struct epoll_event *event)
{
    if (fails("epoll_ctl", BIT(WAY_ENOMEM)))
        return -1;
    if (fd >= 0 && fd < WATCHED_MAX) {
        watched[fd].epoll = what == EPOLL_CTL_DEL ? 0 : epoll;
        if (what != EPOLL_CTL_DEL)
            watched[fd].event = *event;
    }
    return REAL(epoll_ctl)(epoll, what, fd, event);
}

int epoll_wait(int epoll, struct epoll_event *out, int most, int milliseconds)
{
    return fails("epoll_wait", BIT(WAY_EINTR)) ? -1
                                               : REAL(epoll_wait)(epoll, out, most, milliseconds);
}

int poll(struct pollfd *fds, nfds_t n, int milliseconds)
{
    return fails("poll", BIT(WAY_EINTR) | BIT(WAY_ENOMEM)) ? -1 : REAL(poll)(fds, n, milliseconds);
}

int bind(int fd, const struct sockaddr *address, socklen_t size)
{
    return fails("bind", BIT(WAY_ENOMEM)) ? -1 : REAL(bind)(fd, address, size);
}

int listen(int fd, int backlog)
{
    return fails("listen", BIT(WAY_ENOMEM)) ? -1 : REAL(listen)(fd, backlog);
}

int connect(int fd, const struct sockaddr *address, socklen_t size)
{
    unsigned ways = BIT(WAY_ENOMEM) | BIT(WAY_ECONNRESET);
    return fails("connect", ways) ? -1 : REAL(connect)(fd, address, size);
}

int setsockopt(int fd, int level, int name, const void *value, socklen_t size)
{
    return fails("setsockopt", BIT(WAY_ENOMEM)) ? -1
                                                : REAL(setsockopt)(fd, level, name, value, size);
}

int getsockname(int fd, struct sockaddr *address, socklen_t *size)
{
    return fails("getsockname", BIT(WAY_ENOMEM)) ? -1 : REAL(getsockname)(fd, address, size);
}

int fstat64(int fd, struct stat64 *out)
{
    return fails("fstat", BIT(WAY_ENOMEM)) ? -1 : REAL(fstat64)(fd, out);
}

int stat64(const char *path, struct stat64 *out)
{
    return fails("stat", BIT(WAY_ENOMEM)) ? -1 : REAL(stat64)(path, out);
}

int mkdir(const char *path, mode_t mode)
{
    return fails("mkdir", BIT(WAY_ENOMEM)) ? -1 : REAL(mkdir)(path, mode);
}

int rename(const char *from, const char *to)
{
    return fails("rename", BIT(WAY_ENOMEM)) ? -1 : REAL(rename)(from, to);
}

int fsync(int fd)
{
    return fails("fsync", BIT(WAY_EINTR) | BIT(WAY_ENOMEM)) ? -1 : REAL(fsync)(fd);
}

ssize_t getrandom(void *out, size_t size, unsigned flags)
{
    return fails("getrandom", BIT(WAY_EINTR)) ? -1 : REAL(getrandom)(out, size, flags);
}

int getentropy(void *out, size_t size)
{
    return fails("getentropy", BIT(WAY_EINTR)) ? -1 : REAL(getentropy)(out, size);
}

/* ── Bytes ── */

/* Lets the owner hear of the descriptor again. */
static void announce(int fd)
{
    int error = errno;
    if (fd >= 0 && fd < WATCHED_MAX && watched[fd].epoll != 0)
        REAL(epoll_ctl)(watched[fd].epoll, EPOLL_CTL_MOD, fd, &watched[fd].event);
    errno = error;
}

/* What can happen to a transfer over this descriptor: only sockets are reset, only a descriptor
 * that does not block has nothing to give at the moment, and the kernel needs no memory for an
 * eventfd or a signalfd, whose records are never cut. */
static unsigned ways_of(int fd, bool record)
{
    unsigned ways = MOVES;
    int type;
    socklen_t size = sizeof(type);
    int error = errno;
    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) != 0)
        ways &= ~BIT(WAY_ECONNRESET);
    if ((fcntl(fd, F_GETFL) & O_NONBLOCK) == 0)
        ways &= ~BIT(WAY_EAGAIN);
    if (record)
        ways &= ~(BIT(WAY_SHORT) | BIT(WAY_ENOMEM));
    errno = error;
    return ways;
}

/* True: the call fails. False: it is made, of *size bytes. */
static bool transfer_fails(const char *name, int fd, size_t *size)
{
    bool record = *size == sizeof(uint64_t) || *size == sizeof(struct signalfd_siginfo);
    if (control == NULL || !control->armed || !fails(name, ways_of(fd, record)))
        return false;
    if (control->way == WAY_SHORT || control->way == WAY_EAGAIN)
        announce(fd);
    if (control->way == WAY_SHORT)
        *size = *size > 0;
    return control->way != WAY_SHORT;
}

ssize_t read(int fd, void *out, size_t size)
{
    return transfer_fails("read", fd, &size) ? -1 : REAL(read)(fd, out, size);
}

ssize_t write(int fd, const void *data, size_t size)
{
    if (!transfer_fails("write", fd, &size))
        return REAL(write)(fd, data, size);
    if (errno == EAGAIN && size == sizeof(uint64_t)) { /* the counter was full, not empty */
        REAL(write)(fd, data, size);
        errno = EAGAIN;
    }
    return -1;
}

ssize_t recv(int fd, void *out, size_t size, int flags)
{
    return transfer_fails("recv", fd, &size) ? -1 : REAL(recv)(fd, out, size, flags);
}

ssize_t send(int fd, const void *data, size_t size, int flags)
{
    return transfer_fails("send", fd, &size) ? -1 : REAL(send)(fd, data, size, flags);
}

/* The server's own way to receive and send (src/io/stream.c). */
long syscall(long number, ...)
{
    long argument[6];
    va_list arguments;
    va_start(arguments, number);
    for (int i = 0; i < 6; i++)
        argument[i] = va_arg(arguments, long);
    va_end(arguments);
    size_t size = (size_t)argument[2];
    if ((number == SYS_recvfrom && transfer_fails("recvfrom", (int)argument[0], &size)) ||
        (number == SYS_sendto && transfer_fails("sendto", (int)argument[0], &size)))
        return -1;
    return REAL(syscall)(number, argument[0], argument[1], size, argument[3], argument[4],
                         argument[5]);
}
