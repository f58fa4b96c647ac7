/*
 * What the benchmark programs share. Each has `work`; its result is a checksum, by which the runs of all processors
 * are compared. Output goes to standard output under Linux, and to the first serial port without an operating system.
 */
#pragma once
typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long long u64;
/* As wide as an address. */
typedef unsigned long word;

u32 work(void);

/* The next pseudo-random number (a linear congruential generator, Numerical Recipes). */
static inline u32 random_after(u32 state)
{
    return state * 1664525 + 1013904223;
}
