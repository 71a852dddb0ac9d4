"""`Config`: the mutable settings an Engine is made from, named as in the wasmtime package.

Rule 1: what can change a result is honoured or refused; what can only change how another engine compiles is
        accepted and has no effect, so that scripts written for that engine run.
"""

from __future__ import annotations

import os
from typing import Any

from ..config import Features, Limits
from ..errors import UsageError
from ..isa.model import Feature
from .cache import VARIABLE as CACHE_VARIABLE

__all__ = ["Config"]

# attribute -> features it switches
_SWITCHES: dict[str, tuple[Feature, ...]] = {
    "wasm_threads": (Feature.THREADS,),
    "wasm_tail_call": (Feature.TAIL_CALL,),
    "wasm_reference_types": (Feature.REFERENCE_TYPES,),
    "wasm_simd": (Feature.SIMD,),
    "wasm_relaxed_simd": (Feature.RELAXED_SIMD,),
    "wasm_bulk_memory": (Feature.BULK_MEMORY,),
    "wasm_multi_value": (Feature.MULTI_VALUE,),
    "wasm_multi_memory": (Feature.MULTI_MEMORY,),
    "wasm_memory64": (Feature.MEMORY64,),
    "wasm_exceptions": (Feature.EXCEPTIONS,),
    "wasm_function_references": (Feature.FUNCTION_REFERENCES,),
    "wasm_gc": (Feature.GC,),
    "wasm_wide_arithmetic": (Feature.WIDE_ARITHMETIC,),
    "wasm_custom_page_sizes": (Feature.CUSTOM_PAGE_SIZES,),
}

_NO_EFFECT = frozenset(
    {
        "cranelift_debug_verifier",
        "cranelift_opt_level",
        "debug_info",
        "gc_support",
        "macos_use_mach_ports",
        "memory_guard_size",
        "memory_init_cow",
        "memory_may_move",
        "memory_reservation",
        "memory_reservation_for_growth",
        "native_unwind_info",
        "parallel_compilation",
        "profiler",
        "signals_based_traps",
        "strategy",
        "wasm_component_model",
        "wasm_relaxed_simd_deterministic",
    }
)

ENGINES = ("auto", "cython", "python")
# Environment variable that names the engine for programs that do not.
ENGINE_VARIABLE = "PYWASMVM_ENGINE"


class Config:
    """Settings of an Engine. Set attributes, then pass it on.

    engine         "auto" (the fastest there is), "python" or "cython"; PYWASMVM_ENGINE changes the default.
    features       what a module may use; also through the switches `wasm_simd`, `wasm_gc` and their like.
    limits         `ResourceLimits`: what a module may be and what a run may use.
    consume_fuel   True: a store starts with no fuel and needs `set_fuel`. False: fuel is counted just the
                   same but has no bound until `set_fuel`.
    metering       False: guests run a few per cent faster and are counted and stopped by nothing: there is
                   no fuel, deadline, slice or epoch interruption, and Ctrl-C waits until the guest is done.
                   For trusted code only.
    cache          where what is found out about modules is kept for the next process (cache.py): True for a
                   folder in the user's cache directory, a path for another one, False for nowhere.
                   PYWASMVM_CACHE changes the default, which is False.
    """

    def __init__(self) -> None:
        self._values: dict[str, Any] = {
            "engine": os.environ.get(ENGINE_VARIABLE, "auto"),
            "features": Features(),
            "limits": Limits(),
            "consume_fuel": False,
            "epoch_interruption": False,
            "metering": True,
            "cache": os.environ.get(CACHE_VARIABLE, False),
        }

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "_values":
            object.__setattr__(self, name, value)
        elif name in _SWITCHES:
            self._switch(name, value)
        elif name in self._values:
            self._check(name, value)
            self._values[name] = value
        elif name == "max_wasm_stack":
            self._values["limits"] = _with_stack(self._values["limits"], value)
        elif name not in _NO_EFFECT:
            raise AttributeError(f"Config has no setting {name!r}")

    def __getattr__(self, name: str) -> Any:
        values = self.__dict__.get("_values", {})
        if name in _SWITCHES:
            return all(feature in values["features"] for feature in _SWITCHES[name])
        if name not in values:
            raise AttributeError(f"Config has no readable setting {name!r}")
        return values[name]

    def _switch(self, name: str, enable: object) -> None:
        if not isinstance(enable, bool):
            raise UsageError(f"{name}: expected a bool, got {type(enable).__name__}")
        features: Features = self._values["features"]
        change = features.with_ if enable else features.without
        self._values["features"] = change(*_SWITCHES[name])

    def _check(self, name: str, value: object) -> None:
        if name == "cache":
            if not isinstance(value, (bool, str, os.PathLike)):
                raise UsageError(f"cache: expected a bool or a path, got {type(value).__name__}")
            return
        wanted = type(self._values[name])
        if not isinstance(value, wanted):
            raise UsageError(f"{name}: expected {wanted.__name__}, got {type(value).__name__}")
        if name == "engine" and value not in ENGINES:
            raise UsageError(f"engine: expected one of {', '.join(ENGINES)}, got {value!r}")

    def copy(self) -> Config:
        """Return an independent copy."""
        other = Config()
        other._values.update(self._values)
        return other


def _with_stack(limits: Limits, nbytes: object) -> Limits:
    from dataclasses import replace

    if not isinstance(nbytes, int) or nbytes <= 0:
        raise UsageError(f"max_wasm_stack: expected a positive number of bytes, got {nbytes!r}")
    return replace(limits, value_stack_bytes=nbytes)
