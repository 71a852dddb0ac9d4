"""Profiles: figures, growth, proposed limits and budgets, on both engines and through the command."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
from pywasmvm_host import Host, HttpRequest, Plugin, UpstreamResponse
from pywasmvm_host.config import load_plugins
from pywasmvm_host.errors import ConfigError
from pywasmvm_host.limits import read_limits
from pywasmvm_host.profiling import (
    BudgetExceeded,
    Report,
    Summary,
    profile,
    read_budgets,
    read_requests,
)
from pywasmvm_host.profiling.figures import growth_of
from pywasmvm_host.profiling.report import written

from pywasmvm import wat2wasm

Run = Callable[..., CompletedProcess[str]]
MakeEngine = Callable[..., Any]
HELLO = Path(__file__).parents[3] / "host" / "filters" / "wat" / "hello.wasm"
LEAK = 8192
# Takes LEAK bytes for good in each request, and grows its memory when they are used up.
LEAKY = f"""(module
  (import "env" "proxy_get_header_map_value"
    (func $get (param i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1) (global $top (mut i32) (i32.const 1024))
  (data (i32.const 16) ":path")
  (func (export "proxy_abi_version_0_2_1"))
  (func $take (export "malloc") (param $n i32) (result i32) (local $at i32)
    (local.set $at (global.get $top))
    (global.set $top (i32.add (global.get $top) (local.get $n)))
    (block $fits (loop $more
      (br_if $fits (i32.le_u (global.get $top) (i32.mul (memory.size) (i32.const 65536))))
      (drop (memory.grow (i32.const 1))) (br $more)))
    (local.get $at))
  (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
    (drop (call $take (i32.const {LEAK})))
    (drop (call $get (i32.const 0) (i32.const 16) (i32.const 5) (i32.const 32) (i32.const 36)))
    (i32.const 0)))"""


@pytest.fixture
def report(make_engine: MakeEngine) -> Report:
    host = Host([Plugin(HELLO, name="hello")], engine=make_engine(consume_fuel=True))
    return profile(host, [HttpRequest(path="/abc"), (HttpRequest(), UpstreamResponse(404))], count=5)


def test_figures_are_exact(report: Report) -> None:
    (plugin,) = report.plugins
    assert report.requests == 10
    headers = plugin.callbacks["proxy_on_request_headers"]
    assert headers.fuel == Summary(10, 32.0, 32, 32, 32)  # the same on both engines and every machine
    assert headers.host_calls == Summary(10, 2.0, 2, 2, 2)
    # ":path" and its two output slots, then the path out for the guest and back for the log
    assert headers.copied_bytes == Summary(10, 5 + 8 + 2 * 2.5, 15, 21, 21)
    assert (
        plugin.request.fuel.max == headers.fuel.max + plugin.callbacks["proxy_on_response_headers"].fuel.max
    )
    assert "proxy_on_memory_allocate (in a host call)" in plugin.callbacks
    assert plugin.memory_bytes == 65536


def test_quantiles_are_values_that_occurred() -> None:
    assert Summary.of(range(1, 101)) == Summary(100, 50.5, 50, 99, 100)
    assert Summary.of([7]) == Summary(1, 7.0, 7, 7, 7)
    assert Summary.of([]) == Summary(0, 0.0, 0, 0, 0)


@pytest.mark.parametrize("leak", [1, 50, 4096])
def test_growth_is_found_in_noise(leak: int) -> None:
    noise = random.Random(leak)
    growth = growth_of([10**6 + leak * i + noise.randrange(20 * leak) for i in range(2000)])
    assert growth is not None
    assert growth.grows
    assert growth.low <= leak * 1.02 and leak * 0.98 <= growth.high
    assert growth.per_request == pytest.approx(leak, rel=0.02)


@pytest.mark.parametrize(
    "sizes",
    [
        [65536] * 500,
        [65536] * 250 + [131072] * 250,
        [65536 + 1000 * (i % 37) for i in range(500)],
        [65536 + 100 * i for i in range(90)] + [80000] * 910,  # a warm-up
        [random.Random(1).randrange(10**6) for _ in range(500)],
    ],
    ids=["steady", "one step", "saw", "warm-up", "noise"],
)
def test_what_is_no_growth(sizes: list[int]) -> None:
    growth = growth_of(sizes)
    assert growth is not None
    assert not growth.grows


def test_too_few_requests_show_no_growth() -> None:
    assert growth_of([1, 2, 3, 4]) is None


def test_a_leak_is_measured(make_engine: MakeEngine) -> None:
    host = Host([Plugin(bytes(wat2wasm(LEAKY)), name="leaky")], engine=make_engine(consume_fuel=True))
    (plugin,) = profile(host, [HttpRequest(path="/12345678")], count=300).plugins
    for growth in (plugin.memory_growth, plugin.heap_growth):
        assert growth is not None and growth.grows
        assert growth.per_request == pytest.approx(LEAK + len("/12345678"), rel=0.01)
    assert len(plugin.remarks()) == 2
    assert not host.world.records, "what is counted is dropped"


def test_the_proposed_limits_fit_and_lower_ones_do_not(make_engine: MakeEngine, report: Report) -> None:
    proposed = report.limits(1.0)["hello"]
    assert {"fuel", "fuel_stream", "memory_bytes", "host_calls", "copied_bytes"} == set(proposed)

    def failures(limits: dict[str, str]) -> int:
        plugin = Plugin(HELLO, name="hello", limits=read_limits(limits))
        host = Host([plugin], engine=make_engine(consume_fuel=True))
        return sum(profile(host, [HttpRequest(path="/abc")]).failures.values())

    assert failures(proposed) == 0
    assert failures({**proposed, "fuel": "31"}) == 1
    assert failures({**proposed, "fuel_stream": "39"}) == 1
    assert failures({**proposed, "host_calls": "1"}) == 1


def test_the_proposal_is_configuration(report: Report, tmp_path: Path) -> None:
    text = f"""
static_resources:
  listeners:
  - filters:
    - name: envoy.filters.http.wasm
      typed_config:
        "@type": type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm
        config: {{name: hello, vm_config: {{runtime: envoy.wasm.runtime.v8,
                  code: {{local: {{filename: {HELLO}}}}}}}}}
{report.limits_text()}"""
    pytest.importorskip("yaml")
    (tmp_path / "envoy.yaml").write_text(text, "utf-8")
    (plugin,) = load_plugins(tmp_path / "envoy.yaml")
    assert plugin.limits == read_limits(report.limits()["hello"])
    assert plugin.limits.fuel == 64


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [("fuel", 1, "1"), ("fuel", 1234, "1300"), ("fuel", 2_000_001, "2100k"), ("fuel", 3 * 10**9, "3G"),
     ("memory_bytes", 1, "64KiB"), ("memory_bytes", 5 << 20, "5MiB"), ("copied_bytes", 1025, "2KiB")],
)  # fmt: skip
def test_limits_are_written_rounded_up(name: str, value: int, text: str) -> None:
    assert written(name, value) == text
    assert getattr(read_limits({name: text}), name) >= value


def test_budgets(report: Report, tmp_path: Path) -> None:
    file = tmp_path / "budget.json"
    file.write_text(
        json.dumps(
            {
                "memory_bytes": "32KiB",
                "request": {"fuel": 39},
                "callbacks": {
                    "*": {"host_calls": {"p99": 2}},
                    "proxy_on_response_headers": {"fuel": {"mean": "7"}},
                },
                "plugins": {"hello": {"request": {"fuel": 40}}, "other": {}},
            }
        )
    )
    assert report.exceeded(file) == [
        "other: the budget is for a plugin that was not profiled: hello",
        "hello: memory_bytes 65,536, the budget is 32,768",
        "hello: proxy_on_response_headers: fuel mean 8, the budget is 7",
    ]
    with pytest.raises(BudgetExceeded, match="memory_bytes 65,536") as caught:
        report.check(file)
    assert len(caught.value.lines) == 3
    file.write_text('{"memory_bytes": "64KiB", "growth_bytes": 0}')
    assert report.check(file) is report


def test_failures_are_over_budget(make_engine: MakeEngine, tmp_path: Path) -> None:
    plugin = Plugin(HELLO, name="hello", limits=read_limits({"fuel": "10"}))
    report = profile(Host([plugin], engine=make_engine(consume_fuel=True)), [HttpRequest()], count=3)
    (tmp_path / "b.json").write_text('{"request": {"fuel": "1M"}}')
    assert report.exceeded(tmp_path / "b.json") == ["failures: 3 of 3 requests, the budget is 0"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('{"memory": 1}', "memory: unknown key; did you mean memory_bytes?"),
        ('{"callbacks": {"proxy_on_logg": {}}}', "did you mean proxy_on_log?"),
        ('{"callbacks": {"proxy_on_log": {"fuel": {"p95": 1}}}}', "callbacks.proxy_on_log.fuel.p95"),
        ('{"request": {"fuel": "many"}}', "request.fuel.max: 'many' is no count"),
        ('{"request": 3}', "request: want an object"),
        ("[]", "want one object"),
        ("{}", "no budget in it"),
        ('{"failures": "x"}', "failures: want a number"),
    ],
)
def test_mistakes_in_budgets(text: str, complaint: str, tmp_path: Path) -> None:
    (tmp_path / "b.json").write_text(text)
    with pytest.raises(ConfigError, match="b.json") as caught:
        read_budgets(tmp_path / "b.json")
    assert complaint in str(caught.value)


def test_requests_are_read(tmp_path: Path) -> None:
    lines = [
        {"path": "/a", "headers": {"x": 1}, "repeat": 2},
        {"method": "POST", "http": 2, "body": ["a", {"b64": "Yg=="}], "trailers": [["t", "1"]],
         "upstream": {"status": 404, "body": "no", "headers": {"k": "v"}},
         "answers": {"auth": {"hang": True}}},
    ]  # fmt: skip
    file = tmp_path / "r.jsonl"
    file.write_text("\n\n".join(map(json.dumps, lines)) + "\n")
    first, second, third = read_requests(file)
    assert first == second
    assert (first.request.path, list(first.request.headers)) == ("/a", [("x", "1")])
    assert first.upstream is None
    assert third.request == HttpRequest(
        "POST", "/", body_chunks=[b"a", b"b"], trailers=[("t", "1")], http2=True, headers=[]
    )
    assert third.upstream == UpstreamResponse(404, [("k", "v")], [b"no"], [])
    assert third.answers["auth"].hang
    (tmp_path / "r.json").write_text(json.dumps(lines))
    assert read_requests(tmp_path / "r.json") == [first, second, third]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('{"pth": "/"}', "r.jsonl:1: unknown key 'pth'; did you mean path?"),
        ("{}\n{", "r.jsonl:2: "),
        ('{"upstream": {"status": 99}}', "r.jsonl:1: upstream: status: 99 is no HTTP status"),
        ('{"headers": ["a: b"]}', "headers: want an object, or a list of [name, value]"),
        ('{"repeat": 0}', "repeat: want a number above 0"),
        ("[1]", "want an object, not list"),
        ("", "no request in it"),
    ],
)
def test_mistakes_in_requests(text: str, complaint: str, tmp_path: Path) -> None:
    (tmp_path / "r.jsonl").write_text(text)
    with pytest.raises(ConfigError) as caught:
        read_requests(tmp_path / "r.jsonl")
    assert complaint in str(caught.value)


@pytest.fixture
def requests(tmp_path: Path) -> str:
    (tmp_path / "r.jsonl").write_text('{"path": "/abc"}\n{"path": "/abc", "repeat": 9}\n')
    return str(tmp_path / "r.jsonl")


def test_the_command(run_cli: Run, requests: str, tmp_path: Path, wasm_engine: str) -> None:
    page = tmp_path / "p.html"
    done = run_cli(
        "profile", str(HELLO), "--requests", requests, "--count", "3", "--json", "--html", str(page),
        "--engine", wasm_engine, "--margin", "3",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    shown = json.loads(done.stdout)
    assert shown["requests"] == 30
    (plugin,) = shown["plugins"]
    assert plugin["callbacks"]["proxy_on_request_headers"]["fuel"]["p99"] == 32
    assert plugin["limits"]["fuel"] == "96"
    assert plugin["memory_growth"]["grows"] is False
    text = page.read_text("utf-8")
    assert text.startswith("<!doctype html>") and text.count("<svg") == 2
    assert "http" not in text.replace("http://www.w3.org", ""), "the page must need nothing else"


def test_the_command_fails_over_budget(run_cli: Run, requests: str, tmp_path: Path) -> None:
    budget = tmp_path / "b.json"
    budget.write_text('{"callbacks": {"*": {"fuel": 31}}}')
    done = run_cli("profile", str(HELLO), "--requests", requests, "--budget", str(budget))
    assert done.returncode == 1
    assert "hello: {fuel: 64," in done.stdout
    assert done.stderr.splitlines() == [
        "over budget: hello: proxy_on_request_headers: fuel max 32, the budget is 31"
    ]
    budget.write_text('{"callbacks": {"*": {"fuel": 32}}}')
    assert run_cli("profile", str(HELLO), "--requests", requests, "--budget", str(budget)).returncode == 0


def test_mistakes_of_the_command(run_cli: Run, tmp_path: Path) -> None:
    done = run_cli("profile", str(HELLO), "--requests", str(tmp_path / "none.yaml"))
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "cannot read" in done.stderr


def test_plots(report: Report, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="needs matplotlib (the extra `plot`)")
    from pywasmvm_host.profiling.page import write_plots

    files = write_plots(report, tmp_path / "plots")
    assert [f.name for f in files] == ["fuel.png", "memory.png"]
    assert all(f.read_bytes().startswith(b"\x89PNG") and f.stat().st_size > 5_000 for f in files)
