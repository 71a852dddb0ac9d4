/* What every kernel shares: types, an xorshift generator and the export mark.
 * A kernel exports `uint64_t run(uint32_t n)`: n scales the work linearly, the result is a checksum. No imports, no libc. */
#ifndef KERNEL_H
#define KERNEL_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef int i32;
typedef long long i64;

#define EXPORT(name) __attribute__((export_name(#name)))
#define NOINLINE __attribute__((noinline))

static u32 rng_state = 2463534242u;

static inline void rng_seed(u32 seed) { rng_state = seed ? seed : 1; }

static inline u32 rng(void) {
    u32 x = rng_state;
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    return rng_state = x;
}

/* Fold a value into a running checksum. */
static inline u64 mix(u64 sum, u64 value) {
    sum ^= value + 0x9E3779B97F4A7C15ull + (sum << 6) + (sum >> 2);
    return sum;
}

#endif
