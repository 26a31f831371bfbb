/*
 * One request -> one answer: who the client is, the decision, its questions, the local response.
 */
#ifndef ENVOY_REQUEST_H
#define ENVOY_REQUEST_H

#include "root.h"

/* A request has come: what the host is to do with it, enum abi_action. */
uint32_t request_begin(struct root *r, uint32_t context);

/* Answers all that need wait no longer. */
void request_go_on(struct root *r);

#endif
