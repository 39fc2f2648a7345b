"""The long drills, as ``make crash`` runs them.

``python -m tests.crash --database sqlite --orders 300 --kills 30`` kills processes at random,
``python -m tests.crash --points 1`` kills the worker at every boundary of the way of one order;
with ``--database postgres`` it is one that serves tickets of Procrastinate.
"""

from __future__ import annotations

import argparse
import secrets
import sys
import tempfile
from pathlib import Path

from tests.crash.databases import database, server_answers
from tests.crash.drill import Course, replay, run
from tests.crash.points import told, whole_way


def points(every: int, kind: str) -> int:
    """Try every ``every``-th crash point on both systems; return 1 where something is wrong."""
    wrong = 0
    for system in ("own", "remote"):
        with tempfile.TemporaryDirectory() as folder, database(kind) as settings:
            outcomes = whole_way(
                Path(folder), remote=system == "remote", every=every, settings=settings
            )
        sys.stdout.write(f"{told(f'{system} on {kind}', outcomes)}\n")
        sys.stdout.flush()
        wrong += sum(len(outcome.findings) for outcome in outcomes.values())
    return min(wrong, 1)


def main() -> int:
    """Run one drill and print its figures; return 1 where something is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash")
    parser.add_argument("--database", choices=["sqlite", "postgres"], default="sqlite")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6))
    parser.add_argument("--orders", type=int, default=300, help="for each of two companies")
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--every", type=float, default=4.0, help="seconds between two kills")
    parser.add_argument("--share", type=float, default=0.25, help="of requests that go wrong")
    parser.add_argument("--silence", type=float, default=31.0, help="seconds without an answer")
    parser.add_argument("--points", type=int, help="instead: try every n-th crash point")
    given = parser.parse_args()
    postgres = given.database == "postgres"
    if postgres and not server_answers():
        sys.stdout.write("skipped: no PostgreSQL server answers (SPOJKA_CRASH_POSTGRES)\n")
        return 0
    if given.points:
        return points(given.points, given.database)
    with tempfile.TemporaryDirectory() as folder, database(given.database) as settings:
        course = Course(
            seed=given.seed,
            orders=given.orders,
            kills=given.kills,
            every=given.every,
            share=given.share,
            silence=given.silence,
            workers=2 if postgres else 1,
            never_back=postgres,
            settings={"SPOJKA_WORKER_THREADS": "8", "SPOJKA_POLL_MINUTES": "1", **settings},
            limit=900,
        )
        sys.stdout.write(f"{replay(course, given.database)}\n")
        sys.stdout.flush()
        verdict = run(course, Path(folder))
    sys.stdout.write(f"{verdict}\n{'FAILED' if verdict.findings else 'passed'}\n")
    return 1 if verdict.findings else 0


if __name__ == "__main__":
    sys.exit(main())
