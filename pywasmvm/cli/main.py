"""The entry point of the console script. It imports without click, so that a missing click is one line."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from .errors import CLI_LIBRARIES, EXIT_USAGE, guarded, need_library, say

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit status; `argv` defaults to that of the process."""
    try:
        from .group import invoke
    except ModuleNotFoundError as error:
        if error.name not in CLI_LIBRARIES:
            raise
        say(need_library(error.name))
        return EXIT_USAGE
    arguments = list(sys.argv[1:] if argv is None else argv)
    return guarded(lambda: invoke(arguments))
