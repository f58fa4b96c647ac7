/* Memory and strings: REP MOVS and REP STOS of several lengths, and the loops of memset, memcpy, strlen and memcmp. */
#include "program.h"
#define BYTES 0x10000

static u8 from[BYTES] __attribute__((aligned(64))), to[BYTES] __attribute__((aligned(64)));

static inline void rep_movsb(void *d, const void *s, word count)
{
    __asm__ volatile("rep movsb" : "+D"(d), "+S"(s), "+c"(count) : : "memory");
}

static inline void rep_movsl(void *d, const void *s, word count)
{
    __asm__ volatile("rep movsl" : "+D"(d), "+S"(s), "+c"(count) : : "memory");
}

static inline void rep_stosl(void *d, u32 value, word count)
{
    __asm__ volatile("rep stosl" : "+D"(d), "+c"(count) : "a"(value) : "memory");
}

static __attribute__((noipa)) void fill(u8 *d, u8 value, word count)
{
    while (count--)
        *d++ = value;
}

static __attribute__((noipa)) void copy(u8 *d, const u8 *s, word count)
{
    while (count--)
        *d++ = *s++;
}

static __attribute__((noipa)) word length(const u8 *s)
{
    const u8 *end = s;
    while (*end)
        end++;
    return end - s;
}

static __attribute__((noipa)) int compare(const u8 *a, const u8 *b, word count)
{
    for (; count; a++, b++, count--)
        if (*a != *b)
            return *a - *b;
    return 0;
}

u32 work(void)
{
    u32 sum = 0;
    for (u32 round = 1; round <= 700; round++) {
        fill(from, round | 1, BYTES - 1);
        from[BYTES - 1] = 0;
        copy(to, from, BYTES);
        sum += length(to);
        to[round] ^= round & 1;
        sum += compare(from, to, BYTES) & 0xff;
        for (int again = 0; again < 8; again++) {
            rep_stosl(to, round * again, BYTES / 4);
            rep_movsl(to, from, BYTES / 4);
            rep_movsb(to + 1, from, BYTES - 1);
        }
        /* What C libraries do for structures: short runs, and their start-up counts. */
        for (u32 at = 0; at + 64 <= BYTES; at += 64) {
            rep_movsb(to + at, from + (at * 7 & (BYTES / 2 - 1)), 40);
            rep_stosl(to + at + 40, at, 6);
        }
        sum = sum * 31 + to[sum % BYTES];
    }
    return sum;
}
