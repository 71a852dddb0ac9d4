"""Our assembler against an independent one: every text module of the suite, byte for byte, names included.

Where bytes differ they must differ only in one of the free choices of the binary format: ours is always the
shortest form, and theirs becomes ours when it is decoded and encoded again.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from pywasmvm.binary import decode_module, encode_module
from pywasmvm.config import Features
from pywasmvm.isa.model import Feature
from pywasmvm.testing.suite import features_of
from pywasmvm.testing.wast import DefineModule, Refusal, parse_script

ALL = Features(frozenset(Feature))
# A type use without an index means a final type (spec 6.4, type uses), also one that stands alone in a `rec`.
# wasm-tools takes an open type, too, and never one in a `rec`; the comments in the scripts side with us.
OTHER_IMPLIED_TYPE = {
    "core/gc/type-subtyping.wast:344",
    "core/gc/type-subtyping.wast:373",
    "core/type-rec.wast:45",
    "core/type-rec.wast:185",
    "core/type-rec.wast:197",
}


@pytest.fixture(scope="module")
def wasm_tools() -> str:
    found = shutil.which("wasm-tools", path=str(Path(sys.executable).parent)) or shutil.which("wasm-tools")
    if found is None:
        pytest.skip("wasm-tools is not installed (it is in the extra `test`)")
    return found


def theirs(wasm_tools: str, script: Path, folder: Path) -> list[bytes | None]:
    """Return the binary of each command's module as wasm-tools assembles it, None where there is none."""
    folder.mkdir(parents=True)
    listing = folder / "commands.json"
    command = [wasm_tools, "json-from-wast", str(script), "--wasm-dir", str(folder), "-o", str(listing)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    binaries: list[bytes | None] = []
    for entry in json.loads(listing.read_text("utf-8"))["commands"]:
        is_binary = entry.get("module_type") == "binary"
        name = entry.get("binary_filename") or (entry["filename"] if is_binary else None)
        binaries.append((folder / name).read_bytes() if name else None)
    return binaries


def pairs(wasm_tools: str, script: Path, name: str, folder: Path) -> Iterator[tuple[int, bytes, bytes]]:
    """Yield line, our binary and theirs of every text module that is not malformed."""
    commands = list(parse_script(script.read_bytes(), features_of(name)))
    binaries = theirs(wasm_tools, script, folder)
    assert len(commands) == len(binaries)
    for command, binary in zip(commands, binaries, strict=True):
        if not isinstance(command, (DefineModule, Refusal)) or binary is None:
            continue
        if command.source.form == "binary" or _is_malformed(command):
            continue
        yield command.line, encode_module(command.source.parse(), names=True), binary


def _is_malformed(command: DefineModule | Refusal) -> bool:
    return isinstance(command, Refusal) and command.kind in (
        "malformed",
        "malformed_custom",
        "invalid_custom",
    )


def without_names(binary: bytes) -> bytes:
    """Return the shortest encoding, without name section and without a data count that no body needs."""
    module = decode_module(binary, ALL)
    module.customs = [section for section in module.customs if section.name != "name"]
    module.data_count = None
    return encode_module(module)


def test_same_bytes_over_the_suite(wasm_tools: str, spec_suite: Path, tmp_path: Path) -> None:
    counts: Counter[str] = Counter()
    different = []
    scripts = [*(spec_suite / "core").rglob("*.wast"), *(spec_suite / "custom").rglob("*.wast")]
    for script in sorted(scripts):
        name = script.relative_to(spec_suite).as_posix()
        for line, ours, their in pairs(wasm_tools, script, name, tmp_path / name):
            counts["modules"] += 1
            counts["identical"] += ours == their
            if ours != their and without_names(ours) != without_names(their):
                different.append(f"{name}:{line}")
    assert set(different) == OTHER_IMPLIED_TYPE
    assert counts["modules"] > 5_000
    assert counts["identical"] / counts["modules"] > 0.95


def test_same_bytes_for_the_filters_of_the_record(wasm_tools: str, goldens: Path) -> None:
    from pywasmvm.text import parse_module

    different = []
    for path in sorted((goldens / "wat").glob("*.wat")):
        done = subprocess.run([wasm_tools, "parse", str(path)], check=True, capture_output=True, timeout=60)
        if encode_module(parse_module(path.read_bytes()), names=True) != done.stdout:
            different.append(path.name)
    assert different == []
