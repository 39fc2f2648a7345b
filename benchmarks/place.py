"""A data directory and a database that are gone afterwards, and the processes that use them."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import psycopg

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = Path(__file__).with_name("package")
"""On ``PYTHONPATH`` it makes the benchmarks' accounting system known like an installed one."""
POSTGRES = os.environ.get("BENCHMARK_POSTGRES", "postgresql://postgres@127.0.0.1:5432")
"""A PostgreSQL server on which databases may be made."""
START_SECONDS = 30.0
STOP_SECONDS = 25.0
SQLITE = "sqlite"
POSTGRESQL = "postgresql"


def postgres_answers() -> bool:
    """Tell whether the PostgreSQL server can be used."""
    try:
        psycopg.connect(f"{POSTGRES}/postgres", connect_timeout=3).close()
    except psycopg.OperationalError:
        return False
    return True


@contextmanager
def place(database: str) -> Iterator[dict[str, str]]:
    """Give the environment of an installation of its own; it is removed in the end."""
    folder = Path(tempfile.mkdtemp(prefix="spojka-benchmark-"))
    name = f"spojka_benchmark_{secrets.token_hex(4)}"
    kept = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("SPOJKA_", "DJANGO_", "DATABASE_"))
    }
    environment = {
        **kept,
        "PYTHONPATH": os.pathsep.join(map(str, (ROOT / "src", ROOT, PACKAGE))),
        "DJANGO_SETTINGS_MODULE": "spojka.site.settings",
        "SPOJKA_DATA": str(folder),
        "SPOJKA_ALLOWED_NETWORKS": "127.0.0.0/8",
        "SPOJKA_LOG_LEVEL": "WARNING",
    }
    try:
        if database == POSTGRESQL:
            _on_server(f'CREATE DATABASE "{name}"')
            environment["DATABASE_URL"] = f"{POSTGRES}/{name}"
        yield environment
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if database == POSTGRESQL:
            _on_server(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def _on_server(statement: str) -> None:
    with psycopg.connect(f"{POSTGRES}/postgres", autocommit=True) as server:
        server.execute(statement.encode())


def free_port() -> int:
    """Return a port of this machine that is free just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def process(
    command: Sequence[str], environment: Mapping[str, str], log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program beside the benchmark; it and its children are ended in the end."""
    with log.open("ab") as output:
        started = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            start_new_session=True,
        )  # fmt: skip
    try:
        yield started
    finally:
        started.terminate()
        try:
            started.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(started.pid, signal.SIGKILL)
            started.wait()


@contextmanager
def web_server(
    environment: Mapping[str, str], log: Path, application: str = "spojka.site.wsgi:application"
) -> Iterator[int]:
    """Run the web server by the command of ``spojka run``; gives its port once it answers."""
    from spojka.site import runner

    port = free_port()
    (command,) = (
        service.command
        for service in runner.services("127.0.0.1", port, environment)
        if service.name == "web"
    )
    ours = [application if part == "spojka.site.wsgi:application" else part for part in command]
    with process(ours, environment, log) as started:
        _until_it_answers(started, port, log)
        yield port


@contextmanager
def worker(environment: Mapping[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run ``spojka worker``."""
    with process((sys.executable, "-m", "spojka", "worker"), environment, log) as started:
        yield started


def _until_it_answers(started: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and started.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError(f"the server did not start:\n{log.read_text('utf-8', 'replace')[-2000:]}")


def wait_for(done: Callable[[], object], seconds: float, what: str, pause: float = 0.1) -> None:
    """Wait until something is done.

    Raises:
        RuntimeError: it was not within so many seconds.
    """
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            raise RuntimeError(f"{what} did not get there within {seconds:.0f} s")
        time.sleep(pause)
