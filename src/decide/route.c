#include "decide/route.h"

#include "base/glob.h"
#include "policy/column.h"

#include <assert.h>

#define WORD 64U
#define HOST_MAX 255 /* bytes: RFC 1035 section 2.3.4 */
#define COLUMNS (6 + SNAPSHOT_HEADERS_MAX)
#define NETWORK_V4 3U /* bytes of an address that a share tells apart: /24, /48 */
#define NETWORK_V6 6U

static_assert(IMAGE_METHODS == DECIDE_HEAD + 1 && IMAGE_KINDS == PATH_SIGNATURE + 1,
              "there is a row for each");

bool route_facts_make(struct route_facts *facts, const struct decide_request *request,
                      const struct target *target, const struct addr *client)
{
    const bool registry = target_is_registry(target);
    *facts = (struct route_facts){
        .method = request->method,
        .kind = PATH_OTHER,
        .host = request->host,
        .path = registry ? target->path : target->raw,
        .repository = STR(""),
        .headers = request->headers,
        .client = client,
    };
    facts->object = facts->path;
    if (!registry || target->path.len <= sizeof("/v2/") - 1)
        return target_raw_is_safe(target);
    if (!target->safe)
        return false;
    struct path path = path_parse(str_skip(target->path, sizeof("/v2/") - 1));
    facts->kind = path.kind;
    facts->repository = path.repository;
    if (path.kind == PATH_BLOB)
        facts->object = path.reference;
    if (path.kind == PATH_MANIFEST && path_is_signature_tag(path.reference))
        facts->kind = PATH_SIGNATURE;
    return true;
}

/* The rows that the facts select, and which condition each is about. */
struct selection {
    const uint64_t *row[COLUMNS];
    enum route_condition about[COLUMNS];
    size_t n;
};

/* The first row, which holds every route, rules none out: mostly that is the row of most columns.
 */
static void add(struct selection *to, const struct snapshot *s, const uint64_t *row,
                enum route_condition about)
{
    if (row == s->rows)
        return;
    to->row[to->n] = row;
    to->about[to->n++] = about;
}

static void add_text(struct selection *to, const struct snapshot *s, const struct image_column *c,
                     struct str text, enum route_condition about)
{
    if (c->used != 0)
        add(to, s, column_row(s, c, text), about);
}

/* Without the port, in lower case, without the dot of a name that is absolute. */
static struct str plain_host(struct str host, char memory[HOST_MAX])
{
    size_t colon = str_find_last(host, ':');
    if (colon < host.len && str_find(str_skip(host, colon), ']') == host.len - colon)
        host.len = colon;
    if (host.len > 0 && host.data[host.len - 1] == '.')
        host.len--;
    if (host.len > HOST_MAX)
        return STR("");
    for (size_t i = 0; i < host.len; i++) {
        char c = host.data[i];
        memory[i] = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
    }
    return str_make(memory, host.len);
}

static void select_rows(const struct snapshot *s, const struct route_facts *f, struct selection *to)
{
    const struct image_header *h = s->image;
    char memory[HOST_MAX];
    to->n = 0;
    add(to, s, column_row_at(s, s->networks[f->network].row), ROUTE_CLIENT);
    add(to, s, column_row_at(s, h->method_row[f->method]), ROUTE_METHOD);
    add(to, s, column_row_at(s, h->kind_row[f->kind]), ROUTE_KIND);
    if (h->host.used != 0)
        add(to, s, column_row(s, &h->host, plain_host(f->host, memory)), ROUTE_HOST);
    add_text(to, s, &h->path, f->path, ROUTE_PATH);
    add_text(to, s, &h->repository, f->repository, ROUTE_REPOSITORY);
    for (uint32_t i = 0; i < s->n_headers; i++) {
        struct str value = f->headers != NULL ? f->headers[i] : STR("");
        add_text(to, s, &s->fields[i].column, value, ROUTE_HEADER);
    }
}

/* The pattern that matches; n if none does. */
static uint32_t match(const struct snapshot *s, uint32_t first, uint32_t n, struct str text)
{
    uint32_t i = 0;
    while (i < n && !glob_matches(column_text(s, s->patterns[first + i].text), text))
        i++;
    return i;
}

/* A client's network, not its address: whoever comes back by another address of the same is
 * treated alike. */
static bool is_in_share(const struct image_route *r, const struct route_facts *f)
{
    if (r->share > UINT32_MAX)
        return true;
    size_t len = f->client->family == ADDR_V4   ? NETWORK_V4
                 : f->client->family == ADDR_V6 ? NETWORK_V6
                                                : 0;
    uint64_t hash = image_hash(f->client->bytes, len, r->seed);
    hash = image_hash(f->object.data, f->object.len, hash);
    return hash >> 32 < r->share;
}

/* What rows cannot say. */
static enum route_condition look_closer(const struct snapshot *s, const struct route_facts *f,
                                        const struct image_route *r, size_t *replaced)
{
    *replaced = 0;
    if (r->n_paths > 0) {
        uint32_t i = match(s, r->paths, r->n_paths, f->path);
        if (i == r->n_paths)
            return ROUTE_PATH;
        *replaced = s->patterns[r->paths + i].replaced;
        if (*replaced > f->path.len)
            *replaced = f->path.len;
    }
    if (r->n_repositories > 0 &&
        (f->repository.len == 0 ||
         match(s, r->repositories, r->n_repositories, f->repository) == r->n_repositories))
        return ROUTE_REPOSITORY;
    return is_in_share(r, f) ? ROUTE_TAKEN : ROUTE_SHARE;
}

uint32_t route_find(const struct snapshot *s, const struct route_facts *facts, size_t *replaced)
{
    struct selection selected;
    select_rows(s, facts, &selected);
    for (uint32_t word = 0; word < s->row_words; word++) {
        uint64_t left = s->rows[word];
        for (size_t i = 0; i < selected.n; i++)
            left &= selected.row[i][word];
        for (; left != 0; left &= left - 1) {
            uint32_t i = word * WORD + (uint32_t)__builtin_ctzll(left);
            if (look_closer(s, facts, &s->routes[i], replaced) == ROUTE_TAKEN)
                return i;
        }
    }
    return DECIDE_NO_ROUTE;
}

enum route_condition route_test(const struct snapshot *s, const struct route_facts *facts,
                                uint32_t i)
{
    struct selection selected;
    size_t replaced;
    select_rows(s, facts, &selected);
    for (size_t column = 0; column < selected.n; column++)
        if ((selected.row[column][i / WORD] >> i % WORD & 1) == 0)
            return selected.about[column];
    return look_closer(s, facts, &s->routes[i], &replaced);
}
