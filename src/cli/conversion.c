#include "cli/conversion.h"

#include "config/quote.h"
#include "config/texts.h"
#include "sys/xalloc.h"
#include <stdlib.h>

#define NAME_ROOM 58 /* of the 64 bytes of a name, behind which a number may stand */

struct writer {
    FILE *to;
    struct config_texts taken; /* names */
};

/* A name that no other route has: with a number behind it, if need be. */
static const char *name_route(struct writer *w, const char *base)
{
    char *name = xalloc_text(base);
    for (unsigned i = 2; texts_have(&w->taken, name); i++) {
        free(name);
        name = xalloc_format("%.*s-%u", NAME_ROOM, base, i);
    }
    texts_add(&w->taken, str_from(name));
    free(name);
    return w->taken.text[w->taken.n - 1];
}

static void begin_route(struct writer *w, const char *name)
{
    fputs("  - name: ", w->to);
    quote_text(name, w->to);
    fputc('\n', w->to);
}

static void put_target(struct writer *w, const struct backends_entry *e)
{
    fputs("    to: {url: ", w->to);
    quote_quoted(e->url, w->to);
    fputs(", status: 302}\n", w->to);
}

/* The route that has the backend's own name is the first; the names of all backends are taken
 * already. */
static void put_condition(struct writer *w, const struct backends_entry *e, bool *begun)
{
    begin_route(w, *begun ? name_route(w, e->name) : e->name);
    *begun = true;
}

/* One condition of a backend suffices, all of a route's must hold: so each becomes a route. */
static void put_conditional(struct writer *w, const struct backends_entry *e)
{
    bool begun = false;
    if (e->paths.n > 0) {
        put_condition(w, e, &begun);
        fputs("    when: {path: ", w->to);
        quote_texts(&e->paths, w->to);
        fputs("}\n    strip: /     # that is nothing: the whole path is sent on\n", w->to);
        put_target(w, e);
    }
    if (e->clients.n > 0) {
        put_condition(w, e, &begun);
        fputs("    when: {network: ", w->to);
        quote_prefixes(&e->clients, w->to);
        fputs("}\n", w->to);
        put_target(w, e);
    }
    for (size_t i = 0; i < e->n_fields; i++) {
        put_condition(w, e, &begun);
        fputs("    when: {header: {", w->to);
        quote_quoted(e->fields[i].name, w->to);
        fputs(": ", w->to);
        quote_texts(&e->fields[i].values, w->to);
        fputs("}}\n", w->to);
        put_target(w, e);
    }
}

/* The first without conditions, or what is said where there is none. */
static void put_last(struct writer *w, const struct backends *b, struct diag *d)
{
    const struct backends_entry *last = NULL;
    for (size_t i = 0; i < b->n; i++) {
        const struct backends_entry *e = &b->entry[i];
        if (backends_is_conditional(e))
            continue;
        if (last != NULL)
            diag_warning(d, e->at,
                         "backends: %s is left out: %s, in line %u, takes all that no condition "
                         "is about",
                         e->name, last->name, last->at.line);
        else
            last = e;
    }
    begin_route(w, last != NULL ? last->name : name_route(w, "nothing-else"));
    if (last != NULL)
        put_target(w, last);
    else
        fputs("    to: {status: 404}\n", w->to);
}

void conversion_write(const struct backends *b, FILE *to, struct diag *d)
{
    struct writer w = {.to = to};
    for (size_t i = 0; i < b->n; i++)
        texts_add(&w.taken, str_from(b->entry[i].name));
    fputs("# Made by `archeio convert` from a configuration of the ArtifactServer.\n"
          "server:\n"
          "  client_address: x-real-ip   # else the peer\n"
          "\n"
          "# The routes take every request: none is sent here.\n"
          "upstream:\n"
          "  endpoint: ",
          to);
    quote_quoted(b->entry[0].url, to);
    fputs("\n\nroutes:\n", to);
    begin_route(&w, name_route(&w, "healthz"));
    fputs("    when: {path: /_/healthz}\n"
          "    to: {status: 200}\n",
          to);
    for (size_t i = 0; i < b->n; i++)
        if (backends_is_conditional(&b->entry[i]))
            put_conditional(&w, &b->entry[i]);
    put_last(&w, b, d);
    texts_clear(&w.taken);
}
