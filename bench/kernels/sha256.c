/* 32-bit rotates and adds: SHA-256 (FIPS 180-4) of n blocks of 64 bytes. */
#include "kernel.h"

/* The round constants are derived as the standard defines them: the fraction bits of cube roots of primes. */
static u32 k[64], init[8];
static u8 block[64];

/* Multiply a number of four 32-bit limbs, lowest first, by one of two. */
static void multiply(u32 *out, const u32 *x, u64 y) {
    u32 result[4] = {0, 0, 0, 0};
    for (int j = 0; j < 2; j++) {
        u64 carry = 0, limb = j ? y >> 32 : y & 0xFFFFFFFFu;
        for (int i = 0; i + j < 4; i++) {
            carry += limb * x[i] + result[i + j];
            result[i + j] = (u32)carry;
            carry >>= 32;
        }
    }
    for (int i = 0; i < 4; i++) out[i] = result[i];
}

/* The first 32 fraction bits of a prime's square or cube root, by binary search of root * 2^32. */
static u32 fraction(u32 prime, int degree) {
    u64 low = 0, high = 1ull << 36;
    while (high - low > 1) {
        u64 middle = (low + high) >> 1;
        u32 power[4] = {1, 0, 0, 0};
        for (int i = 0; i < degree; i++) multiply(power, power, middle);
        /* power is (root * 2^32)^degree, so its whole part begins at limb `degree`. */
        if (degree == 3 ? power[3] >= prime : (power[2] | (u64)power[3] << 32) >= prime) high = middle;
        else low = middle;
    }
    return (u32)low;
}

static void derive(void) {
    u32 found = 0;
    for (u32 candidate = 2; found < 64; candidate++) {
        int prime = 1;
        for (u32 d = 2; d * d <= candidate; d++) prime &= candidate % d != 0;
        if (!prime) continue;
        if (found < 8) init[found] = fraction(candidate, 2);
        k[found++] = fraction(candidate, 3);
    }
}

static inline u32 ror(u32 x, u32 by) { return x >> by | x << (32 - by); }

static void compress(u32 *h) {
    u32 w[64];
    for (int i = 0; i < 16; i++)
        w[i] = (u32)block[4 * i] << 24 | (u32)block[4 * i + 1] << 16 | (u32)block[4 * i + 2] << 8 | block[4 * i + 3];
    for (int i = 16; i < 64; i++) {
        u32 s0 = ror(w[i - 15], 7) ^ ror(w[i - 15], 18) ^ w[i - 15] >> 3;
        u32 s1 = ror(w[i - 2], 17) ^ ror(w[i - 2], 19) ^ w[i - 2] >> 10;
        w[i] = w[i - 16] + s0 + w[i - 7] + s1;
    }
    u32 a = h[0], b = h[1], c = h[2], d = h[3], e = h[4], f = h[5], g = h[6], z = h[7];
    for (int i = 0; i < 64; i++) {
        u32 t1 = z + (ror(e, 6) ^ ror(e, 11) ^ ror(e, 25)) + ((e & f) ^ (~e & g)) + k[i] + w[i];
        u32 t2 = (ror(a, 2) ^ ror(a, 13) ^ ror(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
        z = g, g = f, f = e, e = d + t1, d = c, c = b, b = a, a = t1 + t2;
    }
    h[0] += a, h[1] += b, h[2] += c, h[3] += d, h[4] += e, h[5] += f, h[6] += g, h[7] += z;
}

EXPORT(run) u64 run(u32 n) {
    u32 h[8];
    if (!k[0]) derive();
    for (int i = 0; i < 8; i++) h[i] = init[i];
    for (u32 i = 0; i < n; i++) {
        for (int j = 0; j < 64; j++) block[j] = (u8)(i * 7 + j * 13);
        compress(h);
    }
    return (u64)h[0] << 32 | h[7];
}
