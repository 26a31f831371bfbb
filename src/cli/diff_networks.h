/*
 * What `archeio diff` says of two snapshots by themselves: for clients of which networks which
 * requests are answered otherwise.
 */
#ifndef CLI_DIFF_NETWORKS_H
#define CLI_DIFF_NETWORKS_H

#include <archeio/snapshot.h>
#include <stdio.h>

/* Prints what differs; false: nothing does, and nothing was printed. */
bool diff_networks_print(const struct snapshot *before, const struct snapshot *after, FILE *to);

#endif
