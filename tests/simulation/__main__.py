"""Many seeds, in several processes, resumable: ``make soak``.

``python -m tests.simulation`` runs seeds until so many effects were simulated; what was done is
kept in a file, one line a seed, so that a run that was stopped goes on. ``--seed N`` replays one.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.simulation.database import Snapshot

MILLION = 1_000_000
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


def _begin() -> None:
    """Make this process able to simulate."""
    global _snapshot
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "spojka.site.settings")
    import django
    import structlog

    django.setup()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    from tests.simulation import installation

    _snapshot = _stack.enter_context(installation.furnished())


def _run(seed: int, orders: int) -> Outcome:
    from tests.simulation.simulator import simulate

    assert _snapshot is not None
    began = time.process_time()
    try:
        report = simulate(seed, _snapshot, orders=orders)
    except Exception as error:  # whatever goes wrong is a finding: the seed is kept
        return Outcome(seed, 0, 0, f"{type(error).__name__}: {error}")
    return Outcome(seed, report.effects, time.process_time() - began, "")


def _replay(seed: int, orders: int) -> None:
    """Run one seed in this process, with its traceback and what happened."""
    _begin()
    from tests.simulation.simulator import simulate

    assert _snapshot is not None
    report = simulate(seed, _snapshot, orders=orders)
    print(report)  # noqa: T201
    for what, times in sorted(report.happened.items()):
        print(f"  {times:6} {what}")  # noqa: T201


def _done(path: Path, orders: int) -> dict[int, int]:
    """Return effects by seed of what was simulated before."""
    if not path.exists():
        return {}
    rows = [json.loads(row) for row in path.read_text(encoding="utf-8").splitlines()]
    return {row["seed"]: row["effects"] for row in rows if row["orders"] == orders}


def _outcomes(
    pool: ProcessPoolExecutor, seeds: Iterator[int], orders: int, processes: int
) -> Iterator[Outcome]:
    """Yield outcomes as they come; twice as many seeds as processes are under way."""
    under_way: set[Future[Outcome]] = {
        pool.submit(_run, seed, orders) for seed in islice(seeds, 2 * processes)
    }
    while under_way:
        ready, under_way = wait(under_way, return_when=FIRST_COMPLETED)
        for future in ready:
            under_way.add(pool.submit(_run, next(seeds), orders))
            yield future.result()


def _soak(options: argparse.Namespace) -> int:
    done = _done(options.state, options.orders)
    total, here, failures = sum(done.values()), 0, 0
    cpu, began = 0.0, time.monotonic()
    if done:
        print(f"{len(done)} seeds with {total:,} effects were simulated before")  # noqa: T201
    seeds = (seed for seed in count(options.first) if seed not in done)
    options.state.parent.mkdir(parents=True, exist_ok=True)
    with (
        options.state.open("a", encoding="utf-8") as state,
        ProcessPoolExecutor(options.processes, initializer=_begin) as pool,
    ):
        for outcome in _outcomes(pool, seeds, options.orders, options.processes):
            if outcome.failure:
                failures += 1
                print(f"seed {outcome.seed}: {outcome.failure}")  # noqa: T201
                print(f"  replay: {command(outcome.seed, options.orders)}", flush=True)  # noqa: T201
            else:
                row = {"seed": outcome.seed, "orders": options.orders, "effects": outcome.effects}
                state.write(json.dumps(row) + "\n")
                state.flush()
            total, here = total + outcome.effects, here + outcome.effects
            cpu += outcome.cpu
            seconds = time.monotonic() - began
            if total >= options.effects or seconds >= options.seconds:
                pool.shutdown(cancel_futures=True)
                break
    rate = here / seconds
    left = max(options.effects - total, 0) / rate / 60 if rate else 0
    print(  # noqa: T201
        f"{total:,} of {options.effects:,} effects, {failures} violations; "
        f"{here:,} now in {seconds:.0f} s ({cpu:.0f} s of processor time), {rate:.1f}/s; "
        f"the rest takes {left:.0f} min"
    )
    return 1 if failures else 0


def command(seed: int, orders: int) -> str:
    """Return the command that replays a seed."""
    return f"PYTHONPATH=src .venv/bin/python -m tests.simulation --seed {seed} --orders {orders}"


def main() -> int:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, help="replay this seed only")
    parser.add_argument("--orders", type=int, default=40, help="orders of each of three shops")
    parser.add_argument("--effects", type=int, default=MILLION, help="stop after so many effects")
    parser.add_argument("--seconds", type=float, default=1e9, help="stop after so long")
    parser.add_argument("--first", type=int, default=1, help="first seed")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--state", type=Path, default=Path("var/soak.jsonl"))
    options = parser.parse_args()
    if options.seed is not None:
        _replay(options.seed, options.orders)
        return 0
    return _soak(options)


if __name__ == "__main__":
    sys.exit(main())
