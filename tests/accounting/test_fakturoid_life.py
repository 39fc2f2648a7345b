"""Orders live through the whole ledger with Fakturoid's simulator in the box as their system."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine

from spojka.accounting.simulator import Fault
from spojka.connections import activation, simulated
from spojka.connections.activation import Act
from spojka.connections.models import Connection
from spojka.core.document import Kind
from spojka.documents import changes
from spojka.documents.models import Document
from tests.documents.conftest import CREDIT, PROFORMA, House, captured, house, rule

pytestmark = pytest.mark.django_db
__all__ = ["house"]
START = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
TOTAL = Decimal("1836.70")
PENDING, PAID = "rest-20-create-pending", "rest-20b-set-paid"


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(START, tick=False) as traveller:
        yield traveller


@pytest.fixture
def connection(house: House) -> Connection:
    made = activation.simulate(house.company, "fakturoid", actor="jana")
    activation.start(made, Act.ACTIVATE, actor="jana")
    house.work()
    made.refresh_from_db()
    assert made.active
    house.company.connections.update(default=False)
    Connection.objects.filter(pk=made.pk).update(default=True)
    return made


def take(house: House, clock: time_machine.Traveller, name: str, **changed: Any) -> Any:
    """Take an order in, and let what follows from it be done: each minute allows more calls."""
    order = house.take(captured(name, **changed))
    work(house, clock, 3)
    return order


def kept(connection: Connection) -> list[tuple[str, Decimal, Decimal]]:
    return [(one.kind, one.total, one.paid) for one in simulated.look(connection).books()]


def work(house: House, clock: time_machine.Traveller, minutes: int = 1) -> None:
    """Let time pass: the budget allows calls again, PDFs are made meanwhile."""
    for _ in range(minutes):
        clock.shift(timedelta(minutes=1))
        house.work()


def states(document: Document) -> dict[str, str]:
    return {effect.kind: effect.state for effect in document.effects.all()}


def act(connection: Connection, what: str, **details: Any) -> None:
    simulated.control(connection, {"act": {"what": what, **details}})


def look(house: House, clock: time_machine.Traveller) -> None:
    clock.shift(timedelta(minutes=15))
    changes.read_all()
    work(house, clock, 3)


def test_a_proforma_is_paid_and_settled(
    house: House, connection: Connection, clock: time_machine.Traveller
) -> None:
    order = take(house, clock, PENDING)
    proforma = house.only(order, Kind.PROFORMA)
    assert (proforma.state, proforma.number, proforma.problems) == ("issued", "2026-Z0001", [])
    work(house, clock)
    order = take(house, clock, PAID)
    work(house, clock)
    final = house.only(order, Kind.INVOICE)
    assert (final.state, final.number, final.is_paid) == ("issued", "2026-0001", True)
    assert final.problems == []
    assert states(final)["pdf"] == "confirmed"
    assert [kind for kind, _, _ in kept(connection)] == ["proforma", "invoice"]


def test_their_bank_matching_makes_the_final_invoice_due(
    house: House, connection: Connection, clock: time_machine.Traveller
) -> None:
    order = take(house, clock, PENDING)
    proforma = house.only(order, Kind.PROFORMA)
    act(connection, "pay", external_id=proforma.external_id, paid_on="2026-11-21")
    look(house, clock)
    proforma.refresh_from_db()
    assert (proforma.paid_amount, str(proforma.paid_on)) == (TOTAL, "2026-11-21")
    final = house.only(order, Kind.INVOICE)
    assert (final.state, final.is_paid, final.problems) == ("issued", True, [])
    assert [kind for kind, _, _ in kept(connection)] == ["proforma", "invoice"]


def test_an_invoice_that_fakturoid_makes_by_itself_is_the_orders_invoice(
    house: House, connection: Connection, clock: time_machine.Traveller
) -> None:
    order = take(house, clock, PENDING)
    proforma = house.only(order, Kind.PROFORMA)
    how = {"proforma_followup_document": "final_invoice_paid"}
    act(connection, "pay", external_id=proforma.external_id, **how)
    look(house, clock)
    take(house, clock, PAID)
    work(house, clock, 3)
    final = house.only(order, Kind.INVOICE)
    assert (final.state, final.number) == ("issued", "2026-0001")
    assert [kind for kind, _, _ in kept(connection)] == ["proforma", "invoice"]


def test_a_tax_document_on_payment_and_the_invoice_that_deducts_it(
    house: House, connection: Connection, clock: time_machine.Traveller
) -> None:
    tax = rule(Kind.TAX_DOCUMENT, paid=True)
    house.rules(PROFORMA, tax, rule(Kind.INVOICE, statuses=("completed",)), CREDIT)
    order = take(house, clock, PENDING)
    take(house, clock, PAID)
    work(house, clock, 2)
    made = house.only(order, Kind.TAX_DOCUMENT)
    assert (made.state, made.problems) == ("issued", []), made.problems
    take(house, clock, "rest-20c-completed-with-invoice-meta")
    work(house, clock, 2)
    final = house.only(order, Kind.INVOICE)
    assert (final.state, final.problems) == ("issued", []), final.problems
    assert {kind for kind, _, _ in kept(connection)} == {"proforma", "tax_document", "invoice"}


def test_a_refund_is_credited(
    house: House, connection: Connection, clock: time_machine.Traveller
) -> None:
    order = take(house, clock, PAID)
    detail = [captured("rest-20d-refund-partial-line")]
    take(house, clock, "rest-20e-order-after-partial-refund", refunds_detail=detail)
    (invoice, note) = order.documents.order_by("id")
    assert [document.problems for document in (invoice, note)] == [[], []]
    assert (note.kind, note.state, note.number) == ("credit_note", "issued", "2026-D0001")
    assert [kind for kind, _, _ in kept(connection)] == ["invoice", "credit_note"]


def test_thrown_away_there_is_told_here(
    house: House, connection: Connection, clock: time_machine.Traveller
) -> None:
    order = take(house, clock, PENDING)
    proforma = house.only(order, Kind.PROFORMA)
    look(house, clock)
    act(connection, "delete", external_id=proforma.external_id)
    look(house, clock)
    proforma.refresh_from_db()
    assert proforma.state == "deleted"
    assert "system.deleted" in proforma.events.values_list("name", flat=True)


@pytest.mark.parametrize("match", ["POST .*/subjects.json", "POST .*/invoices.json"])
@pytest.mark.parametrize("fault", [Fault.RESET_AFTER, Fault.EMPTY_SUCCESS, Fault.STALE])
def test_lost_answers_leave_one_document_and_one_customer(
    house: House, connection: Connection, clock: time_machine.Traveller, fault: Fault, match: str
) -> None:
    simulated.control(connection, {"fail": [{"fault": fault.value, "match": match}]})
    order = house.take(captured(PAID))
    work(house, clock, 20)
    invoice = house.only(order, Kind.INVOICE)
    assert (invoice.state, invoice.number, invoice.problems) == ("issued", "2026-0001", [])
    assert kept(connection) == [("invoice", Decimal("1836.7"), Decimal("1836.7"))]
    assert len(simulated.look(connection).state["subjects"]) == 1
