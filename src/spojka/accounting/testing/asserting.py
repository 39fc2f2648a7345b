"""Imported before its neighbours: their assertions then tell what stood on either side."""

from __future__ import annotations

import pytest

for _name in ("bench", "contract", "operations", "verdict"):
    pytest.register_assert_rewrite(f"spojka.accounting.testing.{_name}")
