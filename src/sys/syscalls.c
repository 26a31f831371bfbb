#include "sys/syscalls.h"

#include "sys/sanitized.h"

#include <errno.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

/* By name: not every processor has each, nor knows every libseccomp each. */
static const char *const allowed[] = {
    /* Serving */
    "accept", "accept4", "close", "epoll_create1", "epoll_ctl", "epoll_pwait", "epoll_pwait2",
    "epoll_wait", "eventfd2", "getpeername", "getsockname", "getsockopt", "poll", "ppoll",
    "pselect6", "read", "readv", "recvfrom", "recvmmsg", "recvmsg", "select", "sendmmsg", "sendmsg",
    "sendto", "setsockopt", "shutdown", "write", "writev",
    /* Asking stores, and names' servers */
    "connect", "pipe2",
    /* Files: reloads, ranges, databases of autonomous systems, the log, libraries opened late */
    "access", "dup", "faccessat", "faccessat2", "fadvise64", "fchmod", "fcntl", "fdatasync",
    "fstat", "fsync", "ftruncate", "getcwd", "getdents64", "lseek", "lstat", "memfd_create",
    "mkdir", "mkdirat", "newfstatat", "open", "openat", "pread64", "pwrite64", "readlink",
    "readlinkat", "rename", "renameat", "renameat2", "stat", "statx", "unlink", "unlinkat",
    "utimensat",
    /* Memory */
    "brk", "madvise", "mremap", "munmap",
    /* Threads and signals */
    "exit", "exit_group", "futex", "getpid", "gettid", "membarrier", "restart_syscall", "rseq",
    "rt_sigaction", "rt_sigpending", "rt_sigprocmask", "rt_sigreturn", "rt_sigtimedwait",
    "sched_getaffinity", "sched_setaffinity", "sched_yield", "set_robust_list", "sigaltstack",
    /* Time, chance, and what the system is */
    "clock_getres", "clock_gettime", "clock_nanosleep", "getcpu", "getegid", "geteuid", "getgid",
    "getrandom", "getrusage", "gettimeofday", "getuid", "nanosleep", "sysinfo", "time", "uname"};

struct rule {
    const char *name;
    uint32_t action;
    unsigned n;
    struct scmp_arg_cmp argument[2];
};

/* clang-format off */
#define IS(number, value) {number, SCMP_CMP_EQ, value, 0}
#define BELOW(number, value) {number, SCMP_CMP_LT, value, 0}
#define ABOVE(number, value) {number, SCMP_CMP_GT, value, 0}
#define BITS(number, mask, value) {number, SCMP_CMP_MASKED_EQ, mask, value}
/* clang-format on */

#define SOCK_KIND 0xf /* without SOCK_CLOEXEC and SOCK_NONBLOCK */

/* Calls that do many things. What no rule fits fails with ENOSYS. */
static const struct rule sockets[] = {
    /* TCP, and names' servers over UDP. libc and libcurl do without the others. */
    {"socket", SCMP_ACT_ALLOW, 2, {IS(0, AF_INET), BITS(1, SOCK_KIND, SOCK_STREAM)}},
    {"socket", SCMP_ACT_ALLOW, 2, {IS(0, AF_INET), BITS(1, SOCK_KIND, SOCK_DGRAM)}},
    {"socket", SCMP_ACT_ALLOW, 2, {IS(0, AF_INET6), BITS(1, SOCK_KIND, SOCK_STREAM)}},
    {"socket", SCMP_ACT_ALLOW, 2, {IS(0, AF_INET6), BITS(1, SOCK_KIND, SOCK_DGRAM)}},
    {"socket", SCMP_ACT_ERRNO(EAFNOSUPPORT), 1, {BELOW(0, AF_INET)}},
    {"socket", SCMP_ACT_ERRNO(EAFNOSUPPORT), 1, {ABOVE(0, AF_INET6)}},
    {"socketpair", SCMP_ACT_ALLOW, 1, {IS(0, AF_UNIX)}}, /* libcurl wakes itself with one */
    {"ioctl", SCMP_ACT_ALLOW, 1, {IS(1, FIONBIO)}},
    {"ioctl", SCMP_ACT_ALLOW, 1, {IS(1, FIONREAD)}},
};

static const char *const deadly[] = {
    /* Other programs, and what there is of this one elsewhere */
    "execve", "execveat", "process_vm_writev",
    /* Another identity, another view of the system */
    "capset", "chroot", "pivot_root", "setfsgid", "setfsuid", "setgid", "setgroups", "setns",
    "setregid", "setresgid", "setresuid", "setreuid", "setuid", "unshare",
    /* Files by other ways than a path */
    "mknod", "mknodat", "open_by_handle_at",
    /* The system itself */
    "acct", "add_key", "bpf", "clock_settime", "delete_module", "finit_module", "fsconfig",
    "fsmount", "fsopen", "fspick", "init_module", "ioperm", "iopl", "kexec_file_load", "kexec_load",
    "keyctl", "mount", "mount_setattr", "move_mount", "open_tree", "perf_event_open", "reboot",
    "request_key", "setdomainname", "sethostname", "settimeofday", "swapoff", "swapon", "umount2"};

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* Negative: this processor does not have it. */
static int number_of(const char *name)
{
    int number = seccomp_syscall_resolve_name(name);
    return number == __NR_SCMP_ERROR ? -1 : number;
}

static int add_names(scmp_filter_ctx filter, uint32_t action, const char *const *name, size_t n)
{
    int added = 0;
    for (size_t i = 0; i < n; i++) {
        int number = number_of(name[i]);
        if (number < 0)
            continue;
        int error = seccomp_rule_add(filter, action, number, 0);
        if (error != 0)
            return error;
        added++;
    }
    return added;
}

/* Rules of one call stand side by side. */
static int add_rules(scmp_filter_ctx filter, const struct rule *rule, size_t n)
{
    int calls = 0, last = -1;
    for (size_t i = 0; i < n; i++) {
        int number = number_of(rule[i].name);
        if (number < 0)
            continue;
        int error =
            seccomp_rule_add_array(filter, rule[i].action, number, rule[i].n, rule[i].argument);
        if (error != 0)
            return error;
        calls += number != last;
        last = number;
    }
    return calls;
}

/* ── Memory, threads and other processes ── */

#if SANITIZED

/* At its end a sanitizer looks for leaks from a process of its own, which traces this one. */
static int add_process(scmp_filter_ctx filter)
{
    static const char *const whole[] = {
        "clone", "fork",      "getdents",         "getppid", "mmap",   "mprotect",
        "prctl", "prlimit64", "process_vm_readv", "ptrace",  "tgkill", "wait4"};
    return add_names(filter, SCMP_ACT_ALLOW, whole, COUNT(whole));
}

#else

static int add_process(scmp_filter_ctx filter)
{
    static const char *const tracing[] = {"process_vm_readv", "ptrace"};
    const struct rule rules[] = {
        /* Threads. clone3 keeps its flags where no filter sees them, and libc then uses clone. */
        {"clone", SCMP_ACT_ALLOW, 1, {BITS(0, CLONE_THREAD, CLONE_THREAD)}},
        {"clone", SCMP_ACT_ERRNO(EPERM), 1, {BITS(0, CLONE_THREAD, 0)}},
        {"prctl", SCMP_ACT_ALLOW, 1, {IS(0, PR_SET_NAME)}},
        {"prlimit64", SCMP_ACT_ALLOW, 1, {IS(2, 0)}},                   /* sets none */
        {"tgkill", SCMP_ACT_ALLOW, 1, {IS(0, (scmp_datum_t)getpid())}}, /* abort() */
        /* Code comes from files, and is not written. */
        {"mmap", SCMP_ACT_ALLOW, 1, {BITS(2, PROT_EXEC, 0)}},
        {"mmap",
         SCMP_ACT_ALLOW,
         2,
         {BITS(2, PROT_EXEC | PROT_WRITE, PROT_EXEC), BITS(3, MAP_ANONYMOUS, 0)}},
        {"mprotect", SCMP_ACT_ALLOW, 1, {BITS(2, PROT_EXEC, 0)}},
        {"mprotect", SCMP_ACT_ERRNO(EPERM), 1, {BITS(2, PROT_EXEC, PROT_EXEC)}},
    };
    int error = add_names(filter, SCMP_ACT_KILL_PROCESS, tracing, COUNT(tracing));
    return error < 0 ? error : add_rules(filter, rules, COUNT(rules));
}

#endif

/* ── The filter ── */

/* Each as far as this libseccomp and this kernel have it.
 *
 * The older kernels that slow every filtered process down for fear of code that is not its own are
 * asked not to: all code here comes from files. A filter as a tree costs them less than a list. */
static void set_attributes(scmp_filter_ctx filter)
{
    (void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    (void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_SSB, 1);
    (void)seccomp_attr_set(filter, SCMP_FLTATR_API_SYSRAWRC, 1);
    (void)seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    (void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
}

static int build(scmp_filter_ctx filter)
{
    set_attributes(filter);
    int whole = add_names(filter, SCMP_ACT_ALLOW, allowed, COUNT(allowed));
    int ruled = whole < 0 ? whole : add_rules(filter, sockets, COUNT(sockets));
    int process = ruled < 0 ? ruled : add_process(filter);
    int error =
        process < 0 ? process : add_names(filter, SCMP_ACT_KILL_PROCESS, deadly, COUNT(deadly));
    return error < 0 ? error : whole + ruled + process;
}

int syscalls_confine(void)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
    if (filter == NULL)
        return -EINVAL;
    int calls = build(filter);
    int error = calls < 0 ? calls : seccomp_load(filter);
    seccomp_release(filter);
    return error < 0 ? error : calls;
}
