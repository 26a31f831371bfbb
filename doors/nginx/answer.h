/*
 * Sends what was decided, with the fields that archeio's own server sends.
 */
#ifndef ANSWER_H
#define ANSWER_H

#include <archeio/decide.h>
#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

/* The answer's Location must live as long as the request. Returns what a handler of content
 * returns. */
ngx_int_t answer_send(ngx_http_request_t *r, const struct decide_answer *answer);

#endif
