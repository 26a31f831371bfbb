/*
 * A transfer and the redirects behind it, one hop at a time: libcurl is never told to follow, so
 * that every hop passes the same rules. http(s) only; never from https to http; at most as often as
 * said; and no redirect to an address that "client/guard.h" refuses. It is the address really
 * connected to that counts, not what a name resolved to at another time. libcurl keeps all fields
 * of a response, and those behind a chunked body without a bound: more than 256 KiB of them end
 * it.
 *
 * Behind a proxy of the environment (http_proxy and so on) names are the proxy's to resolve: what
 * redirects lead to always goes through it, and only addresses in the URL itself are refused here.
 */
#ifndef CLIENT_HOP_H
#define CLIENT_HOP_H

#include "client/guard.h"
#include "client/libcurl.h"

#include <stdbool.h>

/* Of one transfer; stays where it is while that lasts. */
struct hop {
    const struct libcurl *curl;
    CURL *easy;
    unsigned left; /* redirects that may still be followed */
    bool secure;   /* this hop is https */
    bool redirect; /* this hop came out of a redirect */
    bool proxied;  /* and goes through a proxy */
    bool refused;  /* its address was refused */
    bool starved;  /* there was no descriptor or memory for it here */
    size_t fields; /* bytes of the header fields that came, those of trailers, too */
    enum guard_class origin;
};

struct hop_options {
    const char *url;
    unsigned redirects;     /* followed at most */
    bool https_only;        /* from the beginning */
    const struct hop *from; /* whose response named the URL, which may not lead where its redirects
                             * may not; NULL: a person did */
};

/* Prepares a handle, fresh or reset, for the first hop. It sets URL, protocols, address checks, no
 * signals, the user agent; time limits and what to do with the answer are the caller's. */
void hop_begin(struct hop *h, const struct libcurl *curl, CURL *easy,
               const struct hop_options *options);

enum hop_next {
    HOP_DONE,    /* this was the last response */
    HOP_AGAIN,   /* a redirect: the handle is prepared, perform it again */
    HOP_REFUSED, /* a redirect that is not followed */
};

/* After a hop ended in CURLE_OK. *why (static) says why it is refused. */
enum hop_next hop_next(struct hop *h, const char **why);

/* Whether a hop that failed says nothing about the other side: this process had no descriptor or no
 * memory for it. */
bool hop_starved(const struct hop *h, CURLcode code);

/* What a failed hop failed of; error is the handle's CURLOPT_ERRORBUFFER. */
const char *hop_problem(const struct hop *h, CURLcode code, const char *error);

#endif
