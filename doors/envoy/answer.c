#include "answer.h"

#include "abi.h"
#include "base/buf.h"
#include "pairs.h"

#define NAME "archeio"
#define FIELDS_MAX 4

static struct buf details_of(const struct snapshot *s, const struct decide_answer *a, char *memory,
                             size_t size)
{
    struct buf b = buf_make(memory, size);
    buf_str(&b, STR(NAME "_"));
    buf_text(&b, decide_step_name((enum decide_step)a->step));
    if (a->route != DECIDE_NO_ROUTE) {
        buf_char(&b, '_');
        buf_str(&b, snapshot_route(s, a->route).name);
    }
    if (a->store != DECIDE_NO_STORE) {
        buf_char(&b, '_');
        buf_str(&b, snapshot_store(s, a->store).name);
    }
    return b;
}

static uint32_t collect(const struct decide_answer *a, struct pairs_field field[FIELDS_MAX])
{
    uint32_t n = 0;
    if (a->location.len > 0)
        field[n++] = (struct pairs_field){STR("location"), a->location};
    if (a->status == 405)
        field[n++] = (struct pairs_field){STR("allow"), STR("GET, HEAD")};
    if (a->step == DECIDE_R5)
        field[n++] =
            (struct pairs_field){STR("docker-distribution-api-version"), STR("registry/2.0")};
    if (a->body.len > 0)
        field[n++] = (struct pairs_field){STR("content-type"), decide_body_type(a)};
    return n;
}

void answer_send(const struct snapshot *s, const struct decide_answer *a)
{
    struct pairs_field field[FIELDS_MAX];
    char memory[128];
    struct buf details = details_of(s, a, memory, sizeof(memory));
    uint32_t n = collect(a, field);
    struct str pairs = n > 0 ? pairs_write(field, n) : STR("");
    abi_send_response(a->status, details.data, details.len, a->body.data, a->body.len, pairs.data,
                      pairs.len, ABI_NO_GRPC_STATUS);
}

void answer_refuse(uint16_t status)
{
    abi_send_response(status, NAME, sizeof(NAME) - 1, NULL, 0, NULL, 0, ABI_NO_GRPC_STATUS);
}
