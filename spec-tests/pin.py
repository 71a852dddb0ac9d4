"""Write the manifest: python spec-tests/pin.py FOLDER. For when the pinned commits move; read the diff."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

from pywasmvm.testing.suite import features_of
from pywasmvm.testing.wast import Broken, parse_script

MANIFEST = Path(__file__).with_name("manifest.tsv")


def pin(root: Path) -> list[str]:
    """Return a line per script: name, sha256, number of commands. Raise SystemExit if one is unreadable."""
    lines = []
    for path in sorted(root.rglob("*.wast")):
        name = path.relative_to(root).as_posix()
        data = path.read_bytes()
        commands = list(parse_script(data, features_of(name)))
        broken = [command for command in commands if isinstance(command, Broken)]
        if broken:
            raise SystemExit(f"{name}: line {broken[0].line} cannot be read: {broken[0].problem}")
        lines.append(f"{name}\t{hashlib.sha256(data).hexdigest()}\t{len(commands)}")
    return lines


def main() -> None:
    """Rewrite the manifest, remarks kept."""
    remarks = [line for line in MANIFEST.read_text("utf-8").splitlines() if line.startswith("#")]
    MANIFEST.write_text("\n".join([*remarks, *pin(Path(sys.argv[1]))]) + "\n", "utf-8")


if __name__ == "__main__":
    main()
