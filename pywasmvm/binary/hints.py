"""Branch hints as the custom section `metadata.code.branch_hint`: spec appendix A.5 (code metadata).

The text names the instruction that a hint is about, the section its byte offset from the start of the
function's body (locals included), so only the encoder can write it.
"""

from __future__ import annotations

from ..syntax.module import CustomSection, ExternKind, Func, Module
from .encode_instrs import encode_instr
from .encode_types import encode_valtype, encode_vec
from .leb import encode_unsigned

__all__ = ["HINT_SECTION", "branch_hint_section"]

HINT_SECTION = "metadata.code.branch_hint"
_DATA_COUNT_SECTION = 12  # what stands right before the code


def _offsets(func: Func, wanted: set[int]) -> dict[int, int]:
    """Return the byte offsets of some instructions of a body."""
    pos = len(encode_vec(func.locals, lambda group: encode_unsigned(group[0]) + encode_valtype(group[1])))
    found = {}
    for index, instr in enumerate(func.body.instrs()):
        if index in wanted:
            found[index] = pos
        pos += len(encode_instr(instr))
    return found


def _hint(offset: int, data: bytes) -> bytes:
    return encode_unsigned(offset) + encode_unsigned(len(data)) + data


def branch_hint_section(module: Module) -> CustomSection | None:
    """Return the section that says what `module.branch_hints` says, None if there are no hints."""
    if not module.branch_hints:
        return None
    first = module.import_count(ExternKind.FUNC)
    entries = []
    for funcidx, hints in sorted(module.branch_hints.items()):
        offsets = _offsets(module.funcs[funcidx - first], {index for index, _ in hints})
        items = [_hint(offsets[index], data) for index, data in hints]
        entries.append(encode_unsigned(funcidx) + encode_unsigned(len(items)) + b"".join(items))
    content = encode_unsigned(len(entries)) + b"".join(entries)
    return CustomSection(HINT_SECTION, content, after=_DATA_COUNT_SECTION)
