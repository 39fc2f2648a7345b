"""Checklists as they are stored and shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from spojka.core import codec
from spojka.core.descriptor import Check, CheckStatus


def stored(checks: Sequence[Check]) -> list[dict[str, Any]]:
    """Return the rows as JSON for the database."""
    return [codec.dump(check) for check in checks]


def loaded(rows: Sequence[dict[str, Any]]) -> list[Check]:
    """Return the rows of :func:`stored`."""
    return [codec.load(Check, row) for row in rows]


def passed(checks: Sequence[Check]) -> bool:
    """Tell whether no necessary row failed."""
    return not any(check.necessary and check.status is CheckStatus.FAIL for check in checks)
