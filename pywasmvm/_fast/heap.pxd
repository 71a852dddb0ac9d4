# cython: language_level=3
from .machine cimport Ctx, FuncC, InstC, MemC, TableC, i64, u8, u32, u64
from .modinfo cimport ModInfo

cdef class Heap

cdef class Plan:
    cdef readonly object run
    cdef readonly bytes params
    cdef readonly bytes results


cdef class MemHandle:
    cdef MemC c
    cdef object memory


cdef class Cell:
    cdef u64[2] slots
    cdef u8 cls
    cdef Heap machine


cdef class Elems:
    cdef TableC c
    cdef u8 cls
    cdef Heap machine


cdef class FuncHandle:
    cdef FuncC* c
    cdef bytes params
    cdef bytes results
    cdef Heap machine


cdef class InstHandle:
    cdef InstC c
    cdef MemC no_memory
    cdef ModInfo info
    cdef Heap machine
    cdef object planner
    cdef list plans
    cdef list kept
    cdef dict tries
    cdef object instance
    cdef bint has_globals


cdef class Heap:
    cdef Ctx ctx
    cdef u64* top
    cdef object store
    cdef object i31
    cdef dict pins
    cdef size_t most_pins
    cdef list roots
    cdef list handles
    cdef i64 types_known

    cdef object to_raw(self, u64* slot, u8 cls)
    cdef int from_raw(self, object raw, u8 cls, u64* slot) except -1
    cdef int unpin(self) except -1
    cdef int know_types(self) except -1
    cdef FuncHandle handle_of(self, func)
    cdef tuple take(self, u64* p, bytes classes)
    cdef int put(self, object result, bytes classes, u64* p) except -1

cdef bint take_numbers(tuple params, bytes wanted, u64* p) except -1
cdef object number_at(u64* p, u8 cls)
cdef bint is_quick(FuncHandle handle)
