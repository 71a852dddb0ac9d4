"""Fetch the official test scripts: python spec-tests/download.py FOLDER, then WASM_SPEC_SUITE=FOLDER.

Takes the pinned commits from GitHub and only what the manifest lists; another sha256 is an error.
"""

from __future__ import annotations

import hashlib
import io
import re
import sys
import tarfile
import urllib.request
from pathlib import Path

from pywasmvm.testing.suite import Pin, read_manifest

MANIFEST = Path(__file__).with_name("manifest.tsv")
ARCHIVE = "{repository}/archive/{commit}.tar.gz"
_SOURCE = re.compile(r"# source (\S+) ([0-9a-f]{40})")
_TIMEOUT_SECONDS = 120


def sources(manifest: Path = MANIFEST) -> list[tuple[str, str]]:
    """Return the repositories and commits that the manifest names."""
    return _SOURCE.findall(manifest.read_text("utf-8"))


def pinned_name(member: str) -> str:
    """Return the manifest's name of a file in an archive: without the archive's top folder and `test/`."""
    return member.partition("/")[2].removeprefix("test/")


def extract(archive: bytes, pins: dict[str, Pin]) -> dict[str, bytes]:
    """Return name -> content of the pinned scripts in a gzipped tar archive that have the pinned sha256."""
    found = {}
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as tar:
        for member in tar:
            name = pinned_name(member.name)
            file = tar.extractfile(member) if name in pins and member.isfile() else None
            if file is not None:
                data = file.read()
                if hashlib.sha256(data).hexdigest() == pins[name].sha256:
                    found[name] = data
    return found


def main() -> None:
    """Download into the folder that the command line names."""
    folder = Path(sys.argv[1])
    pins = read_manifest(MANIFEST)
    found: dict[str, bytes] = {}
    for repository, commit in sources():
        url = ARCHIVE.format(repository=repository, commit=commit)
        print(f"fetching {url}")
        with urllib.request.urlopen(url, timeout=_TIMEOUT_SECONDS) as response:
            # why: both repositories may hold a script of a name; only the one with the pinned content counts.
            found = {**extract(response.read(), pins), **found}
    missing = sorted(pins.keys() - found.keys())
    if missing:
        raise SystemExit(f"{len(missing)} scripts are missing or altered, the first is {missing[0]}")
    for name, data in found.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    print(f"{len(found)} scripts in {folder}")


if __name__ == "__main__":
    main()
