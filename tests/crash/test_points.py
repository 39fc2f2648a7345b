"""R4: the same end state, wherever the worker is killed on the way of one order.

A sample here; ``make crash`` tries every point.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from django.conf import settings

from tests.crash.databases import database
from tests.crash.points import NONE, told, whole_way

tickets = pytest.mark.skipif(settings.QUEUE != "procrastinate", reason="needs PostgreSQL")


def check(folder: Path, system: str, every: int, database: Mapping[str, str] = NONE) -> None:
    """Lead an order its way, dying at every ``every``-th point; something is wrong nowhere."""
    outcomes = whole_way(folder, remote=system == "remote", every=every, settings=database)
    assert not any(outcome.findings for outcome in outcomes.values()), told(system, outcomes)
    tried = [len(outcome.tried) for outcome in outcomes.values()]
    assert min(tried) >= 2, told(system, outcomes)


@pytest.mark.parametrize("system", ["own", "remote"])
def test_r4_the_end_is_the_same_wherever_the_worker_dies(tmp_path: Path, system: str) -> None:
    check(tmp_path, system, 23)


@tickets
@pytest.mark.django_db  # not for this test's own sake: it is among the tests of PostgreSQL then
def test_r4_the_end_is_the_same_where_tickets_are_served(tmp_path: Path) -> None:
    with database("postgres") as made:
        check(tmp_path, "own", 31, made)
