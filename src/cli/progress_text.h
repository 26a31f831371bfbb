/*
 * How far a run has come, as lines for a terminal: pure text, so that every width can be tested.
 */
#ifndef CLI_PROGRESS_TEXT_H
#define CLI_PROGRESS_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROGRESS_TEXT_FLIGHTS 8
#define PROGRESS_TEXT_LINES (1 + PROGRESS_TEXT_FLIGHTS)
#define PROGRESS_TEXT_COLUMNS 512 /* wider terminals are not filled */

#define PROGRESS_TEXT_NAME_MAX 512

struct progress_text_flight {
    char name[PROGRESS_TEXT_NAME_MAX];
    int64_t size; /* -1: not known */
    uint64_t got;
};

struct progress_text_state {
    uint64_t images, images_known; /* known of 0: not shown, here as below */
    uint64_t blobs, blobs_known;
    uint64_t bytes, bytes_known; /* known of 0: only what was done is shown */
    uint64_t retries;
    uint64_t failed;
    unsigned running;
    bool searching; /* more may become known */
    struct progress_text_flight flight[PROGRESS_TEXT_FLIGHTS];
    size_t n_flights;
};

struct progress_text_look {
    double rate; /* bytes a second */
    unsigned columns;
    unsigned lines; /* at most; at least 1 */
    bool colour;
};

struct progress_text {
    char line[PROGRESS_TEXT_LINES][PROGRESS_TEXT_COLUMNS + 16]; /* terminated, with colours */
    size_t n;
};

/* Printable ASCII, each line shorter than the terminal is wide: what is of least use is left out
 * first. */
void progress_text_make(const struct progress_text_state *s, const struct progress_text_look *look,
                        struct progress_text *out);

/* "1.5 MiB" */
#define PROGRESS_TEXT_BYTES_MAX 32
void progress_text_bytes(uint64_t bytes, char out[PROGRESS_TEXT_BYTES_MAX]);

#endif
