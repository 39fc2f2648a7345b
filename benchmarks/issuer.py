"""The own issuer, from a stored event to the PDF in the archive, against rendering PDFs alone."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings
from django.db import connections

from benchmarks import world
from benchmarks.figures import Figure, Goal, median
from benchmarks.place import wait_for, worker
from spojka.connections.models import Shop
from spojka.documents.models import Document
from spojka.documents.rendering import render_isdoc, render_pdf
from spojka.orders import intake

EVENTS = 150
WARM = 10
"""Documents of each round after which the time runs."""
ROUNDS = 3
START_SECONDS = 30.0
LONGEST_SECONDS = 120.0


def measure() -> Iterator[Figure]:
    """Render the documents of one round with as many threads as the worker has, in turns."""
    made = world.shop(world.company())
    events = world.payloads(made, EVENTS * (ROUNDS + 1))
    _round(made, [next(events) for _ in range(20)])  # the worker's first ones load code
    ours: list[float] = []
    raw: list[float] = []
    for _ in range(ROUNDS):
        ours.append(_round(made, [next(events) for _ in range(EVENTS)]))
        raw.append(_render(list(made.company.documents.order_by("-id")[:EVENTS])))
    detail = f"{median(ours):.1f} of {median(raw):.1f} documents/s"
    yield Figure("own issuer, event to archived PDF", median(ours), 10, Goal.AT_LEAST, "doc/s")
    ratios = [our / plain for our, plain in zip(ours, raw, strict=True)]
    yield Figure("own issuer / raw PDF render", median(ratios), 0.5, Goal.AT_LEAST, detail=detail)


def _round(shop: Shop, payloads: list[dict[str, object]]) -> float:
    """Store events, have a worker handle them, and return documents in the archive a second."""
    before = _archived(shop)
    for payload in payloads:
        intake.receive(shop, via="import", body=intake.raw(payload))
    with worker(dict(os.environ), Path(settings.DATA_DIR) / "worker.log"):
        # Its start is not what is measured, nor what the first documents load: rendering alone has
        # its compilers ready as well before its time runs.
        wait_for(lambda: _archived(shop) - before >= WARM, START_SECONDS, "the start", pause=0.02)
        began, first = time.monotonic(), _archived(shop)
        wait_for(lambda: _archived(shop) - before >= len(payloads), LONGEST_SECONDS, "the worker")
        return (before + len(payloads) - first) / (time.monotonic() - began)


def _archived(shop: Shop) -> int:
    return shop.company.archive_entries.filter(kind="pdf").count()


def _render(documents: list[Document]) -> float:
    """Render documents with the worker's number of threads; returns documents a second."""
    contents = [(document.core(), document.number) for document in documents]
    todo = iter(contents)
    lock = threading.Lock()
    ready = threading.Barrier(settings.WORKER_THREADS + 1)

    def work() -> None:
        content, number = contents[0]
        render_pdf(content, number=number)  # each thread has a compiler of its own
        ready.wait(60)
        while True:
            with lock:
                one = next(todo, None)
            if one is None:
                break
            content, number = one
            render_pdf(content, number=number, isdoc=render_isdoc(content, number=number))
        connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(settings.WORKER_THREADS)]
    for thread in threads:
        thread.start()
    ready.wait(60)
    began = time.monotonic()
    for thread in threads:
        thread.join()
    return len(contents) / (time.monotonic() - began)
