/*
 * The decision: request + client + snapshot -> an answer, or the question "is this blob there?".
 *
 *   enum decide_next next = decide_begin(&snapshot, &request, &client, &decision);
 *   while (next == DECIDE_ASK)
 *       next = decide_resume(&decision, look_up(decision.ask_store, &decision.digest));
 *   send(&decision.answer);
 *
 * Nothing is allocated, nothing blocks, no clock is read: the same inputs give the same answer, on
 * every door. Steps are numbered as in docs/request-handling.md. A decision may be suspended for as
 * long as its snapshot, request and buffer live, and copied, but not resumed twice from one state.
 */
#ifndef ARCHEIO_DECIDE_H
#define ARCHEIO_DECIDE_H

#include <archeio/digest.h>
#include <archeio/snapshot.h>

enum decide_method { DECIDE_GET, DECIDE_HEAD, DECIDE_OTHER };

enum decide_step {
    DECIDE_R1 = 1, /* method */
    DECIDE_R2,     /* info page */
    DECIDE_R3,     /* privacy page */
    DECIDE_R4,     /* not a registry path */
    DECIDE_R5,     /* /v2/ */
    DECIDE_R6,     /* catalog */
    DECIDE_R7,     /* unsafe path or query */
    DECIDE_R8,     /* signature */
    DECIDE_R9,     /* not a blob: upstream */
    DECIDE_R10,    /* digest malformed, or of an unknown algorithm */
    DECIDE_R11,    /* the network's blobs stay at the upstream */
    DECIDE_R12,    /* a store has it */
    DECIDE_R13,    /* no store has it, or nobody knows: upstream */
    DECIDE_ROUTE,  /* between R1 and R2: a route leads there */
};
#define DECIDE_STEPS 15 /* for arrays indexed by step; 0 is unused */

/* What the caller found out about the question. */
enum decide_existence { DECIDE_PRESENT, DECIDE_ABSENT, DECIDE_UNKNOWN };

enum decide_next { DECIDE_ANSWER, DECIDE_ASK };

#define DECIDE_NO_STORE UINT32_MAX
#define DECIDE_NO_ROUTE UINT32_MAX

/* The request target's longest form that is decided on; longer is the transport's 414. */
#define DECIDE_TARGET_MAX 8192

/* What a buffer must hold for a target of n bytes, whatever the decision. */
#define DECIDE_BUFFER_SIZE(snapshot, n) ((size_t)(snapshot)->prefix_max + 2 * (size_t)(n) + 160)

struct decide_request {
    enum decide_method method;
    struct str target; /* as received: origin-form or absolute-form (RFC 9112 section 3.2) */
    struct str host;   /* that it is sent to, a port may follow: the target's authority, else the
                        * field Host; empty if there is none */
    const struct str *headers; /* values of the fields that snapshot_header() names, in its order;
                                * of several lines the first; data is NULL where there is none. May
                                * be NULL if the snapshot names none */
    char *buffer;              /* the Location is written here, from its first byte */
    size_t size;               /* at least DECIDE_BUFFER_SIZE(snapshot, target.len) */
};

struct decide_answer {
    uint16_t status;     /* 200, 307, 400, 404, 405; of a route also 301, 302, 308, 4xx, 503 */
    uint8_t step;        /* enum decide_step */
    struct str location; /* into the request's buffer; empty unless a redirect */
    struct str body;     /* an OCI error; of step "route" a text, in the snapshot; else empty */
    uint32_t network;    /* of the client */
    uint32_t store;      /* that the client was sent to; DECIDE_NO_STORE otherwise */
    uint32_t route;      /* whose conditions hold; DECIDE_NO_ROUTE: none */
};

/* The Content-Type of an answer that has a body. */
static inline struct str decide_body_type(const struct decide_answer *answer)
{
    return answer->step == DECIDE_ROUTE ? STR("text/plain") : STR("application/json");
}

/* With status 405 the caller sends "Allow: GET, HEAD" (RFC 9110 section 15.5.6); for step R5,
 * "Docker-Distribution-Api-Version: registry/2.0". Every answer has a Content-Length. */
struct decision {
    struct decide_answer answer; /* valid after DECIDE_ANSWER */
    uint32_t ask_store;          /* valid after DECIDE_ASK: index of a store ... */
    struct digest digest;        /* ... that may hold this blob; or, if its size is 0, ... */
    struct str ask_path;    /* ... this object: its URL is the store's and this, which begins with a
                             * slash */
    struct str digest_text; /* of a blob: "sha256:<hex>", into the target or the buffer */

    /* Private to decide.c. */
    const struct snapshot *snapshot;
    struct str whole; /* the path: normalised if it is a registry's, else as it came */
    struct str path;  /* of a registry's: what is below "/v2/" */
    struct str query; /* with its '?'; empty if there is none */
    char *buffer;
    const uint16_t *candidate;
    const uint16_t *candidates_end;
    uint32_t target; /* of the route: the next, and the one behind the last */
    uint32_t targets_end;
    size_t replaced; /* bytes of the whole path in whose place a URL stands ... */
    size_t stripped; /* ... and those that stores and upstreams are not sent */
    uint8_t subject; /* what is asked for: private enum */
    bool asking;
};

/* The request's memory must outlive the decision. client may be of family ADDR_NONE. */
enum decide_next decide_begin(const struct snapshot *snapshot, const struct decide_request *request,
                              const struct addr *client, struct decision *decision);

/* Only after DECIDE_ASK. */
enum decide_next decide_resume(struct decision *decision, enum decide_existence existence);

/* "R9" and what the step is in a few words: "not a blob". Static. */
const char *decide_step_name(enum decide_step step);
const char *decide_step_text(enum decide_step step);

#endif
