"""Bytes to Module: the header, the order of sections, and what must agree between them.

Spec: chapter 5.5.16. `read_sections` and `read_code` read the sections, `lazy` and `read_instrs` the
instructions.
Rule 1: the official suite's wording comes first in every message.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from typing import cast

from ..config import Features, Limits
from ..errors import LimitError, ModuleError
from ..syntax.module import CustomSection, Data, ExternKind, Func, Module
from .bulk import Bulk, CodeItems, DataItems, FuncItems
from .lazy import LazyExpr, uses_data
from .names import find_names
from .places import located, place_in_func
from .progress import Progress, Ticker
from .read_code import Code, read_code
from .read_sections import CODE_SECTION, CUSTOM_SECTION, SECTIONS, Section, read_data
from .reader import Reader

__all__ = ["Decoder", "decode_module"]

MAGIC = b"\0asm"
VERSION = b"\1\0\0\0"
# A Bulk's numbers have 32 bits.
MOST_IN_BULK = 0xFFFF_FFFF


def decode_module(
    data: bytes | bytearray | memoryview,
    features: Features | None = None,
    limits: Limits | None = None,
    *,
    bodies: bool = True,
    bulk: Bulk | None = None,
    progress: Progress | None = None,
) -> Module:
    """Decode a binary module.

    With `bodies` every body is decoded once to prove that it is well-formed; without it that is left to
    validation. With a `bulk` made for the same features and limits it reads the large sections. Either way a
    body keeps its bytes and is decoded on demand. Raise DecodeError if the module is malformed,
    UnsupportedError if it needs a feature that is off, LimitError if it is larger than `limits` allows.
    """
    decoder = Decoder(bytes(data), features or Features(), limits or Limits(), bodies, bulk, progress)
    try:
        return decoder.decode()
    except (ModuleError, LimitError) as error:
        fault = decoder.earlier_fault() or located(error, decoder.place(error.offset))
        raise fault from None


class Decoder:
    """One run over a binary. `functypes` and `codes` become Funcs at the end."""

    def __init__(
        self,
        data: bytes,
        features: Features,
        limits: Limits,
        bodies: bool,
        bulk: Bulk | None,
        progress: Progress | None,
    ) -> None:
        self.data = data
        self.view = memoryview(data)
        self.limits = limits
        self.module = Module(binary=data)
        self.functypes: list[int] = []
        self.codes: list[Code] | CodeItems = []
        self._reader = Reader(data, 0, features)
        self._bodies = bodies
        self._bulk = None if bodies or len(data) > MOST_IN_BULK else bulk
        self._ticker = Ticker(progress, len(data), "decoding")
        self._section: Section | None = None
        self._entry = -1
        self._body: LazyExpr | None = None
        self._wants_data_count: int | None = None

    def decode(self) -> Module:
        """Read the whole module."""
        self._check_size()
        reader = self._reader
        if reader.read_bytes(4) != MAGIC:
            raise reader.fail("magic header not detected", 0)
        if reader.read_bytes(4) != VERSION:
            raise reader.fail("unknown binary version", 4)
        last = -1
        after = CUSTOM_SECTION
        while reader.pos < len(self.data):
            start = reader.pos
            number = reader.read_byte()
            section = SECTIONS.get(number)
            if section is None and number != CUSTOM_SECTION:
                raise reader.fail(f"malformed section id: {number}", start)
            if section is not None and section.order <= last:
                raise reader.fail(
                    f"unexpected content after last section: {section.name} section is late or comes twice",
                    start,
                )
            self._read_section(section, after)
            self._section = None
            if section is not None:
                last, after = section.order, number
        self._check_agreement()
        self._make_funcs()
        self._ticker.finish()
        return self.module

    def _check_size(self) -> None:
        allowed = self.limits.module_bytes
        if allowed is not None and len(self.data) > allowed:
            raise self._reader.over_limit("bytes of a module", len(self.data), allowed, 0)

    def _read_section(self, section: Section | None, after: int) -> None:
        """Read one section behind its id; None is a custom section."""
        reader = self._reader
        size = reader.read_length()
        start = reader.pos
        end = start + size
        self._section = section
        if section is None:
            self._read_custom(end, after)
        elif not section.is_vec and section.read is not None:
            section.read(self, reader)
        else:
            self._read_items(section)
        if reader.pos != end:
            self._entry = -1
            raise reader.fail("section size mismatch", start)

    def _read_items(self, section: Section) -> None:
        reader = self._reader
        read: Callable[[Decoder, Reader], None] = section.read or Decoder._read_code
        count = reader.read_u32()
        if section.name == "function":
            self._check_func_count(count)
        elif section.name != "code":
            self._check_entries(count)
        tick = self._ticker.tick
        in_bulk = _IN_BULK.get(section.name)
        if self._bulk is not None and in_bulk is not None and in_bulk(self, self._bulk, count):
            tick(reader.pos)
            return
        for self._entry in range(count):
            read(self, reader)
            tick(reader.pos)
        self._entry = -1

    # Sections read in bulk. Each method returns False, and leaves everything as it was, if the section has to
    # be read entry by entry after all.

    def _bulk_functypes(self, bulk: Bulk, count: int) -> bool:
        reader, start = self._reader, self._reader.pos
        found, reader.pos = bulk.indices(self.data, start, count)
        if len(found) < count:
            self._entry = len(found)
            reader.read_u32()
            reader.pos = start
            return False
        self.functypes[:] = found
        return True

    def _bulk_codes(self, bulk: Bulk, count: int) -> bool:
        reader, start = self._reader, self._reader.pos
        data, features, limits = self.data, reader.features, self.limits
        found, reader.pos = bulk.codes(data, start, count)
        self.codes = CodeItems(
            lambda _, start: read_code(Reader(data, start, features), limits), found, data, bulk
        )
        if len(found) < count:
            self._entry, self._body = len(found), None
            read_code(reader, limits)
            reader.pos, self.codes = start, []
            return False
        return True

    def _bulk_datas(self, bulk: Bulk, count: int) -> bool:
        reader, start = self._reader, self._reader.pos
        data, features, limits = self.data, reader.features, self.limits
        found, reader.pos = bulk.datas(data, start, count)
        if len(found[0]) < count:
            self._entry = len(found[0])
            read_data(reader, limits)
            reader.pos = start
            return False
        datas = DataItems(
            lambda _, start: read_data(Reader(data, start, features), limits), found, data, bulk
        )
        self.module.datas = cast("list[Data]", datas)
        return True

    def read_indices(self) -> list[int]:
        """Read a vector of indices."""
        reader = self._reader
        count = reader.read_u32()
        if self._bulk is None:
            return [reader.read_u32() for _ in range(count)]
        found, reader.pos = self._bulk.indices(self.data, reader.pos, count)
        return [*found, *(reader.read_u32() for _ in range(count - len(found)))]

    def _check_func_count(self, count: int) -> None:
        count += self.module.import_count(ExternKind.FUNC)
        allowed = self.limits.functions
        if allowed is not None and count > allowed:
            raise self._reader.over_limit("functions of a module", count, allowed)

    def _check_entries(self, count: int) -> None:
        allowed = self.limits.entries
        # why: a count that the bytes cannot hold is a malformed module, whatever the limit.
        if allowed is not None and allowed < count <= len(self.data):
            raise self._reader.over_limit("entries of a section", count, allowed)

    def _read_custom(self, end: int, after: int) -> None:
        reader = self._reader
        start = reader.pos
        name = reader.read_name()
        if reader.pos > end:
            raise reader.ended()
        self.module.customs.append(CustomSection(name, reader.read_bytes(end - reader.pos), after, start))

    def _read_code(self, reader: Reader) -> None:
        self._body = None
        code = read_code(reader, self.limits)
        if self._bodies:
            self._body = code.body
            instrs = code.body.prove(self.limits.nesting)
            if (
                self._wants_data_count is None
                and self.module.data_count is None
                and uses_data(code.body, instrs)
            ):
                self._wants_data_count = code.offset
        if isinstance(self.codes, list):
            self.codes.append(code)

    def _check_agreement(self) -> None:
        """Check what the reference interpreter checks when all sections are read, in its order."""
        end = len(self.data)
        module = self.module
        if len(self.functypes) != len(self.codes):
            raise self._reader.fail(
                "function and code section have inconsistent lengths: "
                f"{len(self.functypes)} functions, {len(self.codes)} bodies",
                end,
            )
        if module.data_count is not None and module.data_count != len(module.datas):
            raise self._reader.fail(
                "data count and data section have inconsistent lengths: "
                f"{module.data_count} announced, {len(module.datas)} found",
                end,
            )
        if self._wants_data_count is not None:
            raise self._reader.fail("data count section required", self._wants_data_count)

    def _make_funcs(self) -> None:
        if isinstance(self.codes, CodeItems):
            funcs = FuncItems(array("I", self.functypes), self.codes)
            self.module.funcs = cast("list[Func]", funcs)
            return
        self.module.funcs = [
            Func(typeidx, code.locals, code.body, code.offset, code.size)
            for typeidx, code in zip(self.functypes, self.codes, strict=True)
        ]

    def earlier_fault(self) -> ModuleError | LimitError | None:
        """Return what is wrong with a body that was skipped before decoding failed.

        The first fault in the module is then reported whether bodies are decoded at once or later.
        """
        codes = self.codes
        suspects = codes.suspects() if isinstance(codes, CodeItems) else range(len(codes))
        for index in [] if self._bodies else suspects:
            code = codes[index]
            try:
                code.body.prove(self.limits.nesting)
            except (ModuleError, LimitError) as error:
                self._section, self._entry, self._body = SECTIONS[CODE_SECTION], index, code.body
                return located(error, self.place(error.offset))
        return None

    def place(self, offset: int | None) -> str:
        """Return where reading stopped, in words."""
        if self._section is None:
            return ""
        if self._section is SECTIONS[CODE_SECTION] and self._entry >= 0:
            self.module.names = find_names(self.data)
            return place_in_func(self.module, self._entry, self._body, offset)
        entry = f", entry {self._entry}" if self._entry >= 0 else ""
        return f"{self._section.name} section{entry}"


_IN_BULK: dict[str, Callable[[Decoder, Bulk, int], bool]] = {
    "function": Decoder._bulk_functypes,
    "code": Decoder._bulk_codes,
    "data": Decoder._bulk_datas,
}
