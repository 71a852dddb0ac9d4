/* A tight loop of doubles with a data-dependent exit: n rows of 128 points, 200 iterations at most. */
#include "kernel.h"

EXPORT(run) u64 run(u32 n) {
    u64 sum = 0;
    for (u32 row = 0; row < n; row++)
        for (u32 column = 0; column < 128; column++) {
            double cr = column / 64.0 - 1.5, ci = (row % 128) / 64.0 - 1.0, x = 0, y = 0;
            u32 steps = 0;
            while (steps < 200) {
                double xx = x * x, yy = y * y;
                if (xx + yy > 4.0) break;
                y = 2 * x * y + ci;
                x = xx - yy + cr;
                steps++;
            }
            sum += steps;
        }
    return sum;
}
