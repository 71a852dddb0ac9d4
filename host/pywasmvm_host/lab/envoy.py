"""One attack against a real Envoy, in a child process that is ended after a time, or when it grows too large.

Same plugin, same failure policy, same two requests as in run.py; what differs is who runs them.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import signal
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..compare.envoy import Envoy, configuration, free_port
from ..compare.wire import Upstream, send_request
from ..errors import HostError
from ..host import HttpRequest
from .attack import Attack
from .run import PAGE_BYTES, victim_bytes

__all__ = ["EnvoyResult", "attack_envoy"]

PATIENCE_S = 3.0
START_S = 8.0
MOST_BYTES = 2 << 30
MOST_LOG_BYTES = 256 << 20
WATCH_S = 0.02
REASON = re.compile(r"(?:Function: \S+ failed: [^\n@]*|Failed to [^\n@]*|Bad function signature[^\n@]*)")


@dataclass
class EnvoyResult:
    """What an attack did to Envoy.

    ended        "refused", "answered STATUS", "hangs", "dies (SIGNAL)", or "no limit" where a plugin that
                 grows something was never refused.
    message      why, in Envoy's words.
    memory       most resident bytes.
    next_served  whether the request after it was answered.
    """

    ended: str = ""
    message: str = ""
    seconds: float = 0.0
    memory: int = 0
    next_served: bool = False


def attack_envoy(attack: Attack, binary: Path, patience_s: float = PATIENCE_S) -> EnvoyResult:
    """Run one attack against the Envoy at `binary`."""
    with tempfile.TemporaryDirectory(prefix="pywasmvm-lab-") as folder:
        return asyncio.run(_run(attack, binary, Path(folder), patience_s))


def _case(attack: Attack, folder: Path) -> dict[str, Any]:
    (folder / "attack.wasm").write_bytes(attack.wasm())
    attacker = {
        "wasm": "attack.wasm", "name": "attacker", "vm_id": "a", "failure_policy": "FAIL_RELOAD",
        "reload_config": {"backoff": {"base_interval": "0.2s"}},
    }  # fmt: skip
    if not attack.victim:
        return {"plugins": [attacker]}
    (folder / "victim.wasm").write_bytes(victim_bytes())
    return {"plugins": [{"wasm": "victim.wasm", "name": "victim", "vm_id": "v"}, attacker]}


async def _run(attack: Attack, binary: Path, folder: Path, patience_s: float) -> EnvoyResult:
    upstream = Upstream()
    await upstream.start()
    ports = {"listener": free_port(), "admin": free_port(), "up": upstream.port}
    config = configuration(_case(attack, folder), lambda name: folder / name, ports, folder)
    envoy = Envoy(binary, config, ports, folder, {}, wasm_log="error")
    result = EnvoyResult()
    watch = asyncio.create_task(_watch(envoy, result))
    started = time.perf_counter()
    try:
        try:
            up = await asyncio.wait_for(envoy.start(), START_S)
        except (asyncio.TimeoutError, HostError):
            result.ended = "hangs while it starts"
            return result
        if not up:
            result.ended = "refused"
            return result
        started = time.perf_counter()
        await _requests(attack, ports["listener"], envoy, result, patience_s)
    finally:
        result.seconds = result.seconds or time.perf_counter() - started
        _name_death(envoy, result)
        await _kill(envoy)
        watch.cancel()
        await asyncio.gather(watch, return_exceptions=True)
        await upstream.stop()
        result.message = result.message or _reason(envoy.log)
    if attack.stops == "answered" and "unreachable" in result.message:
        # why: the plugin checks that it was refused or found nothing, and traps if not
        result.ended = "no limit"
    return result


async def _requests(attack: Attack, port: int, envoy: Envoy, result: EnvoyResult, patience_s: float) -> None:
    started = time.perf_counter()
    pieces = [b"x" * attack.body] * attack.chunks
    patience = patience_s * 1000
    seen, _ = await send_request(
        port, HttpRequest("POST", "/", body_chunks=pieces, pace_ms=1, timeout_ms=patience)
    )
    result.seconds = time.perf_counter() - started
    await asyncio.sleep(0.4)  # why: what the request set off, and the time until a failed VM may come back
    after, _ = await send_request(port, HttpRequest(timeout_ms=patience))
    result.next_served = after.status == 200
    if seen.status is not None:
        result.ended = "answered" if seen.status == 200 else f"answered {seen.status}"
    else:
        result.ended = "no answer" if result.next_served else "hangs"


def _name_death(envoy: Envoy, result: EnvoyResult) -> None:
    """Say so if the process has ended by a signal that did not come from here."""
    code = envoy.process.returncode if envoy.process is not None else None
    if code is not None and code < 0 and not result.message:
        with contextlib.suppress(ValueError):
            result.ended = f"dies ({signal.Signals(-code).name})"


async def _watch(envoy: Envoy, result: EnvoyResult) -> None:
    """Note the largest size, and end a process that grows or logs too much."""
    while True:
        await asyncio.sleep(WATCH_S)
        process = envoy.process
        if process is None or process.returncode is not None:
            continue
        with contextlib.suppress(OSError, ValueError, IndexError):
            statm = Path(f"/proc/{process.pid}/statm").read_text()
            result.memory = max(result.memory, int(statm.split()[1]) * PAGE_BYTES)
        logged = envoy.log.stat().st_size if envoy.log.exists() else 0
        if result.memory > MOST_BYTES or logged > MOST_LOG_BYTES:
            what = (
                f"{result.memory >> 20} MiB of memory"
                if logged <= MOST_LOG_BYTES
                else f"{logged >> 20} MiB of log"
            )
            result.message = f"ended by the laboratory at {what}"
            process.kill()


async def _kill(envoy: Envoy) -> None:
    process = envoy.process
    if process is None:
        return
    if process.returncode is None:
        process.kill()
    await process.wait()


def _reason(log: Path) -> str:
    """Return what Envoy said last of the plugin."""
    try:
        with log.open("rb") as file:
            text = file.read(1 << 20).decode("utf-8", "replace")
    except OSError:
        return ""
    found = [match[0].strip() for match in REASON.finditer(text)]
    return found[0] if found else ""
