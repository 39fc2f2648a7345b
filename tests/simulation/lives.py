"""The lives of orders in a simulated shop."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.utils import timezone

from tests.simulation.shop import SimulatedShop, line, refund, rows

if TYPE_CHECKING:
    from tests.simulation.simulator import Simulation

ARRIVALS = timedelta(minutes=35)
PACE = timedelta(minutes=10)


def begin(simulation: Simulation, shop: SimulatedShop, orders: int) -> None:
    """Have orders come in at random, each with a life of its own."""
    rng = simulation.chaos.rng
    for number in range(1, orders + 1):
        life = _Life(simulation, shop, str(number))
        delay = timedelta(seconds=rng.uniform(0, ARRIVALS.total_seconds()))
        simulation.later(delay, life.placed)


class _Life:
    """One order: placed, then a few things that a shop does with orders."""

    def __init__(self, simulation: Simulation, shop: SimulatedShop, external_id: str) -> None:
        self._simulation = simulation
        self._shop = shop
        self._id = external_id
        self._rng = simulation.chaos.rng
        self._lines = [
            line("a", Decimal(self._rng.randrange(100, 500000)) / 100, 21, 2),
            line("b", Decimal(self._rng.randrange(100, 90000)) / 100, 12),
        ]
        self._refunds: list[dict[str, Any]] = []

    def placed(self) -> None:
        rng = self._rng
        now = timezone.now().isoformat()
        method = rng.choice(("card", "bacs", "cod"))
        status = {"card": "processing", "bacs": "on-hold", "cod": "processing"}[method]
        self._change(
            number=f"{self._id}",
            status=status,
            created_at=now,
            paid_at=now if method == "card" and rng.random() < 0.8 else None,
            payment_method=method,
            customer={
                "address": {"name": "Jana Nová", "country": "CZ"},
                "email": f"{self._id}@example.test",
            },
            **rows(*self._lines),
        )
        for _ in range(rng.choice((0, 1, 1, 2, 3))):
            self._soon(rng.choice(self._happenings()))

    def _happenings(self) -> list[Callable[[], None]]:
        return [
            self._paid,
            self._paid,
            self._completed,
            self._refunded_row,
            self._refunded_amount,
            self._edited,
            self._cancelled,
            self._removed,
        ]

    def _soon(self, what: Callable[[], None]) -> None:
        self._simulation.later(timedelta(seconds=self._rng.expovariate(1 / 240)), what)

    def _change(self, **fields: Any) -> None:
        if fields.get("created_at") is None and self._id not in self._shop.orders:
            return  # removed meanwhile
        self._shop.change(self._id, **fields)
        self._simulation.announce(self._shop, self._id)

    def _paid(self) -> None:
        order = self._shop.orders.get(self._id)
        if order is not None and order["paid_at"] is None and order["status"] != "cancelled":
            self._change(paid_at=timezone.now().isoformat(), status="processing")

    def _completed(self) -> None:
        if self._shop.orders.get(self._id, {}).get("status") == "processing":
            self._change(status="completed")

    def _cancelled(self) -> None:
        if not self._refunds:
            self._change(status="cancelled")

    def _refunded_row(self) -> None:
        row = self._lines[1]
        self._refund(Decimal(row["net"]) + Decimal(row["tax"]), row)

    def _refunded_amount(self) -> None:
        self._refund(Decimal("1.00"))

    def _refund(self, amount: Decimal, *lines: dict[str, Any]) -> None:
        order = self._shop.orders.get(self._id)
        if order is None or order["paid_at"] is None or self._refunds:
            return
        self._refunds.append(refund(f"{self._id}-r", timezone.now(), amount, *lines))
        self._change(refunds=list(self._refunds))

    def _edited(self) -> None:
        if not self._refunds:
            self._lines = [line("a", Decimal("123.40"), 21), *self._lines[1:]]
            self._change(**rows(*self._lines))

    def _removed(self) -> None:
        if self._rng.random() < 0.3:
            self._shop.remove(self._id)
            self._simulation.announce(self._shop, self._id)
