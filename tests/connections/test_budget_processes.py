"""R9 with real processes, threads, requests and databases: what is shared is really shared."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psycopg
import pytest

from spojka.net.limits import Limit
from tests.engine import postgres

WORKER = Path(__file__).with_name("worker.py")
SPREAD = Limit(60, 6)
UNLIMITED = Limit(10**9, 1)


class LimitedServer(ThreadingHTTPServer):
    """Refuses with 429 what is more than its limit in any window that ends now."""

    daemon_threads = True

    def __init__(self, limit: Limit) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.limit = limit
        self.served = 0
        self.refused = 0
        self._window: deque[float] = deque()
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/"

    def allows(self) -> bool:
        now = time.monotonic()
        with self._lock:
            while self._window and now - self._window[0] >= self.limit.seconds:
                self._window.popleft()
            allowed = len(self._window) < self.limit.calls
            self.served += allowed
            self.refused += not allowed
            if allowed:
                self._window.append(now)
            return allowed


class _Handler(BaseHTTPRequestHandler):
    server: LimitedServer

    def do_GET(self) -> None:
        self.send_response(200 if self.server.allows() else 429)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_args: Any) -> None:
        """Say nothing."""


@dataclass(frozen=True)
class Told:
    """What the workers did, and what the servers saw."""

    workers: list[dict[str, Any]]
    counted: dict[str, int]
    limited: LimitedServer
    free: LimitedServer

    def each(self, name: str) -> list[Any]:
        return [worker[name] for worker in self.workers]


@pytest.fixture(
    scope="module", params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]
)
def told(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Told]:
    with ExitStack() as stack:
        environment = {
            **os.environ,
            "SPOJKA_DATA": str(tmp_path_factory.mktemp("budget")),
            "SPOJKA_ALLOWED_NETWORKS": "127.0.0.0/8",
            "SPOJKA_QUEUE": "table",
        }
        environment.pop("DATABASE_URL", None)
        if request.param == "postgres":
            try:
                environment["DATABASE_URL"] = stack.enter_context(postgres.database())
            except psycopg.OperationalError as error:
                pytest.skip(f"no PostgreSQL server: {str(error).splitlines()[0]}")
        limited, free = (stack.enter_context(running(limit)) for limit in (SPREAD, UNLIMITED))
        done = subprocess.run(
            [sys.executable, str(WORKER), limited.url, free.url, "4"],
            env=environment,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        yield Told(**json.loads(done.stdout), limited=limited, free=free)


@contextmanager
def running(limit: Limit) -> Iterator[LimitedServer]:
    with LimitedServer(limit) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join(5)


def test_r9_processes_share_one_rate(told: Told) -> None:
    """Four of the six seconds of a window are enough for each alone to use most of it."""
    assert told.limited.refused == 0
    assert sum(told.each("spread")) == told.limited.served == told.counted["spread"]
    assert all(told.each("spread")), "each had its turn"


def test_r9_processes_stop_together(told: Told) -> None:
    assert sum(told.each("exhausted")) == told.counted["exhaust"] == 98, "two are kept back"
    assert told.each("after") == [0, 0, 0]
    assert told.free.served == 98


def test_r9_one_process_fetches_the_token(told: Told) -> None:
    """At some systems a new token ends the one before: nobody may hold a dead one."""
    assert sum(told.each("fetched")) == 1
    assert len(set(told.each("token"))) == 1
