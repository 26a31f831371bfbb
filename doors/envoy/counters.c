#include "counters.h"

#include "abi.h"

#include <archeio/str.h>

static const struct str name_of[COUNTERS] = {
    [COUNTERS_PASSED] = STR_INIT("archeio_requests_passed"),
    [COUNTERS_SNAPSHOT_REFUSED] = STR_INIT("archeio_snapshot_refused"),
    [COUNTERS_CLIENT_UNUSABLE] = STR_INIT("archeio_client_unusable"),
    [COUNTERS_HEADS] = STR_INIT("archeio_heads"),
    [COUNTERS_HEAD_ERRORS] = STR_INIT("archeio_head_errors"),
    [COUNTERS_HEADS_REFUSED] = STR_INIT("archeio_heads_refused"),
    [COUNTERS_GAVE_UP] = STR_INIT("archeio_gave_up"),
    [COUNTERS_STORE_DOWN] = STR_INIT("archeio_store_down"),
};

struct counters counters_open(void)
{
    struct counters c = {0};
    for (int i = 0; i < COUNTERS; i++)
        abi_define_metric(ABI_COUNTER, name_of[i].data, name_of[i].len, &c.id[i]);
    return c;
}

void counters_add(const struct counters *c, enum counters_name name)
{
    abi_increment_metric(c->id[name], 1);
}
