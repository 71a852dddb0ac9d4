/* Copy, fill and compare by hand at odd addresses and lengths, as libc's would: n rounds. */
#include "kernel.h"

enum { SIZE = 8192 };
static u8 from[SIZE + 16], to[SIZE + 16];

NOINLINE static void copy(u8 *d, const u8 *s, u32 count) {
    for (; count >= 4; count -= 4, d += 4, s += 4) __builtin_memcpy(d, s, 4);
    while (count--) *d++ = *s++;
}

NOINLINE static void fill(u8 *d, u8 value, u32 count) {
    u32 word = value * 0x01010101u;
    for (; count >= 4; count -= 4, d += 4) __builtin_memcpy(d, &word, 4);
    while (count--) *d++ = value;
}

NOINLINE static i32 compare(const u8 *a, const u8 *b, u32 count) {
    for (u32 i = 0; i < count; i++)
        if (a[i] != b[i]) return a[i] < b[i] ? -(i32)i : (i32)i;
    return 0;
}

EXPORT(run) u64 run(u32 n) {
    u64 sum = 0;
    for (u32 i = 0; i < SIZE; i++) from[i] = (u8)(i ^ i >> 3);
    for (u32 round = 0; round < n; round++) {
        u32 shift = round & 7, count = 1000 + (round * 131) % 3000;
        copy(to + shift, from, count);
        fill(to + shift + count / 2, (u8)round, count / 4);
        sum = mix(sum, (u64)compare(to + shift, from, count));
    }
    return sum;
}
