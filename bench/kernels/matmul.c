/* Floating-point multiply-add over rows and columns: n products of 48 x 48 matrices of doubles. */
#include "kernel.h"

enum { N = 48 };
static double a[N][N], b[N][N], c[N][N];

EXPORT(run) u64 run(u32 n) {
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) a[i][j] = (i * 3 + j) % 7, b[i][j] = (i + j * 5) % 11;
    double trace = 0;
    for (u32 round = 0; round < n; round++) {
        for (int i = 0; i < N; i++)
            for (int j = 0; j < N; j++) {
                double sum = 0;
                for (int k = 0; k < N; k++) sum += a[i][k] * b[k][j];
                c[i][j] = sum;
            }
        a[round % N][0] += 1;
        trace += c[round % N][round % N];
    }
    return (u64)trace;
}
