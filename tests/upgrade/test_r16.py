"""R16: old code runs on the new schema, and old and new code work on one database.

The database is migrated by our code. Then code of earlier commits does everything from the order to
the PDF on it, in turns with ours and, on PostgreSQL, at the same time, as during a rolling upgrade.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.engine import postgres
from tests.upgrade import releases

ROOT = releases.ROOT
AGES = {"the release before": 1, "the oldest": -1}
PATIENCE = 120.0


@dataclass(frozen=True)
class Release:
    """Code, ours or earlier, with the installation that it works on."""

    source: Path
    folder: Path
    database: str = ""

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("SPOJKA_")}
        return {
            **kept,
            "PYTHONPATH": os.pathsep.join((str(self.source), str(ROOT))),
            "SPOJKA_DATA": str(self.folder),
            "SPOJKA_LANGUAGE": "en",
            "DATABASE_URL": self.database,
        }

    def steps(self, *steps: list[Any]) -> list[Any]:
        """Have a process carry out steps; see :mod:`tests.upgrade.steps`."""
        done = subprocess.run(
            [sys.executable, "-m", "tests.upgrade.steps", json.dumps([["where"], *steps])],
            env=self.environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        # A line of the log like these says that something of this code is not there.
        assert "Traceback" not in done.stderr, done.stderr
        where, *told = [json.loads(line) for line in done.stdout.splitlines()]
        assert Path(where).parent == self.source
        return told

    def worker(self) -> subprocess.Popen[bytes]:
        """Start a worker."""
        with (self.folder / "worker.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "spojka", "worker"],
                env=self.environment,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )


@pytest.fixture
def ours(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Release]:
    """Our code and an empty installation; its database is made and migrated by our code."""
    with ExitStack() as stack:
        address = ""
        if request.param == "postgresql":
            try:
                address = stack.enter_context(postgres.database())
            except psycopg.OperationalError as error:
                pytest.skip(f"no PostgreSQL server: {str(error).splitlines()[0]}")
        (tmp_path / "data").mkdir()
        yield Release(ROOT / "src", tmp_path / "data", address)


@pytest.fixture
def old(request: pytest.FixtureRequest, ours: Release, tmp_path: Path) -> Release:
    """Earlier code, on the same installation."""
    for commit in releases.earlier()[:: AGES[request.param]]:
        source = releases.take_out(commit, tmp_path / commit)
        if releases.starts(source):
            return Release(source, ours.folder, ours.database)
    pytest.skip("no earlier code here: the history of git is needed, as a full clone has it")


def whole(told: dict[str, Any]) -> dict[str, list[str]]:
    """Check what must be so whoever worked; return the numbers of the invoices by order."""
    assert told["errors"] == []
    assert told["waiting"] == 0
    given = [number for _, _, _, number in told["documents"] if number]
    assert len(given) == len(set(given))
    finished = [row for row in told["documents"] if row[2] in {"issued", "cancelled"}]
    assert told["pdfs"] == len(finished)
    series: dict[str, list[int]] = {}
    for number in given:
        series.setdefault(number[:-4], []).append(int(number[-4:]))
    for numbers in series.values():
        assert sorted(numbers) == list(range(1, len(numbers) + 1)), "a gap"
    invoices: dict[str, list[str]] = {}
    for order, kind, _, number in told["documents"]:
        if kind == "invoice":
            invoices.setdefault(order, []).append(number)
    return invoices


def all_issued(invoices: dict[str, list[str]], first: int, last: int) -> None:
    for number in range(first, last + 1):
        assert [bool(one) for one in invoices.get(str(number), [])] == [True], number


@pytest.mark.parametrize(
    ("ours", "old"),
    [
        ("sqlite", "the release before"),
        ("sqlite", "the oldest"),
        pytest.param("postgresql", "the release before", marks=pytest.mark.postgres),
    ],
    indirect=True,
)
def test_r16_old_code_does_everything_on_the_new_schema(ours: Release, old: Release) -> None:
    ours.steps(["spojka", "setup"])
    # As a machine does that is restarted while others are upgraded: it must not undo anything.
    ready, demo, _, told = old.steps(["spojka", "setup"], ["spojka", "demo"], ["work"], ["tell"])
    assert (ready["code"], demo["code"]) == (0, 0)
    whole(told)
    states = Counter(state for _, _, state, _ in told["documents"])
    assert states["issued"] >= 15
    assert set(states) <= {"issued", "held"}

    # By turns: each sends and issues, and goes on with what the other one made.
    _, _, after_ours, archive = ours.steps(
        ["send", 9001, 9003], ["work"], ["tell"], ["spojka", "archive", "verify"]
    )
    all_issued(whole(after_ours), 9001, 9003)
    assert after_ours["documents"][: len(told["documents"])] == told["documents"]
    assert archive["code"] == 0

    sent, _, changed, credited, cancelled, _, _, after_old, archive, pages = old.steps(
        ["send", 9004, 9006],
        ["work"],
        ["send", 9001, 9001, {"status": "completed"}],
        ["act", "9002", "credit", {"reason": "goods returned"}],
        ["act", "9003", "cancel"],
        ["work"],
        ["periodic"],
        ["tell"],
        ["spojka", "archive", "verify"],
        ["pages"],
    )
    assert [*sent, *changed] == [202] * 4
    assert (credited, cancelled) == (200, 200)
    all_issued(whole(after_old), 9001, 9006)
    found = {(order, kind): state for order, kind, state, _ in after_old["documents"]}
    assert (found["9002", "credit_note"], found["9003", "invoice"]) == ("issued", "cancelled")
    assert archive["code"] == 0
    assert pages["seen"] >= 50
    assert pages["failed"] == {}

    credited, _, _, last, archive, pages = ours.steps(
        ["act", "9005", "credit", {"reason": "goods returned"}],
        ["work"],
        ["periodic"],
        ["tell"],
        ["spojka", "archive", "verify"],
        ["pages"],
    )
    assert credited == 200
    all_issued(whole(last), 9001, 9006)
    assert archive["code"] == 0
    assert pages["failed"] == {}


@pytest.mark.parametrize(("ours", "old"), [("sqlite", "the release before")], indirect=True)
def test_r16_a_column_that_old_code_misses_is_noticed(ours: Release, old: Release) -> None:
    ours.steps(["spojka", "setup"])
    with closing(sqlite3.connect(ours.folder / "spojka.sqlite3")) as database:
        database.execute("ALTER TABLE orders_order DROP COLUMN shipping_title")
    [demo] = old.steps(["spojka", "demo"])
    assert demo["code"] == 1
    assert "shipping_title" in demo["lines"][0]["error"]["facts"]["detail"]


@pytest.mark.parametrize(("ours", "old"), [("postgresql", "the release before")], indirect=True)
@pytest.mark.postgres
def test_r16_workers_are_replaced_one_by_one(ours: Release, old: Release) -> None:
    ours.steps(["spojka", "setup"], ["spojka", "demo"], ["work"])
    with ExitStack() as stack:
        workers = [_ending(stack, old.worker())]
        old.steps(["send", 9001, 9006])
        eventually(lambda: len(issued(ours)) >= 1, old)
        workers.append(_ending(stack, ours.worker()))
        old.steps(["send", 9007, 9012])
        ours.steps(["send", 9013, 9018])
        eventually(lambda: len(issued(ours)) >= 12, old)
        workers[0].send_signal(signal.SIGTERM)
        assert workers[0].wait(PATIENCE) == 0
        ours.steps(["send", 9019, 9021])
        eventually(lambda: len(issued(ours)) == 21, old)
        workers[1].send_signal(signal.SIGTERM)
        assert workers[1].wait(PATIENCE) == 0
    told, archive = ours.steps(["tell"], ["spojka", "archive", "verify"])
    all_issued(whole(told), 9001, 9021)
    assert archive["code"] == 0


def _ending(stack: ExitStack, process: subprocess.Popen[bytes]) -> subprocess.Popen[bytes]:
    stack.callback(process.wait, PATIENCE)
    stack.callback(process.kill)
    return process


def issued(release: Release) -> list[str]:
    """Return the orders sent by the tests whose invoices are there with their PDFs."""
    query = (
        "SELECT o.number FROM documents_document d JOIN orders_order o ON o.id = d.order_id"
        " WHERE d.state = 'issued' AND o.number LIKE '9%' AND NOT EXISTS"
        " (SELECT 1 FROM documents_effect e WHERE e.document_id = d.id AND e.state <> 'confirmed')"
    )
    with psycopg.connect(release.database, autocommit=True) as database:
        return [row[0] for row in database.execute(query).fetchall()]


def eventually(condition: Callable[[], bool], release: Release) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, (release.folder / "worker.log").read_text("utf-8")
        time.sleep(0.1)
