"""What differs between hosts, as data: one Profile per host that is imitated.

envoy-1.40 is measured (the default), spec follows the text of the specification, higress the Higress fork.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .abi.model import V0_1, V0_2, V0_2_1, V_HIGRESS
from .abi.versions import MARKERS, find_version
from .errors import ConfigError, HostError
from .scan import scan

if TYPE_CHECKING:
    from .plugin import Plugin

__all__ = ["AUTO", "PROFILES", "Profile", "choose_profile", "get_profile"]


@dataclass(frozen=True)
class Profile:
    """The switches. Every one is read by exactly one place, which names it.

    versions              ABI versions offered.
    malloc_first          prefer `malloc` over `proxy_on_memory_allocate`.
    middle_edits          set_buffer_bytes may write inside a body.
    size_is_serialized    get_header_map_size answers the serialized size.
    missing_map_is_empty  get_header_map_pairs of an absent map answers OK and nothing.
    strict_pairs          malformed pairs are BAD_ARGUMENT, not an empty map.
    strict_ranges         reading beyond a buffer is BAD_ARGUMENT.
    log_before_done       HTTP streams see proxy_on_log before proxy_on_done.
    real_stop_iteration   a pause from a headers callback keeps body callbacks coming.
    restrict_start        only a few host calls while a VM initializes or allocates.
    legacy_properties     top-level route_name, cluster_name, node ... exist.
    higress_calls         the Higress imports exist for 0.2.1 modules too.
    recover               a failed VM is rebuilt on next use, at most once a second.
    """

    name: str
    versions: tuple[str, ...] = (V0_1, V0_2, V0_2_1)
    malloc_first: bool = True
    middle_edits: bool = False
    size_is_serialized: bool = False
    missing_map_is_empty: bool = True
    strict_pairs: bool = False
    strict_ranges: bool = False
    log_before_done: bool = True
    real_stop_iteration: bool = False
    restrict_start: bool = True
    legacy_properties: bool = False
    higress_calls: bool = False
    recover: bool = False


PROFILES: dict[str, Profile] = {
    p.name: p
    for p in (
        Profile("envoy-1.40"),
        Profile(
            "spec",
            malloc_first=False,
            middle_edits=True,
            size_is_serialized=True,
            missing_map_is_empty=False,
            strict_pairs=True,
            strict_ranges=True,
            log_before_done=False,
            real_stop_iteration=True,
        ),
        Profile(
            "higress",
            versions=(V0_1, V0_2, V0_2_1, V_HIGRESS),
            restrict_start=False,
            legacy_properties=True,
            higress_calls=True,
            recover=True,
            real_stop_iteration=True,
        ),
    )
}


AUTO = "auto"


def choose_profile(plugins: Sequence[Plugin]) -> tuple[str, str]:
    """Return the profile that fits the plugins' ABI markers, and why.

    A module that cannot be read decides nothing: loading it will tell what is wrong with it.
    """
    seen = []
    for plugin in plugins:
        try:
            version, _ = find_version(scan(plugin.read()).function_exports(), tuple(MARKERS.values()))
        except HostError:
            version = None
        if version == V_HIGRESS:
            return "higress", f"{plugin.label} speaks ABI {version}, which is Higress's"
        seen.append(
            f"{plugin.label} speaks ABI {version}" if version else f"{plugin.label} names no known ABI"
        )
    return "envoy-1.40", "; ".join(seen) or "there is no plugin"


def get_profile(name: str | Profile) -> Profile:
    """Return a profile by name."""
    if isinstance(name, Profile):
        return name
    if name not in PROFILES:
        raise ConfigError(f"no profile {name!r}", advice=f"There are {', '.join(PROFILES)} and {AUTO}")
    return PROFILES[name]
