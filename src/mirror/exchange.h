/*
 * HTTP for geranos' threads, over libcurl with the rules of "client/hop.h". Each thread has a
 * client of its own, which keeps connections; several exchanges may run on it at once, because a
 * blob is read from one server and written to others meanwhile.
 *
 * What must stay secret goes to the server that was named, and to no other: a redirect to another
 * scheme, host or port leaves it out (a presigned URL with credentials beside it is refused
 * anyway).
 */
#ifndef MIRROR_EXCHANGE_H
#define MIRROR_EXCHANGE_H

#include <archeio/str.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct exchange_client;

/* One thread's. stop: once true, everything fails within a second. NULL and *why (static): libcurl
 * or memory cannot be had. */
struct exchange_client *exchange_client_new(const atomic_bool *stop, const char **why);
void exchange_client_free(struct exchange_client *c);

struct exchange_field {
    const char *name;
    const char *value;
    bool secret;
};

enum exchange_flow {
    EXCHANGE_GO,
    EXCHANGE_LATER, /* not now: exchange_resume() */
    EXCHANGE_STOP,  /* not at all: the exchange fails */
};

/* All of it stays where it is until exchange_end(). */
struct exchange_request {
    const char *method; /* "GET" */
    const char *url;
    const struct exchange_field *fields;
    size_t n_fields;
    unsigned redirects; /* followed at most; 0: none */
    long timeout_ms;    /* for everything; 0: as long as it is not too slow ("mirror/patience.h") */
    bool patient;       /* slow is only what moves not a byte in a minute */
    size_t max_bytes;   /* of a body that is collected; more is an error */
    bool direct;        /* through no proxy: it is a service of this machine */
    void *owner;

    /* The response that named this URL, done and not ended; NULL: a person did. What a server names
     * may not lead to where its redirects may not ("client/guard.h"). */
    struct exchange *from;

    /* What comes in a 2xx response, piece by piece; what does not come so, or in another response,
     * is collected. */
    enum exchange_flow (*write)(void *owner, const char *data, size_t len);

    /* The request's body, of exactly `size` bytes: *len is how many there is room for, and becomes
     * how many were written. */
    enum exchange_flow (*read)(void *owner, char *data, size_t *len);
    int64_t size;
};

/* For read: takes bytes off the front of owner, a struct str of the whole body. */
enum exchange_flow exchange_read_str(void *owner, char *data, size_t *len);

struct exchange { /* read-only for its owner */
    bool done;
    bool slow;     /* it was too slow, and has failed */
    bool whole;    /* a response came, all of it, whatever its status */
    bool too_long; /* unless whole: what was to be collected is more than it may be */
    long status;   /* 0: none */
    int64_t delay; /* nanoseconds from the request's last byte to the (last) response's first, and
                      of one with a body to its end; 0: not known */
    char *body;    /* what was collected, terminated; NULL: nothing */
    size_t len;
    char error[256]; /* unless whole: what went wrong, with the host */
};

/* NULL: no memory. Nothing moves before exchange_turn(). */
struct exchange *exchange_begin(struct exchange_client *c, const struct exchange_request *r);

/* Moves all exchanges of a client, and waits up to so many milliseconds if nothing can be moved. */
void exchange_turn(struct exchange_client *c, int wait_ms);

/* Waits, unless everything is to stop. */
void exchange_sleep(struct exchange_client *c, int64_t ns);

/* A callback that said EXCHANGE_LATER is called again. */
void exchange_resume(struct exchange *x);

/* Hands over what was collected, to be free()d; NULL: nothing. */
char *exchange_take(struct exchange *x);

/* Releases it; one that is not done is broken off, and its connection with it. NULL is ignored. */
void exchange_end(struct exchange *x);

/* Runs one to its end. */
struct exchange *exchange_run(struct exchange_client *c, const struct exchange_request *r);

/* What a field of the request says, as it was given; NULL: there is none of that name. */
const char *exchange_asked(const struct exchange *x, const char *name);

/* The i-th field of the (last) response with this name; NULL: there are not so many. Valid until
 * the next call. */
const char *exchange_header(struct exchange *x, const char *name, size_t i);

/* The status of the response whose body is being written; 0: there is none yet. */
long exchange_status(struct exchange *x);

/* Where the response came from: the request's URL, or the last redirect's. */
const char *exchange_url(struct exchange *x);

/* It came from the server that the request's URL names, not from one that this redirects to. */
bool exchange_is_direct(struct exchange *x);

#endif
