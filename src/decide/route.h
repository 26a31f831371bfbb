/*
 * Which route a request takes: between steps R1 and R2.
 */
#ifndef DECIDE_ROUTE_H
#define DECIDE_ROUTE_H

#include "oci/path.h"
#include "oci/target.h"

#include <archeio/decide.h>

/* What routes look at. */
struct route_facts {
    enum decide_method method; /* GET or HEAD */
    enum path_kind kind;       /* PATH_SIGNATURE where it is one */
    struct str host;           /* as received: a port may follow */
    struct str path;           /* whole: "/v2/..." normalised, any other as it came */
    struct str repository;     /* empty: none */
    struct str object; /* what a share depends on beside the client: the digest or the path */
    const struct str *headers; /* as in struct decide_request */
    const struct addr *client;
    uint32_t network;
};

/* Why a route is not taken: the first of its conditions that fails. */
enum route_condition {
    ROUTE_TAKEN,  /* none fails */
    ROUTE_CLIENT, /* cloud, region, provider, asn, network */
    ROUTE_METHOD,
    ROUTE_KIND,
    ROUTE_HOST,
    ROUTE_PATH,
    ROUTE_REPOSITORY,
    ROUTE_HEADER,
    ROUTE_SHARE,
};

/* What routes see of a request for that target; its network is for the caller to fill in. False: no
 * route may lead there, because the path or query is unsafe. */
bool route_facts_make(struct route_facts *facts, const struct decide_request *request,
                      const struct target *target, const struct addr *client);

/* The first route whose conditions all hold; DECIDE_NO_ROUTE if there is none. *replaced: how many
 * bytes of the path a URL takes the place of. */
uint32_t route_find(const struct snapshot *s, const struct route_facts *facts, size_t *replaced);

/* For people: why route i is not taken, whatever comes before it. */
enum route_condition route_test(const struct snapshot *s, const struct route_facts *facts,
                                uint32_t i);

#endif
