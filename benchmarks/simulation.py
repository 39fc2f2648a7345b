"""Trying a set of rules over 10,000 stored orders."""

from __future__ import annotations

import time
from collections.abc import Iterator

from benchmarks import world
from benchmarks.figures import Figure, Goal
from spojka.documents import rulebook

ORDERS = 10_000
REPEATS = 3


def measure() -> Iterator[Figure]:
    """Report the median of some runs, and the processor time of it, which others cannot spoil."""
    made = world.shop(world.company(mode="observe"))
    world.store(made, ORDERS)
    walls: list[float] = []
    cpus: list[float] = []
    for _ in range(REPEATS):
        wall, cpu = time.perf_counter(), time.process_time()
        found = rulebook.simulate(made.company, limit=ORDERS)
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
        assert found.counts["orders"] == ORDERS
        assert found.counts["invoice"] > ORDERS / 2
    yield Figure(
        f"{ORDERS} orders simulated through rules",
        sorted(walls)[REPEATS // 2],
        10,
        Goal.AT_MOST,
        "s",
        f"{sorted(cpus)[REPEATS // 2]:.1f} s of processor time",
    )
