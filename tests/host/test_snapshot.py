"""Snapshots of a started host: copies answer as the original would, and never see one another."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from pywasmvm_host import Exchange, Host, HostError, HttpRequest, Plugin

from pywasmvm import Engine

Configured = Mapping[str, Plugin]  # see conftest.py


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


@pytest.mark.parametrize("name", ["hello", "rate_limit", "header_rewrite", "api_key"])
def test_a_copy_answers_like_the_original(engine: Engine, configured: Configured, name: str) -> None:
    host = Host([configured[name]], engine=engine).start()
    snapshot = host.snapshot()
    first, second = snapshot.restore(), snapshot.restore()
    exchanges = [each.request(REQUEST) for each in (host, first, second)]
    assert exchanges[0].response.status is not None
    assert told(exchanges[0]) == told(exchanges[1]) == told(exchanges[2])
    assert len({id(each.vms()[0].store) for each in (host, first, second)}) == 3


def test_copies_do_not_share_what_guests_remember(engine: Engine, configured: Configured) -> None:
    host = Host([configured["rate_limit"]], engine=engine).start()
    snapshot = host.snapshot()
    statuses = [host.request(REQUEST).response.status for _ in range(4)]
    assert len(set(statuses)) == 2, "the third is one too many"
    copy = snapshot.restore()
    assert [copy.request(REQUEST).response.status for _ in range(4)] == statuses
    later = host.snapshot().restore()
    assert later.request(REQUEST).response.status == statuses[-1], "what was used up stays used up"


def test_copies_do_not_share_what_the_host_remembers(engine: Engine, configured: Configured) -> None:
    host = Host([configured["header_rewrite"]], engine=engine).start()
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


def test_a_chain_with_one_shared_vm(engine: Engine, configured: Configured) -> None:
    plugins = [
        configured["header_rewrite"],
        configured["hello"],
        Plugin(configured["hello"].wasm, name="again"),
    ]
    host = Host(plugins, engine=engine, copies=True).start()
    copy = host.snapshot().restore()
    assert told(copy.request(REQUEST)) == told(host.request(REQUEST))


def test_a_host_that_is_not_at_rest_is_refused(engine: Engine, configured: Configured) -> None:
    host = Host([configured["hello"]], engine=engine)
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


def test_a_failed_plugin_is_refused(engine: Engine, configured: Configured) -> None:
    host = Host([configured["hello"]], engine=engine).start()
    host.vms()[0].failed = True
    host.vms()[0].failure = "Function: f failed"
    with pytest.raises(HostError, match="a plugin has failed: Function: f failed"):
        host.snapshot()
