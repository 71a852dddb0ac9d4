"""Run the command line: `python -m pywasmvm` is the same as `pywasmvm`."""

from __future__ import annotations

import sys

from .cli.main import main

if __name__ == "__main__":
    sys.exit(main())
