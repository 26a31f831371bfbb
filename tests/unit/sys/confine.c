/* What a confined process may still do, and what it may not: each tried in a process of its own. */
#include "sys/confine.h"

#include "check.h"
#include "sys/log.h"
#include "sys/sanitized.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <netdb.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Ours is given to confine(), theirs is not; both are everybody's to write. */
static char ours[] = "/tmp/archeio-confine-XXXXXX", theirs[] = "/tmp/archeio-other-XXXXXX";

static const char *in(const char *directory, const char *name)
{
    static char path[128];
    snprintf(path, sizeof(path), "%s/%s", directory, name);
    return path;
}

static void make_file(const char *path)
{
    int fd = open(path, O_CREAT | O_WRONLY, 0666);
    assert_true(fd >= 0);
    assert_int_equal(fchmod(fd, 0666), 0);
    close(fd);
}

static int enter(void **state)
{
    (void)state;
    log_set_level(LOG_LEVEL_ERROR);
    if (mkdtemp(ours) == NULL || mkdtemp(theirs) == NULL)
        return -1;
    make_file(in(ours, "file"));
    make_file(in(theirs, "file"));
    return chmod(ours, 0777) + chmod(theirs, 0777);
}

static int leave(void **state)
{
    (void)state;
    unlink(in(ours, "file"));
    unlink(in(theirs, "file"));
    return rmdir(ours) + rmdir(theirs);
}

static bool confine_to_ours(const char *user)
{
    const struct landlock_path path = {ours, LANDLOCK_KEEP};
    return confine(&(struct confine_options){.user = user, .paths = &path, .n_paths = 1});
}

/* What a confined process tells of a deed: its own exit code or, of a killed one, 128 and the
 * signal. A deed returns 0 or an errno. */
static int outcome(int (*deed)(void))
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(confine_to_ours("") ? deed() : 255);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int told(long result)
{
    return result < 0 ? errno : 0;
}

static void holds_landlock(void)
{
    if (syscall(SYS_landlock_create_ruleset, NULL, 0, 1) < 0)
        skip();
}

/* ── What ends the process ── */

static int executes(void)
{
    char *argv[] = {(char *)(uintptr_t) "true", NULL};
    return told(execv("/bin/true", argv));
}

static int mounts(void)
{
    return told(mount("none", "/tmp", "tmpfs", 0, NULL));
}

static int becomes_root(void)
{
    return told(syscall(SYS_setuid, 0));
}

static int takes_capabilities(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct all[2] = {{~0U, ~0U, 0}, {0, 0, 0}};
    return told(syscall(SYS_capset, &header, all));
}

static int leaves_its_namespace(void)
{
    return told(unshare(CLONE_NEWUSER));
}

static int loads_a_program_into_the_kernel(void)
{
    return told(syscall(SYS_bpf, 0, NULL, 0));
}

static int opens_by_handle(void)
{
    return told(syscall(SYS_open_by_handle_at, AT_FDCWD, NULL, O_RDONLY));
}

static void what_tells_of_an_intruder_ends_the_process(void **state)
{
    (void)state;
    int (*const deed[])(void) = {executes,
                                 mounts,
                                 becomes_root,
                                 takes_capabilities,
                                 leaves_its_namespace,
                                 loads_a_program_into_the_kernel,
                                 opens_by_handle};
    for (size_t i = 0; i < sizeof(deed) / sizeof(*deed); i++)
        assert_int_equal(outcome(deed[i]), 128 + SIGSYS);
}

/* ── What is refused ── */

static int opens_unix_socket(void)
{
    return told(socket(AF_UNIX, SOCK_STREAM, 0));
}

static int opens_netlink(void)
{
    return told(socket(AF_NETLINK, SOCK_RAW, 0));
}

static int opens_packets(void)
{
    return told(socket(AF_PACKET, SOCK_RAW, 0));
}

static int opens_raw(void)
{
    return told(socket(AF_INET, SOCK_RAW, 1));
}

static int listens_anew(void)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    return told(listen(fd, 1));
}

static int calls_what_there_is_not(void)
{
    return told(syscall(4095));
}

static int signals_its_parent(void)
{
    return told(kill(getppid(), 0));
}

static void what_is_not_needed_fails(void **state)
{
    (void)state;
    assert_int_equal(outcome(opens_unix_socket), EAFNOSUPPORT);
    assert_int_equal(outcome(opens_netlink), EAFNOSUPPORT);
    assert_int_equal(outcome(opens_packets), EAFNOSUPPORT);
    assert_int_equal(outcome(opens_raw), ENOSYS);
    assert_int_equal(outcome(listens_anew), ENOSYS);
    assert_int_equal(outcome(calls_what_there_is_not), ENOSYS);
    assert_int_equal(outcome(signals_its_parent), ENOSYS);
}

#if !SANITIZED

static int traces(void)
{
    return told(ptrace(PTRACE_TRACEME, 0, NULL, NULL));
}

static int forks(void)
{
    return told(fork());
}

static int makes_writable_code(void)
{
    void *at =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return at == MAP_FAILED ? errno : 0;
}

static int makes_code_of_data(void)
{
    void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return at == MAP_FAILED ? 254 : told(mprotect(at, 4096, PROT_READ | PROT_EXEC));
}

static int signals_another(void)
{
    return told(syscall(SYS_tgkill, 1, 1, 0));
}

/* Sanitizers do all of that. */
static void no_process_is_made_or_traced_and_no_code_is_written(void **state)
{
    (void)state;
    assert_int_equal(outcome(traces), 128 + SIGSYS);
    assert_int_equal(outcome(forks), EPERM);
    assert_int_equal(outcome(makes_writable_code), ENOSYS);
    assert_int_equal(outcome(makes_code_of_data), EPERM);
    assert_int_equal(outcome(signals_another), ENOSYS);
}

#endif

/* ── Files ── */

static int writes_shadow(void)
{
    return told(open("/etc/shadow", O_WRONLY));
}

static int removes_theirs(void)
{
    return told(unlink(in(theirs, "file")));
}

static int writes_theirs(void)
{
    return told(open(in(theirs, "file"), O_WRONLY));
}

static int reads_theirs(void)
{
    return told(open(in(theirs, "file"), O_RDONLY));
}

static int makes_theirs(void)
{
    return told(open(in(theirs, "new"), O_WRONLY | O_CREAT, 0600));
}

static int makes_a_link(void)
{
    return told(syscall(SYS_symlinkat, "/etc/shadow", AT_FDCWD, in(ours, "link")));
}

static void other_files_are_out_of_reach(void **state)
{
    (void)state;
    holds_landlock();
    assert_int_equal(outcome(writes_shadow), EACCES);
    assert_int_equal(outcome(removes_theirs), EACCES);
    assert_int_equal(outcome(writes_theirs), EACCES);
    assert_int_equal(outcome(reads_theirs), EACCES);
    assert_int_equal(outcome(makes_theirs), EACCES);
    assert_int_equal(outcome(makes_a_link), ENOSYS);
}

static int replaces_ours(void)
{
    char path[128];
    snprintf(path, sizeof(path), "%s", in(ours, "new"));
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, "x", 1) != 1 || fchmod(fd, 0644) != 0 || fsync(fd) != 0)
        return errno;
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = 1}};
    if (futimens(fd, times) != 0 || close(fd) != 0 || rename(path, in(ours, "file")) != 0)
        return errno;
    fd = open(ours, O_RDONLY | O_DIRECTORY);
    return told(fd < 0 ? fd : fsync(fd));
}

static void own_files_are_replaced_and_read(void **state)
{
    (void)state;
    assert_int_equal(outcome(replaces_ours), 0);
}

/* ── What serving takes ── */

static void *nothing(void *argument)
{
    return prctl(PR_SET_NAME, "thread") == 0 ? argument : NULL;
}

static int starts_a_thread(void)
{
    pthread_t thread;
    void *result = NULL;
    int error = pthread_create(&thread, NULL, nothing, ours);
    return error != 0 ? error : pthread_join(thread, &result) != 0 || result != ours;
}

static int opens_a_library(void)
{
    return dlopen("libcurl.so.4", RTLD_NOW) != NULL ? 0 : 1;
}

static int looks_a_name_up(void)
{
    struct addrinfo *found = NULL;
    return getaddrinfo("localhost", "80", NULL, &found);
}

static int opens_sockets(void)
{
    int pair[2];
    if (socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0) < 0 ||
        socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0) < 0 || socket(AF_INET, SOCK_DGRAM, 0) < 0)
        return errno;
    return told(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
}

static int reads_certificates(void)
{
    return told(open("/etc/ssl/certs", O_RDONLY | O_DIRECTORY));
}

static void what_serving_takes_is_left(void **state)
{
    (void)state;
    int (*const deed[])(void) = {starts_a_thread, opens_a_library, looks_a_name_up, opens_sockets,
                                 reads_certificates};
    for (size_t i = 0; i < sizeof(deed) / sizeof(*deed); i++)
        assert_int_equal(outcome(deed[i]), 0);
}

static int aborts(void)
{
    signal(SIGABRT, SIG_DFL);
    abort();
}

static void an_assertion_that_fails_still_aborts(void **state)
{
    (void)state;
    assert_int_equal(outcome(aborts), 128 + SIGABRT);
}

/* ── Privileges ── */

/* The line of /proc/self/status that begins so; "" if there is none. */
static const char *status_line(const char *name)
{
    static char text[8192];
    int fd = open("/proc/self/status", O_RDONLY);
    ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
    text[n > 0 ? n : 0] = '\0';
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n"))
        if (strncmp(line, name, strlen(name)) == 0)
            return line;
    return "";
}

static bool status_says(const char *line)
{
    return strcmp(status_line(line), line) == 0;
}

static int has_no_privileges(void)
{
    static const char *const lines[] = {"CapInh:\t0000000000000000",
                                        "CapPrm:\t0000000000000000",
                                        "CapEff:\t0000000000000000",
                                        "CapAmb:\t0000000000000000",
                                        "NoNewPrivs:\t1",
                                        "Seccomp:\t2"};
    for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++)
        if (!status_says(lines[i]))
            return (int)i + 1;
    return 0;
}

/* Real, effective, saved, and that of files. */
static bool none_is_root(const char *name, unsigned expected)
{
    unsigned id[4];
    int n = sscanf(status_line(name), "%*s %u %u %u %u", &id[0], &id[1], &id[2], &id[3]);
    for (int i = 0; i < n; i++)
        if (id[i] == 0 || id[i] != expected)
            return false;
    return n == 4;
}

static int is_no_longer_root(void)
{
    return none_is_root("Uid:", getuid()) && none_is_root("Gid:", getgid()) &&
                   strstr(status_line("Groups:"), "\t0 ") == NULL &&
                   status_says("CapBnd:\t0000000000000000")
               ? 0
               : 1;
}

static void no_privilege_is_left(void **state)
{
    (void)state;
    assert_int_equal(outcome(has_no_privileges), 0);
    if (geteuid() == 0)
        assert_int_equal(outcome(is_no_longer_root), 0);
}

static int user_after(const char *user)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(!confine_to_ours(user) ? 255 : geteuid() == 4242 ? 42 : geteuid() == 0 ? 0 : 1);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 254;
}

static void root_becomes_whom_the_setting_names(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    log_set_level(LOG_LEVEL_ERROR);
    assert_int_equal(user_after("4242"), 42);
    assert_int_equal(user_after("nobody"), 1);
    assert_int_equal(user_after("root"), 0);
    assert_int_equal(user_after("no-such-user"), 255);
}

#if !SANITIZED_THREAD /* it has a thread of its own */

/* As a container's root is who was given no capabilities. Not where there is another thread, which
 * keeps its capabilities: libc ends a process of which only a part can change its groups. */
static void root_without_capabilities_goes_on_unless_a_user_was_named(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
        struct __user_cap_data_struct none[2] = {{0}};
        if (syscall(SYS_capset, &header, none) != 0)
            _exit(1);
        _exit(confine_to_ours("nobody") ? 2 : !confine_to_ours("") ? 3 : has_no_privileges());
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_tells_of_an_intruder_ends_the_process),
        cmocka_unit_test(what_is_not_needed_fails),
#if !SANITIZED
        cmocka_unit_test(no_process_is_made_or_traced_and_no_code_is_written),
#endif
        cmocka_unit_test(other_files_are_out_of_reach),
        cmocka_unit_test(own_files_are_replaced_and_read),
        cmocka_unit_test(what_serving_takes_is_left),
        cmocka_unit_test(an_assertion_that_fails_still_aborts),
        cmocka_unit_test(no_privilege_is_left),
        cmocka_unit_test(root_becomes_whom_the_setting_names),
#if !SANITIZED_THREAD /* it has a thread of its own */
        cmocka_unit_test(root_without_capabilities_goes_on_unless_a_user_was_named),
#endif
    };
    return cmocka_run_group_tests(tests, enter, leave);
}
