"""The collection of vendors' documents that lies beside a checkout, where there is one."""

from __future__ import annotations

from pathlib import Path

import pytest


def folder() -> Path:
    """Return SuperFaktura's part of it; the test is skipped where there is none."""
    for parent in Path(__file__).resolve().parents:
        found = parent / "shared" / "data" / "superfaktura"
        if found.is_dir():
            return found
    pytest.skip("the vendor's examples (shared/data/superfaktura) are not beside this checkout")
