"""Workers on several machines, as real processes on PostgreSQL: killed, frozen, told to stop."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psycopg
import pytest

from spojka.engine.carriers import FORGOTTEN, REISSUE
from spojka.engine.leases import LEASE
from tests.engine import postgres

pytestmark = pytest.mark.postgres
SCRIPT = Path(__file__).with_name("process.py")
PATIENCE = 60.0
both_queues = pytest.mark.parametrize("queue", ["procrastinate", "table"])


class Remote(ThreadingHTTPServer):
    """The accounting system: counts what is made, and lets a customer's answer wait."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.made: list[str] = []
        """Every document that was made, in order; a key twice is a duplicate."""
        self.asked = threading.Event()
        """Set when a worker has asked for a customer, before it is answered."""
        self.answers = threading.Event()
        self.answers.set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that was killed while it was answered is a part of the tests."""


class _Handler(BaseHTTPRequestHandler):
    server: Remote

    def do_GET(self) -> None:
        _, what, key = self.path.split("/")
        if what == "customer":
            self.server.asked.set()
            self.server.answers.wait(PATIENCE)
        made = self.server.made
        self._answer({"number": f"R{made.index(key) + 1}" if key in made else ""})

    def do_POST(self) -> None:
        self.server.made.append(self.path.rpartition("/")[2])
        self._answer({"number": f"R{len(self.server.made)}"})

    def _answer(self, data: object) -> None:
        content = json.dumps(data).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        return


@dataclass
class Installation:
    """A database with workers."""

    url: str
    folder: Path
    environment: dict[str, str]
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def run(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, SCRIPT, *arguments],
            env=self.environment,
            capture_output=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode()

    def worker(self, **settings: object) -> subprocess.Popen[bytes]:
        given = {name: str(value) for name, value in settings.items()}
        log = self.folder / f"worker-{len(self.workers)}.log"
        with log.open("wb") as output:
            started = subprocess.Popen(
                [sys.executable, SCRIPT, "work"],
                env={**self.environment, **given},
                stdout=output,
                stderr=output,
            )
        self.workers.append(started)
        return started

    def log(self, worker: subprocess.Popen[bytes]) -> str:
        at = self.workers.index(worker)
        return (self.folder / f"worker-{at}.log").read_text(encoding="utf-8")

    def tell(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self.run("tell"))
        return told

    def query(self, query: str) -> int:
        with psycopg.connect(self.url, autocommit=True) as database:
            row = database.execute(query.encode()).fetchone()
            assert row is not None
            return int(row[0])

    def issued(self) -> bool:
        return not self.query("SELECT count(*) FROM engine_wake") and bool(
            self.query("SELECT count(*) FROM documents_document WHERE state = 'issued'")
        )

    def record(self) -> list[tuple[float, int, str, str]]:
        path = self.folder / "record"
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        rows = [line.split(" ") for line in lines]
        return [(float(at), int(pid), what, key) for at, pid, what, key in rows]

    def served(self, account: str) -> list[str]:
        return [key for _, _, what, key in self.record() if key.startswith(account) and what]


def eventually(condition: Callable[[], bool], told: Callable[[], str] = str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, told()
        time.sleep(0.05)


@pytest.fixture(scope="module")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Make one prepared database for each queue; every test gets a copy."""
    try:
        postgres.server_url()
    except psycopg.OperationalError as error:
        pytest.skip(f"no PostgreSQL server: {str(error).splitlines()[0]}")
    with postgres.database() as procrastinate, postgres.database() as table:
        made = {"procrastinate": procrastinate, "table": table}
        for queue, url in made.items():
            folder = tmp_path_factory.mktemp(queue)
            Installation(url, folder, _environment(url, queue, folder)).run("prepare", "1")
        yield made


def _environment(url: str, queue: str, folder: Path) -> dict[str, str]:
    return {
        **os.environ,
        "DATABASE_URL": url,
        "SPOJKA_QUEUE": queue,
        "SPOJKA_DATA": str(folder),
        "SPOJKA_ALLOWED_NETWORKS": "127.0.0.0/8",
        "SPOJKA_WORKER_THREADS": "4",
        "SPOJKA_LEASE_SECONDS": "2",
        "SPOJKA_LOOK_UP_SECONDS": "0.2,0.2,0.2",
        "ENGINE_RECORD": str(folder / "record"),
    }


@pytest.fixture
def remote() -> Iterator[Remote]:
    with Remote() as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield server
        server.answers.set()
        server.shutdown()


@pytest.fixture
def queue() -> str:
    return "procrastinate"


@pytest.fixture
def installation(
    templates: dict[str, str], queue: str, remote: Remote, tmp_path: Path
) -> Iterator[Installation]:
    with postgres.database(templates[queue]) as url:
        environment = {**_environment(url, queue, tmp_path), "ENGINE_REMOTE": remote.url}
        made = Installation(url, tmp_path, environment)
        yield made
        for worker in made.workers:
            worker.kill()
            worker.wait()


def sending(installation: Installation, remote: Remote, **settings: object) -> Any:
    """Start a worker, and return it when it is in the midst of making the document."""
    remote.answers.clear()
    worker = installation.worker(**settings)
    eventually(remote.asked.is_set, lambda: installation.log(worker))
    remote.asked.clear()
    return worker


def exactly_one(installation: Installation, remote: Remote) -> None:
    told = installation.tell()
    assert told["documents"] == [["issued", "R1"]]
    assert told["archive"]
    assert len(remote.made) == 1


@both_queues
def test_a_killed_worker_is_taken_over(installation: Installation, remote: Remote) -> None:
    worker = sending(installation, remote)
    worker.kill()
    worker.wait()
    remote.answers.set()
    heir = installation.worker()
    eventually(installation.issued, lambda: installation.log(heir))
    exactly_one(installation, remote)


def test_it_is_taken_over_within_a_minute() -> None:
    assert (LEASE + FORGOTTEN + REISSUE).total_seconds() <= 60


@both_queues
def test_a_frozen_worker_that_wakes_up_sends_nothing(
    installation: Installation, remote: Remote
) -> None:
    worker = sending(installation, remote)
    worker.send_signal(signal.SIGSTOP)
    remote.answers.set()  # the frozen one would go on with its second request
    heir = installation.worker()
    eventually(installation.issued, lambda: installation.log(heir))
    worker.send_signal(signal.SIGCONT)
    eventually(lambda: "lease lost" in installation.log(worker), lambda: installation.log(worker))
    exactly_one(installation, remote)
    worker.terminate()
    assert worker.wait(PATIENCE) == 0


def test_a_slow_answer_does_not_lose_the_lease(installation: Installation, remote: Remote) -> None:
    worker = sending(installation, remote)
    other = installation.worker()
    time.sleep(6)  # three times the lease
    remote.answers.set()
    eventually(installation.issued, lambda: installation.log(worker) + installation.log(other))
    exactly_one(installation, remote)
    assert installation.query("SELECT max(attempt) FROM documents_effect") == 1
    assert "lease lost" not in installation.log(worker)


@both_queues
def test_what_is_being_done_is_finished_before_a_stop(
    installation: Installation, remote: Remote
) -> None:
    worker = sending(installation, remote)
    worker.terminate()
    time.sleep(1)
    assert worker.poll() is None
    remote.answers.set()
    assert worker.wait(PATIENCE) == 0
    exactly_one(installation, remote)
    assert installation.query("SELECT max(attempt) FROM documents_effect") == 1


def test_what_takes_longer_than_a_stop_may_is_handed_to_others(
    installation: Installation, remote: Remote
) -> None:
    worker = sending(installation, remote, ENGINE_STOP_SECONDS=0.5, SPOJKA_LEASE_SECONDS=600)
    worker.terminate()
    assert worker.wait(PATIENCE) == 0
    assert installation.tell()["leased"] == 0
    remote.answers.set()
    heir = installation.worker(SPOJKA_LEASE_SECONDS=600)
    eventually(installation.issued, lambda: installation.log(heir))
    exactly_one(installation, remote)


@both_queues
def test_wakes_are_shared_and_each_is_served_once(installation: Installation) -> None:
    workers = [installation.worker(ENGINE_SERVE_SECONDS=0.02) for _ in range(2)]
    installation.run("wake", "100", "a")
    eventually(lambda: len(installation.served("a")) >= 100, lambda: installation.log(workers[0]))
    eventually(installation.issued)
    assert sorted(installation.served("a")) == sorted(f"a-{number}" for number in range(100))
    assert len({pid for _, pid, what, _ in installation.record() if what == "served"}) == 2
    if "procrastinate" in installation.environment["SPOJKA_QUEUE"]:
        # Nothing is left of finished tickets.
        eventually(lambda: not installation.query("SELECT count(*) FROM procrastinate_jobs"))


def test_a_periodic_task_runs_once_for_all_workers(installation: Installation) -> None:
    workers = [installation.worker() for _ in range(2)]

    def ticks() -> list[float]:
        return [at for at, _, what, _ in installation.record() if what == "tick"]

    eventually(lambda: len(ticks()) >= 5, lambda: installation.log(workers[0]))
    assert all(worker.poll() is None for worker in workers)
    gaps = [later - earlier for earlier, later in zip(ticks(), ticks()[1:], strict=False)]
    # Claimed at most once a second; the rest is how long a line took to be written.
    assert min(gaps) > 0.5


@both_queues
def test_a_full_account_keeps_nobody_waiting(installation: Installation) -> None:
    installation.run("fill", "50000", "full")
    worker = installation.worker(ENGINE_SERVE_SECONDS=0.1)
    eventually(lambda: len(installation.served("full")) >= 5, lambda: installation.log(worker))
    installation.run("wake", "3", "small")
    woken = time.time()
    eventually(lambda: len(installation.served("small")) == 3, lambda: installation.log(worker))
    # Not by the clock, which other work on the machine stretches, but by who came before it.
    last = max(at for at, _, _, key in installation.record() if key.startswith("small"))
    before = [key for at, _, _, key in installation.record() if woken < at < last and "full" in key]
    assert len(before) < 50, "turns of the full account, while the small one waited"


@pytest.mark.parametrize("queue", ["procrastinate"])
def test_a_lost_ticket_costs_seconds_and_no_document(
    installation: Installation, remote: Remote
) -> None:
    installation.query(
        "WITH gone AS (DELETE FROM procrastinate_jobs RETURNING 1) SELECT count(*) FROM gone"
    )
    worker = installation.worker()
    eventually(installation.issued, lambda: installation.log(worker))
    exactly_one(installation, remote)
