# cython: language_level=3
from .gcheap cimport Obj
from .gctypes cimport TypeHandle
from .machine cimport Ctx, FuncC, i64, u8, u32, u64
from .pointers cimport CFunc

cdef class Heap

cdef class FuncHandle:
    cdef FuncC* c
    cdef CFunc* native
    cdef bytes params
    cdef bytes results
    cdef bint numeric
    cdef object direct
    cdef object finish
    cdef Heap machine
    cdef bint borrowed


cdef class Held:
    cdef Heap machine
    cdef Obj* obj
    cdef TypeHandle type(self)


cdef class Heap:
    cdef Ctx ctx
    cdef object store
    cdef object i31
    cdef object wrap
    cdef object exn_class
    cdef object refs
    cdef dict types
    cdef list hosted
    cdef list unused
    cdef dict numbers
    cdef Py_ssize_t most_hosted
    cdef list roots
    cdef list handles
    cdef i64 types_known
    cdef double pace

    cdef object to_raw(self, u64* slot, u8 cls)
    cdef int from_raw(self, object raw, u8 cls, u64* slot) except -1
    cdef TypeHandle type_of(self, owner)
    cdef object object_at(self, Obj* obj)
    cdef u64 bits_of(self, object raw) except? 0
    cdef u64 host_bits(self, object raw) except? 0
    cdef u64 new_exn(self, object tag, tuple values) except 0
    cdef int room_for_host(self) except -1
    cdef double collecting(self) noexcept
    cdef int collect_from(self, u64* top) except -1
    cdef int make_room(self, u64 charge, u64* top) except -1
    cdef Obj* new_object(self, TypeHandle type, u64 length, bint may_collect) except NULL
    cdef int know_types(self) except -1
    cdef FuncHandle handle_of(self, func)
    cdef FuncC* c_of(self, func) except NULL
    cdef tuple take(self, u64* p, bytes classes)
    cdef int allow(self, u64 charge) except -1
    cdef int put_all(self, values, bytes classes, u64* p) except -1
    cdef int put(self, object result, bytes classes, u64* p) except -1

cdef void drop_code(FuncC* c) noexcept
cdef bint take_number(object item, u8 cls, u64* p) except -1
cdef object number_at(u64* p, u8 cls)
