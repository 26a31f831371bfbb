#include "http/http_request.h"

#define VIEWS 6

enum decide_method http_request_method(struct str name)
{
    if (str_eq(name, STR("GET")))
        return DECIDE_GET;
    return str_eq(name, STR("HEAD")) ? DECIDE_HEAD : DECIDE_OTHER;
}

static void views_of(struct http_request *r, struct str *view[VIEWS])
{
    view[0] = &r->method_text;
    view[1] = &r->target;
    view[2] = &r->host;
    view[3] = &r->user_agent;
    view[4] = &r->traceparent;
    view[5] = &r->cloud_trace;
}

size_t http_request_size(const struct http_request *r)
{
    size_t size = r->method_text.len + r->target.len + r->host.len + r->user_agent.len +
                  r->traceparent.len + r->cloud_trace.len;
    for (size_t i = 0; i < r->n_forwarded_for; i++)
        size += r->forwarded_for[i].len;
    for (size_t i = 0; i < r->n_wanted; i++)
        size += r->wanted[i].len;
    return size;
}

static char *copy_view(struct str *view, char *memory)
{
    if (view->len > 0)
        memcpy(memory, view->data, view->len);
    view->data = memory;
    return memory + view->len;
}

void http_request_copy(struct http_request *to, const struct http_request *from, char *memory)
{
    struct str *view[VIEWS];
    *to = *from;
    views_of(to, view);
    for (size_t i = 0; i < VIEWS; i++)
        memory = copy_view(view[i], memory);
    for (size_t i = 0; i < to->n_forwarded_for; i++)
        memory = copy_view(&to->forwarded_for[i], memory);
    for (size_t i = 0; i < to->n_wanted; i++)
        if (to->wanted[i].data != NULL)
            memory = copy_view(&to->wanted[i], memory);
}
