/* One random cycle through 4 MiB of pointers, followed to its end and on: dependent loads that miss caches and TLBs. */
#include "program.h"
#define COUNT (0x400000 / sizeof(void *))

static void *next[COUNT];
static u32 order[COUNT];

u32 work(void)
{
    u32 state = 1;
    for (u32 i = 0; i < COUNT; i++)
        order[i] = i;
    /* Sattolo's shuffle leaves a single cycle. */
    for (u32 i = COUNT - 1; i > 0; i--) {
        u32 j = (state = random_after(state)) % i, swapped = order[i];
        order[i] = order[j];
        order[j] = swapped;
    }
    for (u32 i = 0; i < COUNT; i++)
        next[i] = &next[order[i]];
    void **at = (void **)&next[0];
    u32 sum = 0;
    for (u32 i = 0; i < 40000000; i++) {
        at = (void **)*at;
        sum += (u32)((void **)at - next);
        __asm__("" : "+r"(sum));
    }
    return sum % 1000003;
}
