#include "load.h"

#include "policy/image.h"
#include "sys/file.h"

#include <stdlib.h>

static struct conf_policy *find(const ngx_array_t *policies, const ngx_str_t *file)
{
    struct conf_policy **policy = policies->elts;
    for (ngx_uint_t i = 0; i < policies->nelts; i++)
        if (policy[i]->file.len == file->len &&
            ngx_memcmp(policy[i]->file.data, file->data, file->len) == 0)
            return policy[i];
    return NULL;
}

/* Into memory of our own, not as a mapping: somebody may truncate the file. Of a pipe, nginx would
 * wait for whoever writes to it, on each reload. */
static char *read_image(ngx_conf_t *cf, const ngx_str_t *file, size_t *size)
{
    char *image;
    ngx_file_info_t info;
    ngx_pool_cleanup_t *cleanup = ngx_pool_cleanup_add(cf->pool, 0);
    if (cleanup == NULL)
        return NULL;
    if (ngx_file_info(file->data, &info) != NGX_FILE_ERROR && !ngx_is_file(&info)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "snapshot \"%V\" is no regular file; make one with `archeio compile`",
                           file);
        return NULL;
    }
    int error = file_read((const char *)file->data, IMAGE_SIZE_MAX, &image, size, NULL);
    if (error != 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, error, "snapshot \"%V\" cannot be read", file);
        return NULL;
    }
    cleanup->handler = free;
    cleanup->data = image;
    return image;
}

static struct conf_policy *load(ngx_conf_t *cf, const ngx_str_t *file)
{
    size_t size = 0;
    struct conf_policy *policy = ngx_pcalloc(cf->pool, sizeof(*policy));
    const char *image = policy != NULL ? read_image(cf, file, &size) : NULL;
    if (image == NULL)
        return NULL;
    const char *why = snapshot_open(&policy->snapshot, image, size);
    if (why != NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "snapshot \"%V\": %s", file, why);
        return NULL;
    }
    policy->file = *file;
    policy->store = ngx_pcalloc(cf->pool, policy->snapshot.n_stores * sizeof(policy->store[0]));
    return policy->store != NULL ? policy : NULL;
}

struct conf_policy *load_policy(ngx_conf_t *cf, ngx_str_t file)
{
    struct conf_main *conf = ngx_http_conf_get_module_main_conf(cf, ngx_http_archeio_module);
    if (ngx_conf_full_name(cf->cycle, &file, 1) != NGX_OK)
        return NULL;
    struct conf_policy *policy = find(&conf->policies, &file);
    if (policy != NULL)
        return policy;
    struct conf_policy **entry = ngx_array_push(&conf->policies);
    if (entry == NULL)
        return NULL;
    *entry = load(cf, &file);
    return *entry;
}
