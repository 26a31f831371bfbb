/*
 * One thread wakes another that waits for a descriptor: an eventfd. Being woken many times before
 * the first is heard is the same as once.
 */
#ifndef SYS_WAKE_H
#define SYS_WAKE_H

/* A descriptor that becomes readable when woken, and does not block; -1 and errno: none is to be
 * had. The caller closes it. */
int wake_open(void);

/* From any thread. */
void wake_send(int fd);

/* The one that was woken: the descriptor is not readable until the next time. */
void wake_hear(int fd);

#endif
