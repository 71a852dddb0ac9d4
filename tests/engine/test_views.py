"""Windows on a memory: every address, every format, at the edge, after growth, and in both forms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pywasmvm.engine.python.views import FORMATS, SlowWindow, window
from pywasmvm.runtime.vmem import VMem

Make = Callable[[VMem, str, int, int], Any]


def fast(vmem: VMem, fmt: str, width: int, offset: int) -> Any:
    return window(vmem.view, vmem.base, fmt, width, offset)


def slow(vmem: VMem, fmt: str, width: int, offset: int) -> Any:
    return SlowWindow(vmem.view, fmt, offset)


@pytest.fixture(params=[fast, slow], ids=["fast", "slow"])
def make(request: pytest.FixtureRequest) -> Make:
    found: Make = request.param
    return found


@pytest.fixture
def vmem() -> VMem:
    made = VMem(1, 1 << 20)
    made.view[:] = bytes(i * 7 & 255 for i in range(65536))
    return made


@pytest.mark.parametrize("letter", FORMATS)
@pytest.mark.parametrize("offset", [0, 1, 8, 65521])
def test_every_address_reads_and_writes_its_own_bytes(
    make: Make, vmem: VMem, letter: str, offset: int
) -> None:
    fmt, width = FORMATS[letter]
    found = make(vmem, fmt, width, offset)
    for addr in (0, 1, 3, 5):
        place = addr + offset
        want = vmem.view[place : place + width]
        assert found[addr] == want.cast(fmt)[0]
        found[addr] = 1
        after = vmem.view.tobytes()
        assert memoryview(after[place : place + width]).cast(fmt)[0] == 1
        assert not place or after[place - 1] == 7 * (place - 1) & 255
        vmem.view[:] = bytes(i * 7 & 255 for i in range(65536))


@pytest.mark.parametrize("letter", FORMATS)
@pytest.mark.parametrize("offset", [0, 3, 65536, 1 << 33])
def test_the_last_address_is_the_last_that_fits(make: Make, vmem: VMem, letter: str, offset: int) -> None:
    fmt, width = FORMATS[letter]
    found = make(vmem, fmt, width, offset)
    first_outside = max(65536 - width - offset + 1, 0)
    if first_outside:
        found[first_outside - 1]
    for addr in (first_outside, 65536, 1 << 32, 1 << 64):
        with pytest.raises(IndexError):
            found[addr]
        with pytest.raises(IndexError):
            found[addr] = 0


def test_a_window_of_no_bytes_is_empty(make: Make) -> None:
    vmem = VMem(0, 0)
    with pytest.raises(IndexError):
        make(vmem, "I", 4, 0)[0]
