"""R1, R2, R4: the whole way of orders under every fault, decided by seeds."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytest_django import DjangoDbBlocker

from tests.simulation import installation
from tests.simulation.database import Snapshot
from tests.simulation.simulator import simulate


@pytest.fixture(scope="module")
def snapshot(django_db_blocker: DjangoDbBlocker) -> Iterator[Snapshot]:
    with django_db_blocker.unblock(), installation.furnished() as made:
        yield made


@pytest.mark.parametrize("seed", range(1, 11))
def test_nothing_is_lost_and_nothing_is_doubled(snapshot: Snapshot, seed: int) -> None:
    simulate(seed, snapshot)
