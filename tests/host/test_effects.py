"""Events in, effects out: a real filter driven without the simulated proxy; and a request through `Host`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pywasmvm_host import (
    AbiError,
    EndStream,
    EventStream,
    Host,
    HttpRequest,
    Limits,
    Plugin,
    SendBody,
    SendHeaders,
    UpstreamResponse,
)

from pywasmvm import wat2wasm

ADD_HEADER = """(module
  (import "env" "proxy_add_header_map_value" (func $add (param i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) i32.const 1024)
  (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
    (drop (call $add (i32.const 0) (i32.const 8) (i32.const 3) (i32.const 11) (i32.const 1)))
    i32.const 0)
  (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32) %s)
  (data (i32.const 8) "x-fy"))"""


@pytest.fixture
def engine(make_engine: Callable[..., Any]) -> Any:
    return make_engine(consume_fuel=True)


def host(engine: Any, response: str = "i32.const 0", **options: Any) -> Host:
    return Host([Plugin(wat2wasm(ADD_HEADER % response), name="f")], engine=engine, **options)


def test_effects(engine: Any) -> None:
    stream = EventStream(host(engine))
    pseudo = [(":authority", "a"), (":path", "/"), (":method", "GET"), (":scheme", "http")]
    assert stream.request_headers_in(pseudo, True) == [SendHeaders("upstream", [*pseudo, ("x-f", "y")], True)]
    first = stream.response_headers_in([(":status", "200")], False)
    assert isinstance(first[0], SendHeaders)
    assert first[0].to == "client"
    assert stream.response_body_in(b"abc", True) == [SendBody("client", b"abc", True), EndStream("client")]


def test_request_through_host(engine: Any) -> None:
    with host(engine) as h:
        x = h.request(HttpRequest("GET", "/"), UpstreamResponse(201, [("a", "b")], [b"body"]))
    assert x.response.status == 201
    assert x.response.body == b"body"
    assert ("x-f", "y") in x.upstream[0].headers
    assert x.access[0].code == 201
    record = next(r for r in x.records if r.callback == "proxy_on_request_headers")
    assert record.fuel is not None
    assert record.fuel > 5
    assert record.host_calls == ["proxy_add_header_map_value"]
    assert record.memory_bytes == 65536


def test_out_of_fuel_fails_the_stream(engine: Any) -> None:
    with host(engine, "(loop (br 0)) i32.const 0", limits=Limits(fuel=10_000)) as h:
        x = h.request(HttpRequest("GET", "/"))
        after = h.request(HttpRequest("GET", "/"))
    assert "out of fuel" in x.failure
    assert x.response.status == 503
    assert x.access[0].details == "wasm_fail_stream"
    assert after.response.status == 503
    assert after.upstream == []


def test_a_trap_answers_503(engine: Any) -> None:
    with host(engine, "unreachable") as h:
        x = h.request(HttpRequest("GET", "/"))
    assert x.response.status == 503
    assert "unreachable" in x.failure


def test_a_module_without_marker_is_refused_in_one_line(engine: Any) -> None:
    with pytest.raises(AbiError, match="Missing or unknown Proxy-Wasm ABI version") as e:
        Host([Plugin(wat2wasm("(module)"), name="p")], engine=engine).start()
    assert "\n" not in str(e.value)
