"""A guest that is all imports: the test calls WASI functions as a guest would, with its memory."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator

import pytest

from pywasmvm import Engine, Func, Linker, Memory, Module, Store, WasiConfig
from pywasmvm.wasi.functions import FUNCTIONS, MODULE

LETTERS = {"i": "i32", "I": "i64"}


class Guest:
    """One store with a WASI world. `guest.fd_write(1, ...)` calls that function with raw values."""

    def __init__(self, config: WasiConfig) -> None:
        engine = Engine()
        linker = Linker(engine)
        linker.define_wasi()
        self.store = Store(engine)
        self.store.set_wasi(config)
        self.exports = linker.instantiate(self.store, Module(engine, guest_text())).exports(self.store)
        memory = self.exports["memory"]
        assert isinstance(memory, Memory)
        self.memory = memory
        self.free = 1024

    def __getattr__(self, name: str) -> Callable[..., int | None]:
        func = self.exports[name]
        assert isinstance(func, Func)

        def call(*raws: int) -> int | None:
            results = func.invoke(raws)
            return results[0] if results else None

        return call

    def put(self, data: bytes) -> tuple[int, int]:
        """Write bytes into fresh memory; return address and length."""
        addr, self.free = self.free, self.free + len(data) + 8
        self.memory.write(self.store, data, addr)
        return addr, len(data)

    def path(self, text: str) -> tuple[int, int]:
        """Write a path; return address and length."""
        return self.put(text.encode())

    def room(self, nbytes: int) -> int:
        """Return the address of so many fresh bytes, filled with a mark."""
        return self.put(b"\xee" * nbytes)[0]

    def iovs(self, *parts: tuple[int, int]) -> tuple[int, int]:
        """Write an array of buffers; return address and count."""
        return self.put(b"".join(struct.pack("<II", *part) for part in parts))[0], len(parts)

    def get(self, addr: int, nbytes: int) -> bytes:
        """Read memory."""
        return bytes(self.memory.read(self.store, addr, addr + nbytes))

    def u32(self, addr: int) -> int:
        """Read four bytes."""
        return int.from_bytes(self.get(addr, 4), "little")

    def u64(self, addr: int) -> int:
        """Read eight bytes."""
        return int.from_bytes(self.get(addr, 8), "little")

    def open(
        self, fd: int, path: str, oflags: int = 0, rights: int = 2, follow: int = 1, fdflags: int = 0
    ) -> int:
        """Open a file and return its descriptor, or the negative errno."""
        result = self.room(4)
        error = self.path_open(fd, follow, *self.path(path), oflags, rights, 0, fdflags, result)
        return -error if error else self.u32(result)

    def read(self, fd: int, nbytes: int) -> bytes:
        """Read from a descriptor."""
        addr, result = self.room(nbytes), self.room(4)
        assert self.fd_read(fd, *self.iovs((addr, nbytes)), result) == 0
        return self.get(addr, self.u32(result))

    def write(self, fd: int, data: bytes) -> int:
        """Write to a descriptor; return the count or the negative errno."""
        result = self.room(4)
        error = self.fd_write(fd, *self.iovs(self.put(data)), result)
        return -error if error else self.u32(result)


def guest_text() -> str:
    """Return a module that imports every function, exports it again and has a memory."""
    parts = []
    for row in FUNCTIONS:
        params = " ".join(LETTERS[letter] for letter in row.params)
        result = "(result i32)" if row.returns_errno else ""
        parts.append(
            f'(func (export "{row.name}") (import "{MODULE}" "{row.name}") (param {params}) {result})'
        )
    return f'(module {" ".join(parts)} (memory (export "memory") 4))'


MakeGuest = Callable[..., Guest]


@pytest.fixture
def make_guest() -> Iterator[MakeGuest]:
    """Return a maker of guests from settings: `make_guest(argv=["a"])`."""
    stores: list[Store] = []

    def make(**settings: object) -> Guest:
        config = WasiConfig()
        for directory in settings.pop("dirs", ()):  # type: ignore[attr-defined]
            config.preopen_dir(*directory)
        for name, value in settings.items():
            setattr(config, name, value)
        guest = Guest(config)
        stores.append(guest.store)
        return guest

    yield make
    for store in stores:
        store.close()


@pytest.fixture
def guest_module() -> str:
    """The text of the guest."""
    return guest_text()
