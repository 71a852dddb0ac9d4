"""From configuration as users have it to the one `Plugin` model.

Read: Envoy bootstraps, listeners and anything else that holds Wasm extensions, bare PluginConfigs,
TypedStructs, and the WasmPlugin resources of Istio and Higress, as YAML or JSON, several documents to a
file.

    plugins = load_plugins("envoy.yaml")
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..errors import ConfigError
from ..plugin import Plugin
from .envoy import Located, find_plugins, looks_like_plugin, read_plugin
from .kubernetes import is_wasm_plugin, read_wasm_plugins
from .limits import find_limits, limits_of
from .sources import Grants
from .text import read_documents, read_file
from .unpack import unpack_bytes, unpack_path

__all__ = ["Grants", "Located", "load_located", "load_plugins", "unpack_bytes", "unpack_path"]


def load_plugins(
    source: str | Path,
    *,
    base: str | Path | None = None,
    remote: Mapping[str, str | Path] | None = None,
    environment: Mapping[str, str] | None = None,
) -> list[Plugin]:
    """Return the plugins of a configuration file or text, in chain order.

    base         where relative file names start; the file's own folder, or the current one for a text.
    remote       what may be fetched: URL -> local file, image layout, or http(s) address.
    environment  the host's variables that the configuration may read; none by default.

    Raises ConfigError that names the path of the mistake: nothing is guessed, nothing is left out in silence.
    """
    return [x.plugin for x in load_located(source, base=base, remote=remote, environment=environment)]


def load_located(
    source: str | Path,
    *,
    base: str | Path | None = None,
    remote: Mapping[str, str | Path] | None = None,
    environment: Mapping[str, str] | None = None,
) -> list[Located]:
    """Do what load_plugins does, and keep where each plugin stands in its document."""
    text, what, folder = _read(source)
    grants = Grants(Path(base) if base is not None else folder, dict(remote or {}), dict(environment or {}))
    documents = read_documents(text, what)
    try:
        found = _limited(_plugins(documents, grants), documents)
    except ConfigError as e:
        raise ConfigError(f"{what}: {e}", reason=e.reason) from e
    except RecursionError as e:
        raise ConfigError(f"{what}: nested too deeply") from e
    if not found:
        raise ConfigError(f"{what}: no Wasm plugin in it")
    return found


def _read(source: str | Path) -> tuple[str, str, Path]:
    if isinstance(source, str) and ("\n" in source or source.lstrip()[:1] in ("{", "[")):
        return source, "configuration", Path()
    path = Path(source)
    return read_file(path), str(path), path.parent


def _limited(found: list[Located], documents: list[Any]) -> list[Located]:
    """Give the plugins the limits that stand beside them."""
    given = [entry for document in documents for entry in find_limits(document)]
    limits = limits_of(given, {x.plugin.name for x in found})
    return [
        replace(x, plugin=replace(x.plugin, limits=limits[x.plugin.name])) if x.plugin.name in limits else x
        for x in found
    ]


def _plugins(documents: list[Any], grants: Grants) -> list[Located]:
    found: list[Located] = []
    resources: list[tuple[dict[str, Any], str]] = []
    for i, document in enumerate(documents):
        path = f"document {i + 1}" if len(documents) > 1 else ""
        items = [(document, path)]
        if isinstance(document, dict) and document.get("kind") == "List":
            listed = document.get("items") or []
            if not isinstance(listed, list):
                raise ConfigError(f"{path}.items: want a list".lstrip("."))
            items = [(item, f"{path}.items[{n}]".lstrip(".")) for n, item in enumerate(listed)]
        for item, where in items:
            if is_wasm_plugin(item):
                resources.append((item, where))
            elif looks_like_plugin(item):
                found.append(read_plugin({k: v for k, v in item.items() if k != "@type"}, grants, where))
            else:
                found += find_plugins(item, grants, where)
    return found + read_wasm_plugins(resources, grants)
