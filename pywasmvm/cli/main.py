"""The entry point of the console script. It imports without click, so that a missing click is one line."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from .errors import EXIT_USAGE, guarded, say

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit status; `argv` defaults to that of the process."""
    try:
        from .group import invoke
    except ModuleNotFoundError as error:
        if error.name not in ("click", "rich"):
            raise
        say(f"the command line needs {error.name}, which is not installed: pip install 'pywasmvm[cli]'")
        return EXIT_USAGE
    arguments = list(sys.argv[1:] if argv is None else argv)
    return guarded(lambda: invoke(arguments))
