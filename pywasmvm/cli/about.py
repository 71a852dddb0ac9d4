"""What `pywasmvm --version` tells."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

__all__ = ["version_text"]


def package_version() -> str:
    """Return the installed version, or say that this is a checkout."""
    try:
        return version("pywasmvm")
    except PackageNotFoundError:
        return "(a checkout, not installed)"


def version_text() -> str:
    """Return the lines of `--version`."""
    machine = f"{platform.system()} {platform.machine()}"
    return f"pywasmvm {package_version()}, Python {platform.python_version()} on {machine}"
