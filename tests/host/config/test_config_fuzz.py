"""No document makes the readers raise anything but ConfigError, and no package makes the unpacker."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("yaml", reason="YAML configurations need pyyaml (extra `config`)")

from hypothesis import example, given, settings
from hypothesis import strategies as st
from pywasmvm_host import ConfigError
from pywasmvm_host.config import load_plugins, unpack_bytes
from pywasmvm_host.config.fields import MESSAGES, WASM_TYPES

FIELDS = sorted({f.name for fields in MESSAGES.values() for f in fields.values()})
NAMES = [
    *FIELDS,
    "@type",
    "value",
    "config",
    "typed_config",
    "kind",
    "apiVersion",
    "metadata",
    "spec",
    "items",
    "name",
]
TYPES = [
    *(f"type.googleapis.com/{t}" for t in WASM_TYPES),
    "type.googleapis.com/udpa.type.v1.TypedStruct",
    *(
        f"type.googleapis.com/google.protobuf.{t}"
        for t in ("StringValue", "Struct", "Value", "Any", "Duration")
    ),
    "WasmPlugin",
    "List",
    "extensions.istio.io/v1alpha1",
    "extensions.higress.io/v1alpha1",
    "file://x",
    "oci://x",
    "1s",
    "-1.5s",
]
LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(TYPES)
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=5),
    max_leaves=25,
)


def wrapped(spec: Any) -> list[Any]:
    """Put a value where each reader meets it."""
    kind = "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm"
    return [
        spec,
        {"vm_config": spec},
        {"vm_config": {"code": {"local": {"inline_string": "x"}}}, "configuration": spec},
        {"typed_config": {"@type": kind, "config": spec}},
        {
            "kind": "WasmPlugin",
            "apiVersion": "extensions.higress.io/v1alpha1",
            "metadata": spec,
            "spec": spec,
        },
        {
            "kind": "WasmPlugin",
            "apiVersion": "extensions.istio.io/v1alpha1",
            "spec": {"url": "file://x", "vmConfig": spec},
        },
        {"kind": "List", "items": spec},
    ]


@given(VALUES)
@settings(max_examples=300, deadline=None)
@example({"backoff": {"base_interval": "0s"}})
@example([[]])
@example("text")
def test_any_document(value: Any) -> None:
    for document in wrapped(value):
        try:
            load_plugins(json.dumps({"d": document}))
        except ConfigError:
            pass
        try:
            load_plugins(json.dumps(document) + "\n")
        except ConfigError:
            pass


@given(st.text(max_size=60))
@settings(max_examples=300, deadline=None)
def test_any_text(text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "c.yaml"
        path.write_text(text, "utf-8", errors="surrogatepass")
        try:
            load_plugins(path)
        except ConfigError:
            pass


@given(st.binary(max_size=600), st.sampled_from([b"", b"\x1f\x8b\x08", b"\0asm", b"x" * 257 + b"ustar"]))
@settings(max_examples=300, deadline=None)
def test_any_package(data: bytes, head: bytes) -> None:
    try:
        assert unpack_bytes(head + data, "it")[:4] == b"\0asm"
    except ConfigError:
        pass
