"""One account with 50,000 waiting orders, and how long it delays the order of another."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings
from django.utils import timezone

from benchmarks import world
from benchmarks.figures import Figure, Goal, median
from benchmarks.place import wait_for, worker
from spojka.connections import shops
from spojka.connections.models import Shop
from spojka.engine.models import Wake
from spojka.orders import intake

WAITING = 50_000
ORDERS = 8


def measure() -> Iterator[Figure]:
    """Time orders from their event to the archived PDF, alone and beside the backlog."""
    full, other = world.shop(world.company("Plná s.r.o.")), world.shop(world.company("Malá s.r.o."))
    events = world.payloads(other, 2 * ORDERS + 2)
    environment, log = dict(os.environ), Path(settings.DATA_DIR) / "worker.log"
    with worker(environment, log):
        _issue(other, next(events))  # loads code
        alone = [_issue(other, next(events)) for _ in range(ORDERS)]
    orders = world.store(full, WAITING)
    account, now = shops.owner(full), timezone.now()
    Wake.objects.bulk_create(
        [Wake(handler="order", key=str(order.pk), account=account, due_at=now) for order in orders],
        batch_size=2000,
    )
    with worker(environment, log):
        _issue(other, next(events))
        beside = [_issue(other, next(events)) for _ in range(ORDERS)]
    left = Wake.objects.filter(account=account).count()
    assert left > WAITING * 0.9, "the backlog was gone before it was measured"
    yield Figure(
        f"delay of an order by {WAITING} of another account",
        max(beside) - median(alone),
        2,
        Goal.AT_MOST,
        "s",
        f"slowest {max(beside):.2f} s, median {median(beside):.2f} s, alone {median(alone):.2f} s",
    )


def _issue(shop: Shop, payload: dict[str, object]) -> float:
    """Return how many seconds it takes from the event to the PDF in the archive."""
    entries = shop.company.archive_entries.filter(kind="pdf")
    before, began = entries.count(), time.monotonic()
    intake.receive(shop, via="import", body=intake.raw(payload))
    wait_for(lambda: entries.count() > before, 90, "the worker", pause=0.02)
    return time.monotonic() - began
