"""Foreign functions verify_signature and sign, over the library cryptography (the extra `signatures`).

RSA keys mean PKCS#1 v1.5, elliptic curves ECDSA; a key is given as DER or as PEM, never both.
"""

from __future__ import annotations

from typing import Any

from .. import protobuf
from ..abi.enums import Status
from ..optional import Optional

PRIMITIVES = "cryptography.hazmat.primitives"
exceptions = Optional("cryptography.exceptions")
hashes = Optional(f"{PRIMITIVES}.hashes")
serialization = Optional(f"{PRIMITIVES}.serialization")
ec = Optional(f"{PRIMITIVES}.asymmetric.ec")
padding = Optional(f"{PRIMITIVES}.asymmetric.padding")
rsa = Optional(f"{PRIMITIVES}.asymmetric.rsa")

__all__ = ["SIGNATURES"]

INSTALL = "signatures need the library cryptography: pip install 'pywasmvm[signatures]'"
HASHES = {"sha1": "SHA1", "sha224": "SHA224", "sha256": "SHA256", "sha384": "SHA384", "sha512": "SHA512"}


def _fields(data: bytes, pem_field: int) -> dict[int, bytes] | None:
    """Read the message; None when it is malformed or does not hold exactly one form of the key."""
    try:
        fields = {k: v for k, v in protobuf.fields(data) if isinstance(v, bytes)}
    except protobuf.ParseError:
        return None
    return fields if bool(fields.get(2)) != bool(fields.get(pem_field)) else None


def _answer(ok: bool, *, signature: bytes = b"", error: str = "", error_field: int = 2) -> Any:
    out = protobuf.tag_varint(1, 1) if ok else b""
    if signature:
        out += protobuf.tag_bytes(2, signature)
    if error:
        out += protobuf.tag_bytes(error_field, error.encode())
    return Status.OK, out


def _hash(fields: dict[int, bytes]) -> Any:
    name = HASHES.get(fields.get(1, b"").decode("latin-1").lower())
    return getattr(hashes, name)() if name else None


def _unknown_hash(fields: dict[int, bytes]) -> str:
    return f"{fields.get(1, b'').decode('latin-1')} is not supported."


def verify_signature(call: Any, data: bytes) -> Any:
    """Check a signature: {1 hash, 2 key DER, 3 signature, 4 text, 5 key PEM} -> {1 result, 2 error}."""
    if not hashes:
        call.vm.say_once(INSTALL)
        return Status.UNIMPLEMENTED
    fields = _fields(data, 5)
    if fields is None:
        return Status.BAD_ARGUMENT
    algorithm = _hash(fields)
    if algorithm is None:
        return _answer(False, error=_unknown_hash(fields))
    try:
        key = (
            serialization.load_pem_public_key(fields[5])
            if fields.get(5)
            else serialization.load_der_public_key(fields[2])
        )
    except (ValueError, exceptions.UnsupportedAlgorithm):
        return _answer(False, error="Failed to parse public key")
    signature, text = fields.get(3, b""), fields.get(4, b"")
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, text, padding.PKCS1v15(), algorithm)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, text, ec.ECDSA(algorithm))
        else:
            return _answer(False, error="Failed to verify: unsupported kind of key")
    except (exceptions.InvalidSignature, ValueError):
        return _answer(False, error="Failed to verify digital signature. Error code: 0")
    return _answer(True)


def sign(call: Any, data: bytes) -> Any:
    """Sign: {1 hash, 2 key DER, 3 text, 4 key PEM} -> {1 result, 2 signature, 3 error}."""
    if not hashes:
        call.vm.say_once(INSTALL)
        return Status.UNIMPLEMENTED
    fields = _fields(data, 4)
    if fields is None:
        return Status.BAD_ARGUMENT
    algorithm = _hash(fields)
    if algorithm is None:
        return _answer(False, error=_unknown_hash(fields), error_field=3)
    try:
        key = (
            serialization.load_pem_private_key(fields[4], None)
            if fields.get(4)
            else serialization.load_der_private_key(fields[2], None)
        )
    except (ValueError, TypeError, exceptions.UnsupportedAlgorithm):
        return _answer(False, error="Failed to parse private key", error_field=3)
    text = fields.get(3, b"")
    if isinstance(key, rsa.RSAPrivateKey):
        try:
            return _answer(True, signature=key.sign(text, padding.PKCS1v15(), algorithm))
        except ValueError:
            return _answer(False, error="Failed to sign: the key is too small", error_field=3)
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return _answer(True, signature=key.sign(text, ec.ECDSA(algorithm)))
    return _answer(False, error="Failed to sign: unsupported kind of key", error_field=3)


SIGNATURES = {"verify_signature": verify_signature, "sign": sign}
