"""The calls that only Higress has, the extra foreign functions, and DNS: small guests that report by log."""

from __future__ import annotations

from typing import Any

import pytest
from pywasmvm_host import protobuf
from pywasmvm_host.host import Host, HttpRequest
from pywasmvm_host.plugin import Plugin
from pywasmvm_host.redis import ScriptedRedis, decode_command, encode_reply
from pywasmvm_host.upstream import Cluster, UpstreamResponse
from pywasmvm_host.world import World

from pywasmvm import Config, Engine, wat2wasm

GUEST = """(module
  (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
  (import "env" "proxy_redis_init" (func $init (param i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_redis_call" (func $call (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_get_buffer_bytes" (func $get (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_get_upstream_hosts" (func $hosts (param i32 i32) (result i32)))
  (import "env" "proxy_set_upstream_override_host" (func $override (param i32 i32) (result i32)))
  (import "env" "proxy_set_property" (func $set (param i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_inject_encoded_data_to_filter_chain" (func $inject (param i32 i32 i32) (result i32)))
  (import "env" "proxy_call_foreign_function" (func $foreign (param i32 i32 i32 i32 i32 i32) (result i32)))
  (import "env" "envoy_resolve_dns" (func $dns (param i32 i32 i32) (result i32)))
  (memory (export "memory") 2)
  %(data)s
  (func (export "proxy_abi_version_0_2_100"))
  (global $room (mut i32) (i32.const 65536))
  (func (export "malloc") (param i32) (result i32)
    (global.get $room)
    (global.set $room (i32.add (global.get $room) (local.get 0))))
  (func $say (param i32) (i32.store8 (i32.const 0) (i32.add (i32.const 48) (local.get 0)))
    (drop (call $log (i32.const 2) (i32.const 0) (i32.const 1))))
  (func $show (drop (call $log (i32.const 2) (i32.load (i32.const 8)) (i32.load (i32.const 12)))))
  %(body)s)"""


def text(at: int, value: bytes) -> str:
    return f'(data (i32.const {at}) "' + "".join(f"\\{b:02x}" for b in value) + '")'


def engine(name: str) -> Any:
    config = Config()
    config.consume_fuel = True
    config.engine = name
    return Engine(config)


def exchange(
    wasm_engine: str, body: str, data: str = "", world: World | None = None
) -> tuple[list[str], Any]:
    guest = bytes(wat2wasm(GUEST % {"body": body, "data": data}))
    host = Host([Plugin(guest, name="p")], profile="higress", world=world, engine=engine(wasm_engine))
    host.start()
    x = host.request(HttpRequest("GET", "/a"))
    return [line.text for line in host.world.logs], x


REDIS = """
  (func (export "proxy_on_configure") (param i32 i32) (result i32)
    (call $say (call $call (i32.const 100) (i32.const 10) (i32.const 200) (i32.const 22) (i32.const 16)))
    (call $say (call $init (i32.const 150) (i32.const 4) (i32.const 0) (i32.const 0) (i32.const 0)
      (i32.const 0)
      (i32.const 1000)))
    (call $say (call $init (i32.const 100) (i32.const 10) (i32.const 0) (i32.const 0)
      (i32.const 0) (i32.const 0)
      (i32.const 1000)))
    (call $say (call $call (i32.const 100) (i32.const 10) (i32.const 200) (i32.const 22) (i32.const 16)))
    (call $say (i32.load (i32.const 16)))
    i32.const 1)
  (func (export "proxy_on_redis_call_response") (param i32 i32 i32 i32)
    (call $say (local.get 1))
    (call $say (local.get 2))
    (call $say (call $get (i32.const 9) (i32.const 0) (i32.const 100) (i32.const 8) (i32.const 12)))
    (call $show))"""
COMMAND = b"*2\r\n$3\r\nGET\r\n$3\r\nabc\r\n"
REDIS_DATA = text(100, b"cache?db=0") + text(150, b"nope") + text(200, COMMAND)


def test_redis(wasm_engine: str) -> None:
    world = World()
    world.redis["cache"] = ScriptedRedis({"GET abc": ["one", "two"]})
    log, _ = exchange(wasm_engine, REDIS, REDIS_DATA, world)
    assert log == ["2", "2", "0", "0", "7", "7", "0", "0", "$3\r\none\r\n"]
    assert world.redis["cache"].commands == [["GET", "abc"]]


def test_a_cluster_without_redis_answers_with_a_failure(wasm_engine: str) -> None:
    world = World()
    world.clusters["cache"] = Cluster(world, "cache")
    log, _ = exchange(wasm_engine, REDIS, REDIS_DATA, world)
    assert log[4:7] == ["7", "7", "1"]


def test_resp() -> None:
    assert decode_command(COMMAND) == [b"GET", b"abc"]
    assert encode_reply((1, "a", None)) == b"*3\r\n:1\r\n$1\r\na\r\n$-1\r\n"
    for broken in (b"GET abc", b"*1\r\n$9\r\nabc\r\n", b"*x\r\n"):
        with pytest.raises(ValueError):
            decode_command(broken)
    scripted = ScriptedRedis({"GET": ["a", "b"]})
    assert [scripted.call(COMMAND) for _ in range(3)] == [encode_reply(x) for x in "abb"]
    assert ScriptedRedis().call(COMMAND).startswith(b"-ERR no scripted answer")


def test_upstream_hosts_and_override(wasm_engine: str) -> None:
    body = """(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
      (call $say (call $hosts (i32.const 8) (i32.const 12)))
      (call $show)
      (call $say (call $override (i32.const 100) (i32.const 12)))
      i32.const 0)"""
    log, x = exchange(wasm_engine, body, text(100, b"10.0.0.7:808"))
    assert log[0] == "0" and '"health_status": "Healthy"' in log[1] and log[2] == "0"
    assert x.response.status == 200


def test_injected_bytes_come_before_what_is_held(wasm_engine: str) -> None:
    body = """(func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32) i32.const 1)
      (func (export "proxy_on_response_body") (param i32 i32 i32) (result i32)
      (if (i32.eqz (local.get 2)) (then (call $say (call $inject (i32.const 100) (i32.const 6)
        (i32.const 0)))))
      i32.const 0)"""
    guest = bytes(wat2wasm(GUEST % {"body": body, "data": text(100, b"early ")}))
    host = Host([Plugin(guest)], profile="higress", engine=engine(wasm_engine))
    host.start()

    x = host.request(HttpRequest(), UpstreamResponse(200, [], [b"one ", b"two"], framing="chunked"))
    assert x.response.status == 200
    assert x.response.body.count(b"early ") == 2
    assert x.response.body.replace(b"early ", b"") == b"one two"


def test_special_properties(wasm_engine: str) -> None:
    body = """(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
      (call $say (call $set (i32.const 100) (i32.const 17) (i32.const 200) (i32.const 4)))
      i32.const 0)
      (func (export "proxy_on_vm_start") (param i32 i32) (result i32)
        (call $say (i32.const 9)) i32.const 1)"""
    data = text(100, b"wasm_need_rebuild") + text(200, b"true")
    guest = bytes(wat2wasm(GUEST % {"body": body, "data": data}))
    host = Host([Plugin(guest)], profile="higress", engine=engine(wasm_engine))
    host.start()
    assert [host.request(HttpRequest()).response.status for _ in range(2)] == [200, 200]
    assert [line.text for line in host.world.logs] == ["9", "0", "9", "0"]


def test_dns(wasm_engine: str) -> None:
    body = """(func (export "proxy_on_configure") (param i32 i32) (result i32)
      (call $say (call $dns (i32.const 100) (i32.const 4) (i32.const 16))) i32.const 1)
      (func (export "envoy_on_resolve_dns") (param i32 i32 i32)
      (call $say (i32.sub (local.get 1) (i32.load (i32.const 16))))
      (call $say (call $get (i32.const 8) (i32.const 0) (i32.const 99) (i32.const 8) (i32.const 12)))
      (call $show))"""
    world = World()
    world.names["host"] = ["10.0.0.1", "10.0.0.2"]
    log, _ = exchange(wasm_engine, body, text(100, b"host"), world)
    assert log[:3] == ["0", "0", "0"]
    assert log[3].encode() == b"\2\0\0\0" + b"<\0\0\0" * 2 + b"10.0.0.1\x0010.0.0.2\x00"


def foreign(wasm_engine: str, name: bytes, argument: bytes) -> tuple[str, bytes]:
    body = f"""(func (export "proxy_on_configure") (param i32 i32) (result i32)
      (call $say (call $foreign (i32.const 100) (i32.const {len(name)}) (i32.const 2000)
        (i32.const {len(argument)})
      (i32.const 8) (i32.const 12))) (call $show) i32.const 1)"""
    guest = bytes(wat2wasm(GUEST % {"body": body, "data": text(100, name) + text(2000, argument)}))
    host = Host([Plugin(guest)], profile="higress", engine=engine(wasm_engine))
    host.start()
    return host.world.logs[0].text, host.world.logs[1].message


def test_sign_and_verify(wasm_engine: str) -> None:
    pytest.importorskip("cryptography")
    from cryptography.hazmat.primitives import serialization as form
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    private = key.private_bytes(form.Encoding.DER, form.PrivateFormat.PKCS8, form.NoEncryption())
    public = key.public_key().public_bytes(form.Encoding.PEM, form.PublicFormat.SubjectPublicKeyInfo)
    tag = protobuf.tag_bytes
    status, answer = foreign(wasm_engine, b"sign", tag(1, b"sha256") + tag(2, private) + tag(3, b"text"))
    fields = dict(protobuf.fields(answer))
    assert status == "0" and fields[1] == 1
    check = tag(1, b"sha256") + tag(3, fields[2]) + tag(5, public)
    right = foreign(wasm_engine, b"verify_signature", check + tag(4, b"text"))
    assert right == ("0", b"\x08\x01")
    wrong = foreign(wasm_engine, b"verify_signature", check + tag(4, b"Text"))
    assert wrong[0] == "0" and 1 not in dict(protobuf.fields(wrong[1]))
    assert foreign(wasm_engine, b"verify_signature", check + tag(2, b"x"))[0] == "2"


def test_log_level(wasm_engine: str) -> None:
    assert foreign(wasm_engine, b"get_log_level", b"") == ("0", b"\0\0\0\0")


def test_without_the_library_expressions_say_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from pywasmvm_host.calls import expressions

    monkeypatch.setattr(expressions, "celpy", None)
    body = """(func (export "proxy_on_configure") (param i32 i32) (result i32)
      (call $say (call $foreign (i32.const 100) (i32.const 11) (i32.const 200) (i32.const 1)
      (i32.const 8) (i32.const 12))) i32.const 1)"""
    guest = bytes(wat2wasm(GUEST % {"body": body, "data": text(100, b"expr_create") + text(200, b"1")}))
    host = Host([Plugin(guest)], engine=engine("python"), profile="higress").start()
    assert [line.text for line in host.world.logs] == [str(chr(48 + 12))]
    assert any("pip install 'pywasmvm[cel]'" in line.message for line in host.world.host_log)
