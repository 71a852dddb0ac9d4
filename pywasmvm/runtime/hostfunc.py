"""From the embedder's callable to the `code` of a function.

Rule 1: exceptions of the callable pass through untouched.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from inspect import iscoroutinefunction
from typing import Any

from ..errors import UsageError
from ..syntax.types import DefType
from .caller import Caller
from .publictypes import functype_of
from .run import awaited
from .store import Store
from .values import Converter, python_converter, raw_converter

__all__ = ["Direct", "Made", "wrap_python", "wrap_raw"]

Code = Callable[..., Any]
# A callable on Python values, and what makes raw values of its result.
Direct = tuple[Callable[..., Any], Callable[[Any], Any]]
Made = tuple[Code, Direct | None]


def wrap_raw(func: Code, access_caller: bool) -> Callable[[Caller], Made]:
    """Return what makes the code of a callable on raw values, given who calls it."""
    return (lambda caller: (partial(func, caller), None)) if access_caller else (lambda _caller: (func, None))


def wrap_python(
    store: Store, deftype: DefType, func: Callable[..., Any], access_caller: bool
) -> Callable[[Caller], Made]:
    """Return what makes the code of a callable on Python values, and the direct way, given who calls it."""
    functype = functype_of(deftype)
    is_async = iscoroutinefunction(func)
    takes = [python_converter(t) for t in functype.params]
    gives = [raw_converter(store, t) for t in functype.results]

    finish = partial(_results, gives)

    def make(caller: Caller) -> Made:
        bound = partial(func, caller) if access_caller else func
        if is_async:
            bound = partial(awaited, store, bound)

        def code(*raws: Any) -> Any:
            result = bound(*[convert(raw) for convert, raw in zip(takes, raws, strict=True)])
            return _results(gives, result)

        return code, None if is_async else (bound, finish)

    return make


def _results(gives: list[Converter], result: Any) -> Any:
    if not gives:
        if result is not None:
            raise UsageError(f"callback produced results when it shouldn't: {result!r}")
        return None
    if len(gives) == 1:
        return gives[0](result)
    if not isinstance(result, (list, tuple)) or len(result) != len(gives):
        raise UsageError(f"callback produced wrong number of results: wanted {len(gives)}, got {result!r}")
    return tuple(convert(value) for convert, value in zip(gives, result, strict=True))
