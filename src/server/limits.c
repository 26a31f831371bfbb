#include "server/limits.h"

#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#define RESERVED 128 /* descriptors for everything else, at least: listeners, log, HEADs, files */
#define RESERVED_MAX 2048
#define CONNECTIONS_MAX (1U << 20)

/* CPUs that one group's quota amounts to, rounded up; 0: no quota. */
static unsigned quota_of(const char *group)
{
    char path[600];
    long long quota, period;
    snprintf(path, sizeof(path), "/sys/fs/cgroup%s/cpu.max", group);
    FILE *f = fopen(path, "re");
    if (f == NULL)
        return 0;
    bool limited = fscanf(f, "%lld %lld", &quota, &period) == 2 && quota > 0 && period > 0;
    fclose(f);
    return limited ? (unsigned)((quota + period - 1) / period) : 0;
}

static unsigned quota(void)
{
    char group[512] = "";
    FILE *f = fopen("/proc/self/cgroup", "re");
    if (f == NULL)
        return 0;
    while (fgets(group, sizeof(group), f) != NULL && strncmp(group, "0::", 3) != 0)
        group[0] = '\0';
    fclose(f);
    if (group[0] == '\0')
        return 0;
    group[strcspn(group, "\n")] = '\0';
    unsigned least = 0;
    for (char *path = group + 3;; *strrchr(path, '/') = '\0') {
        unsigned n = quota_of(path);
        if (n > 0 && (least == 0 || n < least))
            least = n;
        if (strrchr(path, '/') == NULL)
            return least;
    }
}

unsigned limits_workers(void)
{
    cpu_set_t set;
    unsigned n = 1;
    if (sched_getaffinity(0, sizeof(set), &set) == 0)
        n = (unsigned)CPU_COUNT(&set);
    unsigned most = quota();
    return most > 0 && most < n ? most : n;
}

int limits_cpu(unsigned i)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof(set), &set) != 0)
        return -1;
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET((unsigned)cpu, &set) && i-- == 0)
            return cpu;
    return -1;
}

uint64_t limits_connections(void)
{
    struct rlimit limit = {1024, 1024};
    getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < limit.rlim_max) {
        struct rlimit raised = {limit.rlim_max, limit.rlim_max};
        if (setrlimit(RLIMIT_NOFILE, &raised) == 0)
            limit = raised;
    }
    uint64_t n = limit.rlim_cur > CONNECTIONS_MAX ? CONNECTIONS_MAX : limit.rlim_cur;
    uint64_t reserved = n / 8 < RESERVED_MAX ? n / 8 : RESERVED_MAX;
    if (reserved < RESERVED)
        reserved = RESERVED;
    return n > 2 * RESERVED ? n - reserved : n / 2;
}
