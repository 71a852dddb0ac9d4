"""Reading what a host must know of a module before any engine does: exports, imports, custom sections, sizes.

Follows the binary format's section structure only; function bodies are never looked at. A module that
cannot be
walked raises HostError, with Envoy's words as the reason.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from .errors import HostError

__all__ = ["Export", "Import", "ModuleFacts", "scan"]

SECTIONS = (
    "custom", "type", "import", "function", "table", "memory", "global", "export", "start", "element", "code",
    "data", "data count", "tag",
)  # fmt: skip
KINDS = ("func", "table", "memory", "global", "tag")
VALTYPES = {
    0x7F: "i32",
    0x7E: "i64",
    0x7D: "f32",
    0x7C: "f64",
    0x7B: "v128",
    0x70: "funcref",
    0x6F: "externref",
}
CORRUPT = "Failed to parse corrupted Wasm module"


@dataclass(frozen=True)
class Import:
    """One import; `params` and `results` are filled for functions, `detail` for the rest."""

    module: str
    name: str
    kind: str
    params: tuple[str, ...] = ()
    results: tuple[str, ...] = ()
    detail: str = ""


@dataclass(frozen=True)
class Export:
    """One export; `params` and `results` are filled for functions whose type is known."""

    name: str
    kind: str
    index: int
    params: tuple[str, ...] = ()
    results: tuple[str, ...] = ()


FUNCTION_NAMES = 1  # the subsection of the name section that names functions


@dataclass
class ModuleFacts:
    """What the sections of a module say about it from outside. `customs` are parts of the module's bytes."""

    size: int
    imports: list[Import] = field(default_factory=list)
    exports: list[Export] = field(default_factory=list)
    customs: dict[str, memoryview] = field(default_factory=dict)
    sections: list[tuple[str, int]] = field(default_factory=list)
    memories: list[tuple[int, int | None]] = field(default_factory=list)
    functions: int = 0
    has_start: bool = False
    version: int = 1

    def function_exports(self) -> dict[str, Export]:
        return {e.name: e for e in self.exports if e.kind == "func"}

    def has_memory_export(self) -> bool:
        return any(e.kind == "memory" for e in self.exports)

    def producers(self) -> dict[str, list[str]]:
        """Return the fields of the "producers" section, as the tool-conventions document describes it."""
        data = self.customs.get("producers")
        if not data:
            return {}
        r = _Reader(data)
        out: dict[str, list[str]] = {}
        for _ in range(r.u32()):
            key = r.name()
            out[key] = [f"{r.name()} {r.name()}".strip() for _ in range(r.u32())]
        return out

    def function_names(self) -> dict[int, str]:
        """Return what the name section calls functions; what cannot be read of it is left out."""
        out: dict[int, str] = {}
        try:
            r = _Reader(self.customs.get("name", memoryview(b"")))
            while r.at < len(r.data):
                kind, size = r.byte(), r.u32()
                part = _Reader(r.take(size))
                if kind == FUNCTION_NAMES:
                    out = {part.u32(): part.name() for _ in range(part.u32())}
        except (HostError, UnicodeDecodeError):
            return out
        return out


def malformed(what: str) -> HostError:
    """Return the refusal of a file that is no readable module."""
    return HostError(
        f"malformed: {what}",
        reason=CORRUPT,
        advice="Is the file complete, and a core module of WebAssembly? Build or fetch it again",
    )


class _Reader:
    def __init__(self, data: memoryview) -> None:
        self.data = data
        self.at = 0

    def byte(self) -> int:
        if self.at >= len(self.data):
            raise malformed("it ends too early")
        self.at += 1
        value: int = self.data[self.at - 1]
        return value

    def u32(self) -> int:
        value = shift = 0
        while True:
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7
            if shift > 63:
                raise malformed("a number is too long")

    def take(self, n: int) -> memoryview:
        if self.at + n > len(self.data):
            raise malformed("it ends too early")
        self.at += n
        return self.data[self.at - n : self.at]

    def name(self) -> str:
        return bytes(self.take(self.u32())).decode("utf-8", "replace")

    def valtype(self) -> str:
        code = self.byte()
        if code in (0x63, 0x64):  # (ref null? heaptype)
            self.u32()
            return "ref"
        return VALTYPES.get(code, f"{code:#x}")

    def limits(self) -> tuple[int, int | None]:
        flags = self.byte()
        low = self.u32()
        return low, self.u32() if flags & 1 else None


def scan(data: bytes) -> ModuleFacts:
    """Walk the sections of a binary module."""
    if data[:4] != b"\0asm" or len(data) < 8:
        raise malformed("it does not begin with \\0asm, so it is no WebAssembly module")
    facts = ModuleFacts(size=len(data), version=int.from_bytes(data[4:8], "little"))
    types: list[tuple[tuple[str, ...], tuple[str, ...]]] = []
    funcs: list[int] = []
    r = _Reader(memoryview(data))
    r.at = 8
    while r.at < len(data):
        code, start = r.byte(), r.at
        size = r.u32()
        body = r.take(size)
        facts.sections.append(
            (SECTIONS[code] if code < len(SECTIONS) else f"section {code}", r.at - start + 1)
        )
        _section(code, _Reader(body), facts, types, funcs)
    return facts


def _section(code: int, r: _Reader, facts: ModuleFacts, types: list, funcs: list[int]) -> None:  # type: ignore[type-arg]
    if code == 0:
        name = r.name()
        facts.customs.setdefault(name, r.data[r.at :])
    elif code == 1:
        _types(r, types)
    elif code == 2:
        facts.imports = [_import(r, types, funcs) for _ in range(r.u32())]
    elif code == 3:
        indices = [r.u32() for _ in range(r.u32())]
        facts.functions = len(indices)
        funcs.extend(indices)
    elif code == 5:
        facts.memories = [r.limits() for _ in range(r.u32())]
    elif code == 7:
        for _ in range(r.u32()):
            name, kind, index = r.name(), r.byte(), r.u32()
            ft = ((), ())
            if kind == 0 and index < len(funcs) and funcs[index] < len(types):
                ft = types[funcs[index]]
            facts.exports.append(Export(name, KINDS[kind] if kind < 5 else "?", index, *ft))
    elif code == 8:
        facts.has_start = True


def _types(r: _Reader, types: list) -> None:  # type: ignore[type-arg]
    for _ in range(r.u32()):
        code = r.byte()
        count, code = (r.u32(), -1) if code == 0x4E else (1, code)  # rec: a group of types
        for _ in range(count):
            functype = _comptype(r, r.byte() if code < 0 else code)
            if functype is None:
                return  # why: a type of some proposal; the engine reads it, nothing here needs it
            types.append(functype)


def _comptype(r: _Reader, code: int) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """Read a type behind its first byte; None for one that is not known here. Only functions say anything."""
    if code in (0x4F, 0x50):  # sub, with its supertypes
        for _ in range(r.u32()):
            r.u32()
        code = r.byte()
    if code == 0x60:
        params = tuple(r.valtype() for _ in range(r.u32()))
        return params, tuple(r.valtype() for _ in range(r.u32()))
    if code not in (0x5E, 0x5F):
        return None
    for _ in range(r.u32() if code == 0x5F else 1):  # struct: fields, array: one
        r.valtype()
        r.byte()
    return (), ()


def _import(r: _Reader, types: list, funcs: list[int]) -> Import:  # type: ignore[type-arg]
    module, name, kind = r.name(), r.name(), r.byte()
    if kind == 0:
        index = r.u32()
        funcs.append(index)
        return Import(module, name, "func", *(types[index] if index < len(types) else ((), ())))
    if kind == 1:
        return Import(module, name, "table", detail=f"{r.valtype()} {r.limits()}")
    if kind == 2:
        low, high = r.limits()
        return Import(module, name, "memory", detail=f"{low} {high if high is not None else ''}".strip())
    if kind == 3:
        valtype = r.valtype()
        return Import(module, name, "global", detail=f"mut {valtype}" if r.byte() else valtype)
    r.byte()
    r.u32()
    return Import(module, name, "tag")
