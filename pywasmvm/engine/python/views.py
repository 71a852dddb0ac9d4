"""Windows on a linear memory: `window[addr]` is the number of a fixed format that starts at byte `addr`.

A window is a memoryview whose items overlap: its stride is one byte, whatever the width. So it needs no
aligned address, takes one operation of the interpreter, and raises IndexError exactly when the access is out
of bounds. An offset can be built in: `window(memory, "I", 8)[addr]` reads at addr + 8.
Rule 1: whoever holds a window holds the memory's `buf` too, which keeps the bytes where they are.
Rule 2: negative addresses count from the end, as in any memoryview; generated code never has one.
"""

from __future__ import annotations

import ctypes
import struct
from typing import Any

__all__ = ["FORMATS", "SlowWindow", "window"]

# letter of a window in generated code -> (format of one number, bytes)
FORMATS = {
    "M": ("B", 1),
    "C": ("b", 1),
    "H": ("H", 2),
    "J": ("h", 2),
    "W": ("I", 4),
    "V": ("i", 4),
    "Q": ("Q", 8),
    "P": ("f", 4),
    "N": ("d", 8),
}
_FORMAT_BYTES = {fmt: fmt.encode() for fmt, _ in FORMATS.values()}


class _Buffer(ctypes.Structure):
    """Py_buffer, as CPython lays it out."""

    _fields_ = (
        ("buf", ctypes.c_void_p),
        ("obj", ctypes.c_void_p),
        ("len", ctypes.c_ssize_t),
        ("itemsize", ctypes.c_ssize_t),
        ("readonly", ctypes.c_int),
        ("ndim", ctypes.c_int),
        ("format", ctypes.c_char_p),
        ("shape", ctypes.POINTER(ctypes.c_ssize_t)),
        ("strides", ctypes.POINTER(ctypes.c_ssize_t)),
        ("suboffsets", ctypes.c_void_p),
        ("internal", ctypes.c_void_p),
    )


def _open_maker() -> Any:
    """Return CPython's PyMemoryView_FromBuffer, None under another Python."""
    try:
        maker = ctypes.pythonapi.PyMemoryView_FromBuffer
    except AttributeError:
        return None
    maker.argtypes, maker.restype = (ctypes.POINTER(_Buffer),), ctypes.py_object
    return maker


_make = _open_maker()


class SlowWindow:
    """The same where memoryviews cannot be made that way."""

    __slots__ = ("_buf", "_offset", "_pack_into", "_unpack_from", "_width")

    def __init__(self, buf: memoryview, fmt: str, offset: int) -> None:
        packer = struct.Struct("<" + fmt)
        self._buf = buf
        self._offset = offset
        self._width = packer.size
        self._pack_into, self._unpack_from = packer.pack_into, packer.unpack_from

    def _place(self, addr: int) -> int:
        addr += self._offset
        if addr + self._width > len(self._buf):
            raise IndexError(addr)
        return addr

    def __getitem__(self, addr: int) -> Any:
        return self._unpack_from(self._buf, self._place(addr))[0]

    def __setitem__(self, addr: int, number: Any) -> None:
        self._pack_into(self._buf, self._place(addr), number)


def window(buf: memoryview, base: int, fmt: str, width: int, offset: int = 0) -> Any:
    """Return the numbers of `width` bytes at `offset` and each later byte of `buf`, which lies at `base`."""
    count = max(len(buf) - offset - width + 1, 0)
    if width == 1:
        bytes_: Any = buf[len(buf) - count :]
        return bytes_.cast(fmt)
    if _make is None:
        return SlowWindow(buf, fmt, offset)
    shape, stride = ctypes.c_ssize_t(count), ctypes.c_ssize_t(1)
    info = _Buffer(base + offset if count else base, None, count * width, width, 0, 1, _FORMAT_BYTES[fmt])
    info.shape, info.strides = ctypes.pointer(shape), ctypes.pointer(stride)
    return _make(ctypes.byref(info))
