"""Clusters that ask a real server, and a world whose time is the machine's."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from pywasmvm_host import (
    Host,
    HostError,
    HttpRequest,
    Plugin,
    RealServer,
    RealTimeWorld,
    UpstreamResponse,
    World,
)
from pywasmvm_host.cli.run import run

from pywasmvm import wat2wasm

pytest.importorskip("httpcore", reason="needs the extra `real`")
FILTERS = Path(__file__).resolve().parents[2] / "host" / "filters"
HELLO = FILTERS / "wat" / "hello.wasm"


class Handler(BaseHTTPRequestHandler):
    """Tells what it was asked; some paths go wrong."""

    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        asked = self.rfile.read(int(self.headers.get("content-length") or 0))
        if self.path == "/cut":
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        if self.path == "/slow":
            time.sleep(0.6)
        body = b"" if self.path == "/empty" else json.dumps(
            [self.command, self.path, self.headers.items(), asked.decode()]
        ).encode()  # fmt: skip
        if self.path == "/large":
            body *= 1000
        self.send_response(302 if self.path == "/away" else 200)
        self.send_header("Location", "http://127.0.0.1:1/")
        self.send_header("X-Twice", "1")
        self.send_header("X-Twice", "2")
        if self.path == "/pieces":
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
            return
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_POST = do_HEAD = answer

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def host(url: str, engine: Any) -> Host:
    made = Host([Plugin(HELLO)], engine=engine)
    made.add_cluster("up", [RealServer(made.world, url, timeout=0.3, most_body=50_000)])
    return made.start()


def test_the_server_is_asked_and_its_answer_passed_on(host: Host) -> None:
    exchange = host.request(HttpRequest("POST", "/a?b=%20c", [("x-a", "1")], [b"hel", b"lo"]))
    assert exchange.response.status == 200
    method, path, headers, body = json.loads(exchange.response.body)
    assert (method, path, body) == ("POST", "/a?b=%20c", "hello")
    asked = {name.lower(): value for name, value in headers}
    assert asked["x-a"] == "1" and asked["host"] == "example.test"
    # the filter's header reached the server; nothing came that nobody sent
    assert set(asked) == {name for name, _ in exchange.upstream[0].headers} - {"transfer-encoding"} | {
        "content-length"
    }
    assert [v for k, v in exchange.response.headers if k == "x-twice"] == ["1", "2"]


def test_bodies_of_every_framing(host: Host) -> None:
    assert host.request(HttpRequest("GET", "/pieces")).response.body == b"abcde"
    assert host.request(HttpRequest("GET", "/empty")).response.body == b""
    head = host.request(HttpRequest("HEAD", "/x")).response
    assert (head.status, head.body) == (200, b"")
    assert host.request(HttpRequest("GET", "/away")).response.status == 302, "no redirect is followed"


@pytest.mark.parametrize(
    ("path", "status", "line"),
    [("/cut", 503, "disconnected"), ("/large", 503, "more than 50000 bytes"), ("/slow", None, "")],
)
def test_what_goes_wrong_is_what_it_is_for_envoy(
    host: Host, path: str, status: int | None, line: str
) -> None:
    exchange = host.request(HttpRequest("GET", path, timeout_ms=2000))
    assert exchange.response.status == status
    assert [True for entry in exchange.host_log if entry.level == "error" and line in entry.message]


def test_a_server_that_is_not_there(engine: Any) -> None:
    host = Host([Plugin(HELLO)], engine=engine)
    host.add_cluster("up", [RealServer(host.world, "http://127.0.0.1:1")])
    exchange = host.request(HttpRequest("GET", "/"))
    assert exchange.response.status == 503
    assert exchange.access[0].flags == "UF"
    assert "http://127.0.0.1:1: " in exchange.host_log[0].message


@pytest.mark.parametrize("path", ["//other.test/x", "@other.test/x", "/x y", "http://other.test/"])
def test_the_guest_does_not_choose_the_server(host: Host, path: str, url: str) -> None:
    server = host.world.clusters["up"].responses[0]
    received = type(host.request(HttpRequest("GET", "/")).upstream[0])(method="GET", path=path)
    response = server(received)
    if not response.reset:
        asked = json.loads(response.body[0])
        # why: this server makes one of several slashes
        assert asked[1].lstrip("/") == path.lstrip("/") and f"http://{dict(asked[2])['Host']}" == url


@pytest.mark.parametrize(
    "wrong", ["127.0.0.1:80", "ftp://h", "http://", "http://h/path", "http://u:p@h", "http://h:x"]
)
def test_another_url_is_refused(wrong: str) -> None:
    with pytest.raises(HostError, match="a real server is named as http://HOST:PORT"):
        RealServer(World(), wrong)


def test_an_answer_may_be_any_function(engine: Any) -> None:
    host = Host([Plugin(HELLO)], engine=engine)
    host.add_cluster("up", [lambda received: UpstreamResponse(201, body=[received.body[::-1]])])
    exchange = host.request(HttpRequest("POST", "/", body_chunks=[b"abc"]))
    assert (exchange.response.status, exchange.response.body) == (201, b"cba")
    assert exchange.original_response is not None and exchange.original_response.status == 201


# Its tick logs the time of day and counts; both clocks are read in on_configure.
TICKING = """(module
  (import "env" "proxy_set_tick_period_milliseconds" (func $every (param i32) (result i32)))
  (import "env" "proxy_get_current_time_nanoseconds" (func $now (param i32) (result i32)))
  (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 4096))
  (func (export "proxy_on_context_create") (param i32 i32))
  (func (export "proxy_on_configure") (param i32 i32) (result i32)
    (drop (call $every (i32.const 20))) (i32.const 1))
  (func (export "proxy_on_tick") (param i32)
    (drop (call $now (i32.const 0)))
    (drop (call $log (i32.const 2) (i32.const 0) (i32.const 8)))))"""


def test_a_world_of_real_time_waits_and_tells_the_time(make_engine: Callable[..., Any]) -> None:
    world = RealTimeWorld()
    plugin = Plugin(bytes(wat2wasm(TICKING)), name="ticking")
    Host([plugin], world=world, engine=make_engine(consume_fuel=True)).start()
    began, monotonic = time.time_ns(), time.monotonic()
    world.run_for(110)
    assert time.monotonic() - monotonic >= 0.1
    told = [int.from_bytes(line.message, "little") for line in world.logs]
    assert 1 <= len(told) <= 6, "every 20 ms; on a busy machine fewer"
    assert told == sorted(told)
    spare = 1_000_000_000  # somebody may set the clock of the machine meanwhile
    assert began - spare < told[0] < told[-1] < time.time_ns() + spare


def test_on_the_command_line(url: str, wasm_engine: str) -> None:
    def told(*arguments: str) -> Any:
        return CliRunner().invoke(run, [str(HELLO), "--engine", wasm_engine, *arguments])

    done = told("--upstream", url, "--cluster", f"other={url}", "--real-time", "--json", "-r", "GET /x")
    assert done.exit_code == 0, done.output
    assert json.loads(json.loads(done.stdout)["response"]["body"])[1] == "/x"
    done = told("--upstream", "nonsense")
    assert done.exit_code == 2 and "http://HOST:PORT" in done.output
    done = told("--upstream", url, "--upstream-status", "201")
    assert done.exit_code == 2 and "--upstream asks a server" in done.output
