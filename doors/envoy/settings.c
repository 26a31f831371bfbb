#include "settings.h"

#include "base/ascii.h"
#include "base/buf.h"
#include "base/num.h"
#include "base64.h"
#include "memory.h"
#include "policy/image.h"

#define MS INT64_C(1000000)
#define S (1000 * MS)
#define DURATION_MAX (365 * 86400 * S)

/* Reads a value; returns NULL, or what was expected instead. */
typedef const char *reader(struct str value, struct settings *s);

/* ── Values ── */

static const char *read_client(struct str value, struct settings *s)
{
    if (str_eq(value, STR("peer")))
        s->client = CLIENT_PEER;
    else if (str_eq(value, STR("google-lb")))
        s->client = CLIENT_GOOGLE_LB;
    else if (str_eq(value, STR("trusted-proxies")))
        s->client = CLIENT_TRUSTED_PROXIES;
    else if (str_eq(value, STR("x-real-ip")))
        s->client = CLIENT_X_REAL_IP;
    else
        return "peer, google-lb, trusted-proxies or x-real-ip";
    return NULL;
}

static const char *read_proxies(struct str value, struct settings *s)
{
    for (s->n_proxies = 0; value.len > 0;) {
        size_t end = str_find(value, ' ');
        struct str word = str_make(value.data, end);
        value = str_skip(value, end < value.len ? end + 1 : end);
        if (word.len == 0)
            continue;
        if (s->n_proxies == SETTINGS_PROXIES_MAX)
            return "at most 256 prefixes";
        struct lpm_entry *entry = &s->proxy[s->n_proxies++];
        *entry = (struct lpm_entry){.value = 0};
        if (prefix_parse(word, &entry->prefix) != PREFIX_OK)
            return "prefixes without host bits, with blanks between them: 10.0.0.0/8 2001:db8::/32";
    }
    return NULL;
}

static const char *read_clusters(struct str value, struct settings *s)
{
    s->clusters = value;
    return NULL;
}

/* The units of archeio.yaml. */
static const struct {
    struct str name;
    int64_t ns;
} unit[] = {{STR_INIT("ms"), MS},
            {STR_INIT("s"), S},
            {STR_INIT("m"), 60 * S},
            {STR_INIT("h"), 3600 * S},
            {STR_INIT("d"), 86400 * S}};

static bool read_duration(struct str value, int64_t *out)
{
    size_t digits = 0;
    while (digits < value.len && value.data[digits] >= '0' && value.data[digits] <= '9')
        digits++;
    uint64_t number;
    if (!num_parse(str_make(value.data, digits), 1000000, &number))
        return false;
    struct str name = str_skip(value, digits);
    for (size_t i = 0; i < sizeof(unit) / sizeof(unit[0]); i++) {
        if (!str_eq(name, unit[i].name))
            continue;
        if (number > (uint64_t)(DURATION_MAX / unit[i].ns))
            return false;
        *out = (int64_t)number * unit[i].ns;
        return true;
    }
    return false;
}

#define DURATION "a duration: an integer and ms, s, m, h or d"

static const char *read_present(struct str value, struct settings *s)
{
    return read_duration(value, &s->present_ttl) ? NULL : DURATION;
}

static const char *read_absent(struct str value, struct settings *s)
{
    return read_duration(value, &s->absent_ttl) ? NULL : DURATION;
}

static const char *read_error(struct str value, struct settings *s)
{
    return read_duration(value, &s->error_ttl) ? NULL : DURATION;
}

static const char *read_wait(struct str value, struct settings *s)
{
    return read_duration(value, &s->wait) && s->wait <= 60 * S ? NULL : DURATION ", at most 60s";
}

static const char *read_timeout(struct str value, struct settings *s)
{
    return read_duration(value, &s->timeout) && s->timeout >= MS && s->timeout <= 60 * S ? NULL
                                                                                         : DURATION
               ", 1ms to 60s";
}

static const char *read_slots(struct str value, struct settings *s)
{
    uint64_t slots;
    if (!num_parse(value, SETTINGS_SLOTS_MAX, &slots) || slots < 4)
        return "an integer from 4 to 1048576";
    s->slots = (uint32_t)slots;
    return NULL;
}

static const char *read_snapshot(struct str value, struct settings *s)
{
    char *data = memory_take(BASE64_SIZE(value.len));
    size_t len;
    if (data == NULL || !base64_decode(value, data, &len))
        return "what `base64 -w 0` makes of a snapshot's file";
    s->snapshot = str_make(data, len);
    return NULL;
}

static const struct {
    struct str name;
    reader *read;
} setting[] = {
    {STR_INIT("client_address"), read_client},
    {STR_INIT("trusted_proxies"), read_proxies},
    {STR_INIT("clusters"), read_clusters},
    {STR_INIT("present_ttl"), read_present},
    {STR_INIT("absent_ttl"), read_absent},
    {STR_INIT("error_ttl"), read_error},
    {STR_INIT("wait"), read_wait},
    {STR_INIT("timeout"), read_timeout},
    {STR_INIT("slots"), read_slots},
    {STR_INIT("snapshot"), read_snapshot},
};

/* ── Lines ── */

/* NULL, or what was expected. */
static const char *read_line(struct str line, struct settings *s)
{
    if (line.len == 0 || line.data[0] == '#')
        return NULL;
    size_t colon = str_find(line, ':');
    if (colon == line.len)
        return "a setting, a colon and a value";
    struct str name = str_make(line.data, colon),
               value = ascii_trim_space(str_skip(line, colon + 1));
    for (size_t i = 0; i < sizeof(setting) / sizeof(setting[0]); i++)
        if (str_eq(name, setting[i].name))
            return setting[i].read(value, s);
    return "client_address, trusted_proxies, clusters, present_ttl, absent_ttl, error_ttl, wait, "
           "timeout, slots or snapshot";
}

static void explain(uint64_t number, const char *expected, char why[SETTINGS_WHY_MAX])
{
    struct buf b = buf_make(why, SETTINGS_WHY_MAX - 1);
    buf_text(&b, "configuration:");
    buf_u64(&b, number);
    buf_text(&b, ": expected ");
    buf_text(&b, expected);
    why[b.len] = '\0';
}

bool settings_read(struct str text, struct settings *s, char why[SETTINGS_WHY_MAX])
{
    *s = (struct settings){.client = CLIENT_PEER,
                           .clusters = STR("archeio_"),
                           .present_ttl = 6 * 3600 * S,
                           .absent_ttl = 60 * S,
                           .error_ttl = 5 * S,
                           .wait = 2 * S,
                           .timeout = 5 * S,
                           .slots = 16384};
    if (str_starts(text, STR(IMAGE_MAGIC))) {
        s->snapshot = text;
        return true;
    }
    for (uint64_t number = 1; text.len > 0; number++) {
        size_t end = str_find(text, '\n');
        const char *expected = read_line(ascii_trim_space(str_make(text.data, end)), s);
        if (expected != NULL) {
            explain(number, expected, why);
            return false;
        }
        text = str_skip(text, end < text.len ? end + 1 : end);
    }
    return true;
}
