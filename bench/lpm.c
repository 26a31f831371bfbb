/*
 * Measures the prefix table: lpm [FILE]
 *
 * FILE holds lines "PREFIX VALUE"; without it, a table of the published ranges' size and nesting
 * is generated. Prints the build time, the image's size, and nanoseconds per lookup: of independent
 * lookups ("stream"), and of lookups each of which waits for the answer of the one before
 * ("chain"); at addresses inside the table's prefixes (each prefix equally often), and at random.
 */
#include <archeio/client.h>
#include <archeio/lpm.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { ADDRESSES = 1 << 16, ROUNDS = 40, ENTRIES_MAX = 200000 };

static uint64_t random_state = 88172645463325252U;

static uint64_t random_number(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static struct addr random_address(enum addr_family family)
{
    struct addr a = {.family = (uint8_t)family};
    for (size_t i = 0; i < (family == ADDR_V4 ? 4U : 16U); i++)
        a.bytes[i] = (uint8_t)(random_number() >> 24);
    return a;
}

/* The first bits of the prefix, random ones behind them. */
static struct addr inside(const struct prefix *p)
{
    struct prefix front = {.addr = random_address(p->addr.family), .bits = p->bits};
    struct addr a = front.addr;
    prefix_clear_host(&front);
    for (size_t i = 0; i < sizeof(a.bytes); i++)
        a.bytes[i] = (uint8_t)((a.bytes[i] ^ front.addr.bytes[i]) | p->addr.bytes[i]);
    return a;
}

static size_t read_entries(const char *path, struct lpm_entry *entry)
{
    char text[64];
    unsigned value;
    size_t n = 0;
    FILE *f = fopen(path, "re");
    if (f == NULL) {
        perror(path);
        return 0;
    }
    while (n < ENTRIES_MAX && fscanf(f, "%63s %u", text, &value) == 2) {
        entry[n].value = value;
        if (prefix_parse(str_from(text), &entry[n].prefix) == PREFIX_MALFORMED)
            fprintf(stderr, "%s: %s is no prefix\n", path, text);
        else
            n++;
    }
    fclose(f);
    return n;
}

/* Half of the prefixes lie inside another; IPv6 ones share their first bits, as real ones do. */
static size_t generate_entries(struct lpm_entry *entry)
{
    static const uint8_t v4[] = {14, 16, 17, 18, 20, 22, 23, 24, 24, 24, 25, 26, 27, 28, 30, 32};
    static const uint8_t v6[] = {36, 40, 40, 44, 47, 48, 48, 56, 56, 60, 62, 63, 64, 64, 64, 65};
    size_t n = 26867;
    for (size_t i = 0; i < n; i++) {
        bool is_v4 = i % 4 != 0;
        struct prefix p = {.addr = random_address(is_v4 ? ADDR_V4 : ADDR_V6)};
        p.bits = is_v4 ? v4[random_number() % sizeof(v4)] : v6[random_number() % sizeof(v6)];
        if (is_v4)
            p.addr.bytes[0] &= 0x3f;
        else
            memcpy(p.addr.bytes, "\x26\x00\x1f", 3);
        const struct prefix *outer = &entry[random_number() % (i + 1)].prefix;
        if (i % 2 == 0 && outer->addr.family == p.addr.family && outer->bits < p.bits)
            p.addr = inside(outer);
        prefix_clear_host(&p);
        entry[i] = (struct lpm_entry){.prefix = p, .value = (uint32_t)(random_number() % 170)};
    }
    return n;
}

/* The answers are summed and printed, so that no lookup can be left out. */
static uint32_t consumed;

static double stream(const struct lpm *table, const struct addr *address)
{
    double best = 1e18;
    for (int round = 0; round < ROUNDS; round++) {
        double start = now_ns();
        for (size_t i = 0; i < ADDRESSES; i++)
            consumed += lpm_lookup(table, &address[i]);
        double took = now_ns() - start;
        best = took < best ? took : best;
    }
    return best / ADDRESSES;
}

static double chain(const struct lpm *table, const struct addr *address)
{
    double best = 1e18;
    for (int round = 0; round < ROUNDS; round++) {
        uint32_t answer = 0;
        double start = now_ns();
        /* The answer decides, though always in the same way, where the next address is read. */
        for (size_t i = 0; i < ADDRESSES; i++)
            answer = lpm_lookup(table, &address[i ^ ((answer >> 16) + 1) >> 16]);
        double took = now_ns() - start;
        consumed += answer;
        best = took < best ? took : best;
    }
    return best / ADDRESSES;
}

static void measure(const struct lpm *table, const struct lpm_entry *entry, size_t n,
                    enum addr_family family)
{
    static struct addr address[ADDRESSES + 2];
    for (int random = 0; random < 2; random++) {
        for (size_t i = 0; i < ADDRESSES + 2; i++) {
            const struct prefix *p;
            do
                p = &entry[random_number() % n].prefix;
            while (p->addr.family != family);
            address[i] = random ? random_address(family) : inside(p);
        }
        printf("IPv%d %-8s  stream %5.1f ns  chain %5.1f ns\n", (int)family,
               random ? "random" : "prefixes", stream(table, address), chain(table, address));
    }
}

static void measure_client(const char *header)
{
    const struct client_rules rules = {.mode = CLIENT_GOOGLE_LB};
    const struct addr peer = {.family = ADDR_V4, .bytes = {10, 0, 0, 1}};
    struct str field = str_from(header);
    double best = 1e18;
    for (int round = 0; round < ROUNDS; round++) {
        double start = now_ns();
        for (int i = 0; i < 10000; i++) {
            struct addr client;
            __asm__ volatile("" : : "r"(&field) : "memory"); /* it may have changed */
            consumed += (uint32_t)client_address(&rules, &peer, &field, 1, &client);
            consumed += client.bytes[3];
        }
        double took = now_ns() - start;
        best = took < best ? took : best;
    }
    printf("client address %5.1f ns  \"%s\"\n", best / 10000, header);
}

static void *build(const struct lpm_entry *entry, size_t n, struct lpm *table)
{
    size_t scratch_size = lpm_scratch_size(n), size = 0;
    void *image = malloc(lpm_image_bound(entry, n)), *scratch = malloc(scratch_size);
    double best = 1e18, open_start, opened;
    if (image == NULL || scratch == NULL)
        exit(1);
    for (int round = 0; round < 10; round++) {
        double start = now_ns();
        size = lpm_build(entry, n, scratch, scratch_size, image);
        double took = now_ns() - start;
        best = took < best ? took : best;
    }
    free(scratch);
    open_start = now_ns();
    const char *wrong = lpm_open(table, image, size);
    opened = now_ns() - open_start;
    if (wrong != NULL) {
        fprintf(stderr, "%s\n", wrong);
        exit(1);
    }
    printf("%u IPv4 and %u IPv6 prefixes: %zu bytes, built in %.1f ms, checked in %.1f ms\n",
           lpm_count(table, ADDR_V4), lpm_count(table, ADDR_V6), size, best / 1e6, opened / 1e6);
    return image;
}

int main(int argc, char **argv)
{
    struct lpm_entry *entry = calloc(ENTRIES_MAX, sizeof(*entry));
    struct lpm table;
    if (entry == NULL)
        return 1;
    size_t n = argc > 1 ? read_entries(argv[1], entry) : generate_entries(entry);
    if (n == 0)
        return 1;
    void *image = build(entry, n, &table);
    measure(&table, entry, n, ADDR_V4);
    measure(&table, entry, n, ADDR_V6);
    measure_client("203.0.113.17, 35.191.10.20");
    measure_client("198.51.100.1, 203.0.113.17, 35.191.10.20");
    measure_client("2600:1f18:1234:5678::1, 35.191.10.20");
    printf("(%u)\n", consumed);
    free(image);
    free(entry);
    return 0;
}
