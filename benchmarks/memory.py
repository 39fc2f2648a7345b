"""What an idle installation holds in memory: web server and worker, shared pages counted once."""

from __future__ import annotations

import os
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings

from benchmarks import world
from benchmarks.figures import Figure, Goal
from benchmarks.place import web_server, worker
from spojka.orders import intake

SETTLE_SECONDS = 12.0


def measure() -> Iterator[Figure]:
    """Serve pages and issue a document first, so that what is loaded late is loaded."""
    folder = Path(settings.DATA_DIR)
    made = world.shop(world.company())
    for payload in world.payloads(made, 5):
        intake.receive(made, via="import", body=intake.raw(payload))
    environment = dict(os.environ)
    with (
        web_server(environment, folder / "web.log") as port,
        worker(environment, folder / "worker.log"),
    ):
        for path in ("login/", "help/errors/", "api/v1/openapi.json"):
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=30) as answer:
                answer.read()
        deadline = time.monotonic() + 60
        while made.company.archive_entries.filter(kind="pdf").count() < 5:
            if time.monotonic() > deadline:
                raise RuntimeError("the worker issued nothing")
            time.sleep(0.2)
        time.sleep(SETTLE_SECONDS)
        parts = {name: pss(pid) for pid, name in _children()}
    total = sum(parts.values())
    detail = ", ".join(f"{name} {size:.0f}" for name, size in sorted(parts.items()))
    yield Figure("idle memory of web and worker (PSS)", total, 300, Goal.AT_MOST, "MB", detail)


def _children() -> Iterator[tuple[int, str]]:
    """Yield the processes that descend from this one."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                stat = (entry / "stat").read_text()
            except OSError:
                continue  # it ended meanwhile
            state, parent = stat.rpartition(")")[2].split()[:2]
            if state != "Z":  # one that has ended holds nothing
                parents[int(entry.name)] = int(parent)
    for pid in sorted(parents):
        ancestor = parents[pid]
        while ancestor in parents and ancestor != os.getpid():
            ancestor = parents[ancestor]
        if ancestor == os.getpid():
            words = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
            kind = "worker" if "worker" in words else "web"
            yield pid, f"{kind} {pid}"


def pss(pid: int) -> float:
    """Return the proportional set size of a process in megabytes."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    line = next(line for line in text.splitlines() if line.startswith("Pss:"))
    return int(line.split()[1]) / 1024
