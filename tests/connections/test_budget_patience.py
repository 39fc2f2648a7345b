"""A call that is about to come back is waited for on the spot, and nothing longer is."""

from __future__ import annotations

from datetime import timedelta

import pytest

from spojka.connections.budget import AccountBudget
from spojka.core.outcome import ThrottledError
from spojka.net.limits import Limit
from tests.connections.test_budget import Clock, taken

pytestmark = pytest.mark.django_db
CALLS = 57


def test_a_patient_caller_waits_for_the_next_call_and_no_longer() -> None:
    clock, slept = Clock(), list[float]()

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        clock.forward(seconds=seconds)

    def waiting(seconds: float) -> AccountBudget:
        name, limits = "toy:patient", [Limit(60, 10)]
        return AccountBudget(lambda: name, limits, clock=clock, patience=seconds, sleep=sleep)

    taken(waiting(0))
    began = clock.now
    for _ in range(CALLS):
        waiting(0.3).take()
    # One call after the other, as they come back: 95 % of six a second.
    assert (clock.now - began).total_seconds() <= CALLS / 5.7
    assert max(slept) <= 0.3

    slept.clear()
    waiting(0).pause(clock.now + timedelta(seconds=2))
    with pytest.raises(ThrottledError):
        waiting(0.3).take()
    assert not slept
