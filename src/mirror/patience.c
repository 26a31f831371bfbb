#include "mirror/patience.h"

bool patience_ends(struct patience *p, int64_t ns, uint64_t (*bytes)(const void *owner),
                   const void *owner, uint64_t least)
{
    p->waited += ns;
    if (p->waited < PATIENCE_NS)
        return false;
    uint64_t now = bytes(owner);
    bool slow = now - p->before < least;
    *p = (struct patience){.before = now};
    return slow;
}
