"""Where higher floors plug in what this floor uses but may not import: the engines and WASI.

`pywasmvm/__init__.py` fills the tables when the package is imported. An entry is "module:attribute" and is
loaded on first use, so that importing the package stays cheap and a broken part breaks only its users.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from ..errors import UnsupportedError

__all__ = ["BACKENDS", "BULKS", "HOST_MODULES", "load"]

# name of an engine -> make_backend(engine) -> Backend
BACKENDS: dict[str, str] = {}

# name of an engine -> make_bulk(engine) -> Bulk; an engine without one reads modules with Python alone
BULKS: dict[str, str] = {}

# name -> define(linker) -> None; "wasi" is what Linker.define_wasi uses
HOST_MODULES: dict[str, str] = {}


def load(table: dict[str, str], name: str) -> Callable[..., Any]:
    """Return the entry of a table. Raise UnsupportedError if there is none or it is not installed."""
    target = table.get(name)
    if target is None:
        raise UnsupportedError(
            f"unknown or missing part {name!r}: there is {', '.join(sorted(table)) or 'none'}"
        )
    module_name, _, attribute = target.partition(":")
    try:
        module = import_module(module_name)
    except ModuleNotFoundError as exc:
        # why: a missing part of ours, compiled or not, means "not installed"; a missing library is an error.
        if (exc.name or "").partition(".")[0] == __name__.partition(".")[0]:
            raise UnsupportedError(f"part {name!r} is not installed: {exc}") from exc
        raise
    loaded: Callable[..., Any] = getattr(module, attribute)
    return loaded
