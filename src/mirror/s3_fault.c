#include "mirror/s3_fault.h"

#include "mirror/retry.h"
#include "mirror/stamp.h"
#include "sys/clock.h"

#include <stdio.h>
#include <stdlib.h>

#define SKEW_LEAST_S 5 /* a clock that differs by less is not why a signature was refused */

typedef void judge(const struct s3_fault *f, struct store_outcome *out);

static void say(const struct s3_fault *f, struct store_outcome *out, const char *what)
{
    store_kind_say(out, STORE_FAILED, f->s3->name, "%s", what);
}

static void no_permission(const struct s3_fault *f, struct store_outcome *out)
{
    store_kind_say(out, STORE_FAILED, f->s3->name,
                   "no permission: allow the keys from %s s3:ListBucket on the bucket, and "
                   "s3:GetObject and s3:PutObject on what is in it",
                   credentials_source_name(f->s3->credentials));
}

static void no_bucket(const struct s3_fault *f, struct store_outcome *out)
{
    say(f, out, "there is no such bucket: create it, or correct the bucket, region or endpoint");
}

static void unknown_key(const struct s3_fault *f, struct store_outcome *out)
{
    store_kind_say(out, STORE_FAILED, f->s3->name,
                   "the store does not know the access key from %s: correct it, or the endpoint",
                   credentials_source_name(f->s3->credentials));
}

static void wrong_secret(const struct s3_fault *f, struct store_outcome *out)
{
    store_kind_say(out, STORE_FAILED, f->s3->name,
                   "the secret key from %s does not belong to its access key: correct it",
                   credentials_source_name(f->s3->credentials));
}

static void expired(const struct s3_fault *f, struct store_outcome *out)
{
    bool renewed = credentials_expired(f->s3->credentials, f->keys);
    store_kind_say(out, renewed ? STORE_RETRY : STORE_FAILED, f->s3->name,
                   "the credentials from %s have expired: %s",
                   credentials_source_name(f->s3->credentials),
                   renewed ? "there are new ones" : "renew them");
}

static void skewed(const struct s3_fault *f, struct store_outcome *out)
{
    int64_t theirs;
    bool known = stamp_http(f->date, &theirs);
    if (known && llabs(theirs - f->signed_at) >= SKEW_LEAST_S) {
        atomic_store(&f->s3->ahead, theirs - clock_wall());
        store_kind_say(out, STORE_RETRY, f->s3->name, "its clock differs by %lld s from this one's",
                       (long long)(theirs - f->signed_at));
    } else {
        say(f, out, "this machine's clock is wrong: set it");
    }
}

static void elsewhere(const struct s3_fault *f, struct store_outcome *out)
{
    if (f->error.region[0] != '\0')
        store_kind_say(out, STORE_FAILED, f->s3->name, "the region is %s and not %s: say region=%s",
                       f->error.region, f->s3->region, f->error.region);
    else
        store_kind_say(out, STORE_FAILED, f->s3->name,
                       "the bucket is not in region %s at %s: correct region and endpoint",
                       f->s3->region, f->s3->host);
}

static void wrong_content(const struct s3_fault *f, struct store_outcome *out)
{
    store_kind_say(out, STORE_REFUSED, f->s3->name,
                   "the content is not what its digest says (%s); nothing was written",
                   f->error.code);
}

static void full(const struct s3_fault *f, struct store_outcome *out)
{
    say(f, out, "the store is full, or a quota is used up: make room and run it again");
}

static void slow_down(const struct s3_fault *f, struct store_outcome *out)
{
    store_kind_say(out, STORE_RETRY, f->s3->name, "it is asked for too much (HTTP %ld %s)",
                   f->status, f->error.code);
    out->after = f->after;
    out->throttled = true;
}

static void again(const struct s3_fault *f, struct store_outcome *out)
{
    store_kind_say(out, STORE_RETRY, f->s3->name, "HTTP %ld %s", f->status, f->error.code);
    out->after = f->after;
}

static void missing(const struct s3_fault *f, struct store_outcome *out)
{
    (void)f;
    store_kind_end(out, STORE_MISSING);
}

static void there(const struct s3_fault *f, struct store_outcome *out)
{
    (void)f;
    store_kind_end(out, STORE_THERE);
}

static void other(const struct s3_fault *f, struct store_outcome *out)
{
    bool has_words = f->error.message[0] != '\0';
    store_kind_say(out, STORE_FAILED, f->s3->name, "HTTP %ld%s%s%s%s", f->status,
                   f->error.code[0] != '\0' ? " " : "", f->error.code, has_words ? ": " : "",
                   has_words ? f->error.message : "");
}

static const struct {
    const char *code;
    judge *judge;
} by_code[] = {
    {"AccessDenied", no_permission},
    {"AllAccessDisabled", no_permission},
    {"AccountProblem", no_permission},
    {"UnauthorizedAccess", no_permission},
    {"NoSuchBucket", no_bucket},
    {"InvalidBucketName", no_bucket},
    {"InvalidAccessKeyId", unknown_key},
    {"XAdminUserNotFound", unknown_key}, /* versitygw's, with 404 */
    {"SignatureDoesNotMatch", wrong_secret},
    {"ExpiredToken", expired},
    {"ExpiredTokenException", expired},
    {"TokenRefreshRequired", expired},
    {"InvalidToken", expired},
    {"RequestTimeTooSkewed", skewed},
    {"RequestExpired", skewed},
    {"PermanentRedirect", elsewhere},
    {"TemporaryRedirect", elsewhere},
    {"AuthorizationHeaderMalformed", elsewhere},
    {"IllegalLocationConstraintException", elsewhere},
    {"XAmzContentSHA256Mismatch", wrong_content},
    {"XAmzContentChecksumMismatch", wrong_content},
    {"BadDigest", wrong_content},
    {"QuotaExceeded", full},
    {"InsufficientCapacity", full},
    {"SlowDown", slow_down},
    {"SlowDownRead", slow_down},
    {"SlowDownWrite", slow_down},
    {"Throttling", slow_down},
    {"ThrottlingException", slow_down},
    {"TooManyRequests", slow_down},
    {"RequestLimitExceeded", slow_down},
    {"ServiceUnavailable", slow_down},
    {"InternalError", again},
    {"RequestTimeout", again},
    {"IncompleteBody", again},
    {"OperationAborted", again},
    {"ConditionalRequestConflict", again},
    {"NoSuchKey", missing},
    {"NoSuchUpload", missing},
    {"PreconditionFailed", there},
};

static judge *by_status(long status)
{
    switch (status) {
    case 301:
    case 307:
        return elsewhere;
    case 304:
    case 412:
        return there;
    case 401:
    case 403:
        return no_permission;
    case 404:
        return missing;
    case 409:
        return again;
    case 429:
    case 503:
        return slow_down;
    case 507:
        return full;
    default:
        return retry_status(status) ? again : other;
    }
}

#define TELLING 16 /* characters of a secret that are too many */

static bool repeats(const char *text, const char *secret)
{
    size_t len = strlen(secret);
    for (size_t i = 0; i + TELLING <= len; i++)
        if (memmem(text, strlen(text), secret + i, TELLING) != NULL)
            return true;
    return len > 0 && strstr(text, secret) != NULL;
}

/* A server that repeats what it was sent is not repeated. */
static void forget(char *text, const struct credentials_keys *keys)
{
    if (repeats(text, keys->token) || repeats(text, keys->secret_key) ||
        strstr(text, "Signature=") != NULL)
        text[0] = '\0';
}

void s3_fault_judge(const struct s3_fault *fault, struct store_outcome *out)
{
    struct s3_fault fit = *fault, *f = &fit;
    forget(f->error.code, f->keys);
    forget(f->error.message, f->keys);
    forget(f->error.region, f->keys);
    for (size_t i = 0; i < sizeof(by_code) / sizeof(by_code[0]); i++)
        if (strcmp(by_code[i].code, f->error.code) == 0) {
            by_code[i].judge(f, out);
            return;
        }
    by_status(f->status)(f, out);
}
