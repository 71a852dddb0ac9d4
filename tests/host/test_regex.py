"""Regular expressions of routes are RE2's, as in Envoy."""

from __future__ import annotations

import time

import pytest
from pywasmvm_host import ConfigError
from pywasmvm_host.routes.parts import Part
from pywasmvm_host.routes.read import substitution

pytest.importorskip("re2", reason="needs google-re2 (the extra `config`)")


def compiled(text: str) -> object:
    return Part({"r": {"regex": text}}, "route").regex("r")


def test_no_expression_takes_longer_than_linear_time() -> None:
    # A backtracking matcher needs 2 ** 50 steps for this.
    pattern, began = compiled("(a|aa)+b"), time.thread_time()
    assert pattern.fullmatch("a" * 50_000) is None  # type: ignore[attr-defined]
    assert time.thread_time() - began < 5


@pytest.mark.parametrize("wrong", ["(", "(?=a)", r"(a)\1", "a{2000}"])
def test_what_envoy_does_not_take_is_refused(wrong: str) -> None:
    with pytest.raises(ConfigError, match=r"route\.r\.regex: .* is no regular expression: "):
        compiled(wrong)


@pytest.mark.parametrize(
    ("pattern", "by", "before", "after"),
    [
        (r"^/v(\d+)/(\w+)", r"/\2/\1", "/v1/users/x", "/users/1/x"),
        ("b", r"[\0]", "abcb", "a[b]c[b]"),
        ("(x)|b", r"<\1>", "abx", "a<><x>"),
        ("b", r"\\0", "abc", r"a\0c"),
        ("b", r"\1", "abc", "abc"),
        (r"\w", "-", "\u00e9a", "\u00e9-"),
    ],
)
def test_substitutions(pattern: str, by: str, before: str, after: str) -> None:
    part = Part({"pattern": {"regex": pattern}, "substitution": by}, "rewrite")
    replace = substitution(part)
    assert replace is not None and replace(before) == after
