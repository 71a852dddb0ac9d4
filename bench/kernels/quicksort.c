/* Recursion over memory with unpredictable branches: sorts 4096 random words n times. */
#include "kernel.h"

enum { COUNT = 4096 };
static u32 data[COUNT];

static void sort(i32 low, i32 high) {
    while (low < high) {
        u32 pivot = data[(low + high) >> 1];
        i32 i = low, j = high;
        while (i <= j) {
            while (data[i] < pivot) i++;
            while (data[j] > pivot) j--;
            if (i <= j) {
                u32 t = data[i];
                data[i++] = data[j];
                data[j--] = t;
            }
        }
        if (j - low < high - i) sort(low, j), low = i;
        else sort(i, high), high = j;
    }
}

EXPORT(run) u64 run(u32 n) {
    u64 sum = 0;
    rng_seed(1);
    for (u32 round = 0; round < n; round++) {
        for (int i = 0; i < COUNT; i++) data[i] = rng();
        sort(0, COUNT - 1);
        sum = mix(sum, data[round % COUNT]);
    }
    return sum;
}
