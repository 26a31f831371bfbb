/*
 * What holds of connections to each listener: TLS, protocols, and who introduces clients with a
 * PROXY header. Made by the control thread from the configuration, used by all workers, and shared
 * by the generations that no reload of it lies between. The listener behind all others is the
 * decision endpoint's, whether it is open or not.
 */
#ifndef SERVER_LISTEN_H
#define SERVER_LISTEN_H

#include "config/config.h"
#include "io/tls.h"
#include "ranges/lookup.h"
#include "sys/diag.h"

struct listen_rule {
    struct tls_context *tls; /* NULL: in clear */
    unsigned protocols;      /* TLS_HTTP1 | TLS_H2 */
    bool introduced;         /* some peers send a PROXY header: */
    struct lookup proxies;   /* these must, and nobody else may */
};

struct listen_rules {
    unsigned references;       /* the control thread's */
    size_t n;                  /* the decision endpoint aside */
    struct listen_rule rule[]; /* as config_server.listen, and then the decision endpoint's */
};

/* NULL: d says what is wrong with certificates or keys, or that there is no memory. tickets: NULL
 * where nobody will connect. */
struct listen_rules *listen_rules_new(const struct config_server *config,
                                      struct tls_tickets *tickets, struct diag *d);

/* One more owner, and one less: the last one releases it. */
struct listen_rules *listen_rules_keep(struct listen_rules *r);
void listen_rules_release(struct listen_rules *r);

#endif
