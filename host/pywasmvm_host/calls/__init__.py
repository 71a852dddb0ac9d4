"""Bodies of the host calls, by topic. `BODIES` maps each row of the ABI table to its body.

A body takes (call, *parameters) and returns a status, or (status, *outputs); `call` is the `Call` of
machine.py: the context acted on, the VM, the world. Pointers never appear here: the machinery has read and
will write them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

BODIES: dict[str, Callable[..., Any]] = {}
WASI_BODIES: dict[str, Callable[..., Any]] = {}

Body = Callable[..., Any]


def body(function: Body) -> Body:
    """Register a body under its own name."""
    BODIES[function.__name__] = function
    return function


def wasi_body(function: Body) -> Body:
    """Register a WASI body under its own name."""
    WASI_BODIES[function.__name__] = function
    return function


def load_all() -> None:
    """Import every topic, so that BODIES and WASI_BODIES are complete."""
    from . import (  # noqa: F401, PLC0415
        buffers,
        callouts,
        foreign,
        grpc,
        header_maps,
        higress,
        logs,
        properties,
        shared,
        streams,
        wasi,
    )
