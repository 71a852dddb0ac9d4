"""What `pywasmvm --version` tells."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

from ..errors import UnsupportedError

__all__ = ["version_text"]


def package_version() -> str:
    """Return the installed version, or say that this is a checkout."""
    try:
        return version("pywasmvm")
    except PackageNotFoundError:
        return "(a checkout, not installed)"


def why_not_compiled() -> str:
    """Return why the compiled engine cannot run here, "" if it can."""
    from .. import Config, Engine

    config = Config()
    config.engine = "cython"
    try:
        Engine(config).backend  # noqa: B018 - loading it is the test
    except (UnsupportedError, ImportError) as error:
        return str(error)
    return ""


def version_text() -> str:
    """Return the lines of `--version`."""
    from .. import Engine

    machine = f"{platform.system()} {platform.machine()}"
    first = f"pywasmvm {package_version()}, Python {platform.python_version()} on {machine}"
    missing = why_not_compiled()
    try:
        backend = Engine().backend
    except (UnsupportedError, ImportError) as error:
        return f"{first}\nengine: none, this installation is broken: {error}"
    how_built = getattr(backend, "how_built", None)
    if how_built is not None:
        reason = f"the compiled one: {how_built()}"
    elif missing:
        reason = f"because the compiled engine is not there ({missing})"
    else:
        reason = "because PYWASMVM_ENGINE says so"
    return f"{first}\nengine: {backend.name}, {reason}"
