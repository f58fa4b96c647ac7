/* One word of each page of 64 MiB, over and over: more pages than a TLB holds, so that accesses walk the tables. */
#include "paging.h"
#define ROUNDS 150

u32 work(void)
{
    u32 sum = 0;
    add_region();
    for (u32 page = 0; page < REGION_PAGES; page++)
        map(page);
    for (u32 round = 0; round < ROUNDS; round++)
        for (u32 page = 0; page < REGION_PAGES; page++)
            /* Words at different places of their pages, so that they do not share the sets of a cache. */
            sum += ++*(volatile u32 *)&REGION[page * PAGE_BYTES + (page * 64 & (PAGE_BYTES - 1))];
    return sum;
}
