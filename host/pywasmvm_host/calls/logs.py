"""Host calls for the log, time, status, contexts and configuration."""

from __future__ import annotations

from typing import Any

from ..abi.enums import Status
from ..budget import within
from . import body


@body
def proxy_log(call: Any, level: int, message: bytes) -> int:
    call.context.log(level, message)
    return Status.OK


@body
def proxy_get_log_level(call: Any) -> tuple[int, int]:
    return Status.OK, call.world.log_level


@body
def proxy_get_current_time_nanoseconds(call: Any) -> tuple[int, int]:
    return Status.OK, call.world.now_ns


@body
def proxy_set_tick_period_milliseconds(call: Any, period: int) -> int:
    if hasattr(call.root, "set_tick"):
        ticking = sum(root.tick_ms > 0 for root in call.vm.roots.values() if root is not call.root)
        within("timers", call.vm.limits.timers, ticking + (period > 0))
        call.root.set_tick(period)
    return Status.OK


@body
def proxy_get_status(call: Any) -> tuple[int, int, bytes]:
    return (Status.OK, *call.root.status)


@body
def proxy_set_effective_context(call: Any, context_id: int) -> int:
    return Status.OK if call.vm.set_effective(context_id) else Status.BAD_ARGUMENT


@body
def proxy_done(call: Any) -> int:
    return int(call.context.done())


@body
def proxy_get_configuration(call: Any) -> tuple[int, bytes]:
    """0.1.0: the VM configuration during vm_start, the plugin's during configure, else nothing."""
    active = call.vm._active[-1].callback if call.vm._active else ""
    if active == "proxy_on_vm_start":
        return Status.OK, call.vm.vm_configuration
    return Status.OK, call.root.shown_configuration or b""


@body
def pthread_equal(call: Any, left: int, right: int) -> int:
    return int(left == right)


@body
def emscripten_notify_memory_growth(call: Any, memory_index: int) -> int:
    return Status.OK
