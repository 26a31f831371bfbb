#include "mirror/retry.h"

#include "base/num.h"
#include "mirror/stamp.h"

#define FIRST 500 /* milliseconds, as below: the limit after the first failure */
#define LONGEST 30000

bool retry_status(long status)
{
    return status == 408 || status == 429 || status == 499 || status == 500 ||
           (status >= 502 && status <= 504);
}

static int64_t bounded(int64_t ms)
{
    if (ms < 0)
        return 0;
    return ms < RETRY_AFTER_MAX ? ms : RETRY_AFTER_MAX;
}

int64_t retry_after(const char *value, int64_t now)
{
    uint64_t seconds;
    int64_t at;
    if (value == NULL)
        return 0;
    if (num_parse(str_from(value), RETRY_AFTER_MAX, &seconds))
        return bounded((int64_t)seconds * 1000);
    if (!stamp_http(value, &at) || at <= now)
        return 0;
    return bounded(at - now < RETRY_AFTER_MAX ? (at - now) * 1000 : RETRY_AFTER_MAX);
}

int64_t retry_delay(unsigned attempt, int64_t after, uint64_t random)
{
    int64_t limit = FIRST;
    for (unsigned i = 1; i < attempt && limit < LONGEST; i++)
        limit *= 2;
    if (limit > LONGEST)
        limit = LONGEST;
    int64_t delay = (int64_t)(random % (uint64_t)(limit + 1));
    return delay > after ? delay : after;
}
