"""``spojka run``: the web server and the worker as one group of processes.

One parent starts both as children, hands on the signal to stop, and starts again whichever dies,
a little later each time. The two are separate processes because a server that loads many pages
must not slow down the issuing of documents, and because either may be killed without the other.

The parent does no work of its own and holds no database connection.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType

import structlog

from spojka.core.problem import Problem
from spojka.site import logging

log = structlog.get_logger("spojka.run")

GRACE_SECONDS = 20.0
"""How long a child may take to finish what it is doing before it is killed."""
STEADY_SECONDS = 60.0
"""A child that lived this long has started well: the next failure waits from the beginning."""
FIRST_DELAY_SECONDS = 1.0
LONGEST_DELAY_SECONDS = 30.0
READY_POLL_SECONDS = 0.25
SQLITE_THREADS = 2
"""More threads than this only queue for SQLite's single writer and lengthen the slowest answers."""
POSTGRES_THREADS = 4


class StartError(Exception):
    """Spojka cannot start here; ``problem`` is explained by the catalogue."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(f"{problem.code}: {dict(problem.facts)}")
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Service:
    """A child process that is kept running."""

    name: str
    command: tuple[str, ...]


@dataclass(slots=True)
class _Child:
    """A service with its present process, or with the time at which the next one is due."""

    service: Service
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    due_at: float = 0.0
    failures: int = 0


@dataclass(slots=True)
class Supervisor:
    """Keeps services running until it is told to stop by SIGTERM or SIGINT.

    Children live in process groups of their own, so that Ctrl+C in a terminal reaches only the
    parent, which then stops them in order. A second signal kills them at once. On Linux they are
    told to stop as well when the parent itself is killed.
    """

    services: Sequence[Service]
    environment: Mapping[str, str]
    ready: Callable[[], bool] = lambda: True
    """Asked again and again until it says that the group has come up, which then is announced."""
    announcement: str = "services are up"
    grace: float = GRACE_SECONDS
    first_delay: float = FIRST_DELAY_SECONDS
    _signals: int = field(default=0, init=False)

    def run(self) -> int:
        """Run until stopped; return the exit status of the group: 0 after an ordered stop."""
        children = [_Child(service) for service in self.services]
        announced = False
        with self._woken_by_signals() as wake:
            while not self._signals:
                now = time.monotonic()
                for child in children:
                    self._tend(child, now)
                if not announced and self.ready():
                    announced = True
                    log.info(self.announcement)
                # Signals, a child's death among them, end the wait at once.
                pause = min((c.due_at - now for c in children if c.process is None), default=60.0)
                _wait(wake, pause if announced else min(pause, READY_POLL_SECONDS))
            return self._stop(children, wake)

    @contextmanager
    def _woken_by_signals(self) -> Iterator[int]:
        """Give a file descriptor that becomes readable when a signal arrives."""
        reader, writer = os.pipe()
        os.set_blocking(reader, False)
        os.set_blocking(writer, False)
        previous_wakeup = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        previous = {
            signal.SIGTERM: signal.signal(signal.SIGTERM, self._asked_to_stop),
            signal.SIGINT: signal.signal(signal.SIGINT, self._asked_to_stop),
            signal.SIGCHLD: signal.signal(signal.SIGCHLD, lambda *_: None),
        }
        try:
            yield reader
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)
            signal.set_wakeup_fd(previous_wakeup)
            os.close(reader)
            os.close(writer)

    def _asked_to_stop(self, number: int, frame: FrameType | None) -> None:
        self._signals += 1

    def _tend(self, child: _Child, now: float) -> None:
        """Start the child where it is due; note its death where it died."""
        if child.process is not None:
            status = child.process.poll()
            if status is None:
                return
            _signal_group(child.process, signal.SIGKILL)  # whatever it left behind
            lived = now - child.started_at
            child.failures = 1 if lived >= STEADY_SECONDS else child.failures + 1
            delay = min(self.first_delay * 2 ** (child.failures - 1), LONGEST_DELAY_SECONDS)
            child.process, child.due_at = None, now + delay
            log.warning(
                "service ended", service=child.service.name, status=status, restart_in=delay
            )
        if now >= child.due_at:
            child.process = subprocess.Popen(  # noqa: S603 - our own programs
                child.service.command,
                env=dict(self.environment),
                process_group=0,
                preexec_fn=_stop_with_parent(),
            )
            child.started_at = now

    def _stop(self, children: Sequence[_Child], wake: int) -> int:
        """Ask all children to finish, and kill those that do not within the grace time."""
        running = {child.service.name: child.process for child in children if child.process}
        for process in running.values():
            process.terminate()
        deadline = time.monotonic() + self.grace
        asked = self._signals
        while running and time.monotonic() < deadline and self._signals == asked:
            _wait(wake, deadline - time.monotonic())
            running = {name: process for name, process in running.items() if process.poll() is None}
        for name, process in running.items():
            log.warning("service killed", service=name)
            _signal_group(process, signal.SIGKILL)
            process.wait()
        return 1 if running else 0


def _stop_with_parent() -> Callable[[], None] | None:
    """Return what a new child does first, so that it gets SIGTERM when the parent is killed.

    Otherwise a killed parent would leave a server behind which keeps the address taken. Only
    Linux offers this (prctl(2), PR_SET_PDEATHSIG).
    """
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl
    set_death_signal = 1
    return lambda: prctl(set_death_signal, signal.SIGTERM)


def _wait(descriptor: int, seconds: float) -> None:
    """Sleep until a signal arrives or the time is over, and forget the signals that arrived."""
    if select.select([descriptor], [], [], max(seconds, 0.0))[0]:
        os.read(descriptor, 4096)


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        return


def check_address(host: str, port: int) -> None:
    """Check that the address can be listened on, before anything is started.

    Raises:
        StartError: ``SPJ-RUN-ADDRESS``; another program listens there, or the address is not one
            of this machine.
    """
    try:
        if not 0 < port < 65536:  # getaddrinfo would silently cut it to 16 bits
            raise OSError("a port is a number from 1 to 65535")
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        detail = error.strerror or str(error)
        raise StartError(
            Problem.of("SPJ-RUN-ADDRESS", host=host, port=port, detail=detail)
        ) from error


def answers(host: str, port: int) -> bool:
    """Tell whether something accepts connections at the address."""
    try:
        socket.create_connection((host, port), timeout=READY_POLL_SECONDS).close()
    except OSError:
        return False
    return True


def services(host: str, port: int, environment: Mapping[str, str]) -> tuple[Service, ...]:
    """Return what makes up a running Spojka on one machine."""
    default = POSTGRES_THREADS if environment.get("DATABASE_URL") else SQLITE_THREADS
    threads = environment.get("SPOJKA_WEB_THREADS") or str(default)
    web = (
        *(sys.executable, "-m", "granian", "spojka.site.wsgi:application"),
        *("--interface", "wsgi", "--host", host, "--port", str(port)),
        *("--workers", "1", "--blocking-threads", threads, "--no-ws"),
        *("--respawn-failed-workers", "--workers-kill-timeout", "10", "--log-level", "warning"),
    )
    return (Service("web", web), Service("worker", (sys.executable, "-m", "spojka", "worker")))


def prepare(environment: Mapping[str, str]) -> None:
    """Bring the database, the key file and the static files to this version.

    Done by a process of its own: what it loads is gone before the parent settles down.

    Raises:
        StartError: ``SPJ-RUN-PREPARE``; what went wrong stands above it in the output.
    """
    command = (sys.executable, "-m", "spojka.site.prepare")
    done = subprocess.run(command, env=dict(environment), check=False)  # noqa: S603 - our own
    if done.returncode:
        raise StartError(Problem.of("SPJ-RUN-PREPARE", status=done.returncode))


def run(host: str = "127.0.0.1", port: int = 8000) -> int:
    """Serve Spojka with its worker until SIGTERM or SIGINT; return the exit status.

    Raises:
        StartError: the address is taken, or the installation could not be prepared.
    """
    address = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    environment = {"SPOJKA_URL": address, **os.environ}
    logging.start(
        environment.get("SPOJKA_LOG_LEVEL", "INFO"), environment.get("SPOJKA_LOG_FORMAT", "auto")
    )
    check_address(host, port)
    prepare(environment)
    return Supervisor(
        services(host, port, environment),
        environment,
        ready=lambda: answers(host, port),
        announcement=f"Spojka is ready at {address} (Ctrl+C stops it)",
    ).run()
