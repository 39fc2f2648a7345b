"""R1, R2 and the crashes of R4: the whole way of orders under every fault, decided by seeds.

``make soak`` runs as many seeds as one likes; here are the first few.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytest_django import DjangoDbBlocker

from tests.simulation import installation
from tests.simulation.__main__ import command
from tests.simulation.chaos import FAULTS, ViolationError
from tests.simulation.database import Snapshot
from tests.simulation.simulator import Report, simulate

ORDERS = 20
SEEDS = range(1, 3)


@pytest.fixture(scope="module")
def snapshot(django_db_blocker: DjangoDbBlocker) -> Iterator[Snapshot]:
    with django_db_blocker.unblock(), installation.furnished() as made:
        yield made


@pytest.fixture(scope="module")
def reports(snapshot: Snapshot) -> list[Report]:
    found: list[Report] = []
    for seed in SEEDS:
        try:
            found.append(simulate(seed, snapshot, orders=ORDERS))
        except ViolationError as violation:
            pytest.fail(f"{violation}\nreplay: {command(seed, ORDERS)}")
    return found


def test_nothing_is_lost_and_nothing_is_doubled(reports: list[Report]) -> None:
    assert sum(report.effects for report in reports) > 300


def test_everything_went_wrong_that_can(reports: list[Report]) -> None:
    """A simulation in which a fault never happens proves nothing about it."""
    happened = {what for report in reports for what in report.happened}
    assert {fault.name for fault in FAULTS} <= happened
    assert {
        "killed before a commit",
        "killed after a commit",
        "killed before sending",
        "killed after sending",
        "frozen",
        "webhook lost",
    } <= happened


def test_a_seed_replays_exactly(snapshot: Snapshot) -> None:
    first, second = (simulate(99, snapshot, orders=3) for _ in range(2))
    assert first == second
