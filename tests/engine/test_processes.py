"""Workers on several machines, as real processes on PostgreSQL: killed, frozen, told to stop."""

from __future__ import annotations

import json
import os
import queue as queues
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import uuid4

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


class Nursery:
    """Starts processes that need not load everything anew: they are forked from one that has."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, SCRIPT, "fork"],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._started: queues.Queue[int] = queues.Queue()
        self.ended: dict[int, int] = {}
        """Exit status by process id; the number of the signal, negative, for the killed."""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            match json.loads(line):
                case ["started", pid]:
                    self._started.put(pid)
                case ["ended", pid, status]:
                    self.ended[pid] = status

    def start(
        self, command: str, arguments: Sequence[str], environment: dict[str, str], output: Path
    ) -> Process:
        assert self._process.stdin is not None
        told = {"command": command, "arguments": arguments, "environment": environment}
        self._process.stdin.write(json.dumps({**told, "output": str(output)}) + "\n")
        self._process.stdin.flush()
        return Process(self, self._started.get(timeout=PATIENCE), output)

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        assert self._process.wait(PATIENCE) == 0
        self._reader.join(PATIENCE)
        assert self._process.stdout is not None
        self._process.stdout.close()


@dataclass(frozen=True)
class Process:
    """A process of an installation."""

    nursery: Nursery
    pid: int
    output: Path

    @property
    def lives(self) -> bool:
        return self.pid not in self.nursery.ended

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def wait(self) -> int:
        """Wait until it has ended; return its exit status."""
        eventually(lambda: not self.lives, self.log)
        return self.nursery.ended[self.pid]

    def kill(self) -> None:
        if self.lives:
            self.signal(signal.SIGKILL)
            self.wait()

    def log(self) -> str:
        return self.output.read_text(encoding="utf-8")


@dataclass
class Installation:
    """A database with workers."""

    url: str
    folder: Path
    environment: dict[str, str]
    nursery: Nursery
    workers: list[Process] = field(default_factory=list)

    def start(self, command: str, *arguments: str, **settings: object) -> Process:
        given = {name: str(value) for name, value in settings.items()}
        output = self.folder / f"{uuid4().hex}.log"
        return self.nursery.start(command, arguments, {**self.environment, **given}, output)

    def run(self, *arguments: str) -> str:
        process = self.start(*arguments)
        assert process.wait() == 0, process.log()
        return process.log()

    def worker(self, **settings: object) -> Process:
        self.workers.append(self.start("work", **settings))
        return self.workers[-1]

    def tell(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self.run("tell"))
        return told

    def query(self, query: str) -> int:
        with psycopg.connect(self.url, autocommit=True) as database:
            row = database.execute(query.encode()).fetchone()
            assert row is not None
            return int(row[0])

    def issued(self) -> bool:
        return not self.query("SELECT count(*) FROM engine_wake") and self.issued_something()

    def issued_something(self) -> bool:
        return bool(self.query("SELECT count(*) FROM documents_document WHERE state = 'issued'"))

    def record(self) -> list[tuple[float, int, str, str]]:
        path = self.folder / "record"
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        rows = [line.split(" ") for line in lines]
        return [(float(at), int(pid), what, key) for at, pid, what, key in rows]

    def served(self, account: str) -> list[str]:
        return [
            key for _, _, what, key in self.record() if what == "served" and key.startswith(account)
        ]


def eventually(condition: Callable[[], bool], told: Callable[[], str] = str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, told()
        time.sleep(0.05)


@dataclass(frozen=True)
class Base:
    """A prepared database of which every test gets a copy, and what starts its processes."""

    url: str
    nursery: Nursery


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Base]]:
    """Make one base for each queue."""
    try:
        postgres.server_url()
    except psycopg.OperationalError as error:
        pytest.skip(f"no PostgreSQL server: {str(error).splitlines()[0]}")
    with ExitStack() as stack:
        made = {}
        for queue in ("procrastinate", "table"):
            url = stack.enter_context(postgres.database())
            folder = tmp_path_factory.mktemp(queue)
            environment = _environment(url, queue, folder)
            nursery = stack.enter_context(closing(Nursery(environment)))
            Installation(url, folder, environment, nursery).run("prepare", "1")
            made[queue] = Base(url, nursery)
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
    bases: dict[str, Base], queue: str, remote: Remote, tmp_path: Path
) -> Iterator[Installation]:
    base = bases[queue]
    with postgres.database(base.url) as url:
        environment = {**_environment(url, queue, tmp_path), "ENGINE_REMOTE": remote.url}
        made = Installation(url, tmp_path, environment, base.nursery)
        try:
            yield made
        finally:
            for worker in made.workers:
                worker.kill()


def sending(installation: Installation, remote: Remote, **settings: object) -> Process:
    """Start a worker, and return it when it is in the midst of making the document."""
    remote.answers.clear()
    worker = installation.worker(**settings)
    eventually(remote.asked.is_set, worker.log)
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
    remote.answers.set()
    heir = installation.worker()
    eventually(installation.issued, heir.log)
    exactly_one(installation, remote)


def test_it_is_taken_over_within_a_minute() -> None:
    assert (LEASE + FORGOTTEN + REISSUE).total_seconds() <= 60


@both_queues
def test_a_frozen_worker_that_wakes_up_sends_nothing(
    installation: Installation, remote: Remote
) -> None:
    worker = sending(installation, remote)
    worker.signal(signal.SIGSTOP)
    remote.answers.set()  # the frozen one would go on with its second request
    heir = installation.worker()
    eventually(installation.issued, heir.log)
    worker.signal(signal.SIGCONT)
    eventually(lambda: "lease lost" in worker.log(), worker.log)
    exactly_one(installation, remote)
    worker.signal(signal.SIGTERM)
    assert worker.wait() == 0


def test_a_slow_answer_does_not_lose_the_lease(installation: Installation, remote: Remote) -> None:
    worker = sending(installation, remote)
    installation.worker()  # which would take over
    time.sleep(6)  # three times the lease
    remote.answers.set()
    eventually(installation.issued, worker.log)
    exactly_one(installation, remote)
    assert installation.query("SELECT max(attempt) FROM documents_effect") == 1
    assert "lease lost" not in worker.log()


@both_queues
def test_what_is_being_done_is_finished_before_a_stop(
    installation: Installation, remote: Remote
) -> None:
    worker = sending(installation, remote)
    worker.signal(signal.SIGTERM)
    time.sleep(1)
    assert worker.lives
    remote.answers.set()
    assert worker.wait() == 0
    exactly_one(installation, remote)
    assert installation.query("SELECT max(attempt) FROM documents_effect") == 1


def test_what_takes_longer_than_a_stop_may_is_handed_to_others(
    installation: Installation, remote: Remote
) -> None:
    worker = sending(installation, remote, ENGINE_STOP_SECONDS=0.5, ENGINE_LEASE_SECONDS=600)
    worker.signal(signal.SIGTERM)
    assert worker.wait() == 0
    assert installation.tell()["leased"] == 0
    remote.answers.set()
    heir = installation.worker(ENGINE_LEASE_SECONDS=600)
    eventually(installation.issued, heir.log)
    exactly_one(installation, remote)


@both_queues
def test_a_worker_with_a_thread_that_hangs_ends_to_be_started_anew(
    installation: Installation, remote: Remote
) -> None:
    worker = sending(installation, remote, ENGINE_HOLD_SECONDS=1, ENGINE_STOP_SECONDS=0.5)
    assert worker.wait() == 1
    assert "handler hangs" in worker.log()
    assert installation.query("SELECT count(*) FROM documents_document WHERE number <> ''") == 0
    remote.answers.set()
    heir = installation.worker()
    eventually(installation.issued, heir.log)
    exactly_one(installation, remote)


@pytest.mark.parametrize("queue", ["table"])
def test_a_worker_whose_thread_has_died_ends_to_be_started_anew(installation: Installation) -> None:
    with psycopg.connect(installation.url, autocommit=True) as database:
        database.execute(
            "INSERT INTO engine_wake (handler, key, account, due_at, again, lease_token, failures,"
            " last_error) VALUES ('fatal', '1', 'shop:1', now(), false, '', 0, '')"
        )
    worker = installation.worker()
    assert worker.wait() == 1, worker.log()
    assert installation.query("SELECT failures FROM engine_wake WHERE handler = 'fatal'") == 1
    heir = installation.worker()
    eventually(installation.issued_something, heir.log)


@both_queues
def test_wakes_are_shared_and_each_is_served_once(installation: Installation) -> None:
    workers = [installation.worker(ENGINE_SERVE_SECONDS=0.02) for _ in range(2)]
    installation.run("wake", "100", "a")
    eventually(lambda: len(installation.served("a")) >= 100, workers[0].log)
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

    eventually(lambda: len(ticks()) >= 5, workers[0].log)
    assert all(worker.lives for worker in workers)
    gaps = [later - earlier for earlier, later in zip(ticks(), ticks()[1:], strict=False)]
    # Claimed at most once a second; the rest is how long a line took to be written.
    assert min(gaps) > 0.5


@both_queues
def test_a_full_account_keeps_nobody_waiting(installation: Installation) -> None:
    installation.run("fill", "5000", "full")
    worker = installation.worker(ENGINE_SERVE_SECONDS=0.1)
    eventually(lambda: len(installation.served("full")) >= 5, worker.log)
    installation.run("wake", "3", "small")
    eventually(lambda: len(installation.served("small")) == 3, worker.log)
    # Not by the clock, which other work on the machine stretches, but by who came before it.
    order = [(what, key) for _, _, what, key in sorted(installation.record())]
    waited = order[order.index(("woken", "small-0")) : order.index(("served", "small-2"))]
    before = [key for _, key in waited if key.startswith("full")]
    assert len(before) < 50, "turns of the full account, while the small one waited"


@pytest.mark.parametrize("queue", ["procrastinate"])
def test_a_lost_ticket_costs_seconds_and_no_document(
    installation: Installation, remote: Remote
) -> None:
    installation.query(
        "WITH gone AS (DELETE FROM procrastinate_jobs RETURNING 1) SELECT count(*) FROM gone"
    )
    worker = installation.worker()
    eventually(installation.issued, worker.log)
    exactly_one(installation, remote)


@pytest.mark.parametrize("queue", ["procrastinate"])
def test_nothing_stays_of_a_worker_that_never_comes_back(
    installation: Installation, remote: Remote
) -> None:
    sending(installation, remote).kill()
    remote.answers.set()
    left = "SELECT count(*) FROM procrastinate_jobs"
    assert installation.query(f"{left} WHERE status = 'doing'") >= 1  # another may just have begun
    installation.query(  # as if its last sign of life were a minute old
        "WITH aged AS (UPDATE procrastinate_workers"
        " SET last_heartbeat = now() - interval '1 minute' RETURNING 1) SELECT count(*) FROM aged"
    )
    installation.query(
        "WITH due AS (UPDATE engine_periodictask SET due_at = now()"
        " WHERE name = 'engine.tickets.void' RETURNING 1) SELECT count(*) FROM due"
    )
    heir = installation.worker()
    eventually(lambda: not installation.query(left) and installation.issued(), heir.log)
    assert installation.query("SELECT count(*) FROM procrastinate_workers") == 1
    exactly_one(installation, remote)


@both_queues
def test_a_worker_outlives_its_connections(installation: Installation) -> None:
    worker = installation.worker()
    installation.run("wake", "1", "before")
    eventually(lambda: len(installation.served("before")) == 1, worker.log)
    cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
    others = "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    assert installation.query(f"{cut} {others}") >= 2
    installation.run("wake", "3", "after")
    eventually(lambda: len(installation.served("after")) == 3, worker.log)
    assert worker.lives
