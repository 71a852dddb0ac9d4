"""Numbers and strings of the text format: spec chapters 6.3.1 to 6.3.3. Values are unsigned ints or bits.

Rule 1: floats are rounded once, straight to their own width; a Python float is only a means on the way.
"""

from __future__ import annotations

import math
import re
import struct
from decimal import Decimal
from fractions import Fraction

__all__ = [
    "float_bits",
    "float_text",
    "int_bits",
    "is_nat",
    "is_number",
    "nat_value",
    "string_bytes",
    "string_text",
]

_DEC = r"[0-9]+(?:_[0-9]+)*"
_HEX = r"[0-9a-fA-F]+(?:_[0-9a-fA-F]+)*"
_NAT = re.compile(rf"(?:0x{_HEX}|{_DEC})", re.ASCII)
_INT = re.compile(rf"[+-]?(?:0x{_HEX}|{_DEC})", re.ASCII)
_FLOAT = re.compile(
    rf"[+-]?(?:0x{_HEX}(?:\.(?:{_HEX})?)?(?:[pP][+-]?{_DEC})?|{_DEC}(?:\.(?:{_DEC})?)?(?:[eE][+-]?{_DEC})?"
    rf"|inf|nan(?::0x{_HEX})?)",
    re.ASCII,
)
_HEX_RUN = re.compile(r"(?:\\[0-9a-fA-F]{2})*")
_ESCAPED = re.compile(rb"""\\(?:u\{([0-9a-fA-F_]+)\}|([0-9a-fA-F]{2})|(.))""", re.DOTALL)
_LETTERS = {b"t": b"\t", b"n": b"\n", b"r": b"\r", b'"': b'"', b"'": b"'", b"\\": b"\\"}
_MANTISSA = {32: 23, 64: 52}
_PRINTABLE = re.compile(r"[^ !#-\[\]-~]")
_LONG = 40  # digits; more cannot fit any integer type


def is_nat(token: str) -> bool:
    """Tell whether the token is an unsigned integer."""
    return _NAT.fullmatch(token) is not None


def is_number(token: str) -> bool:
    """Tell whether the token is any number."""
    return _FLOAT.fullmatch(token) is not None


def _magnitude(digits: str) -> int:
    digits = digits.replace("_", "")
    if digits[:2] == "0x":
        return int(digits, 16)
    digits = digits.lstrip("0")
    return int(digits or "0") if len(digits) <= _LONG else 1 << 128


def nat_value(token: str) -> int | None:
    """Return the value of an unsigned integer token, None if it is not one."""
    return _magnitude(token) if _NAT.fullmatch(token) else None


def int_bits(token: str, width: int) -> int | None:
    """Return an integer token as an unsigned int of `width` bits; None if it is no integer.

    Raise OverflowError if it fits neither the signed nor the unsigned range.
    """
    if _INT.fullmatch(token) is None:
        return None
    negative = token[0] == "-"
    value = _magnitude(token.lstrip("+-"))
    if value > (1 << width - 1 if negative else (1 << width) - 1):
        raise OverflowError
    return -value & (1 << width) - 1 if negative else value


def float_bits(token: str, width: int) -> int | None:
    """Return a number token as the bits of a float of `width` bits; None if it is no number.

    Raise OverflowError if its magnitude is too large or a NaN's payload does not fit.
    """
    if _FLOAT.fullmatch(token) is None:
        return None
    sign = 1 << width - 1 if token[0] == "-" else 0
    text = token.lstrip("+-").replace("_", "")
    mantissa = _MANTISSA[width]
    infinity = ((1 << width - 1 - mantissa) - 1) << mantissa
    if text == "inf":
        return sign | infinity
    if text[:3] == "nan":
        payload = int(text[4:], 16) if len(text) > 3 else 1 << mantissa - 1
        if not 0 < payload < 1 << mantissa:
            raise OverflowError
        return sign | infinity | payload
    return sign | (_bits64(text) if width == 64 else _bits32(text))


def _to_float(text: str) -> float:
    value = float.fromhex(text) if text[:2] == "0x" else float(text)
    if math.isinf(value):
        raise OverflowError
    return value


def _bits64(text: str) -> int:
    return int.from_bytes(struct.pack("<d", _to_float(text)), "little")


def _bits32(text: str) -> int:
    value = _to_float(text)
    if _is_halfway(value):
        # why: `value` is itself rounded; at the middle between two f32 the exact number must decide.
        exact = _exact(text)
        if exact != Fraction(value):
            value = math.nextafter(value, math.inf if exact > Fraction(value) else -math.inf)
    return int.from_bytes(struct.pack("<f", value), "little")


def _is_halfway(value: float) -> bool:
    """Tell whether a non-negative float lies exactly between two neighbouring f32."""
    if value < 2.0**-126:
        scaled = value * 2.0**149
        return scaled - math.floor(scaled) == 0.5
    return int.from_bytes(struct.pack("<d", value), "little") & 0x1FFFFFFF == 0x10000000


def _exact(text: str) -> Fraction:
    if text[:2] != "0x":
        return Fraction(Decimal(text))
    digits, _, exponent = text[2:].lower().partition("p")
    whole, _, fraction = digits.partition(".")
    return Fraction(int(whole + fraction, 16)) * Fraction(2) ** (int(exponent or "0") - 4 * len(fraction))


def float_text(bits: int, width: int) -> str:
    """Return a literal that reads back as exactly these bits."""
    mantissa = _MANTISSA[width]
    sign = "-" if bits >> width - 1 else ""
    exponent = bits >> mantissa & (1 << width - 1 - mantissa) - 1
    payload = bits & (1 << mantissa) - 1
    if exponent == (1 << width - 1 - mantissa) - 1:
        if payload == 0:
            return f"{sign}inf"
        return f"{sign}nan" if payload == 1 << mantissa - 1 else f"{sign}nan:{payload:#x}"
    raw = (bits & (1 << width - 1) - 1).to_bytes(width // 8, "little")
    value: float = struct.unpack("<f" if width == 32 else "<d", raw)[0]
    # why: normalised first, so that a subnormal does not come out as a run of zeros.
    fraction, power = math.frexp(value)
    digits = (fraction * 2).hex().partition("p")[0] if value else "0x0"
    return f"{sign}{digits.rstrip('0').rstrip('.') if '.' in digits else digits}p{power - bool(value):+d}"


def string_bytes(token: str) -> bytes:
    """Return the bytes of a string token (quotes included, lexically correct).

    A `\\u{...}` that is no Unicode scalar value gives bytes that are not UTF-8, so names with it are refused.
    """
    body = token[1:-1]
    if "\\" not in body:
        return body.encode()
    if _HEX_RUN.fullmatch(body):
        return bytes.fromhex(body.replace("\\", ""))
    return _ESCAPED.sub(_unescape, body.encode())


def _unescape(match: re.Match[bytes]) -> bytes:
    if match[2]:
        return bytes.fromhex(match[2].decode())
    if match[1]:
        code = int(match[1].replace(b"_", b""), 16)
        return chr(code).encode("utf-8", "surrogatepass") if code < 0x110000 else b"\xff"
    return _LETTERS[match[3]]


def string_text(data: bytes | str) -> str:
    """Return a string token, quotes included, that reads back as `data`."""
    if isinstance(data, str):
        return '"' + _PRINTABLE.sub(_escape_char, data) + '"'
    return '"' + _PRINTABLE.sub(lambda m: f"\\{ord(m[0]):02x}", data.decode("latin-1")) + '"'


def _escape_char(match: re.Match[str]) -> str:
    char = match[0]
    if char >= "\xa0" and char.isprintable():
        return char
    return "".join(f"\\{byte:02x}" for byte in char.encode())
