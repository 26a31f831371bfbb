#include "cli/progress_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define ITEM_MAX 64
#define DAY_S 86400

enum item { IMAGES, BLOBS, BYTES, RATE, LEFT, RUNNING, RETRIES, FAILED, ITEMS };

/* What is left out first, where there is no room. */
static const enum item least[ITEMS] = {RUNNING, RETRIES, IMAGES, RATE, LEFT, BLOBS, FAILED, BYTES};

void progress_text_bytes(uint64_t bytes, char out[PROGRESS_TEXT_BYTES_MAX])
{
    static const char *const unit[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
    double n = (double)bytes;
    size_t i = 0;
    for (; n >= 1024 && i < 5; i++)
        n /= 1024;
    snprintf(out, PROGRESS_TEXT_BYTES_MAX, i == 0 ? "%.0f %s" : "%.1f %s", n, unit[i]);
}

static void put_count(const char *what, uint64_t done, uint64_t known, char out[ITEM_MAX])
{
    if (known > 0)
        snprintf(out, ITEM_MAX, "%s %" PRIu64 "/%" PRIu64, what, done < known ? done : known,
                 known);
}

static void put_bytes(uint64_t done, uint64_t known, char out[ITEM_MAX])
{
    char one[PROGRESS_TEXT_BYTES_MAX], all[PROGRESS_TEXT_BYTES_MAX];
    progress_text_bytes(done < known || known == 0 ? done : known, one);
    progress_text_bytes(known, all);
    if (known > 0)
        snprintf(out, ITEM_MAX, "%s/%s", one, all);
    else
        snprintf(out, ITEM_MAX, "%s", one);
}

/* How long it may still take; while more is being found nobody knows. */
static void put_left(const struct progress_text_state *s, double rate, char out[ITEM_MAX])
{
    if (s->searching) {
        snprintf(out, ITEM_MAX, "searching");
        return;
    }
    if (rate < 1 || s->bytes >= s->bytes_known)
        return;
    double left = (double)(s->bytes_known - s->bytes) / rate;
    uint64_t n = left < 100.0 * DAY_S ? (uint64_t)left + 1 : 100 * DAY_S;
    if (n >= 100 * DAY_S)
        snprintf(out, ITEM_MAX, "ETA >99d");
    else if (n >= DAY_S)
        snprintf(out, ITEM_MAX, "ETA %" PRIu64 "d%02" PRIu64 "h", n / DAY_S, n % DAY_S / 3600);
    else if (n >= 3600)
        snprintf(out, ITEM_MAX, "ETA %" PRIu64 ":%02" PRIu64 ":%02" PRIu64, n / 3600, n % 3600 / 60,
                 n % 60);
    else
        snprintf(out, ITEM_MAX, "ETA %" PRIu64 ":%02" PRIu64, n / 60, n % 60);
}

static void put_items(const struct progress_text_state *s, double rate, char item[ITEMS][ITEM_MAX])
{
    char text[PROGRESS_TEXT_BYTES_MAX];
    memset(item, 0, (size_t)ITEMS * ITEM_MAX);
    put_count("images", s->images, s->images_known, item[IMAGES]);
    put_count("blobs", s->blobs, s->blobs_known, item[BLOBS]);
    put_bytes(s->bytes, s->bytes_known, item[BYTES]);
    progress_text_bytes(rate > 0 ? (uint64_t)rate : 0, text);
    if (s->running > 0)
        snprintf(item[RATE], ITEM_MAX, "%s/s", text);
    put_left(s, rate, item[LEFT]);
    if (s->running > 0)
        snprintf(item[RUNNING], ITEM_MAX, "%u in flight", s->running);
    if (s->retries > 0)
        snprintf(item[RETRIES], ITEM_MAX, "%" PRIu64 " retries", s->retries);
    if (s->failed > 0)
        snprintf(item[FAILED], ITEM_MAX, "%" PRIu64 " failed", s->failed);
}

static size_t width_of(char item[ITEMS][ITEM_MAX])
{
    size_t width = 0;
    for (size_t i = 0; i < ITEMS; i++)
        if (item[i][0] != '\0')
            width += strlen(item[i]) + (width > 0 ? 2 : 0);
    return width;
}

static void put_summary(const struct progress_text_state *s, const struct progress_text_look *look,
                        size_t room, char *out, size_t size)
{
    char item[ITEMS][ITEM_MAX];
    size_t len = 0;
    put_items(s, look->rate, item);
    for (size_t i = 0; i + 1 < ITEMS && width_of(item) > room; i++)
        item[least[i]][0] = '\0';
    if (width_of(item) > room)
        item[least[ITEMS - 1]][room] = '\0';
    out[0] = '\0';
    for (size_t i = 0; i < ITEMS; i++) {
        bool red = i == FAILED && look->colour;
        if (item[i][0] == '\0')
            continue;
        len += (size_t)snprintf(out + len, size - len, "%s%s%s%s", len > 0 ? "  " : "",
                                red ? "\033[31m" : "", item[i], red ? "\033[m" : "");
    }
}

/* What would move the cursor, or may take two columns, becomes a '?'. */
static void put_plain(const char *name, size_t room, char *out)
{
    size_t n = 0;
    for (; n < room && name[n] != '\0'; n++)
        out[n] = name[n] >= 0x20 && name[n] < 0x7f ? name[n] : '?';
    out[n] = '\0';
    if (name[n] != '\0' && n > 2)
        memcpy(out + n - 2, "..", 2);
}

static void put_flight(const struct progress_text_flight *f, size_t room, char *out, size_t size)
{
    char amount[ITEM_MAX] = "", name[PROGRESS_TEXT_COLUMNS];
    unsigned percent = 0;
    if (f->size > 0 && f->got < (uint64_t)f->size)
        percent = (unsigned)((double)f->got * 100 / (double)f->size);
    else if (f->size >= 0 && f->got >= (uint64_t)f->size)
        percent = 100;
    put_bytes(f->got, f->size > 0 ? (uint64_t)f->size : 0, amount);
    size_t fixed = strlen("  100%  ") + strlen(amount) + 2;
    if (fixed + 16 > room) { /* then without the amount */
        amount[0] = '\0';
        fixed = strlen("  100%  ");
    }
    put_plain(f->name, room > fixed ? room - fixed : 0, name);
    snprintf(out, size, "  %3u%%  %s%s%s", percent, name, amount[0] != '\0' ? "  " : "", amount);
    if (strlen(out) > room)
        out[room] = '\0';
}

void progress_text_make(const struct progress_text_state *s, const struct progress_text_look *look,
                        struct progress_text *out)
{
    /* In the last column some terminals wrap already. */
    size_t room = look->columns > 1 ? look->columns - 1 : 1;
    if (room > PROGRESS_TEXT_COLUMNS - 1)
        room = PROGRESS_TEXT_COLUMNS - 1;
    put_summary(s, look, room, out->line[0], sizeof(out->line[0]));
    out->n = 1;
    for (size_t i = 0; i < s->n_flights && i < PROGRESS_TEXT_FLIGHTS && out->n < look->lines; i++)
        put_flight(&s->flight[i], room, out->line[out->n++], sizeof(out->line[0]));
}
