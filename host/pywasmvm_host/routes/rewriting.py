"""What Envoy's router makes of a request and its response once the route is known."""

from __future__ import annotations

import re
from typing import Any

from ..headers import HeaderMap
from .model import Found, Redirect, Rewrite

__all__ = ["change_request", "change_response", "redirect_location", "rewrite_path"]


def change_request(headers: HeaderMap, found: Found, stream: Any, *, tell: bool) -> None:
    """Change a request as its route says; `tell` the upstream the path and the host it had."""
    for changes in found.changes("request"):
        changes.apply(headers, stream, headers)
    _rewrite_host(headers, found, tell=tell)
    rewrite_path(headers, found, found.action.rewrite, tell=tell)


def change_response(headers: HeaderMap, found: Found | None, stream: Any) -> None:
    """Change a response as the route of its request says."""
    if found is not None:
        for changes in found.changes("response"):
            changes.apply(headers, stream, stream.request_headers)


def _split(path: str) -> tuple[str, str]:
    at = re.search(r"[?#]", path)
    return (path, "") if at is None else (path[: at.start()], path[at.start() :])


def rewrite_path(headers: HeaderMap, found: Found, rewrite: Rewrite, *, tell: bool = False) -> None:
    """Rewrite the path: the part of it that the route names, or what an expression finds in it."""
    old = headers.get(b":path")
    if old is None or not (rewrite.prefix or rewrite.regex):
        return
    plain, rest = _split(old.decode("latin-1"))
    if rewrite.regex is not None:
        plain = rewrite.regex(plain)
    else:
        plain = rewrite.prefix + plain[found.route.path.matched(plain) :]
    headers.set(b":path", (plain + rest).encode("latin-1"))
    if tell:
        headers.set(b"x-envoy-original-path", old)


def _rewrite_host(headers: HeaderMap, found: Found, *, tell: bool) -> None:
    action, old = found.action, headers.get(b":authority") or b""
    new = (found.weighted.host if found.weighted is not None else "") or action.host
    if not new and action.host_header:
        new = (headers.get(action.host_header.encode("latin-1")) or b"").decode("latin-1")
    if not new and action.host_regex is not None:
        new = action.host_regex(_split((headers.get(b":path") or b"").decode("latin-1"))[0])
    if not new:
        return
    if tell:
        headers.set(b"x-envoy-original-host", old)
    if action.tell_old_host:
        headers.add(b"x-forwarded-host", old)
    headers.set(b":authority", new.encode("latin-1"))


def redirect_location(redirect: Redirect, headers: HeaderMap) -> bytes:
    """Return where a redirect route sends the client."""
    scheme = redirect.scheme or (headers.get(b":scheme") or b"http").decode("latin-1")
    port = f":{redirect.port}" if redirect.port else ""
    host = redirect.host or _host_without(headers, scheme, port)
    path, mark, query = (headers.get(b":path") or b"/").decode("latin-1").partition("?")
    if redirect.path:
        path = redirect.path
    if "?" in redirect.path or redirect.strip_query:
        mark = query = ""
    return f"{scheme}://{host}{port}{path}{mark}{query}".encode("latin-1")


def _host_without(headers: HeaderMap, scheme: str, port: str) -> str:
    """Return the host of a request, without its port if another one is given or it belongs to the scheme."""
    host = (headers.get(b":authority") or b"").decode("latin-1")
    found = re.search(r"(?:^|[^:\]]|\]):(\d*)$", host)
    if found is None:
        return host
    at = host.rindex(":")
    before = (headers.get(b"x-forwarded-proto") or b"").decode("latin-1")
    usual = {"http": "80", "https": "443"}.get(before) == found[1] and before != scheme
    return host[:at] if port or usual else host
