/*
 * The redirect server: workers, listeners, lifecycle, admin listener, access log.
 *
 * The calling thread becomes the control thread: signals, reloads, the admin listener.
 */
#ifndef SERVER_SERVER_H
#define SERVER_SERVER_H

#include "config/config.h"
#include "io/listener.h"
#include "ranges/compile.h"
#include "ranges/updater.h"
#include "server/listen.h"

/* What a reload or a ranges update brings. The server takes ownership of both; config is NULL on a
 * ranges update, which keeps the configuration. */
struct server_update {
    struct config *config;
    struct compile_image image;
};

/* Where it listens: addresses and ports as they really are. */
struct server_started {
    const struct endpoint *listen;
    size_t n_listen;
    bool decides;                     /* behind them is the address of the decision endpoint */
    const struct listen_rules *rules; /* what is spoken there */
    const char *admin; /* NULL: the admin listener is off, or its address was taken */
};

struct server_hooks {
    void *context;
    /* SIGHUP: reads everything anew. False: refused; it has logged why, and what runs stays. */
    bool (*reload)(void *context, struct server_update *out);
    /* Readable when the background ranges update has something new for take(), which is given the
     * configuration that runs; -1: there is none. */
    int updates_fd;
    bool (*take)(void *context, const struct config *running, struct server_update *out);
    /* For metrics. NULL: there is no background ranges update. */
    void (*ranges_status)(void *context, struct updater_status *out);
    /* Once, when every listener is bound and there is no thread yet: gives up what serving does not
     * need, and starts threads of its own. False: the server ends; it has logged why. NULL: none.
     */
    bool (*confine)(void *context);
    /* Once, when every listener listens: prints the banner. */
    void (*started)(void *context, const struct server_started *how);
};

/* Keeps the signals that server_run() waits for from every thread started later. Call it before the
 * first thread; server_run() does it, too. */
void server_block_signals(void);

/* Runs until SIGTERM or SIGINT and the drain that follows. Takes ownership of start's members.
 * Returns the exit code: 0, or 1 after one clear line (an address that is busy, privileged, bad).
 */
int server_run(struct server_update *start, const struct server_hooks *hooks);

#endif
