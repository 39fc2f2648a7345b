"""R1, R2 and the crashes of R4: the whole way of orders under every fault, decided by seeds.

``make soak`` runs as many seeds as one likes; here are the first few.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from itertools import count

import pytest
from pytest_django import DjangoDbBlocker

from spojka.documents import advance
from spojka.orders import polling
from tests.simulation import installation, seeds
from tests.simulation.chaos import FAULTS, ViolationError
from tests.simulation.database import Snapshot
from tests.simulation.simulator import ORDERS, simulate

EFFECTS = 10_000


@pytest.fixture(scope="module")
def snapshot(django_db_blocker: DjangoDbBlocker) -> Iterator[Snapshot]:
    with django_db_blocker.unblock(), installation.furnished() as made:
        yield made


@pytest.fixture(scope="module")
def outcomes() -> list[seeds.Outcome]:
    """What became of the first seeds, on all processors."""
    found: list[seeds.Outcome] = []
    running = seeds.outcomes(count(1), ORDERS, os.cpu_count() or 1)
    for outcome in running:
        if outcome.failure:
            running.close()
            pytest.fail(f"{outcome.failure}\nreplay: {seeds.command(outcome.seed, ORDERS)}")
        found.append(outcome)
        if sum(one.effects for one in found) >= EFFECTS:
            running.close()
    return found


def test_r1_r2_nothing_is_lost_and_nothing_is_doubled(outcomes: list[seeds.Outcome]) -> None:
    assert sum(outcome.effects for outcome in outcomes) >= EFFECTS


def test_everything_went_wrong_that_can(outcomes: list[seeds.Outcome]) -> None:
    """A simulation in which a fault never happens proves nothing about it."""
    happened = {what for outcome in outcomes for what in outcome.happened}
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


def _send_again_blindly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(advance, "_IN_DOUBT", set())


def _trust_webhooks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polling, "poll_all", lambda: None)


@pytest.mark.parametrize("plant", [_send_again_blindly, _trust_webhooks])
def test_a_planted_bug_is_found(
    snapshot: Snapshot,
    monkeypatch: pytest.MonkeyPatch,
    plant: Callable[[pytest.MonkeyPatch], None],
) -> None:
    plant(monkeypatch)
    with pytest.raises(ViolationError):
        for seed in range(1, 6):
            simulate(seed, snapshot, orders=6)
