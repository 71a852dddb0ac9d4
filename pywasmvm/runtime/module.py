"""Modules: bytes or text, decoded and validated once, instantiated as often as you like."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from os import PathLike
from typing import TYPE_CHECKING, Any

from ..binary import DataItems, decode_module, decode_names, encode_module
from ..errors import DecodeError, UsageError
from ..syntax import module as syntax
from ..valid import validate_module
from . import proofs
from .engine import Engine
from .image import Image, make_image
from .proofs import FEWEST_BYTES, content_hash, keep_proof, stamp
from .publictypes import ExportType, ImportType, wrap_externtype

if TYPE_CHECKING:
    from ..valid.checked import CheckedModule

__all__ = ["Module", "Progress", "wat2wasm"]

Progress = Callable[[int, int, str], None]
Source = str | bytes | bytearray | memoryview

# How a serialized module begins; the number changes when the layout does. Then come three times 32 bytes (the
# stamp of what validated it, the hash of the binary, the seal over both) and the binary.
_SERIALIZED = b"pywasmvm\x00\x02"
_HASH_BYTES = 32
_HEAD_BYTES = len(_SERIALIZED) + 3 * _HASH_BYTES
_NO_SEAL = bytes(_HASH_BYTES)


class Module:
    """A valid module.

    syntax    the module as decoded; `checked` what validation found out.
    progress  is called with (done, total, what) while a large module is read.
    """

    __slots__ = ("__weakref__", "_image", "_passive_datas", "checked", "engine", "syntax")

    def __init__(self, engine: Engine, wasm: Source, *, progress: Progress | None = None) -> None:
        """Decode and validate `wasm`: the binary format, or the text format as str or bytes.

        Raises DecodeError if it is malformed, ValidationError if it is invalid.
        """
        if not isinstance(engine, Engine):
            raise UsageError(f"expected an Engine, got {type(engine).__name__}")
        self._read(engine, wasm, progress, is_proven=None)

    def _read(
        self, engine: Engine, wasm: Source, progress: Progress | None, *, is_proven: bool | None
    ) -> None:
        """Decode and validate; `is_proven` says whether bodies are known to be valid, None asks the cache."""
        self.engine = engine
        self._image: Any = False
        self._passive_datas: list[int] | None = None
        self.syntax = _decode(engine, wasm, progress)
        digest = None
        if is_proven is None and engine.cache is not None and len(self.syntax.binary or b"") >= FEWEST_BYTES:
            digest = content_hash(self.syntax.binary or b"")
            is_proven = proofs.is_proven(engine, digest)
        self.checked: CheckedModule = validate_module(
            self.syntax, engine.features, engine.limits, bodies=not is_proven, progress=progress
        )
        if digest is not None and not is_proven:
            keep_proof(engine, digest)

    @classmethod
    def from_file(
        cls, engine: Engine, path: str | bytes | PathLike[Any], *, progress: Progress | None = None
    ) -> Module:
        """Read a file and make a module of it."""
        with open(path, "rb") as file:
            return cls(engine, file.read(), progress=progress)

    @classmethod
    def validate(cls, engine: Engine, wasm: bytes | bytearray) -> None:
        """Raise DecodeError or ValidationError if the bytes are not a valid module."""
        if not isinstance(wasm, (bytes, bytearray)):
            raise UsageError(f"expected wasm bytes, got {type(wasm).__name__}")
        cls(engine, bytes(wasm))

    @property
    def imports(self) -> list[ImportType]:
        """Return the imports in order."""
        return [
            ImportType(entry.module, entry.name, wrap_externtype(externtype))
            for entry, externtype in zip(self.syntax.imports, self.checked.imports, strict=True)
        ]

    @property
    def exports(self) -> list[ExportType]:
        """Return the exports in order."""
        typed = self.checked.export_type
        return [ExportType(name, wrap_externtype(typed(name))) for name in self.checked.exports]

    @property
    def image(self) -> Image | None:
        """Return the data segments as one block where that pays; worked out on first use."""
        if self._image is False:
            self._image = make_image(self.syntax)
        found: Image | None = self._image
        return found

    @property
    def passive_datas(self) -> list[int]:
        """Return the indices of the data segments that no instantiation drops; worked out on first use."""
        if self._passive_datas is None:
            datas = self.syntax.datas
            others = datas.others if isinstance(datas, DataItems) else range(len(datas))
            self._passive_datas = [i for i in others if datas[i].mode is not syntax.Mode.ACTIVE]
        return self._passive_datas

    @property
    def name(self) -> str | None:
        """Return the module's own name from its name section."""
        return decode_names(self.syntax).module

    def serialize(self) -> bytearray:
        """Return bytes that `deserialize` takes: the binary, and what proves that it is valid."""
        binary = self.syntax.binary
        # why: of a module from text it is the text that was validated, so its binary has to be yet.
        cache = None if binary is None else self.engine.cache
        if binary is None:
            binary = bytes(encode_module(self.syntax, names=True))
        proof = stamp(self.engine) + content_hash(binary)
        seal = None if cache is None else cache.seal("serialized", proof)
        return bytearray(b"".join((_SERIALIZED, proof, seal or _NO_SEAL, binary)))

    @classmethod
    def deserialize(cls, engine: Engine, encoded: bytes | bytearray) -> Module:
        """Make a module of what `serialize` gave. The bytes need not be trusted.

        Bodies are not validated again if the engine has a cache whose secret sealed these very bytes, for the
        same version, features and limits; in any other case they are. Raise DecodeError if the bytes are not
        those that `serialize` gave.
        """
        if not isinstance(encoded, (bytes, bytearray)):
            raise UsageError(f"expected bytes, got {type(encoded).__name__}")
        if not isinstance(engine, Engine):
            raise UsageError(f"expected an Engine, got {type(engine).__name__}")
        head, binary = bytes(encoded[:_HEAD_BYTES]), bytes(encoded[_HEAD_BYTES:])
        if not head.startswith(_SERIALIZED):
            raise DecodeError("not a module serialized by this version")
        proof, seal = head[len(_SERIALIZED) : -_HASH_BYTES], head[-_HASH_BYTES:]
        if len(head) < _HEAD_BYTES or proof[_HASH_BYTES:] != content_hash(binary):
            raise DecodeError(
                "a serialized module that is damaged: its bytes are not those that were written"
            )
        cache = engine.cache if proof[:_HASH_BYTES] == stamp(engine) else None
        is_sealed = cache is not None and cache.seal("serialized", proof) == seal
        made = cls.__new__(cls)
        made._read(engine, binary, None, is_proven=is_sealed)
        return made

    @classmethod
    def deserialize_file(cls, engine: Engine, path: str) -> Module:
        """Read a file that holds what `serialize` gave."""
        with open(path, "rb") as file:
            return cls.deserialize(engine, file.read())

    def __repr__(self) -> str:
        named = self.syntax.names.module  # why: not `name`, which may have to read a large section first
        return f"<Module {named or f'of {len(self.syntax.funcs)} functions'}>"


def _decode(engine: Engine, wasm: Source, progress: Progress | None) -> syntax.Module:
    if isinstance(wasm, str) and not wasm.startswith("\0"):
        return _parse(engine, wasm)
    if not isinstance(wasm, (bytes, bytearray, memoryview)):
        raise UsageError(f"expected wasm bytes or text, got {type(wasm).__name__}")
    data = bytes(wasm)
    if data and data[0] != 0:
        try:
            text = data.decode()
        except UnicodeDecodeError:
            raise DecodeError("magic header not detected", offset=0) from None
        return _parse(engine, text)
    features, limits, bulk = engine.features, engine.limits, engine.bulk
    return decode_module(data, features, limits, bodies=False, bulk=bulk, progress=progress)


def _parse(engine: Engine, text: str) -> syntax.Module:
    # why: loaded on first use; most embedders never read text.
    parse: Callable[..., syntax.Module] = import_module("..text", __package__).parse_module
    return parse(text, engine.features)


def wat2wasm(wat: str | bytes) -> bytearray:
    """Return the binary of a module in the text format. Raise DecodeError if it cannot be read."""
    text = wat.decode() if isinstance(wat, bytes) else wat
    parse: Callable[..., syntax.Module] = import_module("..text", __package__).parse_module
    return bytearray(encode_module(parse(text), names=True))
