"""``python -m benchmarks [NAME …] [--database sqlite|postgresql|both] [--json]``."""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict

from benchmarks.figures import Figure, read
from benchmarks.place import POSTGRESQL, SQLITE, place, postgres_answers

NAMES = ("webhook", "issuer", "backlog", "fairness", "simulation", "pages", "memory")
LONGEST_SECONDS = 900


def main() -> int:
    """Run benchmarks, each in a process and a database of its own; 1 where a goal is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("--database", choices=[SQLITE, POSTGRESQL, "both"], default="both")
    parser.add_argument("--json", action="store_true", help="one JSON array instead of lines")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # whoever stops us stops all
    unknown = set(given.names) - set(NAMES)
    if unknown:
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}")
    databases = [SQLITE, POSTGRESQL] if given.database == "both" else [given.database]
    if POSTGRESQL in databases and not postgres_answers():
        _say("skipped: postgresql (no server answers at BENCHMARK_POSTGRES)")
        databases.remove(POSTGRESQL)
    found: list[dict[str, object]] = []
    short = False
    for database in databases:
        for name in given.names or NAMES:
            for figure in run(name, database):
                short = short or not figure.ok
                load = os.getloadavg()[0]
                if given.json:
                    row = {**asdict(figure), "ok": figure.ok, "database": database, "load": load}
                    found.append(row)
                else:
                    print(f"{database:<10} {figure.line()} · load {load:.1f}", flush=True)
    if given.json:
        print(json.dumps(found, ensure_ascii=False, indent=2))
    return int(short)


def run(name: str, database: str) -> list[Figure]:
    """Run one benchmark and return its figures; none where it cannot run here, which it says."""
    began = time.monotonic()
    command = [sys.executable, "-m", "benchmarks.one", name]
    with (
        place(database) as environment,
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as child,
    ):
        try:
            told, _ = child.communicate(timeout=LONGEST_SECONDS)
        except BaseException:
            child.terminate()  # it ends what it started, and then itself
            raise
    if child.returncode:
        raise SystemExit(f"{name} on {database} failed; its reason stands above")
    _say(f"{name} on {database}: {time.monotonic() - began:.0f} s")
    return read(told.splitlines()[-1])


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
