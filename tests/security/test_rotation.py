"""R12: ten thousand secrets are sealed anew while readers run, killed in between, and run again."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
COUNT = 10_000
READERS = 2


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    kept = {name: text for name, text in os.environ.items() if not name.startswith("SPOJKA_")}
    kept.pop("DATABASE_URL", None)
    return {
        **kept,
        "PYTHONPATH": os.pathsep.join((str(ROOT / "src"), str(ROOT))),
        "SPOJKA_DATA": str(tmp_path / "data"),
        "SPOJKA_LANGUAGE": "en",
    }


def spawn(environment: dict[str, str], *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", *words],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def run(environment: dict[str, str], *words: str) -> list[Any]:
    process = spawn(environment, *words)
    out, _ = process.communicate(timeout=240)
    assert process.returncode == 0, out
    return [json.loads(line) for line in out.splitlines()]


def sealed_with(environment: dict[str, str], key: str) -> int:
    """Count past Spojka what a key seals."""
    path = Path(environment["SPOJKA_DATA"]) / "spojka.sqlite3"
    with closing(sqlite3.connect(path, timeout=20)) as database:
        [(count,)] = database.execute(
            "SELECT count(*) FROM connections_secret WHERE key_id = ?", (key,)
        ).fetchall()
    return int(count)


@contextmanager
def reading(environment: dict[str, str]) -> Iterator[list[dict[str, Any]]]:
    """Have readers run; their counts are there after the block."""
    readers = [
        spawn(environment, "tests.security.readers", "read", str(COUNT)) for _ in range(READERS)
    ]
    for reader in readers:
        assert reader.stdout is not None
        assert reader.stdout.readline() == "reading\n"
    results: list[dict[str, Any]] = []
    try:
        yield results
    finally:
        results += [json.loads(reader.communicate("stop\n", timeout=60)[0]) for reader in readers]


def test_r12_rotation_of_ten_thousand_secrets_with_readers_and_a_kill(
    environment: dict[str, str],
) -> None:
    [filled] = run(environment, "tests.security.readers", "fill", str(COUNT))
    with reading(environment) as results:
        [added] = run(environment, "spojka", "keys", "add", "--json")
        new = added["key"]

        rotation = spawn(environment, "spojka", "keys", "rotate", "--json")
        deadline = time.monotonic() + 120
        while not sealed_with(environment, new) and time.monotonic() < deadline:
            time.sleep(0.005)
        rotation.send_signal(signal.SIGKILL)
        rotation.communicate()
        done = sealed_with(environment, new)
        assert 0 < done < COUNT, "killed in the middle"

        [rest] = run(environment, "spojka", "keys", "rotate", "--json")
        assert rest == {"done": COUNT - done, "left": 0, "failed": []}
        run(environment, "spojka", "keys", "retire", filled["key"], "--json")
    assert sum(result["calls"] for result in results) > 100
    assert [result["failed"] for result in results] == [[]] * READERS
    assert sealed_with(environment, new) == COUNT
