"""Files that are derived from the instruction table are what the table gives."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="module")
def generator(project_root: Path) -> ModuleType:
    """The generator, loaded as it loads the table: without the package around it."""
    from importlib.util import module_from_spec, spec_from_file_location

    spec = spec_from_file_location("isa_generate", project_root / "pywasmvm" / "isa" / "generate.py")
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_nothing_is_stale(generator: ModuleType, project_root: Path) -> None:
    stale = [str(path.relative_to(project_root)) for path in generator.stale()]
    assert not stale, f"run python pywasmvm/isa/generate.py: {stale}"


def test_a_changed_file_is_noticed(
    generator: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copies = {}
    for path, render in generator.OUTPUTS.items():
        copy = tmp_path / path.name
        copy.write_text(path.read_text(encoding="utf-8") + " ", encoding="utf-8")
        copies[copy] = render
    monkeypatch.setattr(generator, "OUTPUTS", copies)
    monkeypatch.setattr(generator, "ROOT", tmp_path)
    assert set(generator.stale()) == set(copies)
    assert generator.main(["--check"]) == 1
    assert generator.main([]) == 0
    assert generator.stale() == {}
    assert {copy.name: copy.read_text() for copy in copies} == {
        path.name: path.read_text() for path in _outputs(generator)
    }


def _outputs(generator: ModuleType) -> list[Path]:
    package = generator.PACKAGE
    return [
        package / "engine" / "python" / "_generated_numeric_bits.py",
        package / "_fast" / "_generated_opcodes.pxd",
        package.parent / "docs" / "instructions.md",
    ]


def test_the_script_runs_without_the_package(project_root: Path) -> None:
    """-I keeps the checkout off the path, so an import of the package would fail."""
    script = project_root / "pywasmvm" / "isa" / "generate.py"
    command = [sys.executable, "-I", str(script), "--check"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_bindings_of_the_system_are_fresh(project_root: Path, tmp_path: Path) -> None:
    script = project_root / "pywasmvm" / "runtime" / "generate_system.py"
    subprocess.run([sys.executable, str(script), "--check"], check=True, timeout=60)
    copy = tmp_path / script.name
    copy.write_text(script.read_text("utf-8").replace("int munmap", "long munmap"), "utf-8")
    (tmp_path / "_generated_system.py").write_bytes((script.parent / "_generated_system.py").read_bytes())
    stale = subprocess.run([sys.executable, str(copy), "--check"], capture_output=True, text=True, timeout=60)
    assert (stale.returncode, stale.stdout) == (1, "stale: _generated_system.py\n")
