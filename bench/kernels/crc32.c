/* A table look-up per byte: CRC-32 (IEEE 802.3) of 16 KiB, n times. */
#include "kernel.h"

enum { SIZE = 1 << 14 };
static u32 table[256];
static u8 data[SIZE];

EXPORT(run) u64 run(u32 n) {
    for (u32 i = 0; i < 256; i++) {
        u32 c = i;
        for (int bit = 0; bit < 8; bit++) c = c & 1 ? 0xEDB88320u ^ c >> 1 : c >> 1;
        table[i] = c;
    }
    for (u32 i = 0; i < SIZE; i++) data[i] = (u8)(i * 31 + (i >> 5));
    u32 crc = 0;
    for (u32 round = 0; round < n; round++) {
        crc = ~crc;
        for (u32 i = 0; i < SIZE; i++) crc = table[(crc ^ data[i]) & 255] ^ crc >> 8;
        crc = ~crc;
    }
    return crc;
}
