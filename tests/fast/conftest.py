"""What the tests of the compiled engine share."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def project_root() -> Path:
    """Return the checkout."""
    return Path(__file__).resolve().parents[2]
