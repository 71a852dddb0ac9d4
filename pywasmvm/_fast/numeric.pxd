# cython: language_level=3
"""What the `c` and `check` columns of the scalar rows call: the twins of engine/python/numeric.py.

Every function has the name it has there and gives the same bits. Integers are unsigned, floats are float and double.
Spec: 4.3.2 (integers), 4.3.3 (floats), 4.3.4 (conversions).
Rule 1: the checks tell the trap, 0 for none; the operation may be undefined where they report one.
Rule 2: a NaN that arithmetic makes passes through canon32 or canon64, so that no machine's own NaN is seen.
Rule 3: build with -ffp-contract=off, or a fused multiply-add rounds once where the rows round twice.
"""

cimport cython
from libc.math cimport (
    ceil as ceil64,
    ceilf as ceil32,
    copysign as copysign64,
    copysignf as copysign32,
    fabs as fabs64,
    fabsf as fabs32,
    floor as floor64,
    floorf as floor32,
    rint as nearest64,
    rintf as nearest32,
    sqrt as sqrt64,
    sqrtf as sqrt32,
    trunc as trunc64,
    truncf as trunc32,
)
from libc.stdint cimport int8_t, int16_t, int32_t, int64_t
from libc.stdint cimport uint32_t as u32
from libc.stdint cimport uint64_t as u64
from libc.string cimport memcpy

from ._generated_opcodes cimport (
    TRAP_DIVIDE_BY_ZERO,
    TRAP_INTEGER_OVERFLOW,
    TRAP_INVALID_CONVERSION,
    TRAP_NONE,
)

cdef extern from *:
    """
    #if defined(__GNUC__) || defined(__clang__)
    #define pywasmvm_clz64(x) __builtin_clzll(x)
    #define pywasmvm_ctz64(x) __builtin_ctzll(x)
    #define pywasmvm_popcnt64(x) __builtin_popcountll(x)
    #else
    static inline int pywasmvm_popcnt64(unsigned long long x) {
        x -= (x >> 1) & 0x5555555555555555ULL;
        x = (x & 0x3333333333333333ULL) + ((x >> 2) & 0x3333333333333333ULL);
        return (int)((((x + (x >> 4)) & 0x0F0F0F0F0F0F0F0FULL) * 0x0101010101010101ULL) >> 56);
    }
    static inline int pywasmvm_ctz64(unsigned long long x) { return pywasmvm_popcnt64((x & (0 - x)) - 1); }
    static inline int pywasmvm_clz64(unsigned long long x) {
        int shift;
        for (shift = 1; shift < 64; shift <<= 1) x |= x >> shift;
        return 64 - pywasmvm_popcnt64(x);
    }
    #endif
    """
    int clz_nonzero "pywasmvm_clz64"(u64 x) noexcept nogil
    int ctz_nonzero "pywasmvm_ctz64"(u64 x) noexcept nogil
    int count_ones "pywasmvm_popcnt64"(u64 x) noexcept nogil


# -- integers -----------------------------------------------------------------------------------------


cdef inline int32_t signed32(u32 a) noexcept nogil:
    return <int32_t>a


cdef inline int64_t signed64(u64 a) noexcept nogil:
    return <int64_t>a


cdef inline u32 extend8_s32(u32 a) noexcept nogil:
    return <u32><int32_t><int8_t>a


cdef inline u32 extend16_s32(u32 a) noexcept nogil:
    return <u32><int32_t><int16_t>a


cdef inline u64 extend8_s64(u64 a) noexcept nogil:
    return <u64><int64_t><int8_t>a


cdef inline u64 extend16_s64(u64 a) noexcept nogil:
    return <u64><int64_t><int16_t>a


cdef inline u64 extend32_s64(u64 a) noexcept nogil:
    return <u64><int64_t><int32_t>a


cdef inline u32 clz32(u32 a) noexcept nogil:
    return <u32>(clz_nonzero(a) - 32) if a != 0 else 32


cdef inline u64 clz64(u64 a) noexcept nogil:
    return <u64>clz_nonzero(a) if a != 0 else 64


cdef inline u32 ctz32(u32 a) noexcept nogil:
    return <u32>ctz_nonzero(a | (<u64>1 << 32))


cdef inline u64 ctz64(u64 a) noexcept nogil:
    return <u64>ctz_nonzero(a) if a != 0 else 64


cdef inline u32 popcnt32(u32 a) noexcept nogil:
    return <u32>count_ones(a)


cdef inline u64 popcnt64(u64 a) noexcept nogil:
    return <u64>count_ones(a)


cdef inline u32 rotl32(u32 a, u32 b) noexcept nogil:
    # why: a shift by the whole width is undefined in C; masking the count both ways avoids it.
    return (a << (b & 31)) | (a >> ((0 - b) & 31))


cdef inline u32 rotr32(u32 a, u32 b) noexcept nogil:
    return (a >> (b & 31)) | (a << ((0 - b) & 31))


cdef inline u64 rotl64(u64 a, u64 b) noexcept nogil:
    return (a << (b & 63)) | (a >> ((0 - b) & 63))


cdef inline u64 rotr64(u64 a, u64 b) noexcept nogil:
    return (a >> (b & 63)) | (a << ((0 - b) & 63))


cdef inline u32 shr_s32(u32 a, u32 b) noexcept nogil:
    return <u32>(<int32_t>a >> (b & 31))


cdef inline u64 shr_s64(u64 a, u64 b) noexcept nogil:
    return <u64>(<int64_t>a >> (b & 63))


# why the directive: without it Cython rounds down as Python does, and looks for zero.
@cython.cdivision(True)
cdef inline u32 div_s32(u32 a, u32 b) noexcept nogil:
    # safe: check_div_s32 keeps out 0 and the one quotient that does not fit.
    return <u32>(<int32_t>a / <int32_t>b)


@cython.cdivision(True)
cdef inline u64 div_s64(u64 a, u64 b) noexcept nogil:
    # safe: check_div_s64, as above.
    return <u64>(<int64_t>a / <int64_t>b)


@cython.cdivision(True)
cdef inline u32 rem_s32(u32 a, u32 b) noexcept nogil:
    # why: the least number modulo -1 traps in hardware, though its remainder is 0.
    return <u32>(<int32_t>a % <int32_t>b) if b != <u32>0xFFFFFFFF else 0


@cython.cdivision(True)
cdef inline u64 rem_s64(u64 a, u64 b) noexcept nogil:
    return <u64>(<int64_t>a % <int64_t>b) if b != <u64>0xFFFFFFFFFFFFFFFF else 0


cdef inline int check_div_u32(u32 b) noexcept nogil:
    return TRAP_DIVIDE_BY_ZERO if b == 0 else TRAP_NONE


cdef inline int check_div_u64(u64 b) noexcept nogil:
    return TRAP_DIVIDE_BY_ZERO if b == 0 else TRAP_NONE


cdef inline int check_div_s32(u32 a, u32 b) noexcept nogil:
    if b == 0:
        return TRAP_DIVIDE_BY_ZERO
    if b == <u32>0xFFFFFFFF and a == <u32>0x80000000:
        return TRAP_INTEGER_OVERFLOW
    return TRAP_NONE


cdef inline int check_div_s64(u64 a, u64 b) noexcept nogil:
    if b == 0:
        return TRAP_DIVIDE_BY_ZERO
    if b == <u64>0xFFFFFFFFFFFFFFFF and a == <u64>0x8000000000000000:
        return TRAP_INTEGER_OVERFLOW
    return TRAP_NONE


# -- floats and their bits ----------------------------------------------------------------------------


cdef inline float f32_from_bits(u32 a) noexcept nogil:
    cdef float value
    memcpy(&value, &a, 4)
    return value


cdef inline u32 f32_to_bits(float a) noexcept nogil:
    cdef u32 bits
    memcpy(&bits, &a, 4)
    return bits


cdef inline double f64_from_bits(u64 a) noexcept nogil:
    cdef double value
    memcpy(&value, &a, 8)
    return value


cdef inline u64 f64_to_bits(double a) noexcept nogil:
    cdef u64 bits
    memcpy(&bits, &a, 8)
    return bits


cdef inline float canon32(float a) noexcept nogil:
    return a if a == a else f32_from_bits(<u32>0x7FC00000)


cdef inline double canon64(double a) noexcept nogil:
    return a if a == a else f64_from_bits(<u64>0x7FF8000000000000)


# -- float arithmetic ---------------------------------------------------------------------------------


cdef inline float min32(float a, float b) noexcept nogil:
    if a < b:
        return a
    if a > b:
        return b
    if a == b:
        # why: equal but different are only the zeros; the sign bit of either wins.
        return f32_from_bits(f32_to_bits(a) | f32_to_bits(b))
    return f32_from_bits(<u32>0x7FC00000)


cdef inline float max32(float a, float b) noexcept nogil:
    if a > b:
        return a
    if a < b:
        return b
    if a == b:
        return f32_from_bits(f32_to_bits(a) & f32_to_bits(b))
    return f32_from_bits(<u32>0x7FC00000)


cdef inline double min64(double a, double b) noexcept nogil:
    if a < b:
        return a
    if a > b:
        return b
    if a == b:
        return f64_from_bits(f64_to_bits(a) | f64_to_bits(b))
    return f64_from_bits(<u64>0x7FF8000000000000)


cdef inline double max64(double a, double b) noexcept nogil:
    if a > b:
        return a
    if a < b:
        return b
    if a == b:
        return f64_from_bits(f64_to_bits(a) & f64_to_bits(b))
    return f64_from_bits(<u64>0x7FF8000000000000)


# -- truncation ---------------------------------------------------------------------------------------
# The 32-bit sources go through double, which holds every float exactly. Intervals are open.


cdef inline int check_range(double a, double low, double high) noexcept nogil:
    if a > low and a < high:
        return TRAP_NONE
    return TRAP_INTEGER_OVERFLOW if a == a else TRAP_INVALID_CONVERSION


cdef inline int check_trunc64_s32(double a) noexcept nogil:
    return check_range(a, -2147483649.0, 2147483648.0)


cdef inline int check_trunc64_u32(double a) noexcept nogil:
    return check_range(a, -1.0, 4294967296.0)


cdef inline int check_trunc64_s64(double a) noexcept nogil:
    # why: the float below -2**63 differs by 2048.
    return check_range(a, -9223372036854777856.0, 9223372036854775808.0)


cdef inline int check_trunc64_u64(double a) noexcept nogil:
    return check_range(a, -1.0, 18446744073709551616.0)


cdef inline int check_trunc32_s32(float a) noexcept nogil:
    return check_trunc64_s32(a)


cdef inline int check_trunc32_u32(float a) noexcept nogil:
    return check_trunc64_u32(a)


cdef inline int check_trunc32_s64(float a) noexcept nogil:
    return check_trunc64_s64(a)


cdef inline int check_trunc32_u64(float a) noexcept nogil:
    return check_trunc64_u64(a)


cdef inline u32 trunc64_s32(double a) noexcept nogil:
    return <u32><int32_t>a


cdef inline u32 trunc64_u32(double a) noexcept nogil:
    return <u32>a


cdef inline u64 trunc64_s64(double a) noexcept nogil:
    return <u64><int64_t>a


cdef inline u64 trunc64_u64(double a) noexcept nogil:
    return <u64>a


cdef inline u32 trunc32_s32(float a) noexcept nogil:
    return <u32><int32_t>a


cdef inline u32 trunc32_u32(float a) noexcept nogil:
    return <u32>a


cdef inline u64 trunc32_s64(float a) noexcept nogil:
    return <u64><int64_t>a


cdef inline u64 trunc32_u64(float a) noexcept nogil:
    return <u64>a


cdef inline u32 trunc_sat64_s32(double a) noexcept nogil:
    if check_trunc64_s32(a) == TRAP_NONE:
        return trunc64_s32(a)
    return <u32>0x80000000 if a < 0 else (<u32>0x7FFFFFFF if a == a else 0)


cdef inline u32 trunc_sat64_u32(double a) noexcept nogil:
    if check_trunc64_u32(a) == TRAP_NONE:
        return trunc64_u32(a)
    return <u32>0xFFFFFFFF if a > 0 else 0


cdef inline u64 trunc_sat64_s64(double a) noexcept nogil:
    if check_trunc64_s64(a) == TRAP_NONE:
        return trunc64_s64(a)
    return <u64>0x8000000000000000 if a < 0 else (<u64>0x7FFFFFFFFFFFFFFF if a == a else 0)


cdef inline u64 trunc_sat64_u64(double a) noexcept nogil:
    if check_trunc64_u64(a) == TRAP_NONE:
        return trunc64_u64(a)
    return <u64>0xFFFFFFFFFFFFFFFF if a > 0 else 0


cdef inline u32 trunc_sat32_s32(float a) noexcept nogil:
    return trunc_sat64_s32(a)


cdef inline u32 trunc_sat32_u32(float a) noexcept nogil:
    return trunc_sat64_u32(a)


cdef inline u64 trunc_sat32_s64(float a) noexcept nogil:
    return trunc_sat64_s64(a)


cdef inline u64 trunc_sat32_u64(float a) noexcept nogil:
    return trunc_sat64_u64(a)


# -- conversion ---------------------------------------------------------------------------------------


cdef inline float convert32_s_f32(u32 a) noexcept nogil:
    return <float><int32_t>a


cdef inline float convert32_u_f32(u32 a) noexcept nogil:
    return <float>a


cdef inline float convert64_s_f32(u64 a) noexcept nogil:
    return <float><int64_t>a


cdef inline float convert64_u_f32(u64 a) noexcept nogil:
    return <float>a


cdef inline double convert32_s_f64(u32 a) noexcept nogil:
    return <double><int32_t>a


cdef inline double convert32_u_f64(u32 a) noexcept nogil:
    return <double>a


cdef inline double convert64_s_f64(u64 a) noexcept nogil:
    return <double><int64_t>a


cdef inline double convert64_u_f64(u64 a) noexcept nogil:
    return <double>a


cdef inline float demote64(double a) noexcept nogil:
    return canon32(<float>a)


cdef inline double promote32(float a) noexcept nogil:
    return canon64(<double>a)
