"""Checks of a configuration: what Envoy accepts and then does otherwise than its author meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from ..abi.callbacks import CALLBACKS, callbacks_of
from ..abi.hostcalls import HOST_CALLS
from ..abi.versions import MARKERS, find_version
from ..abi.wasi import WASI_CALLS
from ..errors import HostError
from ..plugin import FailurePolicy, Key
from ..scan import ModuleFacts, scan
from .model import ConfigSubject, Place

__all__ = [
    "capability_missing",
    "capability_unknown",
    "legacy_fail_open",
    "not_loadable",
    "reload_too_fast",
    "same_plugin",
    "shared_vm_differs",
    "struct_configuration",
]

CAPABILITIES = {r.name for r in HOST_CALLS} | {r.name for r in WASI_CALLS} | {r.name for r in CALLBACKS}
FAST_RELOAD_MS = 1


def not_loadable(c: ConfigSubject) -> Iterator[Place]:
    """Report: the configuration cannot be read."""
    if c.error:
        yield "configuration", c.error


def reload_too_fast(c: ConfigSubject) -> Iterator[Place]:
    """Report: reload back-off of a millisecond or less."""
    for x in c.plugins:
        if x.plugin.failure_policy is FailurePolicy.FAIL_RELOAD and x.plugin.reload_base_ms <= FAST_RELOAD_MS:
            yield f"{x.path}.reload_config.backoff.base_interval", f"{x.plugin.reload_base_ms} ms"


def legacy_fail_open(c: ConfigSubject) -> Iterator[Place]:
    """Report: fail_open."""
    for x in c.plugins:
        if x.plugin.failure_policy is FailurePolicy.OPEN_ALWAYS:
            yield f"{x.path}.fail_open", "true"


def struct_configuration(c: ConfigSubject) -> Iterator[Place]:
    """Report: configuration as Struct."""
    for x in c.plugins:
        for rule, where in x.notes:
            if rule == "PW208":
                yield where, "google.protobuf.Struct"


def capability_unknown(c: ConfigSubject) -> Iterator[Place]:
    """Report: unknown capability."""
    for x in c.plugins:
        for name in sorted(x.plugin.capabilities - CAPABILITIES):
            near = difflib.get_close_matches(name, sorted(CAPABILITIES), 1, 0.7)
            yield (
                f"{x.path}.capability_restriction_config.allowed_capabilities",
                f"no host call or callback is called {name}" + (f"; did you mean {near[0]}?" if near else ""),
            )


def _facts(code: bytes) -> ModuleFacts | None:
    try:
        return scan(code)
    except HostError:
        return None  # why: the module's own rules report it


def capability_missing(c: ConfigSubject) -> Iterator[Place]:
    """Report: capability used but not listed."""
    for x, code in c.modules():
        facts = _facts(code) if x.plugin.capabilities else None
        if facts is None:
            continue
        exports = facts.function_exports()
        version, _ = find_version(exports, tuple(MARKERS.values()))
        callbacks = callbacks_of(version) if version else {}
        used = {i.name for i in facts.imports if i.kind == "func"} | {n for n in exports if n in callbacks}
        missing = sorted(used - x.plugin.capabilities)
        if missing:
            shown = ", ".join(missing[:8]) + (f" and {len(missing) - 8} more" if len(missing) > 8 else "")
            yield f"{x.path}.capability_restriction_config", f"used by the module and not listed: {shown}"


def shared_vm_differs(c: ConfigSubject) -> Iterator[Place]:
    """Report: one VM, different environment or capabilities."""
    first: dict[Key, tuple[str, object, object]] = {}
    for x, code in c.modules():
        key, p = x.plugin.vm_key(code), x.plugin
        path, environment, capabilities = first.setdefault(key, (x.path, dict(p.environment), p.capabilities))
        for what, mine, theirs in (
            ("environment variables", dict(p.environment), environment),
            ("capabilities", p.capabilities, capabilities),
        ):
            if mine != theirs:
                yield x.path, f"other {what} than {path}, with the same vm_id, VM configuration and code"


def same_plugin(c: ConfigSubject) -> Iterator[Place]:
    """Report: the same plugin twice."""
    first: dict[tuple[Key, Key], str] = {}
    for x, code in c.modules():
        key = (x.plugin.vm_key(code), x.plugin.key())
        if key in first:
            yield x.path, f"the same as {first[key]}"
        first.setdefault(key, x.path)
