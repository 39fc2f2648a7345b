"""The embedded runner: threads that work off what is due, and the periodic tasks.

It runs in a process of its own beside the web server. A file lock in the data directory keeps a
second one from starting by mistake; correctness does not depend on it, leases do that.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from types import FrameType

import structlog
from django.conf import settings
from django.db import connection, connections
from django.utils import timezone

from spojka.engine import registry, wakes
from spojka.engine.models import PeriodicTask

log = structlog.get_logger("spojka.engine")
IDLE_SECONDS = 0.5
HEARTBEAT = "worker.heartbeat"


class AlreadyRunningError(RuntimeError):
    """Another worker of this installation runs on this machine."""


class Fair:
    """Goes round the accounts, so that a full one does not starve the others."""

    def __init__(self) -> None:
        self._served: deque[str] = deque()
        self._lock = threading.Lock()

    def order(self, accounts: list[str]) -> list[str]:
        """Return the accounts, the one served longest ago first."""
        with self._lock:
            served = list(self._served)
        return sorted(
            accounts, key=lambda account: served.index(account) if account in served else -1
        )

    def served(self, account: str) -> None:
        """Note that an account was just served."""
        with self._lock:
            if account in self._served:
                self._served.remove(account)
            self._served.append(account)


_fair = Fair()


def run_once(fair: Fair = _fair) -> bool:
    """Work on one due wake; return whether there was one."""
    for account in fair.order(wakes.due_accounts(timezone.now())):
        lease = wakes.claim(account)
        if lease is not None:
            fair.served(account)
            work(lease)
            return True
    return False


def work(lease: wakes.Lease) -> None:
    """Run the handler of a lease and give the lease back."""
    try:
        next_at = registry.handler_named(lease.handler)(lease.key, lease)
    except wakes.LeaseLostError:
        log.warning("lease lost", handler=lease.handler, key=lease.key)
    except Exception as error:  # the last resort: one bad row must not stop the worker
        log.exception("handler failed", handler=lease.handler, key=lease.key)
        wakes.give_back_failed(lease, f"{type(error).__name__}: {error}")
    else:
        wakes.give_back(lease, next_at)


def run_until_idle(limit_seconds: float = 60) -> int:
    """Work until nothing is due; return how many wakes were worked on. For tests and commands."""
    deadline = time.monotonic() + limit_seconds
    count = 0
    while time.monotonic() < deadline and run_once():
        count += 1
    return count


def run_periodic() -> None:
    """Run every periodic task that is due."""
    for task in registry.periodic_tasks():
        now = timezone.now()
        row, made = PeriodicTask.objects.get_or_create(name=task.name, defaults={"due_at": now})
        if not made and row.due_at > now:
            continue
        taken = PeriodicTask.objects.filter(name=task.name, due_at=row.due_at).update(
            due_at=now + task.every, last_run_at=now
        )
        if not taken:
            continue
        try:
            task.run()
            error = ""
        except Exception as failure:  # one failing task must not stop the others
            log.exception("periodic task failed", task=task.name)
            error = f"{type(failure).__name__}: {failure}"
        PeriodicTask.objects.filter(name=task.name).update(last_error=error[:2000])


@contextmanager
def single(path: Path) -> Iterator[None]:
    """Hold a file lock while running.

    Raises:
        AlreadyRunningError: another process holds it.
    """
    with path.open("a+") as file:
        try:
            import fcntl
        except ImportError:  # no such lock on this platform; leases keep order anyway
            yield
            return
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunningError(str(path)) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def beat() -> None:
    """Leave a sign of life for the health page and ``spojka doctor``."""
    now = timezone.now()
    PeriodicTask.objects.update_or_create(
        name=HEARTBEAT, defaults={"last_run_at": now, "due_at": now + timedelta(days=36500)}
    )


def is_alive(within: timedelta = timedelta(minutes=1)) -> bool:
    """Tell whether a worker gave a sign of life lately."""
    row = PeriodicTask.objects.filter(name=HEARTBEAT).first()
    return bool(row and row.last_run_at and row.last_run_at > timezone.now() - within)


def serve() -> None:
    """Work until SIGTERM or SIGINT; what is being done is finished first."""
    stop = threading.Event()

    def on_signal(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGINT, on_signal)
    lock = settings.DATA_DIR / "worker.lock"
    if connection.vendor == "sqlite":
        with single(lock):
            _serve(stop)
    else:
        _serve(stop)


def _serve(stop: threading.Event) -> None:
    threads = [
        threading.Thread(target=_loop, args=(stop, run_once), name=f"worker-{number}")
        for number in range(settings.WORKER_THREADS)
    ]
    threads.append(threading.Thread(target=_loop, args=(stop, _tick), name="periodic"))
    log.info("worker started", threads=settings.WORKER_THREADS)
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    log.info("worker stopped")


def _tick() -> bool:
    beat()
    run_periodic()
    return False


def _loop(stop: threading.Event, step: Callable[[], bool]) -> None:
    while not stop.is_set():
        try:
            busy = step()
        except Exception:  # the database may be away for a while; go on when it is back
            log.exception("worker loop failed")
            connections.close_all()
            busy = False
            stop.wait(2)
        if not busy:
            stop.wait(IDLE_SECONDS)
    connections.close_all()
