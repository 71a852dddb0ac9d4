"""What tests of the host share: an engine that meters, and filters of the project with a configuration."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from pywasmvm_host import Plugin

from pywasmvm import Engine

ROOT = Path(__file__).resolve().parents[2]
FILTERS = ROOT / "host" / "filters"


@pytest.fixture
def engine(make_engine: Callable[..., Engine]) -> Engine:
    return make_engine(consume_fuel=True)


@pytest.fixture(scope="session")
def configured() -> Mapping[str, Plugin]:
    """Plugins by name; of rate_limit the third request is one too many, api_key knows the key `secret`."""
    return {
        "hello": Plugin(FILTERS / "wat" / "hello.wasm"),
        "rate_limit": Plugin(
            FILTERS / "cpp" / "rate_limit.wasm",
            configuration='{"requests": 2, "window_seconds": 60, "key_header": "x-client-id"}',
        ),
        "header_rewrite": Plugin(
            FILTERS / "rust" / "header_rewrite.wasm",
            configuration=(ROOT / "docs" / "demo-config.json").read_text(),
        ),
        "api_key": Plugin(
            FILTERS / "go" / "api_key.wasm",
            configuration='{"header": "X-API-Key", "keys": [{"key": "secret", "consumer": "alice"}]}',
        ),
    }
