"""Tags of exceptions. Spec 4.2.9. A tag's identity is the object's."""

from __future__ import annotations

from ..errors import UsageError
from ..syntax.types import DefType
from .publictypes import TagType
from .store import Store, Storelike, check_store

__all__ = ["Tag"]


class Tag:
    """A tag. `deftype` is the function type whose parameters are what an exception carries."""

    __slots__ = ("__weakref__", "deftype", "store")

    def __init__(self, store: Storelike, ty: TagType) -> None:
        """Make a tag that belongs to the embedder."""
        if not isinstance(ty, TagType):
            raise UsageError(f"expected a TagType, got {type(ty).__name__}")
        self.store = check_store(store)
        self.deftype: DefType = ty.functype.deftype

    @classmethod
    def alloc(cls, store: Store, deftype: DefType) -> Tag:
        """Make a tag of a type of the module."""
        tag = cls.__new__(cls)
        tag.store, tag.deftype = store, deftype
        return tag

    def type(self, store: Storelike) -> TagType:
        """Return its type."""
        check_store(store, self.store, self)
        return TagType.of(self.deftype)

    def eq(self, store: Storelike, other: Tag) -> bool:
        """Tell whether both are the same tag."""
        check_store(store, self.store, self)
        return self is other
