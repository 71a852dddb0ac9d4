"""Envoy's command operators, %REQ(name)% and the like: text made of what is known of a stream.

Reference: "Access logging, command operators". COMMANDS holds those this host knows; others are refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from .errors import ConfigError
from .headers import HeaderMap

__all__ = ["COMMANDS", "Format", "read_format"]

COMMAND = re.compile(r"%([A-Z_0-9]+)(?:\(([^)]*)\))?(?::(\d+))?%")
Format = Callable[[Any, "HeaderMap | None", "HeaderMap | None"], str]
Value = Callable[[Any], Any]


def _without_port(address: str) -> str:
    return address.rsplit(":", 1)[0]


def _port(address: str) -> str:
    return address.rsplit(":", 1)[-1]


COMMANDS: dict[str, Value] = {
    "PROTOCOL": lambda s: s.protocol,
    "RESPONSE_CODE": lambda s: s.code or 0,
    "RESPONSE_CODE_DETAILS": lambda s: s.details,
    "RESPONSE_FLAGS": lambda s: ",".join(s.flags) or "-",
    "ROUTE_NAME": lambda s: s.route.name if s.route else None,
    "VIRTUAL_CLUSTER_NAME": lambda s: None,
    "UPSTREAM_CLUSTER": lambda s: s.route.cluster if s.route else None,
    "UPSTREAM_HOST": lambda s: s.upstream_address,
    "UPSTREAM_REMOTE_ADDRESS": lambda s: s.upstream_address,
    "UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT": lambda s: _without_port(s.upstream_address),
    "UPSTREAM_REMOTE_PORT": lambda s: _port(s.upstream_address),
    "DOWNSTREAM_REMOTE_ADDRESS": lambda s: s.client_address,
    "DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT": lambda s: _without_port(s.client_address),
    "DOWNSTREAM_REMOTE_PORT": lambda s: _port(s.client_address),
    "DOWNSTREAM_LOCAL_ADDRESS": lambda s: s.proxy.listener_address,
    "DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT": lambda s: _without_port(s.proxy.listener_address),
    "DOWNSTREAM_LOCAL_PORT": lambda s: _port(s.proxy.listener_address),
    "CONNECTION_ID": lambda s: s.connection_id,
    "BYTES_RECEIVED": lambda s: s.rx,
    "BYTES_SENT": lambda s: s.tx,
    "LOCAL_REPLY_BODY": lambda s: s.local_body,
}


def _header_of(names: str) -> Callable[[HeaderMap | None], str | None]:
    """Read NAME or NAME?OTHER: the value of the first of them that is there."""
    wanted = [name.encode("latin-1").lower() for name in names.split("?")]

    def find(headers: HeaderMap | None) -> str | None:
        values = (headers.get(name) for name in wanted) if headers is not None else ()
        return next((v.decode("latin-1") for v in values if v is not None), None)

    return find


def _command(match: re.Match[str], place: str) -> Format:
    name, argument, length = match[1], match[2], match[3]
    cut = int(length) if length else None
    if name in ("REQ", "RESP") and argument:
        find = _header_of(argument)
        if name == "REQ":
            return lambda s, request, response: (find(request) or "")[:cut]
        return lambda s, request, response: (find(response) or "")[:cut]
    if name not in COMMANDS:
        raise ConfigError(
            f"{place}: %{name}% is not known", reason=f"Not supported field in StreamInfo: {name}"
        )
    value = COMMANDS[name]

    def show(s: Any, request: HeaderMap | None, response: HeaderMap | None) -> str:
        got = value(s)
        return "" if got is None else str(got)[:cut]

    return show


def read_format(text: str, place: str, *, missing: str = "") -> Format:
    """Return a function of (stream, request headers, response headers); `missing` stands for no value."""
    pieces: list[str | Format] = []
    at = 0
    while at < len(text):
        found = COMMAND.match(text, at) if text[at] == "%" else None
        if text.startswith("%%", at):
            pieces.append("%")
            at += 2
        elif found is not None:
            pieces.append(_command(found, place))
            at = found.end()
        elif text[at] == "%":
            raise ConfigError(
                f"{place}: no command at position {at} of {text!r}",
                reason=f"Incorrect configuration: {text}. Couldn't find valid command at position {at}",
            )
        else:
            end = text.find("%", at)
            end = len(text) if end < 0 else end
            pieces.append(text[at:end])
            at = end

    def show(s: Any, request: HeaderMap | None, response: HeaderMap | None) -> str:
        return "".join(p if isinstance(p, str) else p(s, request, response) or missing for p in pieces)

    return show
