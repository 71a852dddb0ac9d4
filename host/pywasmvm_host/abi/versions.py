"""Which ABI a module speaks: the marker export, never called, names it."""

from __future__ import annotations

from collections.abc import Iterable

from .model import V0_1, V0_2, V0_2_1, V_HIGRESS

__all__ = ["MARKERS", "find_version"]

MARKERS: dict[str, str] = {
    "proxy_abi_version_0_1_0": V0_1,
    "proxy_abi_version_0_2_0": V0_2,
    "proxy_abi_version_0_2_1": V0_2_1,
    "proxy_abi_version_0_2_100": V_HIGRESS,
}
_PREFIX = "proxy_abi_version_"


def find_version(functions: Iterable[str], offered: tuple[str, ...]) -> tuple[str | None, list[str]]:
    """Return the ABI version of a module and every marker it exports.

    Only function exports count. Of several known markers the first one counts, as measured on Envoy.
    """
    names = [name for name in functions if name.startswith(_PREFIX)]
    known = [MARKERS[name] for name in names if MARKERS.get(name) in offered]
    return (known[0] if known else None), names
