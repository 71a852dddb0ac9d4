"""Address space for linear memories: reserve once, make pages usable as the memory grows.

The base address then never moves, so views and raw pointers stay valid over `memory.grow`. Where a
reservation cannot be had (no mmap, a tight `ulimit -v`, growth past it) the bytes live in a numpy buffer that
moves when it grows.
Rule 1: nothing here knows WebAssembly limits; `memory.py` decides whether a growth is allowed.
Rule 2: every view keeps its mapping alive; the pages go back to the system with the last view.
"""

from __future__ import annotations

import mmap
import sys
from typing import TYPE_CHECKING, Any, Protocol

from ._generated_system import ffi as _ffi
from .pages import Pages

if TYPE_CHECKING:
    import numpy as np

__all__ = ["HOST_PAGE", "VMem"]

HOST_PAGE = mmap.PAGESIZE

# why: below this, halving further buys nothing; a moving buffer is as good.
SMALLEST_RESERVATION = 1 << 20


class _System(Protocol):
    def mmap(self, addr: Any, length: int, prot: int, flags: int, fd: int, offset: int) -> Any: ...

    def mprotect(self, addr: Any, length: int, prot: int) -> int: ...

    def munmap(self, addr: Any, length: int) -> int: ...


def _open_system() -> _System | None:
    """Return the C library, or None where this technique is not available (Windows, WebAssembly, 32 bit)."""
    if not hasattr(mmap, "MAP_PRIVATE") or sys.maxsize < 1 << 32:
        return None
    try:
        lib: _System = _ffi.dlopen(None)
        lib.mmap, lib.mprotect, lib.munmap  # noqa: B018 - cffi looks a symbol up on first use
    except (OSError, AttributeError):
        return None
    return lib


_SYSTEM = _open_system()
_FAILED = _ffi.cast("void *", -1)
_READ_WRITE = mmap.PROT_READ | mmap.PROT_WRITE if _SYSTEM is not None else 0
_NO_ACCESS = 0
_MAP_ANONYMOUS = getattr(mmap, "MAP_ANONYMOUS", 0)
# why: Python's mmap has no name for it; the number is that of Linux, macOS and the BSDs.
_MAP_FIXED = 0x10


def _round_up(nbytes: int) -> int:
    return (nbytes + HOST_PAGE - 1) // HOST_PAGE * HOST_PAGE


def _reserve(nbytes: int) -> Any | None:
    """Reserve address space without memory behind it. Return an owning `char *`, None if it cannot be had."""
    system = _SYSTEM
    if system is None:
        return None
    addr = system.mmap(_ffi.NULL, nbytes, _NO_ACCESS, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, -1, 0)
    if addr == _FAILED:
        return None

    def release(pointer: Any) -> None:
        system.munmap(pointer, nbytes)

    return _ffi.gc(_ffi.cast("char *", addr), release)


class VMem:
    """The bytes of one linear memory.

    view      memoryview('B') of the current size, writable; a new object after each growth.
    base      address of byte 0.
    nbytes    current size.
    reserved  bytes that can be reached without moving; 0 for the fallback buffer.
    """

    __slots__ = ("_block", "_usable", "base", "nbytes", "page_size", "reserved", "view")

    def __init__(self, npages_min: int, max_bytes: int, page_size: int = 65536) -> None:
        """Make `npages_min` pages usable and reserve up to `max_bytes`. Raise MemoryError if it cannot."""
        self.page_size = page_size
        self.nbytes = 0
        self.reserved = 0
        self._usable = 0
        self._block: Any = None
        self.base = 0
        self.view = memoryview(b"")
        self._place(npages_min * page_size, max_bytes)

    @property
    def moves(self) -> bool:
        """Tell whether the next growth may move the bytes (then old views keep the old bytes)."""
        return self.reserved == 0

    def grow(self, delta_pages: int) -> int:
        """Add pages of zeros. Return the old number of pages, or -1 if the system has no more memory."""
        old_nbytes = self.nbytes
        nbytes = old_nbytes + delta_pages * self.page_size
        if nbytes > self.reserved or not self._commit(nbytes):
            try:
                self._move(nbytes)
            except MemoryError:
                return -1
        return old_nbytes // self.page_size

    def load(self, pages: Pages) -> None:
        """Become a copy of `pages`, in size and in bytes; a page is copied when it is first written to.

        The base stays where it is if the reservation is large enough; views from before stay usable but may
        show either state. Raise MemoryError, and be empty, if there is no room.
        """
        fits = 0 < pages.nbytes <= self.reserved
        if fits and self._commit(pages.nbytes) and self._map(pages):
            return
        most = max(self.reserved, pages.nbytes)
        # why: a mapping that was refused half way may have left a hole, so this place is not used again.
        self.close()
        self._place(pages.nbytes, most)
        pages.copy_to(self.view)

    def close(self) -> None:
        """Let go of the bytes. Views that are still about keep theirs."""
        self.nbytes = self.reserved = self._usable = self.base = 0
        self._block = None
        self.view = memoryview(bytearray())

    def numpy(self) -> np.ndarray[Any, np.dtype[np.uint8]]:
        """Return the current bytes as a numpy array that shares them."""
        # why: numpy takes longer to import than all of this package, and few embedders ask for a view.
        import numpy as np

        return np.frombuffer(self.view, dtype=np.uint8)

    def _place(self, nbytes: int, max_bytes: int) -> None:
        """Find a place for `nbytes`: the largest reservation that can be had, else a buffer."""
        want = _round_up(max(max_bytes, nbytes, 1))
        floor = max(_round_up(nbytes), min(want, SMALLEST_RESERVATION), HOST_PAGE)
        while want >= floor and want <= sys.maxsize:
            block = _reserve(want)
            if block is not None:
                self._block, self.reserved, self._usable = block, want, 0
                self.base = int(_ffi.cast("uintptr_t", block))
                if self._commit(nbytes):
                    return
                break
            want = floor if floor < want < 2 * floor else _round_up(want // 2)
        self._use_buffer(nbytes)

    def _commit(self, nbytes: int) -> bool:
        """Make the first `nbytes` of the reservation usable. Return False if the system refuses."""
        usable = _round_up(nbytes)
        if usable > self._usable:
            system = _SYSTEM
            if system is None or system.mprotect(self._block, usable, _READ_WRITE) != 0:
                return False
            self._usable = usable
        self.nbytes = nbytes
        # safe: the buffer holds the owning pointer and the memoryview the buffer, so this view cannot dangle.
        self.view = memoryview(_ffi.buffer(self._block, nbytes)).cast("B")
        return True

    def _map(self, pages: Pages) -> bool:
        """Put `pages` in place of what is mapped. Return False if the system refuses."""
        system, stored = _SYSTEM, _round_up(pages.stored)
        if system is None or pages.fileno() < 0:
            return False
        private = mmap.MAP_PRIVATE | _MAP_FIXED
        parts = ((0, stored, private, pages.fileno()), (stored, self._usable, private | _MAP_ANONYMOUS, -1))
        for start, end, flags, descriptor in parts:
            if start < end:
                place = self._block + start
                if system.mmap(place, end - start, _READ_WRITE, flags, descriptor, 0) == _FAILED:
                    return False
        return True

    def _use_buffer(self, nbytes: int) -> None:
        """Fall back to a numpy buffer, which the system zeroes lazily too."""
        if nbytes > sys.maxsize:
            raise MemoryError
        import numpy as np

        block = np.zeros(max(nbytes, 1), dtype=np.uint8)
        self._block, self.reserved, self._usable = block, 0, 0
        self.base = int(block.ctypes.data)
        self.nbytes = nbytes
        self.view = memoryview(block.data)[:nbytes].cast("B")

    def _move(self, nbytes: int) -> None:
        """Take the bytes to a larger place. Raise MemoryError, with nothing changed, if there is none."""
        old_view, old = (
            self.view,
            (self._block, self.reserved, self._usable, self.base, self.nbytes, self.view),
        )
        try:
            self._place(nbytes, nbytes * 2 if old[1] else 0)
        except MemoryError:
            self._block, self.reserved, self._usable, self.base, self.nbytes, self.view = old
            raise
        self.view[: len(old_view)] = old_view
