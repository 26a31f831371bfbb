#include "variable.h"

#include "request.h"

/* Of a decision that was made. */
static const struct request *answered(const ngx_http_request_t *r)
{
    const struct request *q = ngx_http_get_module_ctx(r->main, ngx_http_archeio_module);
    return q != NULL && q->answered ? q : NULL;
}

static struct str reason_of(const struct request *q)
{
    return str_from(decide_step_name(q->decision.answer.step));
}

static struct str route_of(const struct request *q)
{
    uint32_t route = q->decision.answer.route;
    return route != DECIDE_NO_ROUTE ? snapshot_route(&q->conf->policy->snapshot, route).name
                                    : STR("");
}

static struct str store_of(const struct request *q)
{
    uint32_t store = q->decision.answer.store;
    return store != DECIDE_NO_STORE ? snapshot_store(&q->conf->policy->snapshot, store).name
                                    : STR("");
}

static struct str cloud_of(const struct request *q)
{
    return snapshot_network(&q->conf->policy->snapshot, q->decision.answer.network).cloud;
}

static struct str region_of(const struct request *q)
{
    return snapshot_network(&q->conf->policy->snapshot, q->decision.answer.network).region;
}

static const struct {
    ngx_str_t name;
    struct str (*get)(const struct request *q);
} variable[] = {
    {ngx_string("archeio_reason"), reason_of}, {ngx_string("archeio_route"), route_of},
    {ngx_string("archeio_store"), store_of},   {ngx_string("archeio_cloud"), cloud_of},
    {ngx_string("archeio_region"), region_of},
};
#define N_VARIABLES (sizeof(variable) / sizeof(variable[0]))

static void set(ngx_variable_value_t *value, struct str text)
{
    value->len = (unsigned)text.len & 0xfffffff;
    value->data = (u_char *)text.data;
    value->not_found = text.len == 0;
    value->valid = text.len > 0;
    value->no_cacheable = 1;
}

static ngx_int_t get(ngx_http_request_t *r, ngx_variable_value_t *value, uintptr_t which)
{
    const struct request *q = answered(r);
    set(value, q != NULL ? variable[which].get(q) : STR(""));
    return NGX_OK;
}

static ngx_int_t get_question(ngx_http_request_t *r, ngx_variable_value_t *value, uintptr_t unused)
{
    const struct flight *f =
        r != r->main ? ngx_http_get_module_ctx(r, ngx_http_archeio_module) : NULL;
    ngx_str_t url = f != NULL ? flight_url(f) : (ngx_str_t)ngx_null_string;
    set(value, str_make((const char *)url.data, url.len));
    return NGX_OK;
}

/* Not cached: subrequests share their request's values. */
static bool add(ngx_conf_t *cf, ngx_str_t name, ngx_http_get_variable_pt handler, uintptr_t data)
{
    ngx_http_variable_t *v = ngx_http_add_variable(cf, &name, NGX_HTTP_VAR_NOCACHEABLE);
    if (v == NULL)
        return false;
    v->get_handler = handler;
    v->data = data;
    return true;
}

ngx_int_t variable_add(ngx_conf_t *cf)
{
    bool ok = add(cf, (ngx_str_t)ngx_string("archeio_question"), get_question, 0);
    for (uintptr_t i = 0; i < N_VARIABLES; i++)
        ok = ok && add(cf, variable[i].name, get, i);
    return ok ? NGX_OK : NGX_ERROR;
}
