"""Snapshots of a started host: copies answer as the original would, and never see one another."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pywasmvm_host import Exchange, Host, HostError, HttpRequest, Plugin

from pywasmvm import Engine

FILTERS = Path(__file__).resolve().parents[2] / "host" / "filters"
HELLO = Plugin(FILTERS / "wat" / "hello.wasm")
LIMITED = Plugin(
    FILTERS / "cpp" / "rate_limit.wasm",
    configuration='{"requests": 2, "window_seconds": 60, "key_header": "x-client-id"}',
)
KEYED = Plugin(
    FILTERS / "go" / "api_key.wasm",
    configuration='{"header": "X-API-Key", "keys": [{"key": "secret", "consumer": "alice"}]}',
)
REWRITE = Plugin(
    FILTERS / "rust" / "header_rewrite.wasm",
    configuration=(FILTERS.parents[1] / "docs" / "demo-config.json").read_text(),
)


@pytest.fixture
def engine(make_engine: Callable[..., Engine]) -> Engine:
    return make_engine(consume_fuel=True)


def told(exchange: Exchange) -> tuple[object, ...]:
    """What two hosts in the same state must agree on, fuel of every callback included."""
    return (
        exchange.response,
        exchange.upstream,
        [(line.level, line.text) for line in exchange.logs],
        [(record.callback, record.result, record.fuel) for record in exchange.records],
        exchange.metrics,
    )


REQUEST = HttpRequest(
    "GET", "/api/v1/users", [("x-internal", "s"), ("x-api-key", "secret"), ("x-client-id", "c")]
)


@pytest.mark.parametrize("plugin", [HELLO, LIMITED, REWRITE, KEYED], ids=lambda p: Path(p.wasm).stem)
def test_a_copy_answers_like_the_original(engine: Engine, plugin: Plugin) -> None:
    host = Host([plugin], engine=engine).start()
    snapshot = host.snapshot()
    first, second = snapshot.restore(), snapshot.restore()
    exchanges = [each.request(REQUEST) for each in (host, first, second)]
    assert exchanges[0].response.status is not None
    assert told(exchanges[0]) == told(exchanges[1]) == told(exchanges[2])
    assert len({id(each.vms()[0].store) for each in (host, first, second)}) == 3


def test_copies_do_not_share_what_guests_remember(engine: Engine) -> None:
    host = Host([LIMITED], engine=engine).start()
    snapshot = host.snapshot()
    statuses = [host.request(REQUEST).response.status for _ in range(4)]
    assert len(set(statuses)) == 2, "the third is one too many"
    copy = snapshot.restore()
    assert [copy.request(REQUEST).response.status for _ in range(4)] == statuses
    later = host.snapshot().restore()
    assert later.request(REQUEST).response.status == statuses[-1], "what was used up stays used up"


def test_copies_do_not_share_what_the_host_remembers(engine: Engine) -> None:
    host = Host([REWRITE], engine=engine).start()
    host.world.shared.set("", b"k", b"1", 0)
    snapshot = host.snapshot()
    copy = snapshot.restore()
    copy.world.shared.set("", b"k", b"2", 0)
    copy.request(REQUEST)
    assert host.world.shared.get("", b"k") == (b"1", 1) == snapshot.restore().world.shared.get("", b"k")
    assert len(copy.world.records) > len(host.world.records)
    assert copy.plugins[0] is host.plugins[0] and copy.engine is host.engine
    copy.close()
    assert host.request(REQUEST).response.status == 200


def test_a_chain_with_one_shared_vm(engine: Engine) -> None:
    plugins = [REWRITE, HELLO, Plugin(HELLO.wasm, name="again")]
    host = Host(plugins, engine=engine, copies=True).start()
    copy = host.snapshot().restore()
    assert told(copy.request(REQUEST)) == told(host.request(REQUEST))


def test_a_host_that_is_not_at_rest_is_refused(engine: Engine) -> None:
    host = Host([HELLO], engine=engine)
    with pytest.raises(HostError, match="cannot take a snapshot of this host: it is not started"):
        host.snapshot()
    host.start()
    host.submit(HttpRequest("POST", "/", body_chunks=[b"a", b"b"]))
    with pytest.raises(HostError, match="streams are open"):
        host.snapshot()
    host.world.run_for(5000)
    host.snapshot()
    answer = b"later"
    host.world.after(5, lambda: print(answer))
    with pytest.raises(HostError, match="something is on its way"):
        host.snapshot()


def test_a_failed_plugin_is_refused(engine: Engine) -> None:
    host = Host([HELLO], engine=engine).start()
    host.vms()[0].failed = True
    host.vms()[0].failure = "Function: f failed"
    with pytest.raises(HostError, match="a plugin has failed: Function: f failed"):
        host.snapshot()
