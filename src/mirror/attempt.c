#include "mirror/attempt.h"

#include "mirror/retry.h"
#include "sys/clock.h"

bool attempt_again(unsigned *attempts, int64_t after, const char *why, struct report *report,
                   struct crew_result *result)
{
    if (++*attempts >= RETRY_ATTEMPTS)
        return false;
    report_retry(report, why);
    result->verdict = CREW_AGAIN;
    result->after = retry_delay(*attempts, after, (uint64_t)clock_now());
    return true;
}

bool attempt_store_again(unsigned *attempts, const struct store_outcome *out, const char *what,
                         struct report *report, struct crew_result *result)
{
    if (out->result == STORE_RETRY &&
        attempt_again(attempts, out->after, out->error, report, result))
        return true;
    report_failure(report, what, out->error);
    return false;
}
