"""Measure the queues on PostgreSQL: ``python -m tests.engine.rates ORDERS ROUNDS``.

For each queue and one or two workers: how many orders a second go the whole real way of ``advance``
in an accounting system that answers at once, what processor time each takes in workers and in the
database (other work on the machine does not count there), and how soon a new account is served
while 50,000 wakes of another wait. Rounds alternate, so that noise meets all alike; medians count.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import LiteralString

import psycopg

from tests.engine import postgres

SCRIPT = Path(__file__).with_name("process.py")
DONE: LiteralString = (
    "SELECT count(*) FROM documents_effect WHERE kind = 'pdf' AND state = 'confirmed'"
)
BACKENDS: LiteralString = "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
TICKS = os.sysconf("SC_CLK_TCK")


def processor_seconds(pid: int) -> float:
    """Return what a process has used of the processor; 0 where it cannot be seen."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / TICKS


def measure(queue: str, workers: int, orders: int, folder: Path) -> dict[str, float]:
    """Measure one queue once."""
    with postgres.database() as url, psycopg.connect(url, autocommit=True) as database:
        record = folder / f"{queue}-{workers}-{time.time()}"
        environment = {
            **os.environ,
            "DATABASE_URL": url,
            "SPOJKA_QUEUE": queue,
            "SPOJKA_DATA": str(folder),
            "SPOJKA_LOG_LEVEL": "ERROR",
            "SPOJKA_WORKER_THREADS": "4",
            "ENGINE_RECORD": str(record),
            "ENGINE_SERVE_SECONDS": "0.02",
        }

        def run(*words: str) -> subprocess.Popen[bytes]:
            return subprocess.Popen([sys.executable, SCRIPT, *words], env=environment)

        def count() -> int:
            row = database.execute(DONE).fetchone()
            assert row is not None
            return int(row[0])

        def used() -> float:
            backends = [pid for (pid,) in database.execute(BACKENDS)]
            return sum(map(processor_seconds, [*backends, *(one.pid for one in started)]))

        assert run("prepare", str(orders)).wait() == 0
        started = [run("work") for _ in range(workers)]
        try:
            while (first := count()) < orders // 10:
                time.sleep(0.02)
            since, before = time.perf_counter(), used()
            while (last := count()) < orders:
                time.sleep(0.02)
            seconds, processor = time.perf_counter() - since, used() - before
            assert run("fill", "50000", "full").wait() == 0
            while not record.exists() or " full-" not in record.read_text(encoding="utf-8"):
                time.sleep(0.05)
            assert run("wake", "1", "small").wait() == 0
            while " small-0" not in record.read_text(encoding="utf-8"):
                time.sleep(0.02)
        finally:
            for one in started:
                one.kill()
                one.wait()
        lines = [line.split() for line in record.read_text(encoding="utf-8").splitlines()]
        woken = next(float(line[0]) for line in lines if line[2:] == ["woken", "small-0"])
        served = next(float(line[0]) for line in lines if line[2:] == ["served", "small-0"])
        return {
            "orders/s": (last - first) / seconds,
            "ms processor/order": processor / (last - first) * 1000,
            "s until another account is served": served - woken,
        }


def main() -> None:
    orders, rounds = int(sys.argv[1]), int(sys.argv[2])
    found: dict[tuple[int, str], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(rounds):
            for workers in (1, 2):
                for queue in ("table", "procrastinate"):
                    for name, value in measure(queue, workers, orders, Path(folder)).items():
                        found[workers, queue][name].append(value)
    for (workers, queue), figures in found.items():
        medians = ", ".join(f"{statistics.median(got):.2f} {name}" for name, got in figures.items())
        sys.stdout.write(f"{queue}, {workers} worker(s): {medians}\n")


if __name__ == "__main__":
    main()
