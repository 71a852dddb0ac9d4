"""Globals. Spec 4.2.8.

`.raw` is the raw value the engines use; the methods that take a store are the public API.
"""

from __future__ import annotations

from typing import Any

from ..errors import UsageError
from ..syntax import types as syntax
from .publictypes import GlobalType
from .store import Store, Storelike, check_store
from .values import from_raw, to_raw

__all__ = ["Global"]


class Global:
    """A global."""

    __slots__ = ("__weakref__", "globaltype", "raw", "store")

    def __new__(cls, store: Storelike, *_args: Any) -> Global:
        """Return an empty global, of the class that the backend keeps its globals in."""
        made: type[Global] = getattr(check_store(store).engine.backend, "global_class", cls)
        return object.__new__(made)

    def __init__(self, store: Storelike, ty: GlobalType, val: Any) -> None:
        """Make a global that belongs to the embedder."""
        if not isinstance(ty, GlobalType):
            raise UsageError(f"expected a GlobalType, got {type(ty).__name__}")
        self.store = check_store(store)
        self.globaltype = ty.syntax
        self.raw = to_raw(self.store, self.globaltype.valtype, val)

    @classmethod
    def alloc(cls, store: Store, globaltype: syntax.GlobalType, raw: Any) -> Global:
        """Make a global of a type of the module with a raw value."""
        item = cls.__new__(cls, store)
        item.store, item.globaltype, item.raw = store, globaltype, raw
        return item

    def type(self, store: Storelike) -> GlobalType:
        """Return its type."""
        check_store(store, self.store, self)
        return GlobalType.of(self.globaltype)

    def value(self, store: Storelike) -> Any:
        """Return the current value as a Python value."""
        check_store(store, self.store, self)
        return from_raw(self.globaltype.valtype, self.raw)

    def set_value(self, store: Storelike, val: Any) -> None:
        """Set the value from a Python value. Raise UsageError if it is immutable or of another type."""
        check_store(store, self.store, self)
        if not self.globaltype.mutable:
            raise UsageError("immutable global cannot be set")
        self.raw = to_raw(self.store, self.globaltype.valtype, val)

    def __repr__(self) -> str:
        return f"<Global {self.globaltype.valtype}>"
