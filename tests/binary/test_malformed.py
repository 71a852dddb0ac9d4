"""What the decoder must refuse: bytes, the official words, and the place."""

from __future__ import annotations

import pytest

from pywasmvm.binary import decode_module, prove_bodies
from pywasmvm.binary.leb import encode_unsigned
from pywasmvm.config import Features, Limits
from pywasmvm.errors import DecodeError, LimitError, UnsupportedError
from pywasmvm.isa import Feature

HEADER = b"\0asm\1\0\0\0"


def section(number: int, content: bytes | str) -> bytes:
    """Return a section; a string is hexadecimal."""
    data = bytes.fromhex(content) if isinstance(content, str) else content
    return bytes([number]) + encode_unsigned(len(data)) + data


def module(*sections: tuple[int, str] | bytes) -> bytes:
    """Return a module of (number, contents in hexadecimal) or of finished sections."""
    return HEADER + b"".join(part if isinstance(part, bytes) else section(*part) for part in sections)


def with_body(body: str | bytes, *sections: tuple[int, str] | bytes) -> bytes:
    """Return a module with one function [] -> [] whose code (locals included) is `body`."""
    data = bytes.fromhex(body) if isinstance(body, str) else body
    code = section(10, b"\1" + encode_unsigned(len(data)) + data)
    return module((1, "01600000"), (3, "0100"), code, *sections)


MODULES: list[tuple[str, bytes, str, int | None]] = [
    ("nothing", b"", "unexpected end", 0),
    ("half a magic number", b"\0as", "unexpected end", 3),
    ("another magic number", b"wasm\1\0\0\0", "magic header not detected", 0),
    ("another version", b"\0asm\2\0\0\0", "unknown binary version", 4),
    ("a section that is not there", module((14, "")), "malformed section id", 8),
    ("a section id of two bytes", HEADER + b"\x81\x00\x01\x00", "malformed section id", 8),
    ("a section longer than the data", HEADER + b"\1\5\0", "length out of bounds", 9),
    ("no section length", HEADER + b"\1", "unexpected end", 9),
    ("a section twice", module((1, "00"), (1, "00")), "unexpected content after last section", 11),
    ("sections out of order", module((5, "00"), (4, "00")), "unexpected content after last section", 11),
    (
        "a data count behind the code",
        module((10, "00"), (12, "00")),
        "unexpected content after last section",
        11,
    ),
    ("more in a section than its count", module((1, "00600000")), "section size mismatch", 10),
    (
        "less in a section than its count",
        module((1, "02600000")),
        "unexpected end of section or function",
        None,
    ),
    ("a composite type that is none", module((1, "015d")), "malformed definition type", 11),
    ("a form of two bytes", module((1, "01e07f0000")), "integer representation too long", None),
    ("a value type that is none", module((1, "01600140")), "malformed value type", 13),
    ("a field type that is none", module((1, "015f014000")), "malformed storage type", 13),
    ("a field neither mutable nor not", module((1, "015f017f02")), "malformed mutability", 14),
    ("a heap type below all", module((1, "016001647500")), "malformed heap type", 14),
    ("an import of no kind", module((2, "01000005")), "malformed import kind", 13),
    ("an import's name", module((2, "0101ff000000")), "malformed UTF-8 encoding", 12),
    ("an export of no kind", module((7, "01000500")), "malformed export kind", 12),
    ("a table of numbers", module((4, "017f0000")), "malformed reference type", 11),
    ("a shared table", module((4, "01700200")), "malformed limits flags", 12),
    ("limits with unknown flags", module((5, "011000")), "malformed limits flags", 11),
    ("a page size without the feature", module((5, "01080000")), "malformed limits flags", 11),
    ("a global neither mutable nor not", module((6, "017f0241000b")), "malformed mutability", 12),
    ("a tag of no kind", module((13, "010100")), "zero byte expected", 11),
    (
        "a function without a body",
        module((1, "01600000"), (3, "0100")),
        "function and code section have inc",
        None,
    ),
    (
        "a body without a function",
        module((10, "0102000b")),
        "function and code section have inconsistent l",
        None,
    ),
    (
        "segments announced and not there",
        module((12, "01")),
        "data count and data section have inconsistent",
        None,
    ),
    ("more segments than announced", module((12, "00"), (11, "010100")), "data count and data section", None),
    ("an element segment of no form", module((9, "0108")), "malformed elements segment kind", 11),
    ("an element kind that is none", module((9, "01010100")), "malformed element kind", 12),
    ("a data segment of no form", module((11, "0103")), "malformed data segment kind", 11),
    ("a data segment longer than the data", module((11, "0101056162")), "unexpected end", None),
    ("an initialiser without end", module((6, "017f004100")), "unexpected end", None),
    ("a custom section without a name", module((0, "")), "unexpected end", None),
    ("a custom section's name too long", module((0, "0361"), (0, "0161")), "unexpected end", None),
    ("a custom section's name", module((0, "01ff")), "malformed UTF-8 encoding", 11),
]
BODIES: list[tuple[str, str, str]] = [
    ("no end", "00", "unexpected end of section or function"),
    ("a block left open", "0002400b", "unexpected end of section or function"),
    ("something behind the end", "000b0b", "section size mismatch"),
    ("else without if", "00050b", "END opcode expected"),
    ("else twice", "00410004400505" + "0b0b", "END opcode expected"),
    ("else in a block", "000240050b0b", "END opcode expected"),
    ("an opcode that is none", "00ff0b", "illegal opcode ff"),
    ("a legacy opcode", "0006400b0b", "illegal opcode 06"),
    ("a prefixed opcode that is none", "00fc7f0b", "illegal opcode fc 7f"),
    ("a prefixed opcode beyond 16 bits", "00fc888080" + "080b", "illegal opcode fc"),
    ("a block type that is none", "00026540" + "0b0b", "malformed block type"),
    ("memory flags", "0028800100" + "0b", "malformed memop flags"),
    ("flags of a cast", "00fb18040000000b", "malformed br_on_cast flags"),
    ("a catch clause that is none", "001f400104000b0b", "malformed catch clause"),
    ("too many locals", "02ffffffff0f7f017f0b", "too many locals"),
    ("locals beyond the body", "05017f", "unexpected end of section or function|malformed value type"),
    ("no data count section", "00fc09000b", "data count section required"),
]


@pytest.mark.parametrize(
    ("data", "message", "offset"), [case[1:] for case in MODULES], ids=[c[0] for c in MODULES]
)
@pytest.mark.parametrize("bodies", [True, False])
def test_modules(data: bytes, message: str, offset: int | None, bodies: bool) -> None:
    with pytest.raises(DecodeError) as caught:
        decode_module(data, bodies=bodies)
    assert caught.value.message.startswith(message)
    if offset is not None:
        assert caught.value.offset == offset


@pytest.mark.parametrize(("body", "message"), [case[1:] for case in BODIES], ids=[c[0] for c in BODIES])
@pytest.mark.parametrize("bodies", [True, False])
def test_bodies(body: str, message: str, bodies: bool) -> None:
    data = with_body(body)
    with pytest.raises(DecodeError, match=f"^({message})"):
        prove_bodies(decode_module(data, bodies=bodies), Limits())


def test_the_place_names_function_and_instruction() -> None:
    names = section(0, b"\4name" + bytes.fromhex("01 0a 01 00 07") + b"handler")
    data = with_body("00410041000241ff0b0b", names)
    with pytest.raises(DecodeError) as caught:
        decode_module(data)
    assert caught.value.where == 'function 0 "handler", instruction 2'


def test_the_place_names_section_and_entry() -> None:
    with pytest.raises(DecodeError) as caught:
        decode_module(module((1, "02600000600140")))
    assert caught.value.where == "type section, entry 1"


def test_a_malformed_body_comes_before_a_malformed_section_behind_it() -> None:
    data = with_body("00ff0b") + section(11, "03")
    for bodies in (True, False):
        with pytest.raises(DecodeError, match="illegal opcode ff"):
            decode_module(data, bodies=bodies)


@pytest.mark.parametrize(
    ("feature", "data"),
    [
        (Feature.THREADS, with_body("00fe0300000b" + "")),
        (Feature.THREADS, module((5, "010200"))),
        (Feature.WIDE_ARITHMETIC, with_body("00fc130b")),
        (Feature.SIMD, with_body("00fd0c" + "00" * 16 + "1a0b")),
        (Feature.SIMD, module((1, "0160017b00"))),
        (Feature.MEMORY64, module((5, "010400"))),
        (Feature.GC, module((1, "015f00"))),
        (Feature.EXCEPTIONS, module((1, "01600000"), (13, "010000"))),
        (Feature.BULK_MEMORY, module((11, "010100"))),
        (Feature.FUNCTION_REFERENCES, module((1, "016001647000"))),
    ],
)
def test_what_needs_a_feature_that_is_off(feature: Feature, data: bytes) -> None:
    with pytest.raises(UnsupportedError, match=feature.value):
        decode_module(data, Features().without(feature))
    decode_module(data, Features().with_(feature))


LIMITS: list[tuple[str, Limits, bytes]] = [
    ("bytes of a module", Limits(module_bytes=8), module((1, "00"))),
    (
        "functions of a module",
        Limits(functions=1),
        module((1, "01600000"), (3, "020000"), (10, "0202000b02000b")),
    ),
    ("locals of a function", Limits(locals=9), with_body("010a7f0b")),
    ("bytes of a function body", Limits(body_bytes=3), with_body("0001010b")),
    ("nesting of blocks", Limits(nesting=2), with_body("000240024002400b0b0b0b")),
]


@pytest.mark.parametrize(("what", "limits", "data"), LIMITS, ids=[case[0] for case in LIMITS])
def test_limits(what: str, limits: Limits, data: bytes) -> None:
    with pytest.raises(LimitError, match=f"^{what}: "):
        decode_module(data, limits=limits)
    decode_module(data)


def test_nesting_needs_no_recursion() -> None:
    depth = 100_000
    body = b"\0" + b"\2\x40" * depth + b"\x0b" * (depth + 1)
    decode_module(with_body(body), limits=Limits(nesting=None))


def test_all_bytes_of_a_module_are_looked_at() -> None:
    """Every proper prefix of a module that ends with code is malformed."""
    data = with_body("01017f2000" + "1a0b")
    decode_module(data)
    for end in range(8, len(data)):
        if data[:end] in (HEADER, data[: 8 + 6]):
            continue
        with pytest.raises(DecodeError):
            decode_module(data[:end])


def test_overlong_numbers_within_the_limit_are_right() -> None:
    padded = module((1, "8180808000600000"), (3, "81808000" + "80808080" + "00"), (10, "01" + "02000b"))
    assert decode_module(padded).funcs[0].typeidx == 0
    assert decode_module(with_body("00" + "0c8080808000" + "0b")).funcs
    assert decode_module(with_body("00" + "fc8280808000" + "0b")).funcs


def test_progress_is_told_seldom_and_to_the_end() -> None:
    told: list[tuple[int, int]] = []
    count = 3000
    types = section(1, b"\xb8\x17" + b"\x60\0\0" * count)
    decode_module(HEADER + types, progress=lambda done, total, what: told.append((done, total)))
    assert 50 < len(told) <= 102
    assert told == sorted(told)
    assert told[-1] == (len(HEADER + types),) * 2
