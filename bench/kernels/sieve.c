/* Byte stores and loads in long strides: primes below 256 KiB, n times. */
#include "kernel.h"

enum { SIZE = 1 << 18 };
static u8 composite[SIZE];

EXPORT(run) u64 run(u32 n) {
    u64 sum = 0;
    for (u32 round = 0; round < n; round++) {
        for (u32 i = 0; i < SIZE; i++) composite[i] = 0;
        u32 count = 0;
        for (u32 i = 2; i < SIZE; i++) {
            if (composite[i]) continue;
            count++;
            for (u32 j = i + i; j < SIZE; j += i) composite[j] = 1;
        }
        sum = mix(sum, count + round);
    }
    return sum;
}
