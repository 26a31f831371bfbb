/*
 * The system calls that a process which has started may still make: a seccomp filter.
 */
#ifndef SYS_SYSCALLS_H
#define SYS_SYSCALLS_H

/* Installs the filter, for every thread; needs no_new_privs. Returns how many calls are allowed
 * (some of them with certain arguments only), or a negative errno: there is no filter then, because
 * the kernel has none or whoever started this process forbids it.
 *
 * A call that no server has a use for (execve, ptrace, mount, setuid, ...) ends the process with
 * SIGSYS, for it tells of somebody else at work. Any other fails with ENOSYS, so that what a newer
 * libc or libcurl tries first does no harm: they are made for older kernels, too. */
int syscalls_confine(void);

#endif
