/* Products of 4 by 4 matrices of single precision in a row, four lanes at a time: SSE shuffles, multiplies, adds. */
#include "program.h"
typedef float row __attribute__((vector_size(16)));
typedef u32 bits __attribute__((vector_size(16)));
#define COUNT 256

typedef struct { row rows[4]; } matrix;
static matrix matrices[COUNT];

static inline row lane(row r, int i)
{
    return __builtin_shuffle(r, (bits){ i, i, i, i });
}

static inline matrix product(const matrix *a, const matrix *b)
{
    matrix result;
    for (int i = 0; i < 4; i++) {
        row r = a->rows[i];
        result.rows[i] = lane(r, 0) * b->rows[0] + lane(r, 1) * b->rows[1] + lane(r, 2) * b->rows[2] + lane(r, 3) * b->rows[3];
    }
    return result;
}

u32 work(void)
{
    u32 state = 7;
    for (int i = 0; i < COUNT; i++)
        for (int r = 0; r < 4; r++)
            for (int c = 0; c < 4; c++)
                /* Rows add up to about one, so that products neither vanish nor overflow. */
                matrices[i].rows[r][c] = (float)(int)((state = random_after(state)) >> 16) * (1.0f / 131072.0f);
    matrix all = matrices[0];
    bits sum = { 0, 0, 0, 0 };
    for (int round = 0; round < 8000; round++) {
        for (int i = 0; i < COUNT; i++)
            all = product(&all, &matrices[i]);
        for (int r = 0; r < 4; r++) {
            sum ^= (bits)all.rows[r];
            all.rows[r] = matrices[round % COUNT].rows[r];
        }
    }
    return sum[0] ^ sum[1] ^ sum[2] ^ sum[3];
}
