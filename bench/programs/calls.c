/* Fibonacci numbers by naive recursion: calls, returns, pushes and pops. */
#include "program.h"

static __attribute__((noipa)) u32 fibonacci(u32 n)
{
    return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2);
}

u32 work(void)
{
    return fibonacci(38);
}
