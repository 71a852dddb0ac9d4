/* 64-bit multiplies and rotates: a four-lane hash in the manner of xxHash over 4 KiB, n times. */
#include "kernel.h"

enum { SIZE = 4096 };
static u8 data[SIZE];

static const u64 p1 = 0x9E3779B185EBCA87ull, p2 = 0xC2B2AE3D27D4EB4Full, p3 = 0x165667B19E3779F9ull;

static inline u64 rol(u64 x, u32 by) { return x << by | x >> (64 - by); }

static inline u64 word(u32 at) {
    u64 value;
    __builtin_memcpy(&value, data + at, 8);
    return value;
}

EXPORT(run) u64 run(u32 n) {
    for (u32 i = 0; i < SIZE; i++) data[i] = (u8)(i * 17 + (i >> 4));
    u64 sum = 0;
    for (u32 round = 0; round < n; round++) {
        u64 lane[4] = {sum + p1 + p2, sum + p2, sum, sum - p1};
        for (u32 at = 0; at < SIZE; at += 32)
            for (u32 i = 0; i < 4; i++) lane[i] = rol(lane[i] + word(at + 8 * i) * p2, 31) * p1;
        sum = rol(lane[0], 1) + rol(lane[1], 7) + rol(lane[2], 12) + rol(lane[3], 18);
        sum = (sum ^ sum >> 33) * p2;
        sum = (sum ^ sum >> 29) * p3;
        sum ^= sum >> 32;
    }
    return sum;
}
