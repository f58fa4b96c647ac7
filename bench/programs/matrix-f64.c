/* A product of matrices of double precision, 96 by 96, row by row, two lanes at a time, and its trace by scalars. */
#include "program.h"
typedef double pair __attribute__((vector_size(16)));
#define SIZE 96

static double a[SIZE][SIZE] __attribute__((aligned(16)));
static double b[SIZE][SIZE] __attribute__((aligned(16)));
static double c[SIZE][SIZE] __attribute__((aligned(16)));

u32 work(void)
{
    u32 state = 7;
    for (int i = 0; i < SIZE; i++)
        for (int j = 0; j < SIZE; j++) {
            a[i][j] = (double)(int)((state = random_after(state)) >> 16) / 65536.0;
            b[i][j] = (double)(int)((state = random_after(state)) >> 16) / 65536.0;
        }
    double trace = 0;
    for (int round = 0; round < 60; round++) {
        for (int i = 0; i < SIZE; i++) {
            for (int j = 0; j < SIZE; j++)
                c[i][j] = 0;
            for (int k = 0; k < SIZE; k++) {
                pair factor = { a[i][k], a[i][k] };
                for (int j = 0; j < SIZE; j += 2)
                    *(pair *)&c[i][j] += factor * *(pair *)&b[k][j];
            }
        }
        for (int i = 0; i < SIZE; i++)
            trace += c[i][i] / SIZE;
        a[round][round] = trace / (1 << 20);
    }
    return (u32)(int)trace;
}
