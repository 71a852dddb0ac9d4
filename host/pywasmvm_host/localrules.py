"""What a configuration makes of the proxy's own answers: other codes, headers and bodies, by condition.

Follows envoy.extensions.filters.network.http_connection_manager.v3.LocalReplyConfig.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from .formats import Format, read_format
from .headers import HeaderMap, unsigned
from .routes.changes import HeaderChanges, added_header
from .routes.matching import header_condition
from .routes.parts import Part, refuse

__all__ = ["LocalReplyRules", "read_local_replies"]

Test = Callable[[Any, HeaderMap], bool]
ONE_COMMAND = re.compile(r"%[^%]+%$")
COMPARE: dict[str, Callable[[int, int], bool]] = {
    "EQ": lambda a, b: a == b,
    "GE": lambda a, b: a >= b,
    "LE": lambda a, b: a <= b,
    "NE": lambda a, b: a != b,
}


@dataclass(frozen=True)
class BodyFormat:
    """How a body is made: `render` of (stream, response headers), and its content type."""

    render: Callable[[Any, HeaderMap], str]
    kind: str


@dataclass(frozen=True)
class Mapper:
    """What is done to replies that meet a condition."""

    meets: Test
    code: int = 0
    body: bytes | None = None
    form: BodyFormat | None = None
    changes: HeaderChanges = HeaderChanges()


@dataclass(frozen=True)
class LocalReplyRules:
    """The first mapper that fits, then the format of all bodies."""

    mappers: tuple[Mapper, ...] = ()
    form: BodyFormat | None = None

    def rewrite(self, stream: Any, headers: HeaderMap, body: bytes) -> tuple[bytes, bytes]:
        """Change the headers of a local reply; return its body and what the body is."""
        form = self.form
        mapper = next((m for m in self.mappers if m.meets(stream, headers)), None)
        if mapper is not None:
            mapper.changes.apply(headers, stream, stream.request_headers)
            if mapper.code:
                headers.set(b":status", b"%d" % mapper.code)
                stream.code = mapper.code
            body = body if mapper.body is None else mapper.body
            form = mapper.form or form
        if form is None:
            return body, b""
        stream.local_body = body.decode("utf-8", "replace")
        return form.render(stream, headers).encode(), form.kind.encode()


def read_local_replies(part: Part | None) -> LocalReplyRules | None:
    """Read a LocalReplyConfig."""
    if part is None:
        return None
    rules = LocalReplyRules(
        tuple(_mapper(p) for p in part.parts("mappers")), _body_format(part.part("body_format"))
    )
    part.done()
    return rules


def _mapper(part: Part) -> Mapper:
    condition = part.part("filter")
    if condition is None:
        raise refuse(part.path, "filter is missing")
    mapper = Mapper(
        _test(condition),
        part.number("status_code"),
        part.data_source("body"),
        _body_format(part.part("body_format_override")),
        HeaderChanges(tuple(added_header(p) for p in part.parts("headers_to_add"))),
    )
    part.done()
    return mapper


def _test(part: Part) -> Test:
    """Read an AccessLogFilter."""
    status, header, flags = (
        part.part("status_code_filter"),
        part.part("header_filter"),
        part.part("response_flag_filter"),
    )
    if status is not None:
        return _status_test(status)
    if header is not None:
        matcher = header.part("header") or Part({}, header.at("header"))
        holds = header_condition(matcher)
        header.done()
        return lambda stream, headers: stream.request_headers is not None and holds(stream.request_headers)
    if flags is not None:
        wanted = set(flags.texts("flags"))
        flags.done()
        return lambda stream, headers: bool(wanted & set(stream.flags)) if wanted else bool(stream.flags)
    for name, join in (("and_filter", all), ("or_filter", any)):
        both = part.part(name)
        if both is not None:
            tests = [_test(p) for p in both.parts("filters")]
            both.done()
            return _joined(join, tests)
    part.done()
    raise refuse(part.path, "is empty")


def _joined(join: Callable[[Iterable[bool]], bool], tests: list[Test]) -> Test:
    return lambda stream, headers: join(test(stream, headers) for test in tests)


def _status_test(part: Part) -> Test:
    comparison = part.part("comparison") or Part({}, part.at("comparison"))
    compare = comparison.choice("op", COMPARE, COMPARE["EQ"])
    value = comparison.part("value") or Part({}, comparison.at("value"))
    wanted = value.number("default_value")
    value.done("runtime_key")
    comparison.done()
    part.done()
    return lambda stream, headers: compare(unsigned(headers.get(b":status")) or 0, wanted)


def _body_format(part: Part | None) -> BodyFormat | None:
    """Read a SubstitutionFormatString."""
    if part is None:
        return None
    source, text = part.data_source("text_format_source"), part.take("text_format", str)
    fields, kind = part.take("json_format", dict), part.text("content_type")
    missing = "" if part.flag("omit_empty_values") else "-"
    part.done()
    if fields is not None:
        tree = _json_tree(fields, part.at("json_format"))
        return BodyFormat(
            lambda s, headers: json.dumps(_shown(tree, s, headers), separators=(",", ":")) + "\n",
            kind or "application/json",
        )
    form = read_format(source.decode() if source is not None else text or "", part.path, missing=missing)
    return BodyFormat(lambda s, headers: form(s, s.request_headers, headers), kind or "text/plain")


def _json_tree(value: Any, place: str) -> Any:
    if isinstance(value, dict):
        return {k: _json_tree(v, place) for k, v in sorted(value.items())}
    if isinstance(value, list):
        return [_json_tree(v, place) for v in value]
    return (read_format(value, place), bool(ONE_COMMAND.match(value))) if isinstance(value, str) else value


def _shown(tree: Any, stream: Any, headers: HeaderMap) -> Any:
    if isinstance(tree, dict):
        return {k: _shown(v, stream, headers) for k, v in tree.items()}
    if isinstance(tree, list):
        return [_shown(v, stream, headers) for v in tree]
    if not isinstance(tree, tuple):
        return tree
    form: Format = tree[0]
    text = form(stream, stream.request_headers, headers)
    if tree[1]:  # one command alone keeps its type
        number = unsigned(text.encode("latin-1", "replace"))
        return (text or None) if number is None else number
    return text
