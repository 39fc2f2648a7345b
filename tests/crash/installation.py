"""An installation of its own, whose real processes can be killed and started again."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from spojka.site import runner
from tests.remote.running import PACKAGE, ROOT

SRC = Path(runner.__file__).resolve().parents[2]

# Waits as an installation has them would make a drill last hours. All are documented settings.
QUICK = {
    "SPOJKA_LOOK_UP_SECONDS": "0.5,1,2",
    "SPOJKA_SETTLE_SECONDS": "1",
    "SPOJKA_RETRY_SECONDS": "0.5",
    "SPOJKA_LEASE_SECONDS": "4",
}


@dataclass(slots=True)
class Installation:
    """A data directory, a database, a web server and workers. Closing it kills what still runs."""

    folder: Path
    workers: int = 1
    settings: dict[str, str] = field(default_factory=dict)
    """Environment variables besides the usual ones; ``DATABASE_URL`` for PostgreSQL."""
    paths: tuple[Path, ...] = ()
    """Further folders for ``PYTHONPATH``."""
    port: int = field(default_factory=lambda: free_port(), init=False)
    _running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict, init=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for name in list(self._running):
            self.kill(name)

    @property
    def environment(self) -> dict[str, str]:
        """What the processes get: nothing of our own installation, and quick waits."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("SPOJKA_", "DJANGO_", "DATABASE_", "PYTEST_"))
        }
        return {
            **kept,
            "PYTHONPATH": os.pathsep.join(map(str, (*self.paths, SRC, ROOT, PACKAGE))),
            "SPOJKA_DATA": str(self.folder),
            "SPOJKA_URL": f"http://127.0.0.1:{self.port}",
            "SPOJKA_ALLOWED_NETWORKS": "127.0.0.0/8",
            "SPOJKA_LANGUAGE": "en",
            **QUICK,
            **self.settings,
        }

    @property
    def names(self) -> list[str]:
        """Names of the processes: ``web``, ``worker-1``, …"""
        return ["web", *(f"worker-{number}" for number in range(1, self.workers + 1))]

    def set_up(self) -> None:
        """Prepare the database, the key file and the static files, by the command for it."""
        subprocess.run(
            [sys.executable, "-m", "spojka", "setup"],
            env=self.environment,
            check=True,
            capture_output=True,
        )

    def start(self, name: str) -> None:
        """Start a process with the command by which ``spojka run`` starts it."""
        kind = name.partition("-")[0]
        services = runner.services("127.0.0.1", self.port, self.environment)
        (command,) = [service.command for service in services if service.name == kind]
        with (self.folder / f"{name}.log").open("ab") as log:
            self._running[name] = subprocess.Popen(
                command,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=runner._stop_with_parent(),  # a test that is killed leaves none behind
            )

    def kill(self, name: str) -> bool:
        """Kill a process and its children with SIGKILL; tell whether it was still running."""
        process = self._running.pop(name)
        ran = process.poll() is None
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            ran = False
        process.wait()
        return ran

    def log(self, name: str) -> str:
        """What a process has written so far."""
        path = self.folder / f"{name}.log"
        return path.read_text("utf-8", "replace") if path.exists() else ""


class Observer:
    """A process of the installation that is never killed: it furnishes it and looks into it.

    A process of its own, because an installation has its own settings and database.
    """

    def __init__(self, installation: Installation) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.observer"],
            env=installation.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        process = self._process
        assert process.stdin is not None
        with process:
            process.stdin.close()
            process.wait(20)

    def ask(self, command: str, **arguments: Any) -> Any:
        """Have the observer do something, and return its answer."""
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps([command, arguments]) + "\n")
        process.stdin.flush()
        answer = process.stdout.readline()
        if not answer:
            raise RuntimeError(f"the observer ended at {command!r}; its reason is in the output")
        return json.loads(answer)


def free_port() -> int:
    """Return a port of this machine that is free just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
