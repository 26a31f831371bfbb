#include "conf.h"

#include "load.h"
#include "request.h"
#include "sys/clock.h"

#define PRESENT_TTL (6 * 3600) /* seconds */
#define ABSENT_TTL 60
#define ERROR_TTL 5
#define TTL_MAX (366 * 24 * 3600)
#define WAIT 2000 /* ms */
#define WAIT_MAX (3600 * 1000)

#define REFUSE(cf, ...) (ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, __VA_ARGS__), NGX_CONF_ERROR)

void *conf_create_main(ngx_conf_t *cf)
{
    struct conf_main *conf = ngx_pcalloc(cf->pool, sizeof(*conf));
    if (conf == NULL ||
        ngx_array_init(&conf->policies, cf->pool, 4, sizeof(struct conf_policy *)) != NGX_OK)
        return NULL;
    return conf;
}

void *conf_create_location(ngx_conf_t *cf)
{
    struct conf_location *conf = ngx_pcalloc(cf->pool, sizeof(*conf));
    if (conf != NULL)
        conf->wait = NGX_CONF_UNSET_MSEC;
    return conf;
}

/* What a location that answers cannot do without. */
static char *check_location(ngx_conf_t *cf, const struct conf_location *conf)
{
    const struct conf_main *all = ngx_http_conf_get_module_main_conf(cf, ngx_http_archeio_module);
    const ngx_http_core_loc_conf_t *core =
        ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    if (conf->policy == NULL)
        return REFUSE(cf,
                      "location \"%V\": \"archeio\" without a policy; name the file that "
                      "`archeio compile` wrote: archeio_snapshot FILE;",
                      &core->name);
    if (conf->policy->snapshot.n_stores == 0)
        return NGX_CONF_OK;
    if (conf->existence.len == 0)
        return REFUSE(cf,
                      "location \"%V\": the snapshot names stores, and nobody to ask them; name "
                      "an internal location that does: archeio_existence URI;",
                      &core->name);
    if (all->zone == NULL)
        return REFUSE(cf,
                      "location \"%V\": the snapshot names stores, and there is no memory for "
                      "what they have; give some: archeio_cache zone=archeio:64m;",
                      &core->name);
    return NGX_CONF_OK;
}

char *conf_merge_location(ngx_conf_t *cf, void *parent, void *child)
{
    const struct conf_location *above = parent;
    struct conf_location *conf = child;
    if (conf->policy == NULL)
        conf->policy = above->policy;
    if (conf->existence.len == 0) {
        conf->existence = above->existence;
        conf->wait = above->wait;
    }
    ngx_conf_init_msec_value(conf->wait, WAIT);
    return conf->enabled ? check_location(cf, conf) : NGX_CONF_OK;
}

/* ── archeio_snapshot, archeio_existence, archeio ── */

char *conf_set_snapshot(ngx_conf_t *cf, ngx_command_t *command, void *conf)
{
    const ngx_str_t *value = cf->args->elts;
    struct conf_location *location = conf;
    if (location->policy != NULL)
        return "is duplicate";
    location->policy = load_policy(cf, value[1]);
    return location->policy != NULL ? NGX_CONF_OK : NGX_CONF_ERROR;
}

/* What stands behind "NAME=" in an argument; false: it is another. */
static ngx_int_t is_option(const ngx_str_t *argument, struct str name, ngx_str_t *value)
{
    if (!str_starts(str_make((char *)argument->data, argument->len), name))
        return 0;
    value->data = argument->data + name.len;
    value->len = argument->len - name.len;
    return 1;
}

char *conf_set_existence(ngx_conf_t *cf, ngx_command_t *command, void *conf)
{
    const ngx_str_t *value = cf->args->elts;
    struct conf_location *location = conf;
    ngx_str_t text;
    if (location->existence.len > 0)
        return "is duplicate";
    if (value[1].len == 0 || value[1].data[0] != '/')
        return REFUSE(cf, "\"%V\" is no URI of an internal location, such as /archeio-existence",
                      &value[1]);
    location->existence = value[1];
    if (cf->args->nelts < 3)
        return NGX_CONF_OK;
    ngx_int_t wait = NGX_ERROR;
    if (is_option(&value[2], STR("wait="), &text))
        wait = ngx_parse_time(&text, 0);
    if (wait == NGX_ERROR || wait > WAIT_MAX)
        return REFUSE(cf, "\"%V\": expected wait=TIME of 1h at most, such as wait=2s", &value[2]);
    location->wait = (ngx_msec_t)wait;
    return NGX_CONF_OK;
}

char *conf_set_archeio(ngx_conf_t *cf, ngx_command_t *command, void *conf)
{
    struct conf_location *location = conf;
    ngx_http_core_loc_conf_t *core = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    location->enabled = 1;
    core->handler = request_handle;
    return NGX_CONF_OK;
}

/* ── archeio_cache ── */

/* NULL: there is no room for it. */
static struct shared_store *open_store(ngx_shm_zone_t *zone, struct str url, bool by_path)
{
    const struct conf_main *conf = zone->data;
    struct shared_store *store = shared_store(conf->shared, url, by_path);
    if (store == NULL)
        ngx_log_error(NGX_LOG_ERR, zone->shm.log, 0,
                      "archeio_cache: zone \"%V\" has no room for another store: nobody is sent to "
                      "%*s; restart nginx, or enlarge the zone",
                      &zone->shm.name, url.len, url.data);
    return store;
}

/* Objects that have a path are asked for by routes alone. */
static void open_stores(ngx_shm_zone_t *zone, const struct conf_policy *policy)
{
    for (uint32_t i = 0; i < policy->snapshot.n_stores; i++) {
        struct snapshot_store store = snapshot_store(&policy->snapshot, i);
        policy->store[i].blobs.known = open_store(zone, store.objects, false);
        if (policy->snapshot.n_routes > 0)
            policy->store[i].paths.known = open_store(zone, store.base, true);
    }
}

/* The zone is there: finds what is known of the stores, whose numbers outlive this reload. */
static ngx_int_t open_zone(ngx_shm_zone_t *zone, void *data)
{
    struct conf_main *conf = zone->data;
    struct conf_policy **policy = conf->policies.elts;
    conf->shared = shared_open((ngx_slab_pool_t *)(void *)zone->shm.addr);
    if (conf->shared == NULL) {
        ngx_log_error(NGX_LOG_EMERG, zone->shm.log, 0, "archeio_cache: no room in zone \"%V\"",
                      &zone->shm.name);
        return NGX_ERROR;
    }
    for (ngx_uint_t i = 0; i < conf->policies.nelts; i++)
        open_stores(zone, policy[i]);
    return NGX_OK;
}

/* "NAME:SIZE" */
static char *set_zone(ngx_conf_t *cf, struct conf_main *conf, ngx_str_t value)
{
    if (conf->zone != NULL)
        return REFUSE(cf, "\"zone=%V\": there is a zone already, expected one", &value);
    u_char *colon = ngx_strlchr(value.data, value.data + value.len, ':');
    if (colon == NULL || colon == value.data)
        return REFUSE(cf, "\"%V\": expected zone=NAME:SIZE, such as zone=archeio:64m", &value);
    ngx_str_t name = {(size_t)(colon - value.data), value.data};
    ngx_str_t text = {value.len - name.len - 1, colon + 1};
    ssize_t size = ngx_parse_size(&text);
    if (size < SHARED_ZONE_MIN)
        return REFUSE(cf, "\"%V\" is no size for zone \"%V\", expected 1m or more", &text, &name);
    conf->zone = ngx_shared_memory_add(cf, &name, (size_t)size, &ngx_http_archeio_module);
    if (conf->zone == NULL)
        return NGX_CONF_ERROR;
    conf->zone->init = open_zone;
    conf->zone->data = conf;
    return NGX_CONF_OK;
}

static char *set_lifetime(ngx_conf_t *cf, struct conf_main *conf, const ngx_str_t *argument)
{
    static const struct {
        struct str name;
        size_t offset;
    } lifetime[] = {{STR_INIT("present_ttl="), offsetof(struct conf_main, present_ttl)},
                    {STR_INIT("absent_ttl="), offsetof(struct conf_main, absent_ttl)},
                    {STR_INIT("error_ttl="), offsetof(struct conf_main, error_ttl)}};
    ngx_str_t text;
    for (ngx_uint_t i = 0; i < sizeof(lifetime) / sizeof(lifetime[0]); i++) {
        if (!is_option(argument, lifetime[i].name, &text))
            continue;
        ngx_int_t seconds = ngx_parse_time(&text, 1);
        if (seconds == NGX_ERROR || seconds > TTL_MAX)
            return REFUSE(cf, "\"%V\": expected a time of 366d at most, such as 60s or 6h",
                          argument);
        *(int64_t *)(void *)((char *)conf + lifetime[i].offset) = seconds * CLOCK_S;
        return NGX_CONF_OK;
    }
    return REFUSE(cf, "\"%V\": expected zone=, present_ttl=, absent_ttl= or error_ttl=", argument);
}

char *conf_set_cache(ngx_conf_t *cf, ngx_command_t *command, void *conf)
{
    const ngx_str_t *value = cf->args->elts;
    struct conf_main *all = conf;
    ngx_str_t text;
    if (all->zone != NULL)
        return "is duplicate";
    all->present_ttl = PRESENT_TTL * CLOCK_S;
    all->absent_ttl = ABSENT_TTL * CLOCK_S;
    all->error_ttl = ERROR_TTL * CLOCK_S;
    for (ngx_uint_t i = 1; i < cf->args->nelts; i++) {
        char *result = is_option(&value[i], STR("zone="), &text) ? set_zone(cf, all, text)
                                                                 : set_lifetime(cf, all, &value[i]);
        if (result != NGX_CONF_OK)
            return result;
    }
    return all->zone != NULL ? NGX_CONF_OK : "needs zone=NAME:SIZE, such as zone=archeio:64m";
}
