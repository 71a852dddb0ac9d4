"""Real filters the bench runs: where each is, its configuration and a request that makes it work.

Ours stand in host/filters; the production ones come with the package gpustack-higress-plugins and take part
where that is installed.
"""

from __future__ import annotations

import importlib.util
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Filter", "find_filters", "one_filter"]

ROOT = Path(__file__).parent.parent
PACKAGE = "gpustack_higress_plugins"
HEADERS = [("x-internal", "secret"), ("x-old", "a"), ("user-agent", "bench"), ("x-api-key", "alice-secret")]
JSON_BODY = b'{"user": "alice", "password": "secret", "text": "teh colour"}'

REWRITE = {"request": {"replace": {"teh": "the", "colour": "color"}, "fields": {"password": "***"}}}
API_KEY = {"header": "x-api-key", "keys": [{"key": "alice-secret", "consumer": "alice"}]}
TRANSFORMER = {"reqRules": [{"operate": "add", "headers": [{"key": "x-added", "value": "1"}]}]}


@dataclass(frozen=True)
class Filter:
    """One filter with what a request through it needs. `profile` is the host to imitate."""

    name: str
    path: Path
    configuration: str
    body: bytes = b""
    profile: str = "auto"

    @property
    def code(self) -> bytes:
        """Return the module's bytes."""
        return self.path.read_bytes()

    def plugin(self) -> Any:
        """Return the filter as a plugin of our host."""
        from pywasmvm_host import Plugin

        return Plugin(self.path, configuration=self.configuration, name=self.name)

    def request(self) -> Any:
        """Return a request that the filter changes something of."""
        from pywasmvm_host import HttpRequest

        chunks = [self.body] if self.body else []
        headers = [*HEADERS, *([("content-type", "application/json")] if chunks else [])]
        return HttpRequest("POST" if chunks else "GET", "/api/v1/users?x=1", headers, chunks)


# name -> (file in host/filters, configuration, body)
OURS: dict[str, tuple[str, Any, bytes]] = {
    "hello (text)": ("wat/hello.wasm", None, b""),
    "body_rewrite (AssemblyScript)": ("assemblyscript/body_rewrite.wasm", REWRITE, JSON_BODY),
    "rate_limit (C++)": ("cpp/rate_limit.wasm", {"requests": 1_000_000_000, "window_seconds": 60}, b""),
    "header_rewrite (Rust)": ("rust/header_rewrite.wasm", "docs/demo-config.json", b""),
    "api_key (Go)": ("go/api_key.wasm", API_KEY, b""),
}
# folder in the package -> configuration
PRODUCTION: dict[str, Any] = {
    "transformer/2.0.0": TRANSFORMER,
    "gpustack-set-header-pre-route/1.0.1": {"routeNameHeader": "x-route"},
}


def _text(configuration: Any) -> str:
    if configuration is None:
        return ""
    if isinstance(configuration, str):
        return (ROOT / configuration).read_text()
    return json.dumps(configuration)


def _package() -> Path | None:
    spec = importlib.util.find_spec(PACKAGE)
    places = list(spec.submodule_search_locations or ()) if spec else []
    return Path(places[0]) / "plugins" if places else None


def find_filters() -> list[Filter]:
    """Return the filters that are here, smallest first."""
    found = [
        Filter(name, ROOT / "host" / "filters" / file, _text(configuration), body)
        for name, (file, configuration, body) in OURS.items()
    ]
    package = _package()
    for folder, configuration in PRODUCTION.items():
        if package is None:
            break
        path = package / folder / "plugin.wasm"
        found.append(Filter(f"{folder.partition('/')[0]} (Go)", path, _text(configuration)))
    return sorted((f for f in found if f.path.is_file()), key=lambda f: f.path.stat().st_size)


def one_filter(name: str) -> Filter:
    """Return the filter whose name begins with `name`. Raises ValueError naming those there are."""
    filters = find_filters()
    for item in filters:
        if item.name.startswith(name):
            return item
    raise ValueError(f"no filter called {name!r}; there are: {', '.join(f.name for f in filters)}")


def find_modules() -> list[Path]:
    """Return real modules of growing size: ours, and all that the package brings."""
    paths = [f.path for f in find_filters()]
    package = _package()
    paths += sorted(package.glob("*/*/plugin.wasm")) if package else []
    return sorted(set(paths), key=lambda path: path.stat().st_size)
