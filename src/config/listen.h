/*
 * The list of listeners: each an address, or a mapping of an address and what is special about it.
 */
#ifndef CONFIG_LISTEN_H
#define CONFIG_LISTEN_H

#include "config/keys.h"

/* The keys of a listener, and of each pair of files of its `tls`. */
extern const struct keys listen_keys;
extern const struct keys listen_tls_keys;

/* Reads a list of listeners in the place of the configuration's. False: errors are in r->d. */
bool listen_read(struct reader *r, const struct document_node *list);

void listen_free(struct config_listen *listeners, size_t n);

/* Is the address all that can be said about it? It is then written as a text. */
bool listen_is_plain(const struct config_listen *l);

/* The words of a listener's `protocols`; NULL after the last. The i-th stands for bit i of
 * config_listen.protocols. */
extern const char *const listen_protocols[];

#endif
