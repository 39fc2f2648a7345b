"""The process group of ``spojka run``, with real processes and real signals."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from spojka.site import runner

SRC = Path(runner.__file__).parents[2]

# A child notes each start, and how it was stopped, in a file of its own.
CHILD = """
import os, pathlib, signal, sys, time
mode, path = sys.argv[1], pathlib.Path(sys.argv[2])
def note(word):
    with path.open("a") as file:
        file.write(f"{word} {os.getpid()}\\n")
def stop(*_):
    note("stopped")
    if mode != "stubborn":
        sys.exit(0)
signal.signal(signal.SIGTERM, stop)
signal.signal(signal.SIGINT, lambda *_: note("interrupted"))
note("started")
if mode == "crash":
    sys.exit(3)
while True:
    time.sleep(0.05)
"""

PARENT = """
import os, sys
from spojka.site.runner import Service, Supervisor
services = [
    Service(mode, (sys.executable, "-c", {child!r}, mode, path))
    for mode, path in zip(sys.argv[2::2], sys.argv[3::2])
]
sys.exit(Supervisor(services, os.environ, grace=float(sys.argv[1]), first_delay=0.05).run())
"""

StartGroup = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start_group(tmp_path: Path) -> Iterator[StartGroup]:
    groups: list[subprocess.Popen[str]] = []

    def start(*modes: str, grace: float = 10) -> subprocess.Popen[str]:
        pairs = [word for mode in modes for word in (mode, str(tmp_path / mode))]
        group = subprocess.Popen(
            [sys.executable, "-c", PARENT.format(child=CHILD), str(grace), *pairs],
            env={**os.environ, "PYTHONPATH": str(SRC)},
            stdout=subprocess.PIPE,
            text=True,
        )
        groups.append(group)
        return group

    yield start
    for group in groups:
        group.kill()
        group.communicate()


def notes(path: Path, word: str) -> list[int]:
    """Return the process ids noted with a word."""
    lines = path.read_text().split("\n") if path.exists() else []
    return [int(line.split()[1]) for line in lines if line.startswith(word)]


def wait_for(condition: Callable[[], object], seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def wait_until_started(*paths: Path) -> None:
    wait_for(lambda: all(notes(path, "started") for path in paths))


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # A killed orphan may wait for its new parent to notice; it does not run any more.
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] != "Z"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_the_parent_stops_every_child_in_order(
    start_group: StartGroup, tmp_path: Path, number: signal.Signals
) -> None:
    group = start_group("steady", "second")
    wait_for(
        lambda: notes(tmp_path / "steady", "started") and notes(tmp_path / "second", "started")
    )
    group.send_signal(number)
    assert group.wait(10) == 0
    for name in ("steady", "second"):
        assert notes(tmp_path / name, "stopped") == notes(tmp_path / name, "started")
        assert not notes(tmp_path / name, "interrupted")


def test_a_killed_child_is_started_again_and_the_other_is_left_alone(
    start_group: StartGroup, tmp_path: Path
) -> None:
    start_group("steady", "second")
    wait_for(
        lambda: notes(tmp_path / "steady", "started") and notes(tmp_path / "second", "started")
    )
    os.kill(notes(tmp_path / "steady", "started")[0], signal.SIGKILL)
    wait_for(lambda: len(notes(tmp_path / "steady", "started")) == 2)
    assert len(notes(tmp_path / "second", "started")) == 1


def test_a_child_that_keeps_dying_is_started_less_and_less_often(
    start_group: StartGroup, tmp_path: Path
) -> None:
    group = start_group("crash", "steady")
    wait_for(lambda: len(notes(tmp_path / "crash", "started")) >= 4)
    group.terminate()
    output, _ = group.communicate(timeout=10)
    delays = [
        float(line.split("restart_in=")[1].split()[0])
        for line in output.splitlines()
        if "restart_in=" in line
    ]
    assert delays[:3] == [0.05, 0.1, 0.2]


def test_a_child_that_will_not_stop_is_killed_after_the_grace_time(
    start_group: StartGroup, tmp_path: Path
) -> None:
    group = start_group("stubborn", grace=0.5)
    wait_until_started(tmp_path / "stubborn")
    group.terminate()
    assert group.wait(10) == 1
    assert not alive(notes(tmp_path / "stubborn", "started")[0])


def test_a_second_signal_does_not_wait_for_the_grace_time(
    start_group: StartGroup, tmp_path: Path
) -> None:
    group = start_group("stubborn", grace=600)
    wait_until_started(tmp_path / "stubborn")
    group.send_signal(signal.SIGINT)
    wait_for(lambda: notes(tmp_path / "stubborn", "stopped"))
    group.send_signal(signal.SIGINT)
    assert group.wait(10) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's end")
def test_children_stop_when_the_parent_is_killed(start_group: StartGroup, tmp_path: Path) -> None:
    group = start_group("steady")
    wait_until_started(tmp_path / "steady")
    group.kill()
    wait_for(lambda: notes(tmp_path / "steady", "stopped"))
    wait_for(lambda: not alive(notes(tmp_path / "steady", "started")[0]))


def test_a_taken_address_is_named_before_anything_starts() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(runner.StartError) as caught:
            runner.run("127.0.0.1", port)
    assert caught.value.problem.code == "SPJ-RUN-ADDRESS"
    assert caught.value.problem.facts["port"] == str(port)


@pytest.mark.parametrize(
    ("host", "port"), [("203.0.113.9", 8000), ("127.0.0.1", 70000), ("127.0.0.1", 0)]
)
def test_an_impossible_address_is_named(host: str, port: int) -> None:
    with pytest.raises(runner.StartError) as caught:
        runner.check_address(host, port)
    assert caught.value.problem.code == "SPJ-RUN-ADDRESS"
    assert caught.value.problem.facts["detail"]


def test_a_free_address_is_accepted() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        port = other.getsockname()[1]
    runner.check_address("127.0.0.1", port)
    assert not runner.answers("127.0.0.1", port)


@pytest.mark.parametrize(
    ("environment", "threads"),
    [
        ({}, "2"),
        ({"DATABASE_URL": "postgresql://localhost/spojka"}, "4"),
        ({"DATABASE_URL": "postgresql://localhost/spojka", "SPOJKA_WEB_THREADS": "9"}, "9"),
    ],
)
def test_threads_fit_the_database(environment: dict[str, str], threads: str) -> None:
    web, worker = runner.services("127.0.0.1", 8000, environment)
    assert web.command[web.command.index("--blocking-threads") + 1] == threads
    assert worker.command[-1] == "worker"
