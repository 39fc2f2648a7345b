"""The remote accounting system as a process of a test, and what its store says."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = Path(__file__).with_name("package")
"""Put on ``PYTHONPATH``, it makes the system known to Spojka as an installed package would."""


@dataclass(frozen=True, slots=True)
class Remote:
    """A running remote system."""

    url: str
    api_key: str
    store: Path

    def rows(self, query: str) -> list[dict[str, Any]]:
        """Read the system's own store, past its API."""
        with closing(sqlite3.connect(self.store, timeout=20)) as database:
            database.row_factory = sqlite3.Row
            return [dict(row) for row in database.execute(query)]

    def documents(self) -> list[dict[str, Any]]:
        """Every document that was ever made, doubles too."""
        return self.rows("SELECT * FROM document ORDER BY id")

    def keep(self) -> None:
        """Remember the store as it is."""
        self._copy(self.store, self.store.with_suffix(".kept"))

    def go_back(self) -> None:
        """Make the store again what it was when it was kept."""
        self._copy(self.store.with_suffix(".kept"), self.store)

    @staticmethod
    def _copy(source: Path, target: Path) -> None:
        with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(target)) as new:
            old.backup(new)

    def faults(self) -> dict[str, int]:
        """How often each fault struck."""
        rows = self.rows("SELECT fault, count(*) AS times FROM request GROUP BY fault ORDER BY 1")
        return {row["fault"]: row["times"] for row in rows if row["fault"] != "none"}


@contextmanager
def remote_system(
    store: Path, *, seed: int = 0, share: float = 0.0, silence: float = 1.5
) -> Iterator[Remote]:
    """Run a remote system whose requests go wrong in ``share`` of all cases.

    Args:
        store: SQLite file of the system.
        seed: The same seed makes the same faults.
        share: From 0 (never) to 1 (always, until it works at the fourth time).
        silence: How long a request that is not answered is kept, in seconds.
    """
    words = ("--store", store, "--seed", seed, "--share", share, "--silence", silence)
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.remote.server", *map(str, words)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:  # the end of its input ends it
        assert process.stdin is not None
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        try:
            yield Remote(told["url"], told["api_key"], store)
        finally:
            process.stdin.close()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
