"""The name section, with the extended subsections, in both directions.

Spec: appendix "Custom sections". Names are decoration: a broken section never makes a module malformed here.
Rule 1: a subsection that cannot be read is ignored as a whole, the others count.
"""

from __future__ import annotations

from collections.abc import Callable

from ..errors import DecodeError, Frame
from ..syntax.module import Module, Names
from .encode_types import encode_name
from .leb import encode_unsigned
from .reader import Reader

__all__ = ["NAME_SECTION", "decode_names", "encode_names", "find_names", "named_frame"]

NAME_SECTION = "name"

# Subsection number, field of Names. `locals`, `labels` and `fields` are maps of maps.
_SUBSECTIONS: dict[int, str] = {
    1: "funcs",
    2: "locals",
    3: "labels",
    4: "types",
    5: "tables",
    6: "mems",
    7: "globals",
    8: "elems",
    9: "datas",
    10: "fields",
    11: "tags",
}
_INDIRECT = frozenset({"locals", "labels", "fields"})
_MODULE = 0


def decode_names(module: Module) -> Names:
    """Fill `module.names` from its name section and return it. Names that are there already stay."""
    if module.names == Names():
        for custom in module.customs:
            if custom.name == NAME_SECTION:
                module.names = parse_names(bytes(custom.data))
                break
    return module.names


def named_frame(module: Module, funcidx: int, offset: int | None) -> Frame:
    """Return a frame of a trap with its names, which are read from the section only now."""
    names = decode_names(module)
    return Frame(funcidx, module.func_name(funcidx), names.module, offset)


def parse_names(data: bytes) -> Names:
    """Read the contents of a name section."""
    names = Names()
    reader = Reader(data)
    while reader.pos < len(data):
        try:
            kind = reader.read_byte()
            size = reader.read_length()
        except DecodeError:
            break
        start = reader.pos
        inner = Reader(data[start : start + size])
        reader.pos = start + size
        try:
            if kind == _MODULE:
                names.module = inner.read_name()
            elif kind in _SUBSECTIONS:
                field = _SUBSECTIONS[kind]
                read: Callable[[Reader], object] = _read_name_map
                if field in _INDIRECT:
                    read = _read_indirect_name_map
                setattr(names, field, read(inner))
        except DecodeError:
            continue
    return names


def _read_name_map(reader: Reader) -> dict[int, str]:
    return dict(reader.read_vec(lambda r: (r.read_u32(), r.read_name())))


def _read_indirect_name_map(reader: Reader) -> dict[int, dict[int, str]]:
    return dict(reader.read_vec(lambda r: (r.read_u32(), _read_name_map(r))))


def find_names(data: bytes) -> Names:
    """Return the names in a binary that could not be decoded, as far as its sections can be walked."""
    reader = Reader(data, 8)
    try:
        while reader.pos < len(data):
            section = reader.read_byte()
            size = reader.read_length()
            end = reader.pos + size
            if section == 0 and reader.read_name() == NAME_SECTION:
                return parse_names(data[reader.pos : end])
            reader.pos = end
    except DecodeError:
        pass
    return Names()


def _encode_name_map(names: dict[int, str]) -> bytes:
    parts = [encode_unsigned(index) + encode_name(names[index]) for index in sorted(names)]
    return encode_unsigned(len(parts)) + b"".join(parts)


def encode_names(names: Names) -> bytes:
    """Return the contents of a name section."""
    out = bytearray()

    def add(kind: int, content: bytes) -> None:
        out.append(kind)
        out.extend(encode_unsigned(len(content)) + content)

    if names.module is not None:
        add(_MODULE, encode_name(names.module))
    for kind, field in _SUBSECTIONS.items():
        found = getattr(names, field)
        if not found:
            continue
        if field in _INDIRECT:
            parts = [encode_unsigned(index) + _encode_name_map(found[index]) for index in sorted(found)]
            add(kind, encode_unsigned(len(parts)) + b"".join(parts))
        else:
            add(kind, _encode_name_map(found))
    return bytes(out)
