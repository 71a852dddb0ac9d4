"""Guests that serve one VM after another, and beginnings done again: nobody can tell them from new ones."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from pywasmvm_host import Host, HttpRequest, Plugin, PluginFailed
from pywasmvm_host.beginning import Beginning, Beginnings
from pywasmvm_host.guest import State
from pywasmvm_host.world import World

from pywasmvm import Engine, wat2wasm

Configured = Mapping[str, Plugin]  # see conftest.py

# Its start draws random numbers, reads the clock and the environment, writes a line and grows memory; each
# request logs all of that, counts, and moves a global and a table entry.
CURIOUS = """(module
  (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "clock_time_get" (func $clock (param i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_get" (func $environ (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (global $count (mut i32) (i32.const 48))
  (table 2 funcref)
  (elem (i32.const 0) $add1 $add2)
  (data (i32.const 0) "\\10\\00\\00\\00\\05\\00\\00\\00")
  (data (i32.const 16) "hello")
  (type $add (func (param i32) (result i32)))
  (func $add1 (type $add) (i32.add (local.get 0) (i32.const 1)))
  (func $add2 (type $add) (i32.add (local.get 0) (i32.const 2)))
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 4096))
  (func (export "_start") (local $left i32)
    (local.set $left (i32.const 20000)) ;; it costs more than it takes to keep its state
    (loop (br_if 0 (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
    (drop (call $random (i32.const 100) (i32.const 8)))
    (drop (call $clock (i32.const 0) (i64.const 0) (i32.const 108)))
    (drop (call $environ (i32.const 200) (i32.const 116)))
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 300)))
    (drop (memory.grow (i32.const 2))))
  (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
    (global.set $count (call_indirect (type $add) (global.get $count) (i32.const 0)))
    (table.set (i32.const 0) (table.get (i32.const 1)))
    (drop (memory.grow (i32.const 1)))
    (i32.store8 (i32.const 130) (global.get $count))
    (drop (call $log (i32.const 2) (i32.const 100) (i32.const 31)))
    (if (i32.gt_u (global.get $count) (i32.const 56)) (then unreachable))
    (i32.const 0)))"""
# What it makes of its configuration costs much. It keeps it where its allocator says, writes it to the log,
# and what it finds shared, which it replaces; each request logs both again. ASKS is one more host call.
LEARNED = """(module
  (import "env" "proxy_get_buffer_bytes" (func $bytes (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
  (import "env" "proxy_define_metric" (func $define (param i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_increment_metric" (func $increment (param i32 i64) (result i32)))
  (import "env" "proxy_get_shared_data" (func $shared (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_set_shared_data" (func $share (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_set_tick_period_milliseconds" (func $tick (param i32) (result i32)))
  (memory (export "memory") 1) (global $top (mut i32) (i32.const 4096))
  (data (i32.const 16) "name")
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32)
    (global.set $top (i32.add (global.get $top) (local.get 0)))
    (drop (memory.grow (i32.const 1)))
    (i32.sub (global.get $top) (local.get 0)))
  (func $show (drop (call $log (i32.const 2) (i32.load (i32.const 32)) (i32.load (i32.const 36)))))
  (func (export "proxy_on_configure") (param i32 i32) (result i32) (local $left i32)
    (local.set $left (i32.const 20000))
    (loop (br_if 0 (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
    (drop (call $shared (i32.const 16) (i32.const 4) (i32.const 32) (i32.const 36) (i32.const 40)))
    (call $show)
    (drop (call $bytes (i32.const 7) (i32.const 0) (i32.const 100) (i32.const 32) (i32.const 36)))
    (call $show)
    (drop (call $define (i32.const 0) (i32.const 16) (i32.const 4) (i32.const 44)))
    (drop (call $share (i32.const 16) (i32.const 4) (i32.const 16) (i32.const 40) (i32.const 0)))
    (drop (call $tick (i32.const 10)))
    {asks}
    (i32.const 1))
  (func (export "proxy_on_tick") (param i32) (drop (call $log (i32.const 2) (i32.const 16) (i32.const 32))))
  (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
    (call $show) (drop (call $increment (i32.load (i32.const 44)) (i64.const 1)))
    (drop (call $log (i32.const 2) (i32.const 16) (global.get $top)))
    (i32.const 0)))"""
REQUEST = HttpRequest(
    "GET", "/api/v1/users", [("x-internal", "s"), ("x-api-key", "secret"), ("x-client-id", "c")]
)


@pytest.fixture
def curious() -> Plugin:
    return Plugin(bytes(wat2wasm(CURIOUS)), name="curious", environment={"A": "1"})


def life(
    engine: Engine, plugin: Plugin, cache: dict[Any, Any], world: World | None = None, requests: int = 4
) -> tuple[tuple[Any, ...], set[int]]:
    """Return all that can be seen of a host's life, and which stores its plugins had."""
    host = Host([plugin], engine=engine, copies=True, world=world or World())
    host.loader.cache = cache
    host.start()
    responses = [host.request(REQUEST).response for _ in range(requests)]
    vms = [vm for pool in host.pools.values() for vm in pool.vms.values()]
    stores = {id(vm.store) for vm in vms}
    host.close()
    seen = host.world
    lines = [
        seen.logs,
        seen.host_log,
        seen.records,
        seen.trace,
        seen.metrics.as_dict(),
        seen.random.getstate(),
    ]
    return (responses, *lines), stores


@pytest.mark.parametrize("name", ["rate_limit", "api_key"])
def test_every_life_is_like_the_first(engine: Engine, configured: Configured, name: str) -> None:
    cache: dict[Any, Any] = {}
    lives = [life(engine, configured[name], cache) for _ in range(4)]
    assert all(told == lives[0][0] for told, _ in lives[1:])
    assert lives[2][1] & lives[3][1], "no guest was used again"


def test_what_the_start_asked_for_is_told_anew(engine: Engine, curious: Plugin) -> None:
    cache: dict[Any, Any] = {}
    drawn: set[bytes] = set()
    changed = Plugin(curious.wasm, name="curious", environment={"A": "2"})
    for plugin, settings in (
        (curious, {}),
        (curious, {}),
        (curious, {"seed": 2}),
        (curious, {"start_ns": 10**18}),
        (changed, {}),
        (curious, {}),
    ):
        again, _ = life(engine, plugin, cache, World(**settings))
        alone, _ = life(engine, plugin, {}, World(**settings))
        assert again == alone
        steps = [step for made in beginnings(cache) for turn in made.turns for step in turn.all_steps()]
        drawn |= {done[2] for step in steps for done in step.done if done[1] == 100}
    assert len(drawn) >= 4


def test_a_beginning_is_not_run_again(engine: Engine, curious: Plugin) -> None:
    cache: dict[Any, Any] = {}
    for _ in range(2):
        life(engine, curious, cache)
    host = Host([curious], engine=engine)
    host.loader.cache = cache
    guest = host.start().vms()[0].guest
    kept = [beginning.state for beginning in guest.kind.beginnings.all()]
    assert host.vms()[0].state() in kept and guest.at is not None, "its start ran"
    assert [line.text for line in host.world.logs] == ["hello"]
    (record,) = host.world.records[:1]
    assert (record.callback, record.grew_bytes, len(record.host_calls)) == ("_start", 2 << 16, 4)


def learned(configuration: str = "one", asks: str = "") -> Plugin:
    code = bytes(wat2wasm(LEARNED.replace("{asks}", asks)))
    return Plugin(code, name="learned", configuration=configuration)


def shared(text: bytes = b"", **settings: int) -> World:
    world = World(**settings)
    if text:
        world.shared.set("", b"name", text, 0)
    return world


def test_what_is_made_of_a_configuration_is_told_anew(engine: Engine) -> None:
    cache: dict[Any, Any] = {}
    plugin, other = learned(), learned("another one")
    kept = 0
    for given, text in [(plugin, b"")] * 3 + [(plugin, b"seen")] * 3 + [(other, b"")] * 3 + [(plugin, b"")]:
        again, _ = life(engine, given, cache, shared(text))
        assert again == life(engine, given, {}, shared(text))[0]
        assert kept <= (kept := len(beginnings(cache)))
    assert kept >= 6, "of each of the three VMs, for both configurations"
    host = Host([plugin], engine=engine, world=shared())
    host.loader.cache = cache
    assert host.start().vms()[0].guest.at is not None, "it ran"
    assert len(host.world.logs) == 2 and host.world.metrics.values
    assert host.request(REQUEST).response.status == 200 and host.vms()[0].guest.at is None


def beginnings(cache: dict[Any, Any]) -> list[Any]:
    """Return what is kept of the only module."""
    (kind,) = next(item for item in cache.values() if hasattr(item, "guests")).guests.kinds.values()
    found: list[Any] = kind.beginnings.all()
    return found


def test_what_cannot_be_taken_back_is_not_told_again(engine: Engine) -> None:
    cache: dict[Any, Any] = {}
    plugin = learned(asks="(drop (call $increment (i32.load (i32.const 44)) (i64.const 1)))")
    for _ in range(4):
        assert life(engine, plugin, cache)[0] == life(engine, plugin, {})[0]
    assert not beginnings(cache)


@pytest.mark.parametrize(("nbytes", "most"), [(1 << 23, 8), (1 << 10, 32)])
def test_what_is_kept_is_bounded(nbytes: int, most: int) -> None:
    known = Beginnings()
    for number in range(100):
        known.keep((0, number), Beginning([], State(SimpleNamespace(nbytes=nbytes), 1 << 16, number)))
        assert known.at((0, 0)), "it was used last"
    numbers = [beginning.state.number for beginning in known.all()]
    assert sorted(numbers) == [0, *range(101 - most, 100)]


def test_who_watches_sees_the_calls_of_the_start(engine: Engine, curious: Plugin) -> None:
    cache: dict[Any, Any] = {}
    for _ in range(3):
        seen: list[str] = []
        host = Host([curious], engine=engine)
        host.loader.cache = cache
        host.observe_host_calls(
            lambda vm, row, words, status, seen=seen: seen.append(
                f"{row.name} {vm.memory.read(100, 8).hex()}"
            )
        )
        host.start()
        host.close()
        assert [text.split()[0] for text in seen] == [
            "random_get",
            "clock_time_get",
            "environ_get",
            "fd_write",
        ]
        assert all(text.split()[1] != "00" * 8 for text in seen)


def test_after_a_trap_the_next_one_is_new(engine: Engine, curious: Plugin) -> None:
    cache: dict[Any, Any] = {}
    for _ in range(3):
        told, _ = life(engine, curious, cache, requests=10)
        assert told == life(engine, curious, {}, requests=10)[0]
    assert any(record.failed for record in told[3])


def test_a_plugin_that_refuses_leaves_its_guest(engine: Engine, configured: Configured) -> None:
    bad = Plugin(configured["api_key"].wasm, configuration="{")
    cache: dict[Any, Any] = {}
    said = []
    for plugin in (configured["api_key"], bad, bad, configured["api_key"], bad):
        host = Host([plugin], engine=engine, copies=True)
        host.loader.cache = cache
        try:
            host.start()
        except PluginFailed as error:
            said.append((str(error), host.world.logs, host.world.records))
        host.close()
    assert len(said) == 3 and said[0] == said[1] == said[2]
    (kind,) = next(item for item in cache.values() if hasattr(item, "guests")).guests.kinds.values()
    assert len(kind.idle) == 2, "the validation's copy and the main thread's or the worker's"


def test_a_closed_host_has_no_guest(engine: Engine, curious: Plugin) -> None:
    host = Host([curious], engine=engine).start()
    vm = host.vms()[0]
    host.close()
    assert not hasattr(vm, "memory") and vm.call(None, "malloc", 1) is None
    assert host.start().request(REQUEST).response.status == 200
    assert host.vms()[0] is not vm
