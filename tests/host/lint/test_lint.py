"""Every rule has a module, a configuration or a run that breaks it, and good ones break none."""

# ruff: noqa: E501 -- functions in the text format stand on lines of their own length
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pywasmvm_host.abi.pairs import encode_pairs
from pywasmvm_host.lint import LintOptions, lint_file, lint_module
from pywasmvm_host.lint.docs import render
from pywasmvm_host.lint.rules import RULES

from pywasmvm import Config, Engine, wat2wasm

ROOT = Path(__file__).resolve().parents[3]
MARKER = '(func (export "proxy_abi_version_0_2_1"))'
MEMORY = '(memory (export "memory") 2)'
MALLOC = '(func (export "malloc") (param i32) (result i32) i32.const 65536)'
GOOD = (MARKER, MEMORY, MALLOC)
LOG = '(import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))'


def module(*fields: str) -> bytes:
    return bytes(wat2wasm(f"(module {' '.join(fields)})"))


def headers(body: str, direction: str = "request", extra: str = "") -> tuple[str, ...]:
    """A filter with one headers callback."""
    return (
        *GOOD,
        f'(func (export "proxy_on_{direction}_headers") (param i32 i32 i32) (result i32) {extra} {body})',
    )


def imported(name: str, count: int, types: str = "") -> str:
    params = types or " ".join(["i32"] * count)
    return f'(import "env" "{name}" (func $f (param {params}) (result i32)))'


def text(at: int, value: str) -> str:
    escaped = "".join(f"\\{b:02x}" for b in value.encode())
    return f'(data (i32.const {at}) "{escaped}")'


def wasi(name: str, *params: str) -> str:
    return f'(import "wasi_snapshot_preview1" "{name}" (func (param {" ".join(params)}) (result i32)))'


CALL = encode_pairs([(b":method", b"GET"), (b":path", b"/"), (b":authority", b"x")]).decode()
TRAILER = encode_pairs([(b"a", b"b")]).decode()
STATIC: dict[str, tuple[str, ...]] = {
    "PW103": (MEMORY, MALLOC),
    "PW104": ('(func (export "proxy_abi_version_0_3_0"))', MEMORY, MALLOC),
    "PW105": ('(func (export "proxy_abi_version_0_2_100"))', MEMORY, MALLOC),
    "PW106": (*GOOD, '(func (export "proxy_abi_version_0_2_0"))'),
    "PW110": (MARKER, MALLOC),
    "PW111": (MARKER, MALLOC, '(memory (export "memory") 16385)'),
    "PW112": (MARKER, MALLOC, '(memory (export "memory") 1 20000)'),
    "PW113": (MARKER, MEMORY),
    "PW114": (*GOOD, '(func (export "proxy_on_memory_allocate") (param i32) (result i32) i32.const 0)'),
    "PW115": (*GOOD, '(func (export "_start"))', '(func (export "_initialize"))'),
    "PW120": (imported("proxy_get_proprety", 4), *GOOD),
    "PW121": ('(import "env" "proxy_continue_request" (func (result i32)))', *GOOD),
    "PW122": (imported("proxy_redis_call", 5), *GOOD),
    "PW123": (imported("proxy_log", 2), *GOOD),
    "PW124": (wasi("path_symlink", *["i32"] * 5), *GOOD),
    "PW125": ('(import "env" "g" (global i32))', *GOOD),
    "PW130": (*GOOD, '(func (export "proxy_on_tick") (param i64))'),
    "PW131": (*GOOD, '(func (export "proxy_on_request_headers") (param i32 i32) (result i32) i32.const 0)'),
    "PW132": (
        *GOOD,
        '(func (export "proxy_on_requst_headers") (param i32 i32 i32) (result i32) i32.const 0)',
    ),
    "PW133": (*GOOD, '(func (export "proxy_on_grpc_trailing_metadata") (param i32 i32 i32))'),
    "PW134": (*GOOD, '(func (export "proxy_on_redis_call_response") (param i32 i32 i32 i32))'),
    "PW140": (
        LOG,
        *GOOD,
        "(func $s (drop (call $log (i32.const 2) (i32.const 0) (i32.const 0))))",
        "(start $s)",
    ),
    "PW141": (*GOOD, "(func $s unreachable)", "(start $s)"),
}
RUNS: dict[str, tuple[str, ...]] = {
    "PW300": (*GOOD, '(func (export "proxy_on_configure") (param i32 i32) (result i32) i32.const 0)'),
    "PW301": (imported("proxy_send_local_response", 8), *GOOD,
              '(func (export "proxy_on_log") (param i32) (drop (call $f (i32.const 403) (i32.const 0) (i32.const 0)'
              " (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const -1))))"),
    "PW302": (imported("proxy_continue_stream", 1), *headers("(drop (call $f (i32.const 1))) i32.const 0")),
    "PW303": headers("unreachable"),
    "PW304": (imported("proxy_set_tick_period_milliseconds", 1), *GOOD,
              '(func (export "proxy_on_configure") (param i32 i32) (result i32)'
              " (drop (call $f (i32.const 10))) i32.const 1)",
              "(global $n (mut i32) (i32.const 0))",
              '(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)'
              " (global.set $n (i32.const 1)) i32.const 1)",
              '(func (export "proxy_on_tick") (param i32) (if (global.get $n) (then unreachable)))'),
    "PW305": headers("(loop $l (br $l)) i32.const 0"),
    "PW306": headers("i32.const 1"),
    "PW307": (imported("proxy_set_header_map_pairs", 3), text(16, "xxxxxxxx"),
              *headers("(drop (call $f (i32.const 0) (i32.const 16) (i32.const 8))) i32.const 0")),
    "PW308": (imported("proxy_set_buffer_bytes", 5), *GOOD,
              '(func (export "proxy_on_request_body") (param i32 i32 i32) (result i32) (drop (call $f (i32.const 0)'
              " (i32.const 2) (i32.const 1) (i32.const 16) (i32.const 1))) i32.const 0)"),
    "PW309": (imported("proxy_set_buffer_bytes", 5), *GOOD,
              '(func (export "proxy_on_response_body") (param i32 i32 i32) (result i32) (drop (call $f (i32.const 1)'
              " (i32.const 0) (i32.const 100) (i32.const 16) (i32.const 1))) i32.const 0)"),
    "PW310": (imported("proxy_add_header_map_value", 5), text(16, "x\r\ny"), *headers(
        "(drop (call $f (i32.const 2) (i32.const 16) (i32.const 1) (i32.const 16) (i32.const 4))) i32.const 0",
        "response")),
    "PW311": (imported("proxy_remove_header_map_value", 3), text(16, ":path"), *headers(
        "(drop (call $f (i32.const 0) (i32.const 16) (i32.const 5))) i32.const 0")),
    "PW312": (*GOOD, '(func (export "proxy_on_request_body") (param i32 i32 i32) (result i32) i32.const 3)'),
    "PW313": (imported("proxy_define_metric", 4), text(16, "m"), *headers(
        "(drop (call $f (i32.const 0) (i32.const 16) (i32.const 1) (i32.const 32))) i32.const 0")),
    "PW314": (imported("proxy_define_metric", 4),
              '(import "env" "proxy_increment_metric" (func $i (param i32 i64) (result i32)))', text(16, "m"),
              *headers("(drop (call $f (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 32)))"
                       "(drop (call $i (i32.load (i32.const 32)) (i64.const -5))) i32.const 0")),
    "PW315": (imported("proxy_set_property", 4), text(16, "a\0b"), *headers(
        "(drop (call $f (i32.const 16) (i32.const 3) (i32.const 16) (i32.const 1))) i32.const 0")),
    "PW316": (imported("proxy_get_header_map_pairs", 3), MARKER, MEMORY,
              '(func (export "malloc") (param i32) (result i32) unreachable)',
              '(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)'
              " (drop (call $f (i32.const 0) (i32.const 16) (i32.const 20))) i32.const 0)"),
    "PW317": (imported("proxy_call_foreign_function", 6), text(16, "declare_property"), text(64, "\n\1x"), *headers(
        "(drop (call $f (i32.const 16) (i32.const 16) (i32.const 64) (i32.const 3) (i32.const 32) (i32.const 36)))"
        " i32.const 0")),
    "PW319": (imported("proxy_grpc_stream", 9), *headers(
        "(drop (call $f (i32.const 16) (i32.const 0) (i32.const 16) (i32.const 1) (i32.const 16) (i32.const 1)"
        " (i32.const 0) (i32.const 0) (i32.const 32))) i32.const 0")),
    "PW320": (imported("proxy_get_header_map_pairs", 3),
              '(import "env" "proxy_get_status" (func $g (param i32 i32 i32) (result i32)))', MARKER, MEMORY,
              '(func (export "malloc") (param i32) (result i32)'
              " (drop (call $g (i32.const 16) (i32.const 20) (i32.const 24))) i32.const 65536)",
              '(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)'
              " (drop (call $f (i32.const 0) (i32.const 16) (i32.const 20))) i32.const 0)"),
    "PW321": (imported("proxy_continue_stream", 1), *headers("(drop (call $f (i32.const 0))) i32.const 0")),
    "PW322": (imported("proxy_close_stream", 1), *headers("(drop (call $f (i32.const 0))) i32.const 1")),
    "PW323": (imported("proxy_set_effective_context", 1), *headers("(drop (call $f (i32.const 99))) i32.const 0")),
    "PW324": (imported("proxy_http_call", 10), text(16, "up"), text(32, TRAILER), text(128, CALL), *headers(
        f"(drop (call $f (i32.const 16) (i32.const 2) (i32.const 128) (i32.const {len(CALL)}) (i32.const 0)"
        f" (i32.const 0) (i32.const 32) (i32.const {len(TRAILER)}) (i32.const 1000) (i32.const 8))) i32.const 0")),
    "PW326": (imported("proxy_close_stream", 1), *GOOD,
              '(func (export "proxy_on_done") (param i32) (result i32) (drop (call $f (i32.const 0))) i32.const 1)'),
    "PW327": (imported("proxy_close_stream", 1),
              '(import "env" "proxy_send_local_response" (func $g (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))',
              *headers("(drop (call $f (i32.const 1))) (drop (call $g (i32.const 403) (i32.const 0) (i32.const 0)"
                       " (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const -1))) i32.const 1",
                       "response")),
}  # fmt: skip
# Rules whose cases are not a module with default options; each has a test of its own below.
ELSEWHERE = {
    "PW101",
    "PW102",
    "PW200",
    "PW201",
    "PW202",
    "PW203",
    "PW204",
    "PW205",
    "PW206",
    "PW208",
    "PW318",
    "PW325",
}


@pytest.fixture(scope="module")
def engine() -> Any:
    config = Config()
    config.consume_fuel = True
    config.engine = "python"
    return Engine(config)


def ids(findings: Any) -> set[str]:
    return {f.rule.id for f in findings}


def test_every_rule_has_a_case() -> None:
    assert {r.id for r in RULES} == set(STATIC) | set(RUNS) | ELSEWHERE
    assert len({r.id for r in RULES}) == len(RULES)


@pytest.mark.parametrize("rule", STATIC)
def test_static_rule(rule: str) -> None:
    assert rule in ids(lint_module(module(*STATIC[rule])))


@pytest.mark.parametrize("rule", RUNS)
def test_run_rule(rule: str, tmp_path: Path, engine: Any) -> None:
    path = tmp_path / "filter.wasm"
    path.write_bytes(module(*RUNS[rule]))
    found = lint_file(path, LintOptions(engine=engine, fuel=100_000))
    assert rule in ids(found), [(f.rule.id, f.where, f.detail) for f in found]


def test_a_good_filter_breaks_no_rule(tmp_path: Path, engine: Any) -> None:
    path = tmp_path / "filter.wasm"
    path.write_bytes(
        module(LOG, *headers("(drop (call $log (i32.const 2) (i32.const 0) (i32.const 0))) i32.const 0"))
    )
    assert lint_file(path, LintOptions(engine=engine)) == []


@pytest.mark.parametrize(
    "name", ["rust/header_rewrite", "cpp/rate_limit", "assemblyscript/body_rewrite", "go/api_key"]
)
def test_real_filters_have_no_static_error(name: str) -> None:
    data = (ROOT / "host" / "filters" / f"{name}.wasm").read_bytes()
    assert [f for f in lint_module(data) if f.rule.severity == "error"] == []


@pytest.mark.parametrize(("data", "rule"), [(b"", "PW101"), (b"\0asm", "PW101"), (b"text", "PW101"),
                                            (b"\0asm\1\0\0\0\3\2\1\0", "PW102")])  # fmt: skip
def test_broken_bytes(data: bytes, rule: str, tmp_path: Path) -> None:
    path = tmp_path / "filter.wasm"
    path.write_bytes(data)
    assert rule in ids(lint_file(path))


def test_hints_name_the_right_spelling() -> None:
    details = {f.rule.id: f.detail for r in ("PW120", "PW132") for f in lint_module(module(*STATIC[r]))}
    assert details == {
        "PW120": "did you mean env.proxy_get_property?",
        "PW132": "did you mean proxy_on_request_headers?",
    }


def test_higress_profile_accepts_higress() -> None:
    for name in ("PW105", "PW122", "PW134"):
        assert lint_module(module(*STATIC[name]), options=LintOptions(profile="higress")) == []


# ---- configurations
def config_file(folder: Path, *plugins: dict[str, Any]) -> Path:
    (folder / "filter.wasm").write_bytes(module(LOG, *GOOD))
    kind = "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm"
    made = []
    for p in plugins:
        vm = {"code": {"local": {"filename": "filter.wasm"}}, **p.pop("vm", {})}
        made.append({"name": "w", "typed_config": {"@type": kind, "config": {"vm_config": vm, **p}}})
    path = folder / "envoy.json"
    path.write_text(json.dumps({"http_filters": made}))
    return path


def capabilities(*names: str) -> dict[str, Any]:
    return {"capability_restriction_config": {"allowed_capabilities": {n: {} for n in names}}}


STRUCT = {"@type": "type.googleapis.com/google.protobuf.Struct", "value": {"a": 1}}
CONFIGS: dict[str, list[dict[str, Any]]] = {
    "PW200": [{"nam": "x"}],
    "PW201": [{"failure_policy": "FAIL_RELOAD", "reload_config": {"backoff": {"base_interval": "0.001s"}}}],
    "PW202": [capabilities("proxy_logg", "proxy_log")],
    "PW203": [capabilities("proxy_on_tick")],
    "PW204": [{"fail_open": True}],
    "PW205": [{"name": "a"}, {"name": "b", "vm": {"environment_variables": {"key_values": {"A": "1"}}}}],
    "PW206": [{"name": "a"}, {"name": "a"}],
    "PW208": [{"configuration": STRUCT}],
}


@pytest.mark.parametrize("rule", CONFIGS)
def test_config_rule(rule: str, tmp_path: Path, engine: Any) -> None:
    plugins = json.loads(json.dumps(CONFIGS[rule]))
    found = lint_file(config_file(tmp_path, *plugins), LintOptions(engine=engine))
    assert rule in ids(found)
    assert [f.detail for f in found if f.rule.id == rule][0]


def test_a_good_configuration_breaks_no_rule(tmp_path: Path, engine: Any) -> None:
    assert lint_file(config_file(tmp_path, {"name": "a"}), LintOptions(engine=engine)) == []


def test_foreign_context(tmp_path: Path, engine: Any) -> None:
    path = config_file(tmp_path, {"name": "a", "root_id": "a"}, {"name": "b", "root_id": "b"})
    # roots are 1 and 2; each stream's callback turns to root 1
    fields = (
        imported("proxy_set_effective_context", 1),
        *headers("(drop (call $f (i32.const 1))) i32.const 0"),
    )
    (tmp_path / "filter.wasm").write_bytes(module(*fields))
    assert "PW318" in ids(lint_file(path, LintOptions(engine=engine)))


def test_unbuilt(engine: Any) -> None:
    from pywasmvm_host.lint.dynamic import unbuilt
    from pywasmvm_host.lint.model import RunSubject
    from pywasmvm_host.lint.watch import observe
    from pywasmvm_host.plugin import Plugin
    from pywasmvm_host.profile import get_profile

    quiet = observe([Plugin(module(*headers("i32.const 0")))], get_profile("envoy-1.40"), engine=engine)
    assert isinstance(quiet, RunSubject)
    assert list(unbuilt(quiet)) == []
    quiet.rounds[0].exchange.host_log.append(
        _line("proxy_x is not built in this host: it answers UNIMPLEMENTED")
    )
    assert [d for _, d in unbuilt(quiet)] == ["proxy_x is not built in this host: it answers UNIMPLEMENTED"]


def _line(message: str) -> Any:
    from pywasmvm_host import HostLine

    return HostLine("warning", message)


# ---- the command and its page
def test_command(tmp_path: Path) -> None:
    pytest.importorskip("click")
    pytest.importorskip("rich")
    from click.testing import CliRunner
    from pywasmvm_host.cli.lint import lint

    bad, good = tmp_path / "bad.wasm", tmp_path / "good.wasm"
    bad.write_bytes(module(*RUNS["PW303"]))
    good.write_bytes(module(*headers("i32.const 0")))
    shown = CliRunner().invoke(lint, [str(bad), "--engine", "python"])
    assert shown.exit_code == 1
    assert "PW303" in shown.output
    assert "instead:" in shown.output
    assert CliRunner().invoke(lint, [str(bad), "--engine", "python", "--no-run"]).exit_code == 0
    assert CliRunner().invoke(lint, [str(good), "--engine", "python"]).exit_code == 0
    (finding,) = json.loads(CliRunner().invoke(lint, [str(bad), "--engine", "python", "--json"]).output)
    assert finding["rule"] == "PW303"
    assert set(finding) == {"rule", "severity", "title", "file", "where", "detail", "in_envoy", "instead"}
    assert CliRunner().invoke(lint, [str(bad), "--grant", "x"]).exit_code == 2


def test_page_is_fresh() -> None:
    page = (ROOT / "docs" / "lint.md").read_text()
    assert page == render(), "run: python -m pywasmvm_host.lint.docs > docs/lint.md"
