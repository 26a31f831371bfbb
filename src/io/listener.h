/*
 * Listening sockets. Several may share one address (SO_REUSEPORT), one per thread.
 */
#ifndef IO_LISTENER_H
#define IO_LISTENER_H

#include "io/loop.h"
#include "ip/endpoint.h"

/* An accepted connection on its way to stream_open(). */
struct listener_socket {
    int fd; /* private */
};

struct listener {
    struct loop_source source; /* private, as all but the pointers */
    struct loop *loop;
    void *owner;
    /* Takes the socket over; false: it was closed, and the listener goes on. */
    void (*accepted)(struct listener *l, struct listener_socket socket, const struct addr *peer);
    /* Connections that could not be accepted because descriptors or memory ran out. */
    void (*shed)(struct listener *l);
    int spare; /* a descriptor to give up when there are no more */
};

/* Whether nobody listens there now: 0 or an errno. SO_REUSEPORT alone would let a second server of
 * the same user share the port unnoticed. */
int listener_probe(const struct endpoint *address);

/* Binds and listens; connections queue up from now on. A port of 0 becomes the one that was chosen;
 * "[::]" is both families, and 0.0.0.0 where there is no IPv6. 0 or an errno. */
int listener_open(struct listener *l, struct endpoint *address);

/* Begins to hand connections over; loop, owner and the functions are set. 0 or an errno. */
int listener_start(struct listener *l);

/* Accepts some of what has queued up; true if there was something. */
bool listener_accept(struct listener *l);

/* No new connection is begun on it from now on (the first packet is dropped, and its sender tries
 * again a second later; or it is refused, where the kernel permits no more), while those being
 * begun still become accepted: closing one of several listeners resets what waits for it, so first
 * the arrivals are stopped, then the queue is emptied.
 */
void listener_refuse(struct listener *l);

void listener_close(struct listener *l);

/* Refuses a connection. */
void listener_drop(struct listener_socket socket);

/* What an errno of these functions means to the one who set the address, and what to do. */
const char *listener_reason(int error);

#endif
