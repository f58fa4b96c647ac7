/* Quicksort of pseudo-random words, 1 Mi elements several times: unpredictable branches, loads and stores. */
#include "program.h"
#define COUNT 0x100000

static u32 numbers[COUNT + 1];

static void sort(u32 *first, u32 *last)
{
    while (first < last) {
        u32 pivot = *first, *up = first, *down = last + 1;
        for (;;) {
            do up++; while (*up < pivot);
            do down--; while (*down > pivot);
            if (up >= down)
                break;
            u32 swapped = *up;
            *up = *down;
            *down = swapped;
        }
        *first = *down;
        *down = pivot;
        sort(first, down - 1);
        first = down + 1;
    }
}

u32 work(void)
{
    u32 state = 12345, sum = 0;
    for (int round = 0; round < 4; round++) {
        for (u32 i = 0; i < COUNT; i++)
            numbers[i] = (state = random_after(state)) >> 1;
        numbers[COUNT] = ~0u; /* stops `up` */
        sort(numbers, numbers + COUNT - 1);
        for (u32 i = 0; i < COUNT; i++)
            sum = sum * 31 + numbers[i];
    }
    return sum;
}
