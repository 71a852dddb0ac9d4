"""Linear memories. Spec 4.2.7 and 4.7 (memory.grow).

`.buf` is what the engines read and write; `.vmem` owns the bytes; the methods that take a store are the
public API, with the names and shapes of the wasmtime package.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..errors import LimitError, UsageError
from ..syntax.types import Limits, MemType, NumType
from .pages import Pages
from .publictypes import MemoryType
from .store import Store, Storelike, check_store
from .vmem import VMem

if TYPE_CHECKING:
    import ctypes

    import numpy as np

__all__ = ["Memory"]

# spec: a memory is bounded by its address type: 2**16 pages of 64 KiB for i32.
_ADDRESS_SPACE = {NumType.I32: 1 << 32, NumType.I64: 1 << 64}
# What we reserve for a memory that nothing bounds.
UNBOUNDED_RESERVATION = 4 << 30


class Memory:
    """A linear memory.

    memtype   its type; the minimum is the current size. `declared` is the type it was made with.
    vmem      the bytes: address and size.
    buf       memoryview('B') of the current size.
    on_grow   called without arguments after each change of size, when `buf` is already the new one.
    refused   how often growth was refused to the guest.
    """

    __slots__ = ("__weakref__", "buf", "declared", "memtype", "on_grow", "refused", "store", "vmem")

    def __init__(self, store: Storelike, ty: MemoryType) -> None:
        """Make a memory that belongs to the embedder."""
        if not isinstance(ty, MemoryType):
            raise UsageError(f"expected a MemoryType, got {type(ty).__name__}")
        self._setup(check_store(store), ty.syntax)

    @classmethod
    def alloc(cls, store: Store, memtype: MemType) -> Memory:
        """Make a memory of a type of the module. Raise LimitError if a limit is in the way."""
        memory = cls.__new__(cls)
        memory._setup(store, memtype)
        return memory

    def _setup(self, store: Store, memtype: MemType) -> None:
        self.store = store
        self.memtype = self.declared = memtype
        self.on_grow: list[Callable[[], None]] = []
        self.refused = 0
        self._check_count(store)
        refusal = self._refuse_size(memtype.limits.minimum * memtype.page_size, 0)
        if refusal:
            raise LimitError(f"memory minimum size exceeds memory limits: {refusal}")
        try:
            self.vmem = VMem(memtype.limits.minimum, self._reservation(), memtype.page_size)
        except MemoryError:
            npages = memtype.limits.minimum
            raise LimitError(
                f"memory minimum size exceeds memory limits: no room for {npages} pages"
            ) from None
        self.buf = self.vmem.view
        store.memory_count += 1
        store.memories.add(self)

    def _check_count(self, store: Store) -> None:
        most = store.most_memories
        if most is not None and store.memory_count >= most:
            raise LimitError(
                f"resource limit exceeded: memory count too high at {store.memory_count + 1}, limit {most}"
            )

    def _reservation(self) -> int:
        """Return how many bytes this memory could ever have."""
        limits = self.memtype.limits
        most = _ADDRESS_SPACE[self.memtype.addrtype]
        if limits.maximum is not None:
            most = min(most, limits.maximum * self.memtype.page_size)
        if self.store.limits.memory_bytes is not None:
            most = min(most, self.store.limits.memory_bytes)
        return min(most, UNBOUNDED_RESERVATION)

    def _refuse_size(self, nbytes: int, old_nbytes: int) -> str:
        """Return why this size is not allowed, an empty text if it is."""
        limits = self.store.limits
        if nbytes > _ADDRESS_SPACE[self.memtype.addrtype]:
            return "past the address space"
        if limits.memory_bytes is not None and nbytes > limits.memory_bytes:
            return f"memory_bytes is {limits.memory_bytes}, {nbytes} wanted"
        if limits.store_memory_bytes is not None:
            total = self.store.memory_nbytes - old_nbytes + nbytes
            if total > limits.store_memory_bytes:
                return f"store_memory_bytes is {limits.store_memory_bytes}, {total} wanted"
        return ""

    def load_pages(self, pages: Pages) -> None:
        """Become a copy of `pages`, in size too. Raise LimitError, with nothing changed, at a limit."""
        refusal = self._refuse_size(pages.nbytes, self.vmem.nbytes)
        if refusal:
            raise LimitError(f"memory size exceeds memory limits: {refusal}")
        self.vmem.load(pages)
        self.buf = self.vmem.view
        npages = pages.nbytes // self.memtype.page_size
        self.memtype = self.memtype._replace(limits=Limits(npages, self.memtype.limits.maximum))
        for callback in self.on_grow:
            callback()

    def may_grow(self, delta: int) -> bool:
        """Tell whether neither its maximum nor a limit forbids that many more pages."""
        limits = self.memtype.limits
        npages = limits.minimum + delta
        if limits.maximum is not None and npages > limits.maximum:
            return False
        return not delta or not self._refuse_size(npages * self.memtype.page_size, self.vmem.nbytes)

    def growth_units(self, delta: int) -> int:
        """Return the units of fuel that growing by `delta` pages costs: nothing if it is forbidden."""
        return delta if self.may_grow(delta) else 0

    def grow_pages(self, delta: int) -> int:
        """Grow as memory.grow does. Return the old number of pages, or -1 if that is not possible."""
        limits = self.memtype.limits
        if not self.may_grow(delta) or (delta and self.vmem.grow(delta) < 0):
            self.refused += 1
            return -1
        if delta:
            npages = limits.minimum + delta
            self.buf = self.vmem.view
            self.memtype = self.memtype._replace(limits=Limits(npages, limits.maximum))
            for callback in self.on_grow:
                callback()
        return limits.minimum

    def close(self) -> None:
        """Let go of the bytes; views that are about keep theirs."""
        self.vmem.close()
        self.buf = self.vmem.view

    def type(self, store: Storelike) -> MemoryType:
        """Return the type it was made with; `size` says how large it is now."""
        check_store(store, self.store, self)
        return MemoryType.of(self.declared)

    def grow(self, store: Storelike, delta: int) -> int:
        """Add pages. Return the old number of pages; raise LimitError if it cannot grow."""
        check_store(store, self.store, self)
        if delta < 0:
            raise UsageError("cannot grow by negative amount")
        old = self.grow_pages(delta)
        if old < 0:
            raise LimitError(f"failed to grow memory by {delta} pages from {self.memtype.limits.minimum}")
        return old

    def size(self, store: Storelike) -> int:
        """Return the size in pages."""
        check_store(store, self.store, self)
        return self.memtype.limits.minimum

    def data_len(self, store: Storelike) -> int:
        """Return the size in bytes."""
        check_store(store, self.store, self)
        return len(self.buf)

    def page_size(self, store: Storelike) -> int:
        """Return the size of a page in bytes."""
        check_store(store, self.store, self)
        return self.memtype.page_size

    def page_size_log2(self, store: Storelike) -> int:
        """Return the size of a page in bytes as a power of two."""
        return self.page_size(store).bit_length() - 1

    def view(self, store: Storelike | None = None) -> np.ndarray[Any, np.dtype[np.uint8]]:
        """Return the current bytes as a writable numpy array that shares them. Growth leaves it valid."""
        if store is not None:
            check_store(store, self.store, self)
        return self.vmem.numpy()

    def data_ptr(self, store: Storelike) -> ctypes._Pointer[ctypes.c_ubyte]:
        """Return a ctypes pointer to byte 0. Unlike `view` it does not keep the memory alive."""
        import ctypes  # why: few embedders come by here, and it is not cheap to load

        check_store(store, self.store, self)
        return ctypes.cast(ctypes.c_void_p(self.vmem.base), ctypes.POINTER(ctypes.c_ubyte))

    def get_buffer_ptr(
        self, store: Storelike, size: int | None = None, offset: int = 0
    ) -> ctypes.Array[ctypes.c_ubyte]:
        """Return a ctypes array over `size` bytes at `offset`, for the buffer protocol."""
        nbytes = self.data_len(store)
        size = nbytes - offset if size is None else size
        if offset < 0 or size < 0 or offset + size > nbytes:
            raise UsageError(f"{size} bytes at {offset} are outside of a memory of {nbytes} bytes")
        import ctypes

        return (ctypes.c_ubyte * size).from_buffer(self.buf, offset)

    def read(self, store: Storelike, start: int | None = 0, stop: int | None = None) -> bytearray:
        """Return a copy of the bytes from `start` to `stop`, which work as in a slice of a list."""
        check_store(store, self.store, self)
        return bytearray(self.buf[start:stop])

    def write(self, store: Storelike, value: bytes | bytearray | memoryview, start: int | None = None) -> int:
        """Write bytes at `start` (negative: from the end). Raise IndexError past the end."""
        check_store(store, self.store, self)
        nbytes = len(self.buf)
        addr = slice(start, None).indices(nbytes)[0]
        end = addr + len(value)
        if addr >= nbytes or end > nbytes:
            raise IndexError("index out of range")
        self.buf[addr:end] = value
        return len(value)

    def __repr__(self) -> str:
        return f"<Memory of {self.memtype.limits.minimum} pages>"
