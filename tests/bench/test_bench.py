"""The bench runs, its tables say what was measured, and wrong use is refused. No figure is judged here."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("click")
pytest.importorskip("rich")

ROOT = Path(__file__).parents[2]


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bench", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)


def test_quick_run_of_our_engines(tmp_path: Path) -> None:
    done = bench("--quick", "--ours", "--out", str(tmp_path), "--json")
    assert done.returncode == 0, done.stderr
    data = json.loads(done.stdout)
    assert json.loads((tmp_path / "bench.json").read_text()) == data
    kernels = {path.stem for path in (ROOT / "bench" / "kernels").glob("*.wasm")}
    for engine in {cell["engine"] for cell in data["cells"]}:
        cells = [cell for cell in data["cells"] if cell["engine"] == engine]
        assert {cell["kernel"] for cell in cells} == kernels
        assert [cell["error"] for cell in cells if cell["error"]] == []
    points = [(s["part"], s["name"], p) for s in data["series"] for p in s["points"]]
    assert [(part, name, p["label"], p["error"]) for part, name, p in points if p["error"]] == []
    assert {part for part, _, _ in points} >= {
        "threads",
        "load",
        "starts",
        "requests",
        "headers",
        "bodies",
        "chains",
    }
    assert "| load, ms" in (tmp_path / "bench.md").read_text()


def test_compare_with_an_earlier_run(tmp_path: Path) -> None:
    options = ("--quick", "--ours", "--part", "kernels", "--kernel", "crc32")
    assert bench(*options, "--out", str(tmp_path)).returncode == 0
    done = bench(*options, "--compare", str(tmp_path / "bench.json"))
    assert done.returncode == 0, done.stderr
    assert "now / then" in done.stdout and "| kernels | pywasmvm python |" in done.stdout


def test_engine_of_a_file_with_a_wrong_answer_fails(tmp_path: Path) -> None:
    commands = tmp_path / "engines.txt"
    commands.write_text(f"liar = {sys.executable} -c print(1) {{wasm}} {{n}}\n")
    done = bench(
        "--quick", "--part", "kernels", "--kernel", "crc32", "-e", "liar", "--commands", str(commands)
    )
    assert done.returncode == 1
    assert "wrong answer" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--engine", "nobody"), "no engine called 'nobody'; there are: pywasmvm fast"),
        (("--kernel", "nothing"), "no kernel called nothing; there are callindirect"),
        (("--part", "nothing"), "'nothing' is not one of"),
        (("--compare", "README.md"), "README.md: not the JSON of a bench run"),
        (("--rounds", "0"), "0 is not in the range"),
    ],
)
def test_wrong_use_is_one_line(arguments: tuple[str, ...], says: str) -> None:
    done = bench(*arguments)
    assert done.returncode == 2
    assert says in done.stderr and "Traceback" not in done.stderr
