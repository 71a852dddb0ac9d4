"""Who calls a host function: its way to the calling instance's exports."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .instance import Instance
    from .store import Store

__all__ = ["Caller"]


class Caller:
    """The calling instance: the first argument of a host function made with `access_caller`. Is a store, too.

    `instance` is the one that imported the function; None when the embedder calls it directly.
    """

    __slots__ = ("instance", "store")

    def __init__(self, store: Store, instance: Instance | None) -> None:
        self.store = store
        self.instance = instance

    def get(self, name: str) -> Any:
        """Return an export of the caller, None if there is none of that name."""
        if self.instance is None:
            return None
        return self.instance.export(name)

    def __getitem__(self, name: str) -> Any:
        found = self.get(name)
        if found is None:
            raise KeyError(f"failed to find export {name}")
        return found

    def data(self) -> Any:
        """Return the embedder's own value on the store."""
        return self.store.data()
