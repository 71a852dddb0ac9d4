"""One attack against this host: load, start, the attacking request, the next request; and what it cost.

Everything runs in this process: that it lives on, and is as small afterwards as before, is the claim.
"""

from __future__ import annotations

import gc
import time
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from pywasmvm import wat2wasm

from ..errors import HostError
from ..host import Host, HttpRequest, make_engine
from ..plugin import FailurePolicy, Plugin
from .attack import Attack

__all__ = ["PAGE_BYTES", "SLACK", "Result", "memory_now", "run_attack", "victim_bytes"]

# How much larger a process may be after an attack than before.
SLACK = 1.05
SETTLE_MS = 3_000
STATM = Path("/proc/self/statm")
PAGE_BYTES = 4096

HARMLESS = """(module (memory (export "memory") 1) (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024)))"""
# Another plugin, in a VM of its own, with a secret in its shared data and all over its memory.
VICTIM = """(module
  (import "env" "proxy_set_shared_data" (func $set (param i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 17) (data (i32.const 64) "secret")
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (func (export "proxy_on_configure") (param i32 i32) (result i32)
    (memory.fill (i32.const 65536) (i32.const 0x5a) (i32.const 1048576))
    (drop (call $set (i32.const 64) (i32.const 6) (i32.const 64) (i32.const 6) (i32.const 0)))
    (i32.const 1)))"""


@dataclass
class Result:
    """What an attack did here.

    ended    "refused", "trapped", or "answered" with the status if it is not 200.
    message  the text that ended it, or that the host noted.
    fuel     the most a single call spent.
    seconds  wall-clock time of the attack, without the next request.
    memory   resident bytes of this process before and after; 0 where the system does not tell.
    problems what was not as it must be; empty is good.
    """

    name: str
    engine: str
    ended: str = ""
    message: str = ""
    fuel: int = 0
    seconds: float = 0.0
    memory: tuple[int, int] = (0, 0)
    next_served: bool = False
    problems: list[str] = field(default_factory=list)


def memory_now() -> int:
    """Return the resident bytes of this process after a collection, 0 where the system does not tell."""
    gc.collect()
    _give_back()
    try:
        return int(STATM.read_text().split()[1]) * PAGE_BYTES
    except OSError:
        return 0


@cache
def _allocator() -> Any:
    import ctypes  # noqa: PLC0415

    try:
        return ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError):
        return None


def _give_back() -> None:
    """Let the C library return what it keeps for later, so that only what is in use counts."""
    trim = _allocator()
    if trim is not None:
        trim(0)


@cache
def _built(text: str) -> bytes:
    return bytes(wat2wasm(text))


def run_attack(attack: Attack, engine: str) -> Result:
    """Run one attack on one engine."""
    code = attack.wasm()
    result = _measured(attack, code, engine)
    if _grew(result):
        # why: the first run of its kind fills caches; what an attack leaves behind, it leaves every time
        result.memory = _measured(attack, code, engine).memory
    _judge(attack, result)
    return result


def _measured(attack: Attack, code: bytes, engine: str) -> Result:
    result = Result(attack.name, engine)
    before = memory_now()
    _attack(attack, code, engine, result)
    result.memory = (before, memory_now())
    return result


def _grew(result: Result) -> bool:
    before, after = result.memory
    return after > before * SLACK


def victim_bytes() -> bytes:
    """Return the module of the plugin that has secrets."""
    return _built(VICTIM)


def plugins_of(attack: Attack, code: bytes) -> list[Plugin]:
    """Return the attacker, and the victim beside it if there is one."""
    attacker = Plugin(
        code, name="attacker", vm_id="a", failure_policy=FailurePolicy.FAIL_RELOAD, reload_base_ms=1
    )
    victim = Plugin(victim_bytes(), name="victim", vm_id="v")
    return [victim, attacker] if attack.victim else [attacker]


def _attack(attack: Attack, code: bytes, engine: str, result: Result) -> None:
    limits = attack.all_limits()
    host = Host(plugins_of(attack, code), limits=limits, engine=make_engine(limits, engine))
    started = time.perf_counter()
    try:
        host.start()
    except HostError as e:
        result.seconds = time.perf_counter() - started
        result.ended, result.message = "refused", str(e)
        other = Host([Plugin(_built(HARMLESS))], limits=limits, engine=host.engine)
        result.next_served = other.start().request(HttpRequest()).response.status == 200
        return
    pieces = [b"x" * attack.body] * attack.chunks
    exchange = host.request(HttpRequest("POST", "/", body_chunks=pieces, pace_ms=1))
    host.world.run_for(SETTLE_MS)
    result.seconds = time.perf_counter() - started
    records = [r for r in host.world.records if not r.nested]
    result.fuel = max((r.fuel or 0 for r in records), default=0)
    failed = [r.failed for r in host.world.records if r.failed]
    result.ended = "trapped" if failed else "answered"
    if result.ended == "answered" and exchange.response.status != 200:
        result.ended += f" {exchange.response.status or exchange.response.error}"
    notes = [line.message for line in host.world.host_log] + exchange.hazards
    result.message = failed[-1].splitlines()[0] if failed else "; ".join(notes)
    result.next_served = host.request(HttpRequest()).response.status == 200
    host.close()


def _judge(attack: Attack, result: Result) -> None:
    complain = result.problems.append
    if result.ended != attack.stops:
        complain(f"it ended {result.ended}, not {attack.stops}: {result.message}")
    if attack.expected not in result.message:
        complain(f"no {attack.expected!r} in {result.message!r}")
    limits = attack.all_limits()
    if limits.fuel is not None and result.fuel > max(limits.fuel, limits.fuel_start or 0):
        complain(f"one call spent {result.fuel} units, more than {limits.fuel}")
    if not result.next_served:
        complain("the next request was not served")
    if _grew(result):
        complain("the process grew from {} to {} bytes".format(*result.memory))
