#include "answer.h"

static bool set_field(ngx_http_request_t *r, ngx_str_t name, ngx_str_t value)
{
    ngx_table_elt_t *field = ngx_list_push(&r->headers_out.headers);
    if (field == NULL)
        return false;
    *field = (ngx_table_elt_t){.hash = 1, .key = name, .value = value};
    return true;
}

static bool set_location(ngx_http_request_t *r, struct str location)
{
    ngx_table_elt_t *field = ngx_list_push(&r->headers_out.headers);
    if (field == NULL)
        return false;
    *field = (ngx_table_elt_t){
        .hash = 1,
        .key = ngx_string("Location"),
        .value = {location.len, (u_char *)location.data},
    };
    r->headers_out.location = field;
    return true;
}

/* The fields that go with a status or step. */
static bool set_fields(ngx_http_request_t *r, const struct decide_answer *answer)
{
    static const ngx_str_t allow = ngx_string("Allow"), methods = ngx_string("GET, HEAD"),
                           api = ngx_string("Docker-Distribution-Api-Version"),
                           version = ngx_string("registry/2.0");
    if (answer->location.len > 0)
        return set_location(r, answer->location);
    if (answer->status == NGX_HTTP_NOT_ALLOWED)
        return set_field(r, allow, methods);
    if (answer->step == DECIDE_R5)
        return set_field(r, api, version);
    return true;
}

static ngx_int_t send_body(ngx_http_request_t *r, struct str body)
{
    ngx_chain_t out = {.buf = ngx_calloc_buf(r->pool), .next = NULL};
    if (out.buf == NULL)
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    out.buf->pos = out.buf->start = (u_char *)body.data;
    out.buf->last = out.buf->end = out.buf->pos + body.len;
    out.buf->memory = 1; /* nobody may write to it */
    out.buf->last_buf = 1;
    out.buf->last_in_chain = 1;
    return ngx_http_output_filter(r, &out);
}

ngx_int_t answer_send(ngx_http_request_t *r, const struct decide_answer *answer)
{
    const struct str type = decide_body_type(answer);
    r->headers_out.status = answer->status;
    r->headers_out.content_length_n = (off_t)answer->body.len;
    if (answer->body.len > 0) {
        r->headers_out.content_type = (ngx_str_t){type.len, (u_char *)type.data};
        r->headers_out.content_type_len = r->headers_out.content_type.len;
    } else {
        r->header_only = 1;
    }
    if (r->main->count > 1)
        r->keepalive = 0; /* what goes on behind it shall not delay the connection's next request */
    if (!set_fields(r, answer))
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    ngx_int_t rc = ngx_http_send_header(r);
    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only)
        return rc;
    return send_body(r, answer->body);
}
