"""A backlog against a remote system: how much of its limit is used, and what Spojka costs besides.

The remote system is a process on loopback. Where its limit binds, calls are compared with what it
allows. Where none binds, they are compared with bare threads, as many as Spojka gives to
one account, that make the same two calls a document and keep their connection.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
from django.conf import settings

from benchmarks import world
from benchmarks.figures import Figure, Goal, median
from benchmarks.place import free_port, process, wait_for, worker
from benchmarks.remote.system import body_of
from spojka import engine
from spojka.companies.models import Company
from spojka.connections import shops
from spojka.connections.models import Connection, Shop
from spojka.engine import runner
from spojka.engine.models import Wake

LATENCY = 0.3
"""Seconds; what the accounting systems on the internet take at their best."""
LIMIT = (60, 10)
LIMITED_LATENCY = 0.05
LIMITED_ORDERS = 120
FREE_ORDERS = 60
ROUNDS = 2


def measure() -> Iterator[Figure]:
    """Measure with a limit, then without one."""
    yield from _limited()
    yield from _free()


def _limited() -> Iterator[Figure]:
    calls, seconds = LIMIT
    with remote(LIMITED_LATENCY, *LIMIT) as address:
        _work_off(_company(address), LIMITED_ORDERS, {"BENCHMARK_LIMIT": f"{calls}/{seconds}"})
        told = _stats(address)
    came = sorted(told["came"])
    allowed = calls / seconds * (came[-1] - came[0])
    yield Figure(
        "backlog: calls made / calls allowed",
        (len(came) - 1) / allowed,
        0.95,
        Goal.AT_LEAST,
        detail=f"{len(came)} calls in {came[-1] - came[0]:.0f} s, {calls} in {seconds} s allowed",
    )
    yield Figure(
        "backlog: refused with 429 of 1,000 calls",
        told["refused"] * 1000 / len(came),
        1,
        Goal.AT_MOST,
    )


def _free() -> Iterator[Figure]:
    ours: list[float] = []
    bare: list[float] = []
    with remote(LATENCY) as address:
        shop = _company(address)
        _work_off(shop, 10, {})  # the first ones load code
        for _ in range(ROUNDS):
            bare.append(_bare(shop, FREE_ORDERS))
            before = len(_stats(address)["came"])
            _work_off(shop, FREE_ORDERS, {})
            came = sorted(_stats(address)["came"])[before:]
            # The last answer belongs to the time, the start of the worker does not.
            ours.append(len(came) / (came[-1] + LATENCY - came[0]))
    yield Figure(
        "backlog: rate / bare loop of the same calls",
        median(our / plain for our, plain in zip(ours, bare, strict=True)),
        0.8,
        Goal.AT_LEAST,
        detail=f"{median(ours):.1f} of {median(bare):.1f} calls/s at {LATENCY * 1000:.0f} ms",
    )


@contextmanager
def remote(latency: float, *limit: int) -> Iterator[str]:
    """Run the remote system; gives its address."""
    port = free_port()
    words = (str(port), str(latency), *map(str, limit))
    command = (sys.executable, "-m", "benchmarks.remote.server", *words)
    with process(command, dict(os.environ), Path(settings.DATA_DIR) / "remote.log"):
        address = f"http://127.0.0.1:{port}"
        wait_for(lambda: _answers(address), 15, "the remote system")
        yield address


def _answers(address: str) -> bool:
    try:
        return bool(_stats(address))
    except OSError:
        return False


def _stats(address: str) -> dict[str, Any]:
    with urllib.request.urlopen(f"{address}/stats", timeout=10) as answer:
        told: dict[str, Any] = json.load(answer)
    return told


def _company(address: str) -> Shop:
    company = world.company(mode=Company.Mode.OBSERVE)
    company.connections.update(default=False)
    Connection.objects.create(
        company=company,
        system="benchmark",
        name="Benchmark",
        settings={"address": address},
        active=True,
        default=True,
    )
    return world.shop(company)


def _work_off(shop: Shop, count: int, extra: Mapping[str, str]) -> None:
    """Store orders, let a worker issue their documents, and wait until all is done."""
    Company.objects.filter(pk=shop.company_id).update(mode=Company.Mode.LIVE)
    done = shop.company.archive_entries.filter(kind="pdf").count()
    for order in world.store(shop, count, first=100_001 + shop.orders.count()):
        engine.wake("order", order.pk, account=shops.owner(shop))
    with worker({**os.environ, **extra}, Path(settings.DATA_DIR) / "worker.log"):
        wait_for(
            lambda: shop.company.archive_entries.filter(kind="pdf").count() - done >= count,
            180,
            "the worker",
        )
        wait_for(lambda: not Wake.objects.filter(handler="order").exists(), 30, "the last wake")


def _bare(shop: Shop, count: int) -> float:
    """Make the same calls with nothing around them; returns calls a second."""
    address = shop.company.connections.get(default=True).settings["address"]
    document = shop.company.documents.exclude(number="").latest("id")
    body = body_of(document.core())
    todo = iter(range(count))
    lock = threading.Lock()

    def work() -> None:
        with httpx2.Client() as client:
            while True:
                with lock:
                    if next(todo, None) is None:
                        return
                number = client.post(f"{address}/documents", json=body).json()["number"]
                client.get(f"{address}/documents/{number}/pdf").raise_for_status()

    threads = [threading.Thread(target=work) for _ in range(runner.share())]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return count * 2 / (time.monotonic() - began)
