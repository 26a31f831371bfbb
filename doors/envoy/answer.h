/*
 * An answer, sent by Envoy as a local response: the fields that archeio's own server sends. Date,
 * Server, Content-Length and what else HTTP wants are Envoy's.
 */
#ifndef ENVOY_ANSWER_H
#define ENVOY_ANSWER_H

#include <archeio/decide.h>

/* Envoy's %RESPONSE_CODE_DETAILS% says which step it was, and which store: "archeio_R12_eu". */
void answer_send(const struct snapshot *s, const struct decide_answer *a);

/* An answer without a decision. */
void answer_refuse(uint16_t status);

#endif
