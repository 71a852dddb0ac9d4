"""Address space: growth in place, views that outlive their memory, and life without a reservation."""

from __future__ import annotations

import gc
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from pywasmvm.runtime import vmem
from pywasmvm.runtime.vmem import HOST_PAGE, VMem

PAGE = 65536


@pytest.fixture(params=["reserved", "buffer"])
def placed(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run the test with and without mmap."""
    if request.param == "buffer":
        monkeypatch.setattr(vmem, "_SYSTEM", None)
    elif vmem._SYSTEM is None:
        pytest.skip("this system has no mmap")
    return str(request.param)


def test_new_memory_is_zero_and_writable(placed: str) -> None:
    memory = VMem(2, 10 * PAGE)
    assert memory.nbytes == len(memory.view) == 2 * PAGE
    assert memory.moves == (placed == "buffer")
    assert not any(memory.view)
    memory.view[2 * PAGE - 1] = 7
    assert memory.numpy()[-1] == 7
    with pytest.raises(IndexError):
        memory.view[2 * PAGE] = 1


def test_growth_keeps_the_bytes_and_adds_zeros(placed: str) -> None:
    memory = VMem(1, 4 * PAGE)
    memory.view[:3] = b"abc"
    assert memory.grow(2) == 1
    assert memory.grow(0) == 3
    assert bytes(memory.view[:3]) == b"abc"
    assert len(memory.view) == 3 * PAGE and not any(memory.view[PAGE:])


def test_growth_past_the_reservation_moves(placed: str) -> None:
    memory = VMem(1, PAGE)
    memory.view[0] = 9
    assert memory.grow(40) == 1
    assert memory.view[0] == 9 and len(memory.view) == 41 * PAGE
    memory.view[41 * PAGE - 1] = 1


def test_reserved_memory_stays_where_it_is() -> None:
    if vmem._SYSTEM is None:
        pytest.skip("this system has no mmap")
    memory = VMem(1, 1 << 30)
    base, array = memory.base, memory.numpy()
    assert memory.grow(100) == 1
    assert memory.base == base == memory.numpy().ctypes.data
    memory.view[5] = 42
    assert array[5] == 42, "a view from before the growth shows the same bytes"


def test_empty_memory_grows(placed: str) -> None:
    memory = VMem(0, PAGE)
    assert memory.nbytes == len(memory.view) == 0
    assert memory.grow(1) == 0
    memory.view[PAGE - 1] = 1


def test_page_size_of_one(placed: str) -> None:
    memory = VMem(3, HOST_PAGE * 2, 1)
    assert len(memory.view) == 3
    assert memory.grow(HOST_PAGE) == 3
    assert len(memory.view) == 3 + HOST_PAGE


def test_views_outlive_the_memory(placed: str) -> None:
    memory = VMem(1, 16 * PAGE)
    memory.view[:4] = b"kept"
    array, view = memory.numpy(), memory.view
    memory.close()
    assert memory.nbytes == len(memory.view) == 0
    del memory
    gc.collect()
    assert bytes(view[:4]) == b"kept"
    array[0] = 1
    assert view[0] == 1


@pytest.mark.skipif(vmem._SYSTEM is None or sys.platform != "linux", reason="reads /proc")
def test_address_space_is_given_back() -> None:
    def mapped() -> int:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[0]) * HOST_PAGE

    before = mapped()
    for _ in range(50):
        memory = VMem(1, 1 << 30)
        memory.close()
    gc.collect()
    assert mapped() - before < 10 << 30


@pytest.mark.skipif(sys.platform != "linux", reason="needs RLIMIT_AS")
def test_works_under_a_tight_limit_of_address_space() -> None:
    script = textwrap.dedent(
        """
        import resource
        from pywasmvm.runtime.vmem import VMem
        import numpy
        VMem(1, 1 << 20)
        used = int(open("/proc/self/statm").read().split()[0]) * 4096
        limit = used + (64 << 20)
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        memory = VMem(1, 1 << 30)
        assert 0 < memory.reserved < 1 << 27, memory.reserved
        memory.view[0] = 1
        assert memory.grow(16) == 1
        assert memory.grow(1 << 14) == -1, "a gigabyte cannot be had"
        assert memory.nbytes == 17 * 65536 and memory.view[0] == 1
        memory.view[17 * 65536 - 1] = 3
        print("fine")
        """
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "fine", done.stderr


def test_too_much_at_once_is_a_memory_error(placed: str) -> None:
    with pytest.raises(MemoryError):
        VMem(1 << 40, 1 << 56)


def test_numpy_view_has_bytes() -> None:
    assert VMem(1, PAGE).numpy().dtype == np.uint8
