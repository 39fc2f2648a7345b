"""R9: whoever may wait for a moment waits for the next call on the spot."""

from __future__ import annotations

from datetime import timedelta

import pytest

from spojka.connections.budget import AccountBudget
from spojka.net.limits import Limit
from tests.connections.test_budget import Clock, clock, refused, taken

__all__ = ["clock"]
pytestmark = pytest.mark.django_db


def test_a_patient_caller_waits_for_the_next_call_and_no_longer(clock: Clock) -> None:
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        clock.forward(seconds=seconds)

    def patient(seconds: float) -> AccountBudget:
        name, limits = "toy:patient", [Limit(60, 10)]
        return AccountBudget(lambda: name, limits, clock=clock, patience=seconds, sleep=sleep)

    taken(patient(0))
    began = clock.now
    for _ in range(57):
        patient(0.3).take()
    # One call after the other, as they come back, and nothing is lost in between.
    assert (clock.now - began).total_seconds() <= 57 / 5.7
    assert max(slept) <= 0.3

    slept.clear()
    patient(0).pause(clock.now + timedelta(seconds=2))
    refused(patient(0.3))
    assert not slept
