"""The cache: believed only when it is ours and whole, bounded, shared by processes, and never a failure."""

from __future__ import annotations

import errno
import logging
import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pywasmvm import Config, DecodeError, Engine, Instance, Module, Store, UsageError, ValidationError
from pywasmvm.engine.python import cache as code_cache
from pywasmvm.runtime import cache as cache_module
from pywasmvm.runtime import proofs
from pywasmvm.runtime.cache import Cache, folder_of
from pywasmvm.runtime.module import wat2wasm
from pywasmvm.valid import module as valid_module

GOOD = '(module (func (export "f") (result i32) (i32.const 42)) (data "padding"))'


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    cache_module._said.clear()
    yield
    cache_module._said.clear()
    code_cache._unsaved.clear()  # it would be written when Python ends, to a folder that is gone by then


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(str(tmp_path / "cache"))


def files(cache: Cache) -> list[Path]:
    return sorted(Path(cache.folder).glob("*-*"))


# -- entries ----------------------------------------------------------------------------------------------


def test_what_was_put_can_be_had_by_another_process(cache: Cache) -> None:
    assert cache.get("code", b"k") is None
    cache.put("code", b"k", b"content")
    cache.put("code", b"empty", b"")
    other = Cache(cache.folder)
    assert (other.get("code", b"k"), other.get("code", b"empty")) == (b"content", b"")
    assert other.get("valid", b"k") is None and other.get("code", b"K") is None


def test_everything_is_for_the_user_alone(cache: Cache) -> None:
    cache.put("code", b"k", b"content")
    modes = {path.name.split("-")[0]: path.stat().st_mode & 0o777 for path in Path(cache.folder).iterdir()}
    assert modes == {"code": 0o600, "secret": 0o600}
    assert Path(cache.folder).stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    "change",
    [
        lambda data: b"",
        lambda data: data[:-1],
        lambda data: data + b"x",
        lambda data: data[:-1] + bytes([data[-1] ^ 1]),
        lambda data: bytes([data[0] ^ 1]) + data[1:],
        lambda data: data[:20] + bytes([data[20] ^ 1]) + data[21:],
    ],
)
def test_a_damaged_entry_is_a_miss(
    cache: Cache, change: Callable[[bytes], bytes], caplog: pytest.LogCaptureFixture
) -> None:
    cache.put("code", b"k", b"content")
    (path,) = files(cache)
    path.write_bytes(change(path.read_bytes()))
    with caplog.at_level(logging.WARNING):
        assert cache.get("code", b"k") is None and cache.get("code", b"k") is None
    assert [record.name for record in caplog.records] == ["pywasmvm.cache"]
    cache.put("code", b"k", b"new")
    assert cache.get("code", b"k") == b"new"


def test_an_entry_under_another_name_is_a_miss(cache: Cache) -> None:
    cache.put("code", b"k", b"content")
    (path,) = files(cache)
    path.rename(path.with_name(path.name.replace("code", "valid")))
    assert cache.get("valid", b"k") is None


def test_an_entry_of_another_user_is_a_miss(cache: Cache, tmp_path: Path) -> None:
    foreign = Cache(str(tmp_path / "foreign"))
    foreign.put("code", b"k", b"planted")
    cache.put("code", b"other", b"")
    (planted,) = files(foreign)
    (Path(cache.folder) / planted.name).write_bytes(planted.read_bytes())
    assert cache.get("code", b"k") is None


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="rights as on POSIX")
@pytest.mark.parametrize(
    ("what", "mode"), [("", 0o770), ("", 0o777), ("secret", 0o640), ("secret", 0o604), ("secret", 0o660)]
)
def test_a_cache_that_others_have_a_hand_in_is_not_used(
    cache: Cache, what: str, mode: int, caplog: pytest.LogCaptureFixture
) -> None:
    cache.put("code", b"k", b"content")
    (Path(cache.folder) / what).chmod(mode)
    other = Cache(cache.folder)
    with caplog.at_level(logging.WARNING):
        other.put("code", b"l", b"content")
        assert other.get("code", b"k") is None
        assert other.seal("x", b"y") is None
    assert len(files(cache)) == 1
    assert len(caplog.records) == 1 and "not used" in caplog.text


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="owners as on POSIX")
def test_a_folder_of_somebody_else_is_not_used(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    cache.put("code", b"k", b"content")
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    assert Cache(cache.folder).get("code", b"k") is None


def test_a_damaged_secret_is_not_used(cache: Cache) -> None:
    cache.put("code", b"k", b"content")
    (Path(cache.folder) / "secret").write_bytes(b"short")
    other = Cache(cache.folder)
    assert other.get("code", b"k") is None
    assert other.clear() == 1
    other.put("code", b"k", b"again")
    assert other.get("code", b"k") == b"again"


def test_it_is_bounded_and_keeps_what_was_used_last(cache: Cache) -> None:
    cache.most_bytes = 5000
    for number in range(10):
        cache.put("code", bytes([number]), bytes(1000))
        (path,) = [p for p in files(cache) if p.name.endswith(f"-{number:02x}")]
        os.utime(path, (1000 + number, 1000 + number))
        if number == 4:
            assert cache.get("code", b"\1") is not None, "used again: its time is now"
    kept = {entry.key for entry in cache.entries()}
    assert "01" in kept and "09" in kept and "00" not in kept
    assert sum(entry.nbytes for entry in cache.entries()) <= 5000
    cache.put("code", b"big", bytes(6000))
    assert cache.get("code", b"big") is None and {entry.key for entry in cache.entries()} == kept


def test_leftovers_of_dead_processes_are_removed(cache: Cache) -> None:
    cache.put("code", b"a", b"")
    old, fresh = (Path(cache.folder) / f"new-{name}" for name in ("old", "fresh"))
    for path in (old, fresh):
        path.write_bytes(b"half")
    os.utime(old, (time.time() - 7200,) * 2)
    cache.put("code", b"b", b"")
    assert not old.exists() and fresh.exists()
    assert len(cache.entries()) == 2


def test_a_full_disk_is_no_failure(
    cache: Cache, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    cache.put("code", b"k", b"old")
    real = os.fdopen

    class Full:
        def __init__(self, handle: int) -> None:
            self.file = real(handle, "wb")

        def __enter__(self) -> Full:
            return self

        def __exit__(self, *_: object) -> None:
            self.file.close()

        def write(self, _: bytes) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(cache_module.os, "fdopen", lambda handle, _mode: Full(handle))
    with caplog.at_level(logging.WARNING):
        cache.put("code", b"k", b"new")
        cache.put("code", b"l", b"new")
    assert cache.get("code", b"k") == b"old"
    assert len(caplog.records) == 1 and "No space left on device" in caplog.text
    assert not list(Path(cache.folder).glob("new-*"))


@pytest.mark.parametrize("place", ["file", "file/below", "n" * 300])
def test_a_folder_that_cannot_be_is_no_failure(
    tmp_path: Path, place: str, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("here")
    cache = Cache(str(tmp_path / place))
    with caplog.at_level(logging.WARNING):
        cache.put("code", b"k", b"content")
        assert cache.get("code", b"k") is None
    assert len(caplog.records) == 1


def test_processes_share_it(cache: Cache) -> None:
    script = textwrap.dedent(
        """
        import sys
        from pywasmvm.runtime.cache import Cache
        cache = Cache(sys.argv[1])
        for round in range(200):
            cache.put("code", b"k", bytes([round]) * 50_000)
            found = cache.get("code", b"k")
            assert found is not None and len(set(found)) == 1, "half of one and half of another"
        """
    )
    workers = [subprocess.Popen([sys.executable, "-c", script, cache.folder]) for _ in range(3)]
    assert [worker.wait(60) for worker in workers] == [0, 0, 0]
    assert len(cache.entries()) == 1


def test_the_setting(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    own = os.path.join("/somewhere", "pywasmvm")
    assert [folder_of(value) for value in (False, "", "0", True, "1", "/x", Path("/y"))] == [
        None, None, None, own, own, "/x", "/y",
    ]  # fmt: skip
    monkeypatch.setenv("PYWASMVM_CACHE", str(tmp_path))
    assert Engine().cache is not None and Engine().cache.folder == str(tmp_path)  # type: ignore[union-attr]
    config = Config()
    config.cache = False
    assert Engine(config).cache is None
    with pytest.raises(UsageError, match="cache: expected a bool or a path"):
        config.cache = 3


# -- proofs -----------------------------------------------------------------------------------------------


@pytest.fixture
def validated(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What modules had their bodies validated."""
    monkeypatch.setattr(proofs, "FEWEST_BYTES", 0)
    monkeypatch.setattr("pywasmvm.runtime.module.FEWEST_BYTES", 0)
    seen: list[str] = []
    original = valid_module._Bodies.validate

    def validate(self: Any, progress: Any) -> None:
        seen.append("bodies")
        original(self, progress)

    monkeypatch.setattr(valid_module._Bodies, "validate", validate)
    return seen


@pytest.fixture
def fresh_engine(make_engine: Callable[..., Engine], tmp_path: Path) -> Callable[..., Engine]:
    """Return a maker of engines that share a cache, as processes would."""
    return lambda **settings: make_engine(cache=str(tmp_path / "cache"), **settings)


def answer(engine: Engine, module: Module) -> int:
    store = Store(engine)
    result: int = Instance(store, module, []).exports(store)["f"](store)
    return result


def test_a_module_is_validated_once(fresh_engine: Callable[..., Engine], validated: list[str]) -> None:
    binary = bytes(wat2wasm(GOOD))
    for _ in range(3):
        engine = fresh_engine()
        assert answer(engine, Module(engine, binary)) == 42
    assert validated == ["bodies"]
    changed = binary.replace(b"padding", b"PADDING")
    Module(fresh_engine(), changed)
    assert len(validated) == 2, "another module"


def test_a_proof_is_for_the_same_settings_and_version(
    fresh_engine: Callable[..., Engine], validated: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from pywasmvm import Features, ResourceLimits

    binary = bytes(wat2wasm(GOOD))
    Module(fresh_engine(), binary)
    Module(fresh_engine(limits=ResourceLimits(nesting=50)), binary)
    simd = next(feature for feature in Features().enabled if feature.name == "SIMD")
    Module(fresh_engine(features=Features().without(simd)), binary)
    assert len(validated) == 3
    proofs._stamp.cache_clear()
    monkeypatch.setattr(proofs, "_PARTS", ("isa",))
    Module(fresh_engine(), binary)
    proofs._stamp.cache_clear()
    assert len(validated) == 4


def test_an_invalid_module_leaves_no_proof(fresh_engine: Callable[..., Engine], validated: list[str]) -> None:
    broken = bytes(wat2wasm("(module (func (result i32) (i64.const 1)))"))
    for _ in range(2):
        with pytest.raises(ValidationError, match="type mismatch"):
            Module(fresh_engine(), broken)
    assert len(validated) == 2
    assert fresh_engine().cache.entries() == []  # type: ignore[union-attr]


def test_a_small_module_does_not_bother_the_cache(fresh_engine: Callable[..., Engine]) -> None:
    engine = fresh_engine()
    Module(engine, bytes(wat2wasm(GOOD)))
    assert not os.path.exists(engine.cache.folder)  # type: ignore[union-attr]


# -- serialized modules -----------------------------------------------------------------------------------


def test_a_sealed_module_is_not_validated_again(
    fresh_engine: Callable[..., Engine], validated: list[str], tmp_path: Path
) -> None:
    binary = bytes(wat2wasm(GOOD))
    encoded = Module(fresh_engine(), binary).serialize()
    assert isinstance(encoded, bytearray) and validated == ["bodies"]
    engine = fresh_engine()
    for proof in (tmp_path / "cache").glob("valid-*"):
        proof.unlink()
    path = tmp_path / "module.bin"
    path.write_bytes(encoded)
    for module in (Module.deserialize(engine, encoded), Module.deserialize_file(engine, str(path))):
        assert answer(engine, module) == 42
        assert bytes(module.serialize()) == bytes(encoded)
    assert validated == ["bodies"]


def test_without_the_secret_it_is_validated_again(
    make_engine: Callable[..., Engine],
    fresh_engine: Callable[..., Engine],
    validated: list[str],
    tmp_path: Path,
) -> None:
    sealed = Module(fresh_engine(), bytes(wat2wasm(GOOD))).serialize()
    unsealed = Module(make_engine(), bytes(wat2wasm(GOOD))).serialize()
    validated.clear()
    for engine, encoded in (
        (make_engine(), sealed),
        (make_engine(cache=str(tmp_path / "another")), sealed),
        (fresh_engine(), unsealed),
    ):
        assert answer(engine, Module.deserialize(engine, encoded)) == 42
    assert len(validated) == 3


def test_a_tampered_body_is_never_run(fresh_engine: Callable[..., Engine], validated: list[str]) -> None:
    """An i32.const made an i64.const: with checks of types left out this would run."""
    import hashlib

    encoded = bytes(Module(fresh_engine(), bytes(wat2wasm(GOOD))).serialize())
    assert encoded.count(b"\x41\x2a\x0b") == 1
    tampered = encoded.replace(b"\x41\x2a\x0b", b"\x42\x2a\x0b")
    with pytest.raises(DecodeError, match="damaged"):
        Module.deserialize(fresh_engine(), tampered)
    start = encoded.index(b"\0asm")
    binary = tampered[start:]
    rehashed = encoded[: start - 64] + hashlib.sha256(binary).digest() + encoded[start - 32 : start] + binary
    with pytest.raises(ValidationError, match="type mismatch"):
        Module.deserialize(fresh_engine(), rehashed)


def test_no_flipped_bit_is_believed(fresh_engine: Callable[..., Engine], validated: list[str]) -> None:
    encoded = bytes(Module(fresh_engine(), bytes(wat2wasm(GOOD))).serialize())
    engine = fresh_engine()
    validated.clear()
    for place in range(len(encoded)):
        flipped = encoded[:place] + bytes([encoded[place] ^ 4]) + encoded[place + 1 :]
        before = len(validated)
        try:
            assert answer(engine, Module.deserialize(engine, flipped)) == 42
        except DecodeError:
            continue
        assert len(validated) == before + 1, f"byte {place} was taken on trust"
    with pytest.raises(DecodeError):
        Module.deserialize(engine, encoded[:50])
    with pytest.raises(DecodeError, match="not a module serialized by this version"):
        Module.deserialize(engine, encoded[encoded.index(b"\0asm") :])


def test_text_is_serialized_unsealed(fresh_engine: Callable[..., Engine], validated: list[str]) -> None:
    engine = fresh_engine()
    encoded = Module(engine, GOOD).serialize()
    validated.clear()
    assert answer(engine, Module.deserialize(engine, encoded)) == 42
    assert validated == ["bodies"]
