"""Many seeds, in several processes, resumable: ``make soak``.

``python -m tests.simulation`` runs seeds until so many effects were simulated; what was done is
kept in a file, one line a seed, so that a run that was stopped goes on. ``--seed N`` replays one.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from itertools import count
from pathlib import Path

from tests.simulation import seeds

MILLION = 1_000_000


def _replay(seed: int, orders: int) -> None:
    """Run one seed in this process, with its traceback and what happened."""
    seeds.begin()
    report = seeds.replay(seed, orders)
    print(report)  # noqa: T201
    for what, times in sorted(report.happened.items()):
        print(f"  {times:6} {what}")  # noqa: T201


def _done(path: Path, orders: int) -> dict[int, int]:
    """Return effects by seed of what was simulated before."""
    if not path.exists():
        return {}
    rows = [json.loads(row) for row in path.read_text(encoding="utf-8").splitlines()]
    return {row["seed"]: row["effects"] for row in rows if row["orders"] == orders}


def _soak(options: argparse.Namespace) -> int:
    done = _done(options.state, options.orders)
    total, here, failures = sum(done.values()), 0, 0
    cpu, began = 0.0, time.monotonic()
    if done:
        print(f"{len(done)} seeds with {total:,} effects were simulated before")  # noqa: T201
    todo = (seed for seed in count(options.first) if seed not in done)
    options.state.parent.mkdir(parents=True, exist_ok=True)
    with options.state.open("a", encoding="utf-8") as state:
        for outcome in seeds.outcomes(todo, options.orders, options.processes):
            if outcome.failure:
                failures += 1
                print(f"seed {outcome.seed}: {outcome.failure}")  # noqa: T201
                print(f"  replay: {seeds.command(outcome.seed, options.orders)}", flush=True)  # noqa: T201
            else:
                row = {"seed": outcome.seed, "orders": options.orders, "effects": outcome.effects}
                state.write(json.dumps(row) + "\n")
                state.flush()
            total, here = total + outcome.effects, here + outcome.effects
            cpu += outcome.cpu
            seconds = time.monotonic() - began
            if total >= options.effects or seconds >= options.seconds:
                break
    rate = here / seconds
    left = max(options.effects - total, 0) / rate / 60 if rate else 0
    print(  # noqa: T201
        f"{total:,} of {options.effects:,} effects, {failures} violations; "
        f"{here:,} now in {seconds:.0f} s ({cpu:.0f} s of processor time), {rate:.1f}/s; "
        f"the rest takes {left:.0f} min"
    )
    return 1 if failures else 0


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
