"""Arguments, environment, clocks, randomness, polling and the end of the process."""

from __future__ import annotations

from .abi import EVENT, SUBSCRIPTION, Errno, GuestMemory, WasiError
from .exit import ExitTrap
from .world import World

__all__ = [
    "args_get",
    "args_sizes_get",
    "clock_res_get",
    "clock_time_get",
    "environ_get",
    "environ_sizes_get",
    "poll_oneoff",
    "proc_exit",
    "proc_raise",
    "random_get",
    "sched_yield",
    "sock_refuse",
]

_CLOCK, _FD_READ, _FD_WRITE = 0, 1, 2
_ABSOLUTE = 1
_RANDOM_CHUNK = 1 << 20


def args_sizes_get(world: World, memory: GuestMemory, count: int, size: int) -> None:
    """Say how many arguments there are and how many bytes they take."""
    _sizes(memory, world.args, count, size)


def args_get(world: World, memory: GuestMemory, pointers: int, text: int) -> None:
    """Write the arguments."""
    memory.write_strings(pointers, text, world.args)


def environ_sizes_get(world: World, memory: GuestMemory, count: int, size: int) -> None:
    """Say how many variables there are and how many bytes they take."""
    _sizes(memory, world.env, count, size)


def environ_get(world: World, memory: GuestMemory, pointers: int, text: int) -> None:
    """Write the environment as NAME=value."""
    memory.write_strings(pointers, text, world.env)


def _sizes(memory: GuestMemory, strings: list[bytes], count: int, size: int) -> None:
    memory.write_u32(count, len(strings))
    memory.write_u32(size, sum(len(string) + 1 for string in strings))


def clock_res_get(world: World, memory: GuestMemory, clock: int, result: int) -> None:
    """Say that a clock ticks in nanoseconds."""
    world.now(clock)
    memory.write_u64(result, 1)


def clock_time_get(world: World, memory: GuestMemory, clock: int, _precision: int, result: int) -> None:
    """Write the time of a clock."""
    memory.write_u64(result, world.now(clock))


def random_get(world: World, memory: GuestMemory, addr: int, nbytes: int) -> None:
    """Fill a buffer with random bytes."""
    target = memory.slice(addr, nbytes)
    for start in range(0, nbytes, _RANDOM_CHUNK):
        part = target[start : start + _RANDOM_CHUNK]
        part[:] = world.random_bytes(len(part))


def sched_yield(_world: World, _memory: GuestMemory) -> None:
    """Do nothing: there is no other thread of the guest."""


def proc_exit(_world: World, _memory: GuestMemory, code: int) -> None:
    """End the guest."""
    raise ExitTrap(code)


def proc_raise(_world: World, _memory: GuestMemory, _signal: int) -> None:
    """Refuse: signals are not part of this world."""
    raise WasiError(Errno.NOTSUP)


def sock_refuse(world: World, _memory: GuestMemory, fd: int, *_rest: int) -> None:
    """Refuse every call on sockets: no descriptor of this world is one."""
    world.fd(fd)
    raise WasiError(Errno.NOTSOCK)


def poll_oneoff(world: World, memory: GuestMemory, source: int, target: int, count: int, result: int) -> None:
    """Wait for the first of the subscriptions and report all that have happened."""
    if not count:
        raise WasiError(Errno.INVAL)
    wanted = list(SUBSCRIPTION.iter_unpack(memory.slice(source, count * SUBSCRIPTION.size)))
    memory.slice(target, count * EVENT.size)
    deadlines: list[tuple[int, int, int]] = []
    events: list[bytes] = []
    for userdata, tag, which, timeout, _precision, flags in wanted:
        if tag == _CLOCK:
            try:
                deadlines.append((_remaining(world, which, timeout, flags), userdata, len(deadlines)))
            except WasiError as error:
                events.append(EVENT.pack(userdata, error.number, tag, 0, 0))
        elif tag in (_FD_READ, _FD_WRITE):
            number = Errno.SUCCESS if which in world.descriptors else Errno.BADF
            events.append(EVENT.pack(userdata, number, tag, 0, 0))
        else:
            raise WasiError(Errno.INVAL)
    # files and streams are always ready, so only clocks make anyone wait
    if not events and deadlines:
        wait = min(deadlines)[0]
        if wait > 0:
            world.sleep_ns(wait)
        events = [EVENT.pack(userdata, 0, _CLOCK, 0, 0) for left, userdata, _ in deadlines if left <= wait]
    elif deadlines:
        events += [EVENT.pack(userdata, 0, _CLOCK, 0, 0) for left, userdata, _ in deadlines if left <= 0]
    memory.write(target, b"".join(events))
    memory.write_u32(result, len(events))


def _remaining(world: World, clock: int, timeout: int, flags: int) -> int:
    """Return the nanoseconds until a clock subscription happens."""
    now = world.now(clock)
    return timeout - now if flags & _ABSOLUTE else timeout
