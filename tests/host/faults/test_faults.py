"""Faults injected on purpose: the host stays whole, the policy decides, nothing is left behind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pywasmvm_host import FailurePolicy, Host, HttpRequest, Limits, Plugin
from pywasmvm_host.abi.enums import Status
from pywasmvm_host.faults import (
    NOTHING,
    AllocatorFails,
    Fault,
    FuelRunsOut,
    GuestTraps,
    HostCallAnswers,
    MemoryCap,
    fuel_points,
    injected,
    leftovers,
)
from pywasmvm_host.host import Exchange

from pywasmvm import wat2wasm

MakeHost = Callable[..., Host]
FILTERS = Path(__file__).parents[3] / "host" / "filters"
HELLO, RATE_LIMIT = FILTERS / "wat" / "hello.wasm", FILTERS / "cpp" / "rate_limit.wasm"
# Reads the path, adds x-status with the status of that (as a letter, a for 0), takes a page and traps
# without one. Tells the length of each body.
WITNESS = """(module
  (import "env" "proxy_get_header_map_value" (func $get (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_add_header_map_value" (func $add (param i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 2) (global $top (mut i32) (i32.const 4096))
  (data (i32.const 16) ":path") (data (i32.const 32) "x-status")
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param $n i32) (result i32)
    (global.get $top) (global.set $top (i32.add (global.get $top) (local.get $n))))
  (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
    (i32.store8 (i32.const 64) (i32.add (i32.const 97)
      (call $get (i32.const 0) (i32.const 16) (i32.const 5) (i32.const 80) (i32.const 84))))
    (if (i32.eq (memory.grow (i32.const 1)) (i32.const -1)) (then (unreachable)))
    (drop (call $add (i32.const 0) (i32.const 32) (i32.const 8) (i32.const 64) (i32.const 1)))
    (i32.const 0))
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32) (i32.const 0)))"""
SLOW = HttpRequest("POST", "/slow", body_chunks=[b"a", b"b", b"c"], pace_ms=400)
# policy -> status of the request at fault, and of the next
POLICIES = {
    FailurePolicy.FAIL_CLOSED: (503, 503),
    FailurePolicy.FAIL_OPEN: (503, 200),
    FailurePolicy.FAIL_RELOAD: (503, 200),
    FailurePolicy.OPEN_ALWAYS: (200, 200),
}


@pytest.fixture
def make_host(make_engine: Callable[..., Any]) -> MakeHost:
    engine = make_engine(consume_fuel=True)

    def make(wasm: Any, policy: FailurePolicy = FailurePolicy.FAIL_RELOAD, **settings: Any) -> Host:
        plugin = Plugin(wasm, name="p", failure_policy=policy, reload_base_ms=1, **settings)
        return Host([plugin], engine=engine, limits=Limits(fuel=10_000_000)).start()

    return make


@pytest.fixture(scope="module")
def witness() -> bytes:
    return bytes(wat2wasm(WITNESS))


def x_status(exchange: Exchange) -> str:
    (received,) = exchange.upstream
    return dict(received.headers).get("x-status", "")


def at_fault(host: Host, fault: Fault) -> Exchange:
    """Send a request into a fault while another is on its way; check that both end and leave nothing."""
    other = host.submit(SLOW)
    host.world.run_for(100)
    assert not other.over
    with injected(host, fault):
        exchange = host.request(HttpRequest(path="/x"))
    host.world.run_for(2000)
    assert other.over and other.view.over
    opens = host.plugins[0].failure_policy == FailurePolicy.OPEN_ALWAYS
    failed_before_the_body = bool(exchange.failure) and not opens
    assert other.view.status == (503 if failed_before_the_body else 200)
    assert leftovers(host) == NOTHING, leftovers(host)
    return exchange


TRAPS: dict[str, Fault] = {
    "the allocator traps": AllocatorFails(1, traps=True),
    "no memory": MemoryCap(2),
    "no fuel": FuelRunsOut("proxy_on_request_headers", 5),
}


@pytest.mark.parametrize("policy", POLICIES, ids=lambda p: p.name)
@pytest.mark.parametrize("fault", TRAPS.values(), ids=TRAPS)
def test_a_trap_follows_the_policy(
    make_host: MakeHost, witness: bytes, fault: Fault, policy: FailurePolicy
) -> None:
    host = make_host(witness, policy)
    assert x_status(host.request(HttpRequest())) == "a"
    fault = MemoryCap(host.handles[0].vm.memory.nbytes >> 16) if isinstance(fault, MemoryCap) else fault
    if isinstance(fault, MemoryCap):
        fault = MemoryCap(fault.pages + 1)  # for the request that is on its way
    exchange = at_fault(host, fault)
    assert exchange.failure
    now, then = POLICIES[policy]
    assert exchange.response.status == now
    after = host.request(HttpRequest())
    assert after.response.status == then
    if policy is FailurePolicy.FAIL_RELOAD:
        assert x_status(after) == "a", "the new VM works"
    elif then == 200:
        assert x_status(after) == "", "the failed plugin is left out"
    assert leftovers(host) == NOTHING


def test_the_allocator_gives_null_at_one_call(make_host: MakeHost, witness: bytes) -> None:
    host = make_host(witness)
    with injected(host, AllocatorFails(2)) as injection:
        seen = [x_status(host.request(HttpRequest())) for _ in range(3)]
    letter = chr(97 + Status.INVALID_MEMORY_ACCESS)
    assert seen == ["a", letter, "a"]
    assert (injection.calls, injection.hits) == (3, 1)
    assert x_status(at_fault(host, AllocatorFails(1))) == letter
    assert x_status(host.request(HttpRequest())) == "a"


@pytest.mark.parametrize("status", [s for s in Status if s], ids=lambda s: s.name)
def test_a_host_call_gives_any_status(make_host: MakeHost, witness: bytes, status: Status) -> None:
    host = make_host(witness)
    exchange = at_fault(host, HostCallAnswers(1, status))
    assert x_status(exchange) == chr(97 + status)
    assert not exchange.failure
    with injected(host, HostCallAnswers(1, status, "proxy_add_header_map_value")) as injection:
        assert x_status(host.request(HttpRequest())) == "", "the call was not made"
    assert injection.hits == 1
    assert x_status(host.request(HttpRequest())) == "a"


@pytest.mark.parametrize("filter_", [HELLO, RATE_LIMIT], ids=lambda p: p.stem)
def test_every_host_call_may_fail(make_host: MakeHost, filter_: Path) -> None:
    host = make_host(filter_, configuration='{"requests": 1000000}')
    with injected(host, HostCallAnswers(10**9, 0)) as injection:
        host.request(HttpRequest())
    assert injection.calls >= 3
    for call in range(1, injection.calls + 1):
        for status in (Status.NOT_FOUND, Status.BAD_ARGUMENT, Status.INTERNAL_FAILURE):
            exchange = at_fault(host, HostCallAnswers(call, status))
            assert exchange.response.status in (200, 503)
            assert bool(exchange.failure) == (exchange.response.status == 503)
            assert host.request(HttpRequest()).response.status == 200


def test_the_guest_traps_at_every_step(make_host: MakeHost, witness: bytes) -> None:
    host = make_host(witness)
    with injected(host, GuestTraps(10**9)) as whole:
        host.request(HttpRequest())
    # why: two host calls, the allocator's end in the first of them, and the callback's own end
    assert (whole.calls, whole.hits) == (4, 0)
    for step in range(1, whole.calls + 1):
        host = make_host(witness)
        with injected(host, GuestTraps(step)) as injection:
            exchange = host.request(HttpRequest())
        assert injection.hits >= 1 and exchange.failure
        assert exchange.response.status == 503
        assert not host.request(HttpRequest()).failure


def test_a_refused_growth_and_an_empty_tank_are_counted(make_host: MakeHost, witness: bytes) -> None:
    host = make_host(witness)
    pages = host.handles[0].vm.memory.nbytes >> 16
    for room, hits in ((1, 0), (0, 1)):
        with injected(host, MemoryCap(pages + room)) as injection:
            host.request(HttpRequest())
        assert injection.hits == hits
    for fuel, hits in ((10**6, 0), (3, 1)):
        with injected(host, FuelRunsOut("proxy_on_request_headers", fuel)) as injection:
            host.request(HttpRequest())
            host.world.run_for(10)
        assert injection.hits == hits


def cost_of(host: Host, callback: str) -> int:
    host.request(HttpRequest(path="/x"))
    records = host.request(HttpRequest(path="/x")).records
    return next(r.fuel or 0 for r in records if r.callback == callback)


@pytest.mark.parametrize("callback", ["proxy_on_request_headers", "proxy_on_response_headers"])
def test_fuel_may_run_out_anywhere(make_host: MakeHost, callback: str) -> None:
    host = make_host(HELLO)
    cost = cost_of(host, callback)
    points = fuel_points(cost)
    assert points == list(range(1, cost + 1)) and cost in (8, 32)
    for fuel in points:
        exchange = at_fault(host, FuelRunsOut(callback, fuel))
        assert bool(exchange.failure) == (fuel < cost)
        assert exchange.response.status == (503 if fuel < cost else 200)
        if fuel < cost:
            # the allocator, called in a host call, spends of the same tank
            assert "failed: out of fuel (in " in exchange.failure
        after = host.request(HttpRequest())
        assert after.response.status == 200 and not after.failure


@pytest.mark.parametrize(
    "callback", ["proxy_on_context_create", "proxy_on_request_headers", "proxy_on_delete"]
)
def test_fuel_may_run_out_anywhere_in_a_larger_filter(make_host: MakeHost, callback: str) -> None:
    host = make_host(RATE_LIMIT, configuration='{"requests": 1000000}')
    cost = cost_of(host, callback)
    points = fuel_points(cost, 20)
    assert len(points) >= 20 and points[-2:] == [cost - 1, cost]
    for fuel in points[:-1]:
        exchange = at_fault(host, FuelRunsOut(callback, fuel))
        assert exchange.failure
        assert exchange.response.status == (200 if callback == "proxy_on_delete" else 503)
        assert host.request(HttpRequest()).response.status == 200


def test_a_fault_in_one_plugin_leaves_the_other_alone(
    make_engine: Callable[..., Any], witness: bytes
) -> None:
    plugins = [
        Plugin(witness, name="first", vm_id="1"),
        Plugin(witness, name="second", vm_id="2", failure_policy=FailurePolicy.FAIL_OPEN),
    ]
    host = Host(plugins, engine=make_engine(consume_fuel=True)).start()
    with injected(host, AllocatorFails(1, traps=True), "second"):
        assert host.request(HttpRequest()).response.status == 503
    exchange = host.request(HttpRequest())
    assert exchange.response.status == 200
    assert [v for k, v in exchange.upstream[0].headers if k == "x-status"] == ["a"]
    assert [h.vm.failed for h in host.handles] == [False, True]
    assert leftovers(host) == NOTHING


def test_a_stream_that_waits_for_a_callout_when_the_vm_fails(make_host: MakeHost, goldens: Path) -> None:
    host = make_host(goldens / "wat" / "callout_parallel.wasm")
    host.world.clusters.clear()
    for name in ("up", "c1", "c2", "callout"):
        host.add_cluster(name)
    waiting = host.submit(HttpRequest(path="/x"))
    assert leftovers(host).callouts and not waiting.over
    with injected(host, FuelRunsOut("proxy_on_request_headers", 3)):
        assert host.request(HttpRequest(path="/y")).failure
    host.world.run_for(20_000)
    waiting.client_gone()
    assert waiting.over
    host.world.run_for(0)  # what is over is deleted after the event at hand
    assert leftovers(host) == NOTHING
    assert not host.request(HttpRequest(path="/x")).failure


def test_fuel_points() -> None:
    assert fuel_points(5) == [1, 2, 3, 4, 5]
    points = fuel_points(100_000, 50)
    assert points[0] == 1 and points[-2:] == [99_999, 100_000]
    assert 50 <= len(points) <= 53
    assert fuel_points(0) == []
