"""Answers of a real server (extra `real`): a cluster sends on what it is asked and answers what comes back.

    host.add_cluster("auth", [RealServer(host.world, "http://127.0.0.1:8080")])

Rule 1: nothing goes anywhere unless the embedder has named the server. The guest chooses method, target,
        headers and body, never the server: no redirect is followed, and no proxy of the environment is used.
Rule 2: a request is sent when all of it is there, and an answer begins when all of it is there. Trailers are
        not sent and not seen.
"""

from __future__ import annotations

import time
from importlib import import_module
from typing import Any

from .errors import HostError
from .upstream import Received, UpstreamResponse
from .world import World

__all__ = ["RealServer"]

# What belongs to one connection and is made anew for the next (RFC 9110, 7.6.1).
OF_A_CONNECTION = {"connection", "keep-alive", "proxy-connection", "te", "transfer-encoding", "upgrade"}
MOST_BODY = 64 << 20
TIMEOUT_S = 15.0


class _TooLarge(Exception):
    pass


class RealServer:
    """A function from requests to the answers of the server at `url`, scheme, host and port.

    timeout    seconds for each of connecting, writing and a read; then the cluster does not answer at all.
    most_body  bytes that an answer may have; a larger one counts as a reset.
    What goes wrong is a line of the host's log. Raises HostError without the extra, or for another URL.
    """

    def __init__(
        self, world: World, url: str, *, timeout: float = TIMEOUT_S, most_body: int = MOST_BODY
    ) -> None:
        self.world, self.url, self.timeout, self.most_body = world, url, timeout, most_body
        self._origin = _origin(url)
        try:
            self._http: Any = import_module("httpcore")
        except ImportError:
            raise HostError(
                f"cannot ask {url}: the package httpcore is missing: pip install 'pywasmvm[real]'"
            ) from None
        self._pool = self._http.ConnectionPool()

    def __call__(self, received: Received) -> UpstreamResponse:
        """Send a request and return the answer; it takes as long in the world's time as in real time."""
        began, moment = time.monotonic(), self.world.now_ns
        try:
            response = self._fetch(received)
        except self._http.ConnectError as error:
            response = self._failed(error, UpstreamResponse(refused=True))
        except self._http.TimeoutException as error:
            response = self._failed(error, UpstreamResponse(hang=True))
        except (
            self._http.NetworkError, self._http.ProtocolError, _TooLarge, UnicodeEncodeError
        ) as error:  # fmt: skip
            response = self._failed(error, UpstreamResponse(reset=True))
        passed = (self.world.now_ns - moment) / 1e6
        response.delay_ms = max((time.monotonic() - began) * 1e3 - passed, 0.0)
        return response

    def close(self) -> None:
        """Close the connections."""
        self._pool.close()

    def _failed(self, error: Exception, response: UpstreamResponse) -> UpstreamResponse:
        self.world.note("error", f"{self.url}: {error or type(error).__name__}", "worker")
        return response

    def _fetch(self, received: Received) -> UpstreamResponse:
        url = self._http.URL(**self._origin, target=received.path.encode("latin-1"))
        headers = [(k, v) for k, v in received.headers if k.lower() not in OF_A_CONNECTION and k[:1] != ":"]
        timeouts = dict.fromkeys(("connect", "read", "write", "pool"), self.timeout)
        with self._pool.stream(
            received.method,
            url,
            headers=[(k.encode("latin-1"), v.encode("latin-1")) for k, v in headers],
            content=received.body or None,
            extensions={"timeout": timeouts},
        ) as answer:
            body = bytearray()
            for piece in answer.iter_stream():
                body += piece
                if len(body) > self.most_body:
                    raise _TooLarge(f"the answer has more than {self.most_body} bytes")
            told = [(k.decode("latin-1").lower(), v.decode("latin-1")) for k, v in answer.headers]
        chunked = any(k == "transfer-encoding" for k, _ in told)
        return UpstreamResponse(
            answer.status,
            [(k, v) for k, v in told if k not in OF_A_CONNECTION],
            [bytes(body)] if body else [],
            framing="chunked" if chunked else "",
            pace_ms=0,
        )


def _origin(url: str) -> dict[str, Any]:
    from urllib.parse import urlsplit  # noqa: PLC0415 - why: few hosts need it, all would load it

    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = -1
    if (
        parts.scheme not in ("http", "https")
        or not parts.hostname
        or port == -1
        or parts.username is not None
        or parts.path not in ("", "/")
        or parts.query
        or parts.fragment
    ):
        raise HostError(f"a real server is named as http://HOST:PORT or https://HOST:PORT, not {url!r}")
    return {"scheme": parts.scheme.encode(), "host": parts.hostname.encode("idna"), "port": port}
