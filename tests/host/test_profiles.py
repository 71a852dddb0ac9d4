"""What a profile changes: each switch by a guest that shows both sides, and that no switch is idle."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import pywasmvm_host
from pywasmvm_host.host import Host, HttpRequest
from pywasmvm_host.plugin import Plugin
from pywasmvm_host.profile import Profile, choose_profile

from pywasmvm import Config, Engine, wat2wasm

GUEST = """(module
  (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
  (import "env" "proxy_set_header_map_pairs" (func $pairs (param i32 i32 i32) (result i32)))
  (import "env" "proxy_get_header_map_pairs" (func $list (param i32 i32 i32) (result i32)))
  (import "env" "proxy_get_header_map_size" (func $size (param i32 i32) (result i32)))
  (import "env" "proxy_get_buffer_bytes" (func $get (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_set_buffer_bytes" (func $set (param i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 2)
  (data (i32.const 100) "\\09\\00\\00\\00broken") (data (i32.const 200) "log") (data (i32.const 210) "done")
  (func (export "%(marker)s"))
  (func (export "malloc") (param i32) (result i32) i32.const 65536)
  (func (export "proxy_on_memory_allocate") (param i32) (result i32) i32.const 70000)
  (func $say (param i32) (i32.store8 (i32.const 0) (i32.add (i32.const 48) (local.get 0)))
    (drop (call $log (i32.const 2) (i32.const 0) (i32.const 1))))
  %(body)s)"""

LOG_AND_DONE = """
  (func (export "proxy_on_log") (param i32) (drop (call $log (i32.const 2) (i32.const 200) (i32.const 3))))
  (func (export "proxy_on_done") (param i32) (result i32)
    (drop (call $log (i32.const 2) (i32.const 210) (i32.const 4))) i32.const 1)"""


def on(callback: str, body: str) -> str:
    return f'(func (export "proxy_on_{callback}") (param i32 i32 i32) (result i32) {body} i32.const 0)'


HEADERS, BODY = "request_headers", "request_body"
# switch, guest, log under envoy-1.40, log with the switch turned
SWITCHES = [
    ("log_before_done", LOG_AND_DONE, ["log", "done"], ["done", "log"]),
    (
        "strict_pairs",
        on(HEADERS, "(call $say (call $pairs (i32.const 0) (i32.const 100) (i32.const 10)))"),
        ["0"],
        ["2"],
    ),
    (
        "missing_map_is_empty",
        on(HEADERS, "(call $say (call $list (i32.const 2) (i32.const 8) (i32.const 12)))"),
        ["0"],
        ["2"],
    ),
    (
        "malloc_first",
        on(
            HEADERS,
            "(drop (call $list (i32.const 0) (i32.const 8) (i32.const 12)))"
            "(call $say (i32.eq (i32.load (i32.const 8)) (i32.const 65536)))",
        ),
        ["1"],
        ["0"],
    ),
    (
        "strict_ranges",
        on(
            BODY,
            "(call $say (call $get (i32.const 0) (i32.const 99) (i32.const 1) (i32.const 8) (i32.const 12)))",
        ),
        ["0", "0"],
        ["2", "2"],
    ),
    (
        "middle_edits",
        on(
            BODY,
            "(if (i32.eqz (local.get 2)) (then"
            "(call $say (call $set (i32.const 0) (i32.const 1) (i32.const 1)"
            " (i32.const 200) (i32.const 1)))))",
        ),
        ["2"],
        ["0"],
    ),
    (
        "size_is_serialized",
        on(
            HEADERS,
            "(drop (call $size (i32.const 0) (i32.const 8))) (drop (call $list (i32.const 0) (i32.const 12)"
            "(i32.const 16))) (call $say (i32.eq (i32.load (i32.const 8)) (i32.load (i32.const 16))))",
        ),
        ["0"],
        ["1"],
    ),
]


def engine(name: str) -> Any:
    config = Config()
    config.consume_fuel = True
    config.engine = name
    return Engine(config)


def guest(body: str = "", marker: str = "proxy_abi_version_0_2_1") -> bytes:
    return bytes(wat2wasm(GUEST % {"body": body, "marker": marker}))


@pytest.mark.parametrize(("switch", "body", "envoy", "turned"), SWITCHES, ids=[s[0] for s in SWITCHES])
def test_switch(switch: str, body: str, envoy: list[str], turned: list[str], wasm_engine: str) -> None:
    base = Profile("envoy-1.40")
    other = dataclasses.replace(base, **{switch: not getattr(base, switch)})
    for profile, expected in ((base, envoy), (other, turned)):
        host = Host([Plugin(guest(body))], profile=profile, engine=engine(wasm_engine))
        host.request(HttpRequest("POST", "/", body_chunks=[b"hello"]))
        assert [line.text for line in host.world.logs] == expected


def test_every_switch_is_read_by_the_host() -> None:
    folder = Path(pywasmvm_host.__file__).parent
    text = "".join(p.read_text("utf-8") for p in folder.rglob("*.py") if p.name != "profile.py")
    idle = [f.name for f in dataclasses.fields(Profile) if f"profile.{f.name}" not in text]
    assert idle == []


def test_the_marker_chooses() -> None:
    envoy, higress = Plugin(guest(), name="e"), Plugin(guest(marker="proxy_abi_version_0_2_100"), name="h")
    assert choose_profile([envoy])[0] == "envoy-1.40"
    assert choose_profile([envoy, higress]) == (
        "higress",
        "plugin h speaks ABI 0.2.100, which is Higress's",
    )
    assert choose_profile([Plugin(b"garbage", name="g")]) == ("envoy-1.40", "plugin g names no known ABI")
    assert Host([higress], profile="auto").profile.name == "higress"
