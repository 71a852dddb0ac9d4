"""The measurement of recorded cases: it runs each case of a folder, and says so when there is none."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

pytest.importorskip("pywasmvm._fast.core", reason="measures the compiled engine")


def test_every_case_of_a_folder(
    project_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(str(project_root))
    from bench.replays import main, measure_replays  # noqa: PLC0415

    scripted = project_root / "tests" / "host" / "scripted"
    for name in ("f0.json", "script.wasm"):
        shutil.copy(scripted / name, tmp_path)
    found = measure_replays([tmp_path])
    assert list(found) == ["f0"]
    assert found["f0"] > 0
    main([str(tmp_path)])
    assert "1 cases: median" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="no cases"):
        main([str(tmp_path / "nothing")])
