#include "server/admin.h"

#include "server/metrics.h"
#include "server/pages.h"
#include "sys/log.h"

#include <stdlib.h>
#include <string.h>

static void set_text(struct pages_answer *out, const char *status, const char *text)
{
    *out = (struct pages_answer){status, strdup(text), strlen(text)};
}

static bool answer(void *owner, struct str path, struct pages_answer *out)
{
    struct control *s = owner;
    if (str_eq(path, STR("/metrics"))) {
        out->status = "200 OK";
        out->body = metrics_text(s, &out->len);
    } else if (str_eq(path, STR("/healthz"))) {
        set_text(out, "200 OK", "ok\n");
    } else if (str_eq(path, STR("/readyz"))) {
        set_text(out, s->draining ? "503 Service Unavailable" : "200 OK",
                 s->draining ? "draining\n" : "ok\n");
    } else {
        return false;
    }
    return true;
}

bool admin_open(struct control *s, const struct config_server *config)
{
    const char *why;
    if (config->admin[0] == '\0')
        return true;
    s->admin =
        pages_open(&s->loop, config->admin,
                   &(struct pages_options){answer, s, "/metrics, /healthz or /readyz\n"}, &why);
    if (s->admin != NULL)
        return true;
    if (config->admin_is_default) {
        log_warning("server.admin: cannot listen on \"%s\": %s; going on without metrics",
                    config->admin, why);
        return true;
    }
    log_error("server.admin: cannot listen on \"%s\": %s", config->admin, why);
    return false;
}
