"""What the host refuses of a proxy's configuration: every option it lacks, by its path, in one line."""

from __future__ import annotations

from typing import Any

import pytest
from pywasmvm_host import ConfigError
from pywasmvm_host.headers import HeaderMap
from pywasmvm_host.proxy import Proxy
from pywasmvm_host.replay.proxyconfig import configure_proxy
from pywasmvm_host.routes import read_routes
from pywasmvm_host.world import World

MATCH = {"prefix": "/"}


def refusal(case: dict[str, Any]) -> str:
    world = World()
    proxy = Proxy(world)
    world.clusters["up"] = None  # type: ignore[assignment]
    with pytest.raises(ConfigError) as caught:
        configure_proxy(proxy, case)
    return str(caught.value)


def one_route(**fields: Any) -> dict[str, Any]:
    return {"route": {"routes": [{"match": MATCH, "route": {"cluster": "up"}, **fields}]}}


FIRST = "route.virtual_hosts[0].routes[0]"


@pytest.mark.parametrize(
    ("case", "path"),
    [
        ({"hcm": {"upgrade_configs": [{"upgrade_type": "websocket"}]}}, "hcm.upgrade_configs"),
        ({"hcm": {"http_filters": []}}, "hcm.http_filters"),
        ({"hcm": {"http_protocol_options": {"nonsense": 1}}}, "hcm.http_protocol_options.nonsense"),
        ({"hcm": {"stream_idle_timeout": "soon"}}, "hcm.stream_idle_timeout"),
        ({"hcm": {"server_header_transformation": "MAYBE"}}, "hcm.server_header_transformation"),
        ({"listener": {"filter_chains": []}}, "listener.filter_chains"),
        (one_route(route={"cluster": "nowhere"}), f"{FIRST}.route.cluster"),
        (one_route(route={"cluster": "up", "request_mirror_policies": []}), "request_mirror_policies"),
        (one_route(route={"cluster": "up", "retry_policy": {"retry_ona": "5xx"}}), "retry_policy.retry_ona"),
        (one_route(match={"prefix": "/", "dynamic_metadata": []}), f"{FIRST}.match.dynamic_metadata"),
        (one_route(match={"safe_regex": {"regex": "(("}}), f"{FIRST}.match.safe_regex.regex"),
        (one_route(match={"prefix": 7}), f"{FIRST}.match.prefix"),
        (
            one_route(match={**MATCH, "runtime_fraction": {"default_value": {"numerator": 50}}}),
            f"{FIRST}.match.runtime_fraction",
        ),
        (one_route(typed_per_filter_config={"f": {"@type": "x"}}), "typed_per_filter_config.f"),
        (one_route(request_headers_to_add=[{"header": {"key": "a", "value": "%WHAT%"}}]), "%WHAT%"),
    ],
)
def test_what_is_lacking_is_refused_with_its_path(case: dict[str, Any], path: str) -> None:
    text = refusal(case)
    assert path in text
    assert "\n" not in text


def test_most_specific_host_wins_whatever_its_place() -> None:
    def host(name: str, domain: str) -> dict[str, Any]:
        return {
            "name": name,
            "domains": [domain],
            "routes": [{"match": MATCH, "direct_response": {"status": 200}}],
        }

    domains = ["*", "a.*", "*.test", "a.b.*", "*.b.test", "a.b.test"]
    table = read_routes({"virtual_hosts": [host(d, d) for d in domains]}, ())
    found = {}
    for name in ("zz", "a.zz", "z.test", "a.b.zz", "z.b.test", "A.B.TEST"):
        headers = HeaderMap("request", [(b":authority", name.encode()), (b":path", b"/")])
        chosen = table.find_host(headers)
        found[name] = chosen.name if chosen is not None else None
    assert list(found.values()) == domains
