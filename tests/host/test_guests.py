"""Guests that serve one VM after another, and beginnings done again: nobody can tell them from new ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from pywasmvm_host import Host, HttpRequest, Plugin, PluginFailed
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
  (func (export "_start")
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
    guests = next(item for item in cache.values() if hasattr(item, "guests")).guests
    (kind,) = guests.kinds.values()
    assert (
        len(
            {
                line
                for made in kind.beginnings
                for step in made.steps
                for line in step.accesses
                if line[1] == 100
            }
        )
        >= 4
    )


def test_a_beginning_is_not_run_again(engine: Engine, curious: Plugin) -> None:
    cache: dict[Any, Any] = {}
    for _ in range(2):
        life(engine, curious, cache)
    host = Host([curious], engine=engine)
    host.loader.cache = cache
    guest = host.start().vms()[0].guest
    assert guest.begun not in (None, guest.kind.state), "its start ran"
    assert [line.text for line in host.world.logs] == ["hello"]
    (record,) = host.world.records[:1]
    assert (record.callback, record.grew_bytes, len(record.host_calls)) == ("_start", 2 << 16, 4)


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
