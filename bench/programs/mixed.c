/*
 * Code of all kinds, without end, in 64 MB: functions written one after the other into a large buffer, each run often
 * enough to be compiled; sorting, a checksum, strings. It ends only if a result is wrong.
 */
#include "program.h"
#define BUFFER_BYTES (48 << 20)
#define ITERATIONS 40000
#define COUNT 20000

static u8 buffer[BUFFER_BYTES];
static u32 numbers[COUNT];

static u8 *byte(u8 *at, u8 value)
{
    *at = value;
    return at + 1;
}

static u8 *operation(u8 *at, u8 opcode, u32 operand)
{
    at = byte(at, opcode);
    *(u32 *)at = operand;
    return at + 4;
}

/* Writes a function that repeats an addition and an exclusive or; says whether it computes what it should. */
static int generate_and_run(u8 **place, u32 a, u32 b)
{
    if (*place + 64 > buffer + BUFFER_BYTES)
        *place = buffer;
    u8 *start = *place, *at = start;
    at = operation(at, 0xb8, a);          /* mov $a, %eax */
    at = operation(at, 0xb9, ITERATIONS); /* mov $ITERATIONS, %ecx */
    u8 *again = at;
    at = operation(at, 0x05, b);          /* add $b, %eax */
    at = operation(at, 0x35, a);          /* xor $a, %eax */
    at = byte(byte(at, 0xff), 0xc9);      /* dec %ecx */
    at = byte(at, 0x75);                  /* jnz again */
    at = byte(at, (u8)(again - at - 1));
    at = byte(at, 0xc3);                  /* ret */
    *place = start + 64 + (a & 0xff0);
    u32 expected = a;
    for (u32 i = 0; i < ITERATIONS; i++) {
        expected = (expected + b) ^ a;
        __asm__("" : "+r"(expected));
    }
    return ((u32 (*)(void))start)() == expected;
}

static u32 sort(u32 state)
{
    for (u32 i = 0; i < COUNT; i++)
        numbers[i] = state = random_after(state);
    for (u32 gap = COUNT / 2; gap > 0; gap /= 2)
        for (u32 i = gap; i < COUNT; i++) {
            u32 moved = numbers[i], j = i;
            for (; j >= gap && numbers[j - gap] > moved; j -= gap)
                numbers[j] = numbers[j - gap];
            numbers[j] = moved;
        }
    for (u32 i = 1; i < COUNT; i++)
        if (numbers[i - 1] > numbers[i])
            return 0;
    return state;
}

u32 work(void)
{
    u8 *place = buffer;
    u32 state = 1;
    for (u32 i = 0; i < BUFFER_BYTES; i += 4096)
        buffer[i] = 1;
    for (;;) {
        for (u32 i = 0; i < 200; i++) {
            u32 a = state = random_after(state), b = state = random_after(state);
            if (!generate_and_run(&place, a, b))
                return 1;
        }
        state = sort(state);
        if (!state)
            return 2;
    }
}
