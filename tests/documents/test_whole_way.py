"""The whole way to each accounting system that has a simulator: every captured order, for real.

Through the inbox, the planner, the effects and the connector to the simulator in the box, and back
by its changes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine

from spojka.accounting.simulator import Kept
from spojka.companies.models import BankAccount, Company
from spojka.connections import activation, simulated
from spojka.connections.models import Connection
from spojka.core.document import Kind
from spojka.documents import actions
from spojka.documents.models import Document, Effect, RateOfDay
from spojka.orders import intake
from spojka.orders.models import Order
from tests.documents.conftest import House
from tests.shops import captured as captures

pytestmark = pytest.mark.django_db
SYSTEMS = ["superfaktura", "idoklad", "fakturoid"]
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
FOREIGN = ("EUR", "USD", "PLN", "HUF", "GBP", "JPY")


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOW, tick=True) as traveller:
        yield traveller


@pytest.fixture(params=SYSTEMS)
def connection(request: pytest.FixtureRequest, house: House) -> Connection:
    """Return an active connection to the simulator of a system, as anybody tries it."""
    Company.objects.update(vat_conflict="lines", refund_policy="allocate")
    house.company.refresh_from_db()
    house.shop.refresh_from_db()
    BankAccount.objects.create(
        company=house.company, currency="CZK", number="19-2000145399/0800",
        iban="CZ6508000000192000145399", bic="GIBACZPX",
    )  # fmt: skip
    for currency in FOREIGN:
        RateOfDay.objects.create(
            company=house.company, home="CZK", currency=currency, rate=Decimal("24.31"),
            valid_on=NOW.date() - timedelta(days=400), source="manual",
        )  # fmt: skip
    made = activation.simulate(house.company, request.param, actor="Jana")
    activation.activate(made)
    made.refresh_from_db()
    assert made.active, [row for row in made.checks if row["status"] != "ok"][0]["problem"]
    activation.only_default(made)
    return Connection.objects.select_related("company").get(pk=made.pk)


def books(connection: Connection) -> dict[str, Kept]:
    return {kept.external_id: kept for kept in simulated.look(connection).books()}


def work_on(house: House, clock: time_machine.Traveller) -> None:
    """Work until nothing is open any more; the time that limits and look-ups take flies by."""
    for _ in range(200):
        house.work()
        waiting = Effect.objects.exclude(state__in=["confirmed", "rejected", "skipped"])
        if not waiting.exclude(document__state__in=["held", "dropped"]).exists():
            return
        clock.shift(timedelta(seconds=20))
    raise AssertionError(list(waiting.values("kind", "state", "problem", "technical")))


def test_every_captured_order_is_issued_to_the_cent_or_held_with_both_figures(
    house: House, connection: Connection, clock: time_machine.Traveller
) -> None:
    orders: list[Order] = []
    Company.objects.update(mode="observe")
    house.shop.company.mode = "observe"
    for at, (_name, payload) in enumerate(captures.all_orders(), start=1):
        unique: dict[str, Any] = {**payload, "id": 100_000 + at, "number": f"{100_000 + at}"}
        order, _ = intake.store(house.shop, unique)
        orders.append(order)
    house.work()
    for order in orders:
        actions.issue(Order.objects.get(pk=order.pk), Kind.INVOICE, actor="Jana")
    work_on(house, clock)

    told: Counter[str] = Counter()
    there = books(connection)
    for document in Document.objects.select_related("order"):
        codes = [problem["code"] for problem in document.problems]
        assert document.state in {"issued", "held"}, (document.state, document.order.number)
        if document.state == "held":
            told[codes[0]] += 1
            continue
        told["issued"] += 1
        assert codes == [], (document.order.number, document.problems)
        kept = there[document.external_id]
        assert (kept.total, kept.currency) == (document.total, document.currency)
        assert document.pdf_sha256
    print(connection.system, dict(told))
    held_by_system = {code for code in told if code.endswith("-PREDICTED")}
    assert held_by_system <= {"SPJ-TOTAL-PREDICTED", "SPJ-VAT-PREDICTED"}
    assert len(there) == told["issued"], "no document more than there are orders"
    assert told["issued"] >= 100
