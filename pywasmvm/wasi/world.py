"""The state of one store's WASI guests: arguments, environment, descriptors, clocks and randomness."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .abi import Errno, WasiError
from .descriptors import Descriptor, Directory

if TYPE_CHECKING:
    from .config import WasiConfig

__all__ = ["World"]

REALTIME, MONOTONIC = 0, 1
_HIGHEST_DESCRIPTOR = (1 << 31) - 1


class World:
    """What the calls of `functions.py` work on. `args` and `env` are without their final NULs."""

    def __init__(
        self, config: WasiConfig, args: list[bytes], env: list[bytes], descriptors: list[Descriptor]
    ) -> None:
        self.args = args
        self.env = env
        self.descriptors: dict[int, Descriptor] = dict(enumerate(descriptors))
        self.realtime_ns = config.realtime_ns
        self.monotonic_ns = config.monotonic_ns
        self.sleep_ns = config.sleep_ns
        self.random_bytes = config.random_bytes

    def fd(self, number: int) -> Descriptor:
        """Return an open descriptor. Raise WasiError(BADF) if it is not open."""
        found = self.descriptors.get(number)
        if found is None:
            raise WasiError(Errno.BADF)
        return found

    def dir(self, number: int) -> Directory:
        """Return an open directory. Raise WasiError(BADF or NOTDIR)."""
        return self.fd(number).directory()

    def add(self, descriptor: Descriptor) -> int:
        """Give a descriptor the lowest free number."""
        number = next(n for n in range(len(self.descriptors) + 1) if n not in self.descriptors)
        self.descriptors[number] = descriptor
        return number

    def close_fd(self, number: int) -> None:
        """Close one descriptor."""
        self.fd(number).close()
        del self.descriptors[number]

    def renumber(self, source: int, target: int) -> None:
        """Move a descriptor to the place of another one, which is closed."""
        moved = self.fd(source)
        replaced = self.fd(target)
        if source != target:
            replaced.close()
            self.descriptors[target] = moved
            del self.descriptors[source]

    def now(self, clock: int) -> int:
        """Return the time of a clock in nanoseconds. Raise WasiError(INVAL) for clocks we do not have."""
        if clock == REALTIME:
            return self.realtime_ns()
        if clock == MONOTONIC:
            return self.monotonic_ns()
        raise WasiError(Errno.INVAL)

    def close(self) -> None:
        """Close all descriptors."""
        for descriptor in self.descriptors.values():
            descriptor.close()
        self.descriptors.clear()

    def __del__(self) -> None:
        # why: descriptors are numbers of the system, which Python does not close by itself.
        self.close()
