/*
 * Outbound HTTP over libcurl, with the rules that every use of it here shares: time limits, http(s)
 * only, redirects followed at most as often as said and never from https to http ("client/hop.h"),
 * and no redirect to an address that is loopback, private, link-local, multicast or unspecified,
 * unless the URL that was configured has a loopback or private address itself ("client/guard.h").
 */
#ifndef CLIENT_FETCH_H
#define CLIENT_FETCH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Opens libcurl; true on success and ever after. Otherwise *why is a static or library-owned text
 * that names the package to install. Safe from any thread. */
bool fetch_init(const char **why);

struct fetch_request {
    const char *url;
    bool https_only; /* refuse http from the beginning */
    long timeout_ms; /* for everything */
    long connect_timeout_ms;
    unsigned redirects;      /* followed at most; 0: none */
    void *into;              /* NULL, or: memory for the body, the caller's, of: */
    size_t max_bytes;        /* of the body; more is an error */
    const char *etag;        /* If-None-Match; NULL: unconditional */
    int64_t modified_since;  /* If-Modified-Since, Unix seconds; 0: none */
    const atomic_bool *stop; /* NULL, or: once true, it fails within a second or so */
};

struct fetch_response {
    long status; /* of the last response: 200, 304, ... */
    char *body;  /* owned, terminated behind len bytes; NULL if there was none, or it went into
                  * the caller's memory */
    size_t len;
    char etag[256];   /* "" if none (or too long to keep) */
    int64_t modified; /* Last-Modified; 0 if none */
};

/* GETs and waits. True if a response came whole, whatever its status; otherwise error says what
 * went wrong, with the host. Blocks: for the command line and threads of their own. */
bool fetch_get(const struct fetch_request *request, struct fetch_response *response,
               char error[256]);
void fetch_release(struct fetch_response *response);

#endif
