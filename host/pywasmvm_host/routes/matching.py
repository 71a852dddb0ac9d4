"""Conditions of routes: on the path, on headers, query parameters, cookies.

Each reader returns a predicate. Follows Envoy 1.40: each value of a header is tried for itself, query
parameters are compared as they are written, regular expressions have to match all of the text.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from ..headers import HeaderMap
from .parts import Part, Regex, refuse

__all__ = ["Condition", "PathRule", "conditions", "header_condition", "path_rule"]

Condition = Callable[[HeaderMap], bool]
Text = Callable[[str], bool]
OLD_STRING_MATCHES = {  # HeaderMatcher's own spelling of a StringMatcher's kinds
    "exact_match": "exact",
    "prefix_match": "prefix",
    "suffix_match": "suffix",
    "contains_match": "contains",
    "safe_regex_match": "safe_regex",
}
INTEGER = re.compile(r"[+-]?\d{1,19}$")
SEPARATED = re.compile(r"/[^?#]*[^?#/]$")
GRPC = ("application/grpc", "application/grpc+")


@dataclass(frozen=True)
class PathRule:
    """How a route names paths: `kind` is prefix, path, separated, regex, template or connect."""

    kind: str
    text: str = ""
    regex: Regex | None = None
    nocase: bool = False

    def matches(self, headers: HeaderMap) -> bool:
        path = headers.get(b":path")
        if self.kind == "connect":
            return headers.get(b":method") == b"CONNECT"
        if path is None:
            return False
        plain = re.split(r"[?#]", path.decode("latin-1"), maxsplit=1)[0]
        if self.regex is not None:
            return self.regex.fullmatch(plain) is not None
        wanted = self.text
        if self.nocase:
            plain, wanted = plain.lower(), wanted.lower()
        if self.kind == "path":
            return plain == wanted
        return plain.startswith(wanted) and (
            self.kind == "prefix" or plain[len(wanted) : len(wanted) + 1] in ("", "/")
        )

    def matched(self, plain: str) -> int:
        """Return how much of a path the rule names: all of it, unless it is a prefix."""
        return len(self.text) if self.kind in ("prefix", "separated") else len(plain)


def path_rule(part: Part) -> PathRule:
    """Read which paths a RouteMatch means."""
    nocase = not part.flag("case_sensitive", True)
    for field, kind in (("prefix", "prefix"), ("path", "path"), ("path_separated_prefix", "separated")):
        if field in part:
            text = part.text(field)
            if kind == "separated" and not SEPARATED.match(text):
                raise refuse(part.at(field), f"{text!r} has to begin with a slash, and not to end with one")
            return PathRule(kind, text, nocase=nocase)
    regex = part.regex("safe_regex")
    if regex is not None:
        return PathRule("regex", regex=regex)
    if part.part("connect_matcher") is not None:
        return PathRule("connect")
    raise refuse(
        part.path, "names no path: prefix, path, path_separated_prefix, safe_regex or connect_matcher"
    )


def string_condition(part: Part) -> Text:
    """Read a StringMatcher."""
    nocase = part.flag("ignore_case")
    regex = part.regex("safe_regex")
    kinds = [k for k in ("exact", "prefix", "suffix", "contains") if k in part]
    if regex is not None:
        part.done()
        return lambda value: regex.fullmatch(value) is not None
    if not kinds:
        part.done()
        raise refuse(part.path, "says nothing: exact, prefix, suffix, contains or safe_regex")
    wanted = part.text(kinds[0])
    wanted = wanted.lower() if nocase else wanted
    part.done()
    compare: dict[str, Callable[[str], bool]] = {
        "exact": lambda value: value == wanted,
        "prefix": lambda value: value.startswith(wanted),
        "suffix": lambda value: value.endswith(wanted),
        "contains": lambda value: wanted in value,
    }
    test = compare[kinds[0]]
    return (lambda value: test(value.lower())) if nocase else test


def _range(part: Part) -> Text:
    start, end = part.number("start"), part.number("end")
    part.done()
    return lambda value: INTEGER.match(value) is not None and start <= int(value) < end


def _value_condition(part: Part) -> Text | None:
    """Read what a HeaderMatcher asks of a value; None if it only asks whether there is one."""
    for old, new in OLD_STRING_MATCHES.items():
        if old in part:
            part.read.add(old)
            return string_condition(Part({new: part.value[old]}, part.at(old)))
    text, between = part.part("string_match"), part.part("range_match")
    if text is not None:
        return string_condition(text)
    return _range(between) if between is not None else None


def header_condition(part: Part) -> Condition:
    """Read a HeaderMatcher."""
    name = part.text("name").encode("latin-1")
    invert, or_empty = part.flag("invert_match"), part.flag("treat_missing_header_as_empty")
    present = part.flag("present_match", True)
    test = _value_condition(part)
    part.done()

    def holds(headers: HeaderMap) -> bool:
        values = headers.all(name) or ([b""] if or_empty else [])
        if test is None:
            return (bool(values) == present) != invert
        return bool(values) and any(test(v.decode("latin-1")) for v in values) != invert

    return holds


def _query(headers: HeaderMap) -> dict[str, str]:
    """Return the first value of each query parameter, as it is written."""
    _, _, query = (headers.get(b":path") or b"").decode("latin-1").partition("?")
    out: dict[str, str] = {}
    for pair in query.partition("#")[0].split("&"):
        name, _, value = pair.partition("=")
        out.setdefault(name, value)
    return out


def _query_condition(part: Part) -> Condition:
    name, present = part.text("name"), part.flag("present_match", True)
    text = part.part("string_match")
    test = string_condition(text) if text is not None else None
    part.done()

    def holds(headers: HeaderMap) -> bool:
        value = _query(headers).get(name)
        if test is None:
            return (value is not None) == present
        return value is not None and test(value)

    return holds


def _cookie_condition(part: Part) -> Condition:
    name, invert = part.text("name"), part.flag("invert_match")
    text = part.part("string_match")
    if text is None:
        raise refuse(part.path, "string_match is missing")
    test = string_condition(text)
    part.done()

    def holds(headers: HeaderMap) -> bool:
        crumbs = b";".join(headers.all(b"cookie")).decode("latin-1").split(";")
        pairs = [c.strip().partition("=") for c in crumbs]
        value = next((v for k, _, v in pairs if k == name), None)
        return value is not None and test(value) != invert

    return holds


def _is_grpc(headers: HeaderMap) -> bool:
    kind = (headers.get(b"content-type") or b"").decode("latin-1")
    return kind == GRPC[0] or kind.startswith(GRPC[1])


def _sampled(part: Part) -> Condition:
    """Read a runtime fraction; this host draws no lots, so it has to be all or nothing."""
    value = part.part("default_value")
    share = value.number("numerator") if value is not None else 0
    whole = 100
    if value is not None:
        whole = value.choice(
            "denominator", {"HUNDRED": 100, "TEN_THOUSAND": 10_000, "MILLION": 1_000_000}, 100
        )
        value.done()
    part.done("runtime_key")
    if 0 < share < whole:
        raise refuse(part.path, "only all requests or none can be chosen, nothing in between")
    return lambda headers: share > 0


def conditions(part: Part) -> list[Condition]:
    """Read all conditions of a RouteMatch but the one on its path."""
    out = [header_condition(p) for p in part.parts("headers")]
    out += [_query_condition(p) for p in part.parts("query_parameters")]
    out += [_cookie_condition(p) for p in part.parts("cookies")]
    fraction = part.part("runtime_fraction")
    if fraction is not None:
        out.append(_sampled(fraction))
    if part.part("grpc") is not None:
        out.append(_is_grpc)
    tls = part.part("tls_context")
    if tls is not None:  # no client of this host speaks TLS
        wanted = tls.take("presented", bool), tls.take("validated", bool)
        out.append(lambda headers: not any(wanted))
    return out
