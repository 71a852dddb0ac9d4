# cython: language_level=3
"""Reading numbers and types of the binary format between two addresses.

Spec: chapters 5.2 and 5.3. Each reader returns the address behind what it read, NULL if the bytes are not as they
should be or go on behind `end`; what exactly is wrong is for `binary.reader` to say.
Rule 1: what is accepted here is what `binary.reader` and `binary.read_types` accept, not a byte more.
"""

from .machine cimport i64, u8, u32, u64

# Types as numbers. A reference type is REFS + 2 * heap type + 1 if nullable; heap types below DEFINED are abstract,
# DEFINED + n is a defined type: n as the module wrote it, or its number in the module once it is closed.
cdef enum:
    UNKNOWN_TYPE = 0
    I32_TYPE = 1
    I64_TYPE = 2
    F32_TYPE = 3
    F64_TYPE = 4
    V128_TYPE = 5
    I8_TYPE = 6
    I16_TYPE = 7
    REFS = 8
    BOTTOM_HEAP = 15
    DEFINED = 16

cdef enum:
    MOST_TYPES = 1 << 28
    EMPTY_BLOCK = 0x40
    REF_BYTE = 0x64
    REF_NULL_BYTE = 0x63

# Which bytes are types, for one set of features: the number of the value type, and 1 + that of the heap type.
cdef struct TypeBytes:
    u8 val[256]
    u8 heap[256]
    u8 typed_refs
    u8 multi_value

# A block type: none, a value type, or a type index.
cdef struct BlockType:
    u8 is_index
    u32 number


cdef inline const u8* read_unsigned(const u8* p, const u8* end, int bits, u64* out) noexcept nogil:
    cdef u64 value = 0
    cdef int shift = 0
    cdef u8 byte
    while shift < bits:
        if p >= end:
            return NULL
        byte = p[0]
        p += 1
        if bits - shift < 7 and (byte & 0x7F) >> (bits - shift):
            return NULL
        value |= <u64>(byte & 0x7F) << shift
        if byte < 0x80:
            out[0] = value
            return p
        shift += 7
    return NULL


cdef inline const u8* read_signed(const u8* p, const u8* end, int bits, i64* out) noexcept nogil:
    cdef u64 value = 0
    cdef int shift = 0
    cdef u8 byte, mask
    while shift < bits:
        if p >= end:
            return NULL
        byte = p[0]
        p += 1
        if bits - shift < 7:
            mask = (0x7F << (bits - shift - 1)) & 0x7F
            if byte & mask and byte & mask != mask:
                return NULL
        value |= <u64>(byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            if byte & 0x40 and shift < 64:
                value |= ~<u64>0 << shift
            out[0] = <i64>value
            return p
    return NULL


cdef inline const u8* read_u32(const u8* p, const u8* end, u32* out) noexcept nogil:
    cdef u64 value
    # fast: nearly every number in a module is one byte long.
    if p < end and p[0] < 0x80:
        out[0] = p[0]
        return p + 1
    p = read_unsigned(p, end, 32, &value)
    if p != NULL:
        out[0] = <u32>value
    return p


cdef inline const u8* read_typeidx(const u8* p, const u8* end, u32* out) noexcept nogil:
    cdef i64 typeidx
    p = read_signed(p, end, 33, &typeidx)
    if p == NULL or typeidx < 0:
        return NULL
    # safe: no module has that many types, so a larger index is just as unknown.
    out[0] = <u32>typeidx if typeidx < MOST_TYPES else MOST_TYPES
    return p


cdef inline const u8* read_heap(TypeBytes* types, const u8* p, const u8* end, u32* out) noexcept nogil:
    if p >= end:
        return NULL
    if types.heap[p[0]]:
        out[0] = types.heap[p[0]] - 1
        return p + 1
    p = read_typeidx(p, end, out)
    if p != NULL:
        out[0] += DEFINED
    return p


cdef inline const u8* read_val(TypeBytes* types, const u8* p, const u8* end, u32* out) noexcept nogil:
    cdef u32 heap
    cdef u8 byte
    if p >= end:
        return NULL
    byte = p[0]
    if types.val[byte]:
        out[0] = types.val[byte]
        return p + 1
    if not types.typed_refs or (byte != REF_BYTE and byte != REF_NULL_BYTE):
        return NULL
    p = read_heap(types, p + 1, end, &heap)
    if p != NULL:
        out[0] = REFS + 2 * heap + (byte == REF_NULL_BYTE)
    return p


cdef inline const u8* read_block(TypeBytes* types, const u8* p, const u8* end, BlockType* out) noexcept nogil:
    if p >= end:
        return NULL
    out.is_index = 0
    if p[0] == EMPTY_BLOCK:
        out.number = 0
        return p + 1
    if p[0] > EMPTY_BLOCK and p[0] < 0x80:
        return read_val(types, p, end, &out.number)
    out.is_index = 1
    return read_typeidx(p, end, &out.number) if types.multi_value else NULL
