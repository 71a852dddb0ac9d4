"""What a plugin may use, per call and at most."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Limits", "parse_size"]

UNITS = {
    "": 1,
    "b": 1,
    "k": 1 << 10,
    "kb": 1 << 10,
    "kib": 1 << 10,
    "m": 1 << 20,
    "mb": 1 << 20,
    "mib": 1 << 20,
    "g": 1 << 30,
    "gb": 1 << 30,
    "gib": 1 << 30,
}


@dataclass(frozen=True)
class Limits:
    """Limits of every plugin of a host.

    fuel          units one call from the host may spend; None: only counted.
    fuel_start    the same for calls while starting (Go filters spend much there); None: `fuel`.
    memory_bytes  most a linear memory may grow to; Envoy's V8 allows 1 GiB.
    reentries     log callbacks one stream may cause by answering in proxy_on_log, where Envoy recurses to
                  death.
    """

    fuel: int | None = None
    fuel_start: int | None = None
    memory_bytes: int = 1 << 30
    buffer_bytes: int = 1 << 20
    reentries: int = 1


def parse_size(text: str) -> int:
    """Read "64M", "1g", "65536"."""
    number = text.strip().lower()
    unit = number.lstrip("0123456789.")
    try:
        return int(float(number[: len(number) - len(unit)]) * UNITS[unit.strip()])
    except (ValueError, KeyError) as e:
        raise ValueError(f"{text!r} is no size: write a number and k, M or G") from e
