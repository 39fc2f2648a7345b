"""Seeds run in several processes, each with an installation of its own in memory."""

from __future__ import annotations

import gc
import logging
import os
from collections import Counter
from collections.abc import Generator, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from multiprocessing import get_context
from time import process_time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.simulation.database import Snapshot
    from tests.simulation.simulator import Report

_stack = ExitStack()
_snapshot: Snapshot | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a seed; ``failure`` is empty where all invariants held."""

    seed: int
    effects: int
    cpu: float
    """Seconds of processor time that it took."""
    failure: str
    happened: Counter[str]


def begin() -> None:
    """Make this process able to simulate."""
    global _snapshot
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "spojka.site.settings")
    import django
    import structlog

    django.setup()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    from tests.simulation import installation

    _snapshot = _stack.enter_context(installation.furnished())
    gc.freeze()  # what is loaded by now is never garbage


def replay(seed: int, orders: int) -> Report:
    """Run one seed in this process, which has begun.

    Raises:
        ViolationError: an invariant did not hold.
    """
    from tests.simulation.simulator import simulate

    assert _snapshot is not None
    return simulate(seed, _snapshot, orders=orders)


def _run(seed: int, orders: int) -> Outcome:
    began = process_time()
    try:
        report = replay(seed, orders)
    except Exception as error:  # whatever goes wrong is a finding: the seed is kept
        return Outcome(seed, 0, 0, f"{type(error).__name__}: {error}", Counter())
    return Outcome(seed, report.effects, process_time() - began, "", report.happened)


def outcomes(seeds: Iterator[int], orders: int, processes: int) -> Generator[Outcome]:
    """Yield outcomes as they come, until whoever asks has enough.

    Twice as many seeds as processes are under way; those that nobody waits for any more are ended.
    """
    # A fresh interpreter each: a copy of this one would share its database connections.
    pool = ProcessPoolExecutor(processes, mp_context=get_context("spawn"), initializer=begin)
    try:
        under_way: set[Future[Outcome]] = {
            pool.submit(_run, seed, orders) for seed in islice(seeds, 2 * processes)
        }
        while under_way:
            ready, under_way = wait(under_way, return_when=FIRST_COMPLETED)
            for future in ready:
                under_way |= {pool.submit(_run, seed, orders) for seed in islice(seeds, 1)}
                yield future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def command(seed: int, orders: int) -> str:
    """Return the command that replays a seed."""
    return f"PYTHONPATH=src .venv/bin/python -m tests.simulation --seed {seed} --orders {orders}"
