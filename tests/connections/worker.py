"""Workers that call and fetch tokens at once, to be started by a test.

``LIMITED FREE SECONDS`` makes the database and starts as many processes as there shall be; each
calls the server ``LIMITED`` for so long, as often as it is allowed, calls the server ``FREE`` until
its account is used up, twice, and asks for a token. What they did is printed as JSON.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "src"), str(ROOT)]
os.environ["DJANGO_SETTINGS_MODULE"] = "spojka.site.settings"

import django  # noqa: E402

django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import connections  # noqa: E402

from spojka.connections import calls  # noqa: E402
from spojka.connections.budget import AccountBudget  # noqa: E402
from spojka.connections.models import Account  # noqa: E402
from spojka.connections.tokens import SharedTokens  # noqa: E402
from spojka.core.outcome import ThrottledError  # noqa: E402
from spojka.net.client import Client  # noqa: E402
from spojka.net.limits import DAY, Limit  # noqa: E402

PROCESSES = 3
THREADS = 2
SPREAD = Limit(60, 6)
EXHAUSTED = Limit(100, DAY)


@contextmanager
def session(name: str, limit: Limit) -> Iterator[Client]:
    lane = f"shop:{os.getpid()}"
    budget = AccountBudget(lambda: name, [limit], lane=lane)
    with calls.client("connection:1", (), budget) as http:
        yield http


def _together(work: Callable[[], int]) -> int:
    def run() -> int:
        try:
            return work()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(THREADS) as pool:
        return sum(done.result() for done in [pool.submit(run) for _ in range(THREADS)])


def spread(url: str, seconds: float) -> int:
    """Call as often as it is allowed, and wait when it is told to; return how often."""
    end = time.monotonic() + seconds
    stop = threading.Event()

    def work() -> int:
        sent = 0
        while time.monotonic() < end:
            try:
                with session("spread", SPREAD) as http:
                    http.request("GET", url)
                    sent += 1
            except ThrottledError as error:
                assert error.until is not None
                left = (error.until - datetime.now(UTC)).total_seconds()
                stop.wait(min(max(left, 0), max(end - time.monotonic(), 0)))
        return sent

    return _together(work)


def exhaust(url: str) -> int:
    """Call until it is told to wait; return how often."""

    def work() -> int:
        sent = 0
        for _ in range(EXHAUSTED.calls + 1):
            with session("exhaust", EXHAUSTED) as http:
                try:
                    http.request("GET", url)
                except ThrottledError:
                    return sent
                sent += 1
        return sent

    return _together(work)


def token() -> tuple[str, bool]:
    """Ask for a token; return it, and whether it had to be fetched."""
    with SharedTokens(lambda: "toy:1") as shared:
        value = shared.get()
        if value is not None:
            return value, False
        time.sleep(0.5)
        value = f"token-{os.getpid()}"
        shared.put(value, datetime.now(UTC) + timedelta(hours=1))
        return value, True


def work(limited: str, free: str, seconds: float) -> dict[str, object]:
    """Do all of it in one process."""
    value, fetched = token()
    return {
        "token": value,
        "fetched": fetched,
        "spread": spread(limited, seconds),
        "exhausted": exhaust(free),
        "after": exhaust(free),
    }


def main(limited: str, free: str, seconds: str) -> None:
    call_command("migrate", verbosity=0)
    connections.close_all()
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / str(number) for number in range(PROCESSES)]
        children = []
        for file in files:
            child = os.fork()
            if child == 0:
                try:
                    file.write_text(json.dumps(work(limited, free, float(seconds))))
                    os._exit(0)
                finally:  # only where it failed
                    traceback.print_exc()
                    os._exit(1)
            children.append(child)
        assert [os.waitpid(child, 0)[1] for child in children] == [0] * PROCESSES
        told = {
            "workers": [json.loads(file.read_text()) for file in files],
            "counted": dict(Account.objects.values_list("name", "calls")),
        }
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    main(*sys.argv[1:])
