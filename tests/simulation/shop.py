"""A shop in memory: its orders, the webhooks it loses and doubles, and what can be read from it."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from spojka.core.descriptor import Check
from spojka.core.order import Order
from spojka.shops.canonical.mapping import parse_order
from spojka.shops.contract import (
    Ability,
    Delivery,
    Hint,
    HintKind,
    MappingOptions,
    Page,
    ShopDescriptor,
    ShopSession,
    WebhookState,
)
from tests.simulation.chaos import Chaos

OVERLAP = timedelta(minutes=10)
Payload = dict[str, Any]


class SimulatedShop:
    """The platform and its one shop. Orders are canonical JSON; deletions are seen by a fetch."""

    def __init__(self, key: str, chaos: Chaos) -> None:
        self.descriptor = ShopDescriptor(
            key=key,
            name=key,
            summary={"en": "Simulated."},
            fields=(),
            abilities=frozenset(
                {Ability.WEBHOOK, Ability.FETCH, Ability.POLL, Ability.WRITE_NOTE, Ability.FILE}
            ),
        )
        self._chaos = chaos
        self.orders: dict[str, Payload] = {}
        self.notes: dict[str, list[str]] = {}

    # the merchant's side

    def change(self, external_id: str, **fields: Any) -> None:
        """Make or change an order, and touch it."""
        order = self.orders.setdefault(external_id, {"id": external_id})
        order.update(fields, modified_at=self._chaos.now.isoformat())

    def remove(self, external_id: str) -> None:
        """Remove an order for good."""
        self.orders.pop(external_id, None)

    def order(self, external_id: str) -> Order | None:
        """Return an order as it is now."""
        payload = self.orders.get(external_id)
        return None if payload is None else parse_order(payload, MappingOptions())

    # what Spojka sees

    def parse(self, payload: Any, options: MappingOptions) -> Order:
        return parse_order(payload, options)

    def split(self, content: bytes, name: str) -> Iterator[Any]:
        yield json.loads(content)

    def read_webhook(self, delivery: Delivery, secret: str) -> Hint:
        hint = json.loads(delivery.body)
        return Hint(HintKind.CHANGED, hint["id"], "order.updated")

    def fetch(self, s: ShopSession, external_id: str) -> Any | None:
        return self._chaos.call(lambda: copy.deepcopy(self.orders.get(external_id)), write=False)

    def changed(self, s: ShopSession, since: datetime) -> Page:
        def read() -> Page:
            begin = (since - OVERLAP).isoformat()
            found = [row for row in self.orders.values() if row["modified_at"] >= begin]
            return Page(tuple(copy.deepcopy(found)), self._chaos.now)

        page: Page = self._chaos.call(read, write=False)
        return page

    def verify(self, s: ShopSession) -> list[Check]:
        return []

    def watch(self, s: ShopSession, address: str) -> list[WebhookState]:
        return []

    def register_webhooks(self, s: ShopSession, address: str, secret: str) -> list[WebhookState]:
        return []

    def write_note(self, s: ShopSession, external_id: str, note: str) -> str:
        def write() -> str:
            notes = self.notes.setdefault(external_id, [])
            notes.append(note)
            return str(len(notes))

        identity: str = self._chaos.call(write, write=True)
        return identity

    def find_note(self, s: ShopSession, external_id: str, note: str) -> str | None:
        def find() -> str | None:
            notes = self.notes.get(external_id, [])
            return str(notes.index(note) + 1) if note in notes else None

        found: str | None = self._chaos.call(find, write=False)
        return found


# orders


def line(key: str, gross: Decimal, rate: int, quantity: int = 1) -> Payload:
    """Return a row of an order, split into net and VAT at its rate."""
    tax = (gross * rate / (100 + rate)).quantize(Decimal("0.01"))
    return {
        "key": key,
        "name": f"Row {key}",
        "quantity": str(quantity),
        "net": str(gross - tax),
        "tax": str(tax),
        "rate": str(rate),
    }


def rows(*lines: Payload) -> Payload:
    """Return the fields of an order with these rows."""
    total = sum((Decimal(row["net"]) + Decimal(row["tax"]) for row in lines), Decimal(0))
    return {"lines": list(lines), "total": str(total), "currency": "CZK"}


def refund(key: str, at: datetime, amount: Decimal, *lines: Payload) -> Payload:
    """Return a refund of an amount, of rows where there are any."""
    negative = [
        {**row, "net": str(-Decimal(row["net"])), "tax": str(-Decimal(row["tax"]))} for row in lines
    ]
    return {"id": key, "amount": str(amount), "created_at": at.isoformat(), "lines": negative}
