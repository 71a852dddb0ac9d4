"""Expressions in CEL cost steps, which are bounded, and look at the deadline: no host call takes for ever."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from pywasmvm_host import Host, HttpRequest, Limits, Plugin
from pywasmvm_host.calls import celsteps
from pywasmvm_host.host import Exchange

from pywasmvm import wat2wasm

pytest.importorskip("celpy", reason="cel-python (extra `cel`) is not installed")

# Compiles and evaluates an expression, and adds x-status with both statuses as letters, a for 0.
ASKING = """(module
  (import "env" "proxy_call_foreign_function" (func $call (param i32 i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_add_header_map_value" (func $add (param i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 2) (global $top (mut i32) (i32.const 65536))
  (data (i32.const 16) "expr_create") (data (i32.const 32) "expr_evaluate") (data (i32.const 48) "x-status")
  (data (i32.const 2048) "{text}")
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (global.get $top))
  (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
    (i32.store8 (i32.const 80) (i32.add (i32.const 97)
      (call $call (i32.const 16) (i32.const 11) (i32.const 2048) (i32.const {size})
        (i32.const 64) (i32.const 68))))
    (i32.store8 (i32.const 81) (i32.add (i32.const 97)
      (call $call (i32.const 32) (i32.const 13) (i32.load (i32.const 64)) (i32.const 4)
        (i32.const 64) (i32.const 68))))
    (drop (call $add (i32.const 0) (i32.const 48) (i32.const 8) (i32.const 80) (i32.const 2)))
    (i32.const 0)))"""
TEN = "[1,2,3,4,5,6,7,8,9,0]"
DOUBLED = "'" + "a" * 64 + "'"
for _ in range(24):
    DOUBLED = f"[{DOUBLED}].map(x,x+x)[0]"
LOOPS = f"{TEN}.map(a,{TEN}.map(b,{TEN}.map(c,{TEN}.map(d,{TEN}.map(e,a+b+c+d+e)))))"
LARGE = "(a{90}b{90}){9}|b+c"
ENDLESS = {
    "loops": LOOPS,
    "a text doubled again and again": DOUBLED,
    "a regular expression with a large program": f"{TEN}.all(a, '{'b' * 800}'.matches('{LARGE}'))",
}


@pytest.fixture
def ask(make_engine: Callable[..., Any]) -> Callable[..., Exchange]:
    engine = make_engine(consume_fuel=True)

    def asked(text: str, **limits: Any) -> Exchange:
        code = wat2wasm(ASKING.format(text=text, size=len(text)))
        host = Host([Plugin(bytes(code), name="p")], engine=engine, limits=Limits(**limits)).start()
        return host.request(HttpRequest())

    return asked


def status(exchange: Exchange) -> str:
    (received,) = exchange.upstream
    return dict(received.headers)["x-status"]


@pytest.mark.parametrize("text", ENDLESS.values(), ids=ENDLESS)
def test_steps_are_bounded(ask: Callable[..., Exchange], text: str) -> None:
    exchange = ask(text)
    assert exchange.response.status == 503
    assert (
        "limit expression_steps = 50000 per callback reached in proxy_on_request_headers" in exchange.failure
    )


@pytest.mark.parametrize("text", [LOOPS, "+".join("1" * 1500)], ids=["evaluated", "compiled"])
def test_the_deadline_is_looked_at(ask: Callable[..., Exchange], text: str) -> None:
    ask("1")  # why: the first expression loads the library
    began = time.thread_time()
    exchange = ask(text, deadline=0.01, expression_steps=None)
    assert "deadline exceeded (limit deadline = 0.01 s per callback reached" in exchange.failure
    assert time.thread_time() - began < 0.5


def test_what_is_usual_costs_little(ask: Callable[..., Exchange]) -> None:
    usual = (
        "request.method == 'GET' && request.path.matches('^/[a-z]*$') && request.headers['x-a'].size() < 9"
    )
    assert status(ask(usual, expression_steps=400)) in ("aa", "ak")
    assert (
        status(ask("'abc'.matches('b+') && !'abc'.matches('^b') && [1, 2].map(x, x + 1) == [2, 3]")) == "aa"
    )
    assert status(ask("'a'.matches('(')")) == "ak"
    assert status(ask("1.matches('a')"))[1] != "a"


def test_an_expression_too_deep_for_us_is_refused(ask: Callable[..., Exchange]) -> None:
    for text in ("(" * 1500 + "1" + ")" * 1500, "+".join("1" * 1500)):
        assert status(ask(text)) in ("ak", "cb")


def test_a_known_expression_costs_as_much_as_a_new_one(
    ask: Callable[..., Exchange], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "request.method == 'GET' && [1, 2].map(x, x + 1) == [2, 3]"
    enough = next(n for n in range(50, 400) if ask(text, expression_steps=n).response.status == 200)
    assert celsteps.KNOWN.get(text) is not None
    monkeypatch.setattr(celsteps, "KNOWN", celsteps.Known())
    assert ask(text, expression_steps=enough - 1).response.status == 503
    assert ask(text, expression_steps=enough).response.status == 200


def test_known_expressions_are_bounded() -> None:
    known, parsed = celsteps.Known(), celsteps.Parsed(None, frozenset())
    texts = [f"{n} == {n} || '{'x' * 100}' == ''" for n in range(known.most // 100)]
    known.keep("x" * (known.longest + 1), parsed)
    for text in texts:
        known.keep(text, parsed)
        assert known.get(texts[0]) is not None, "it was used last"
    kept = [text for text in texts if known.get(text) is not None]
    assert kept == [texts[0], *texts[1 - len(kept) :]]
    assert known.most - known.longest < sum(map(len, kept)) <= known.most
