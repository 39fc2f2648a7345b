"""The worker: threads that take turns at what is due, and the periodic tasks.

It runs in a process of its own beside the web server, on one machine or on many. On SQLite a file
lock in the data directory keeps a second one from starting by mistake; correctness does not depend
on it, leases do that.
"""

from __future__ import annotations

import itertools
import os
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from enum import Enum, auto
from pathlib import Path
from types import FrameType

import structlog
from django.conf import settings
from django.db import DatabaseError, connection, connections
from django.utils import timezone

from spojka.core import trace
from spojka.engine import leases, registry, wakes
from spojka.engine.bell import Bell, listen
from spojka.engine.models import PeriodicTask

log = structlog.get_logger("spojka.engine")
IDLE_SECONDS = 0.5
LEAST_SECONDS = 0.01
"""An idle thread does not look again earlier than this, however closely things become due."""
STOP_SECONDS = 18.0
"""How long what is being done may take to finish after SIGTERM, then it is handed to others. Less
than the time after which ``spojka run`` kills its worker."""
LOOK_SECONDS = 1.0
"""How often a worker looks whether one of its threads hangs."""
MOST_CLOCK_SECONDS = 2.0
HEARTBEAT = "worker.heartbeat"


_ENDINGS = (KeyboardInterrupt, SystemExit, GeneratorExit)
"""What is to end more than a handler. All else that is no ``Exception`` is a library's panic."""


class AlreadyRunningError(RuntimeError):
    """Another worker of this installation runs on this machine."""


class Turn(Enum):
    """What became of a turn."""

    WORKED = auto()
    NOTHING = auto()
    """Nothing is due."""
    BUSY = auto()
    """Something is due, of accounts that have their share of this worker's threads already."""


def share() -> int:
    """Return how many threads of a worker one account may have at once: all but one."""
    return max(1, settings.WORKER_THREADS - 1)


class Fair:
    """Goes round the accounts, so that a full one does not starve the others.

    Nobody gets more than :func:`share` threads at once: slow answers of one account must not occupy
    them all.
    """

    def __init__(self) -> None:
        self._share = share()
        self._turns = itertools.count()
        self._served: dict[str, int] = {}
        self._running: Counter[str] = Counter()
        self._lock = threading.Lock()

    def order(self, accounts: Iterable[str]) -> list[str]:
        """Return the accounts, the one served longest ago first."""
        with self._lock:
            return sorted(accounts, key=lambda account: self._served.get(account, -1))

    @contextmanager
    def seat(self, account: str) -> Iterator[bool]:
        """Give a thread to an account while inside; ``False`` where it has its share already."""
        with self._lock:
            free = self._running[account] < self._share
            self._running[account] += free
        try:
            yield free
        finally:
            with self._lock:
                self._running[account] -= free
                if not self._running[account]:
                    del self._running[account]

    def served(self, account: str) -> None:
        """Note that an account was just served."""
        with self._lock:
            self._served[account] = next(self._turns)


_fair = Fair()


def take_turn(fair: Fair | None = None) -> Turn:
    """Work on one due wake of the account that was served longest ago."""
    fair = fair or _fair
    busy = False
    for account in fair.order(wakes.due_accounts(timezone.now())):
        with fair.seat(account) as free:
            lease = wakes.claim(account) if free else None
            if lease is not None:
                fair.served(account)
                work(lease)
                return Turn.WORKED
        busy = busy or not free
    return Turn.BUSY if busy else Turn.NOTHING


def run_once(fair: Fair | None = None) -> bool:
    """Work on one due wake; return whether there was one."""
    return take_turn(fair) is Turn.WORKED


def work(lease: wakes.Lease) -> None:
    """Run the handler of a lease and give the lease back."""
    try:
        next_at = registry.handler_named(lease.handler)(lease.key, lease)
    except wakes.LeaseLostError:
        leases.end(lease)
        log.warning("lease lost", handler=lease.handler, key=lease.key)
    except BaseException as error:  # the last resort: one bad row must not stop the worker
        with trace.bound(trace.of(error) or trace.new()) as mark:
            log.exception("handler failed", handler=lease.handler, key=lease.key)
        # Its words may quote anything, a secret as well: they stand in the log, which hides those.
        wakes.give_back_failed(lease, type(error).__name__, mark)
        if isinstance(error, _ENDINGS):
            raise
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
            error = type(failure).__name__  # its words are in the log, free of secrets
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
    """Work until SIGTERM or SIGINT; what is being done is finished first.

    What takes longer than ``STOP_SECONDS`` is handed to other workers, and the process ends. So it
    does, with status 1, where a thread hangs or has died: whoever supervises it starts it anew,
    with all its threads.

    Raises:
        AlreadyRunningError: on SQLite, another worker of this installation runs.
    """
    stop = threading.Event()

    def on_signal(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGINT, on_signal)
    if connection.vendor == "sqlite":
        with single(settings.DATA_DIR / "worker.lock"):
            _serve(stop)
    else:
        _compare_clocks()
        _serve(stop)


def _serve(stop: threading.Event) -> None:
    # Daemons: a thread that does not finish must not keep the process from ending.
    threads = [
        threading.Thread(target=target, args=(stop, *arguments), name=name, daemon=True)
        for name, target, *arguments in _duties()
    ]
    log.info("worker started", threads=settings.WORKER_THREADS, queue=settings.QUEUE)
    for thread in threads:
        thread.start()
    connections.close_all()  # this thread only waits
    while not stop.wait(LOOK_SECONDS) and not _is_broken(threads):
        pass
    broken = not stop.is_set()
    if broken:
        log.error("a thread hangs or has died: the worker ends, to be started anew")
        stop.set()
    deadline = time.monotonic() + STOP_SECONDS
    for thread in threads:
        thread.join(max(deadline - time.monotonic(), 0.0))
    if any(thread.is_alive() for thread in threads):
        log.warning("worker stopped before it was done", handed_back=leases.hand_back_all())
        os._exit(int(broken))  # an ordinary end would wait for the threads
    log.info("worker stopped")
    if broken:
        sys.exit(1)


def _is_broken(threads: Iterable[threading.Thread]) -> bool:
    """Tell whether a thread will not come back: by itself, the process would never notice."""
    return leases.given_up.is_set() or not all(thread.is_alive() for thread in threads)


def _duties() -> Iterator[tuple[str, Callable[..., None], *tuple[object, ...]]]:
    """Yield the threads of a worker: name, function, and what it gets besides the stop sign."""
    bell = Bell()
    yield "periodic", _loop, _tick, bell, lambda: IDLE_SECONDS
    if settings.QUEUE == "procrastinate":
        from spojka.engine import tickets  # needs its Django app, which only this queue installs

        yield "tickets", tickets.serve
        return
    for number in range(settings.WORKER_THREADS):
        yield f"worker-{number}", _loop, run_once, bell, _until_next
    if connection.vendor == "postgresql":
        yield "bell", _listen, bell


def _listen(stop: threading.Event, bell: Bell) -> None:
    listen(bell, stop)


def _tick() -> bool:
    beat()
    run_periodic()
    return False


def _loop(
    stop: threading.Event, step: Callable[[], bool], bell: Bell, pause: Callable[[], float]
) -> None:
    while not stop.is_set():
        try:
            busy = step()
        except Exception:  # the database may be away for a while; go on when it is back
            log.exception("worker loop failed")
            connections.close_all()
            busy = False
            stop.wait(2)
        if not busy and not stop.is_set():
            bell.wait(pause())
    connections.close_all()


def _until_next() -> float:
    """Return for how many seconds nothing becomes due, at most as long as threads rest."""
    now = timezone.now()
    try:
        due_at = wakes.next_due(now)
    except DatabaseError:  # it may be away for a while; the next step says so
        return IDLE_SECONDS
    if due_at is None:
        return IDLE_SECONDS
    return min(IDLE_SECONDS, max(LEAST_SECONDS, (due_at - now).total_seconds()))


def _compare_clocks() -> None:
    """Warn where this machine's clock differs from the database's: leases and due times use it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        (there,) = cursor.fetchone()
    seconds = abs((timezone.now() - there).total_seconds())
    if seconds > MOST_CLOCK_SECONDS:
        log.warning("this machine's clock differs from the database's", seconds=round(seconds, 1))
