#include "cli/ranges_address.h"

#include "cli/printable.h"
#include "config/providers.h"
#include "ranges/survey.h"
#include "sys/log.h"

static void print_prefix(const char *label, const struct prefix *prefix)
{
    char text[PREFIX_TEXT_MAX];
    prefix_format(prefix, text);
    printf("  %-10s%s: ", label, text);
}

/* The cloud; empty if there is none. */
static struct str print_place(const struct ranges *r, const struct lpm *table, const struct addr *a)
{
    struct prefix prefix;
    uint32_t value = lpm_match(table, a, &prefix);
    if (value == LPM_NONE) {
        puts("  cloud     -");
        return STR("");
    }
    const struct policy_place *place = &r->place[value];
    print_prefix("cloud", &prefix);
    printable_put(place->cloud, stdout);
    if (place->region.len > 0)
        putchar('/');
    printable_put(place->region, stdout);
    putchar('\n');
    return place->cloud;
}

static uint32_t print_system(const char *directory, const struct addr *a, struct diag *d)
{
    struct survey_answer answer;
    survey_find(directory, a, &answer, d);
    const uint32_t asn = answer.asn;
    if (asn == 0) {
        puts("  asn       -");
    } else {
        print_prefix("asn", &answer.prefix);
        printf("AS%u%s", asn, answer.name[0] != '\0' ? ", " : "");
        printable_put(str_from(answer.name), stdout);
        printf(" (%s)\n", answer.file);
    }
    survey_answer_release(&answer);
    return asn;
}

static void print_providers(const struct config *c, struct str cloud, uint32_t asn)
{
    bool any = false;
    fputs("  provider  ", stdout);
    for (size_t i = 0; i < c->n_providers; i++)
        if (providers_have(c, &c->providers[i], cloud, asn)) {
            printf("%s%s", any ? ", " : "", c->providers[i].name);
            any = true;
        }
    puts(any ? "" : "-");
}

static void show(const struct ranges_address_sources *from, const struct addr *a, struct diag *d)
{
    char text[ADDR_TEXT_MAX];
    addr_format(a, text);
    puts(text);
    struct str cloud = print_place(from->ranges, from->table, a);
    uint32_t asn = print_system(from->directory, a, d);
    print_providers(from->config, cloud, asn);
}

bool ranges_address_show(const struct ranges_address_sources *from, char **addresses, int n,
                         struct diag *d)
{
    bool good = true;
    for (int i = 0; i < n; i++) {
        struct addr a;
        if (addr_parse(str_from(addresses[i]), &a)) {
            diag_clear(d); /* each reads all files: what is wrong with them is said once */
            show(from, &a, d);
            continue;
        }
        log_error("\"%.64s\" is no IP address; expected one such as 192.0.2.1 or 2001:db8::1",
                  addresses[i]);
        good = false;
    }
    return good && d->n_errors == 0;
}
