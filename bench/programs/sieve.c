/* Primes below 1 MiB by Eratosthenes' sieve, over and over: byte stores with a stride, a scan, short loops. */
#include "program.h"
#define LIMIT 0x100000

static u8 composite[LIMIT];

u32 work(void)
{
    u32 primes = 0;
    for (int round = 0; round < 100; round++) {
        for (u32 i = 0; i < LIMIT; i++)
            composite[i] = 0;
        for (u32 i = 2; i * i < LIMIT; i++)
            if (!composite[i])
                for (u32 j = i * i; j < LIMIT; j += i)
                    composite[j] = 1;
        for (u32 i = 2; i < LIMIT; i++)
            primes += !composite[i];
    }
    return primes;
}
