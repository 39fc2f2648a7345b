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

from spojka.accounting.contract import WebhookHint
from spojka.accounting.simulator import Kept
from spojka.companies.models import BankAccount, Company
from spojka.connections import activation, simulated
from spojka.connections.models import Call, Connection
from spojka.core.document import Kind
from spojka.documents import actions, changes, comparison, trial
from spojka.documents.models import Document, Effect, ForeignDocument, RateOfDay
from spojka.orders import intake
from spojka.orders.models import Order
from tests.documents.conftest import House, captured
from tests.shops import captured as captures

pytestmark = pytest.mark.django_db
SYSTEMS = ["superfaktura", "idoklad", "fakturoid"]
TELL_WHAT_IS_DELETED = {"fakturoid"}
"""Others show it only when the document itself is read."""
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
    assert made.active, made.checks
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
    predicted = [code for code in told if code.endswith("-PREDICTED")]
    assert (told["issued"], sum(told[code] for code in predicted)) == (110, 1), told
    assert len(there) == told["issued"], "no document more than there are orders"

    read_back(house, connection, clock)
    assert not Document.objects.filter(state="issued").exclude(problems=[]).exists()
    for row in ForeignDocument.objects.all():
        assert row.document is not None
        assert {"total", "vat", "currency"} <= comparison.told(row.issued())


def read_back(house: House, connection: Connection, clock: time_machine.Traveller) -> None:
    """Have what changed there read, as it is from time to time."""
    clock.shift(timedelta(hours=2))  # small plans are read seldom
    changes.read_all()
    work_on(house, clock)


def happens(connection: Connection, what: str, document: Document) -> None:
    """Let somebody do something with a document in the system itself."""
    simulated.control(connection, {"act": {"what": what, "external_id": document.external_id}})


def test_a_proforma_paid_there_is_followed_by_a_final_invoice_and_a_credit_note(
    house: House, connection: Connection, clock: time_machine.Traveller
) -> None:
    order = house.take(captured("rest-20-create-pending"))
    work_on(house, clock)
    proforma = house.only(order, Kind.PROFORMA)
    assert (proforma.state, proforma.is_paid) == ("issued", False)
    read_back(house, connection, clock)
    assert house.documents(order) == [("proforma", "issued", proforma.number)]

    happens(connection, "pay", proforma)
    read_back(house, connection, clock)

    proforma.refresh_from_db()
    final = house.only(order, Kind.INVOICE)
    assert proforma.is_paid
    assert (final.state, final.is_paid, final.problems) == ("issued", True, [])
    assert final.core().deductions[0].external_id == proforma.external_id
    refunded = captured("rest-20e-order-after-partial-refund")
    refunded["refunds_detail"] = [captured("rest-20d-refund-partial-line")]
    house.take(refunded)
    work_on(house, clock)
    note = house.only(order, Kind.CREDIT_NOTE)
    assert (note.state, note.total, note.problems) == ("issued", Decimal("-499.00"), [])
    read_back(house, connection, clock)
    for document in order.documents.all():
        assert (document.state, document.problems) == ("issued", []), document.kind
    assert len(books(connection)) == 3


@pytest.mark.parametrize("paid_by", ["the shop", "the bank"])
def test_a_final_invoice_that_the_system_makes_by_itself_is_the_only_one(
    house: House, connection: Connection, clock: time_machine.Traveller, paid_by: str
) -> None:
    """Whether the payment is ours or their bank's, and whoever of both is first."""
    if connection.system == "superfaktura":
        simulated.control(connection, {"account": {"automatic_invoice": True}})
    elif connection.system == "fakturoid":
        settings = {**connection.settings, "follow_up": "final_invoice_paid"}
        Connection.objects.filter(pk=connection.pk).update(settings=settings)
    order = house.take(captured("rest-20-create-pending"))
    work_on(house, clock)
    proforma = house.only(order, Kind.PROFORMA)
    if paid_by == "the bank":
        happens(connection, "pay", proforma)
        if connection.system == "idoklad":  # there a person makes it
            happens(connection, "account", proforma)
    house.take(captured("rest-20b-set-paid"))
    work_on(house, clock)
    for _ in range(2):
        read_back(house, connection, clock)

    proforma.refresh_from_db()
    final = house.only(order, Kind.INVOICE)
    assert proforma.is_paid
    assert (final.state, final.is_paid, final.problems) == ("issued", True, [])
    assert sorted(books(connection)) == sorted([proforma.external_id, final.external_id])


def test_paid_and_taken_back_by_us_and_deleted_there(
    house: House, connection: Connection, clock: time_machine.Traveller
) -> None:
    order = house.take(captured("rest-20b-set-paid"))
    work_on(house, clock)
    invoice = house.only(order, Kind.INVOICE)
    assert books(connection)[invoice.external_id].paid == invoice.total
    actions.unpay(invoice, actor="Jana")
    work_on(house, clock)
    assert books(connection)[invoice.external_id].paid == 0
    actions.mark_paid(
        Document.objects.get(pk=invoice.pk), paid_on=NOW.date(), amount=Decimal(100), actor="Jana"
    )
    work_on(house, clock)
    assert books(connection)[invoice.external_id].paid == 100
    read_back(house, connection, clock)
    invoice.refresh_from_db()
    assert (invoice.paid_amount, invoice.problems) == (Decimal(100), [])
    happens(connection, "unpay", invoice)
    read_back(house, connection, clock)
    invoice.refresh_from_db()
    assert invoice.paid_amount == 0
    happens(connection, "delete", invoice)
    read_back(house, connection, clock)
    if connection.system not in TELL_WHAT_IS_DELETED:
        changes.hinted(connection, WebhookHint(invoice.external_id, Kind.INVOICE))
        clock.shift(timedelta(seconds=10))
    work_on(house, clock)
    invoice.refresh_from_db()
    assert invoice.external_id not in books(connection)
    assert invoice.state == "deleted"


def test_the_test_order_goes_and_is_taken_back(
    house: House, connection: Connection, clock: time_machine.Traveller
) -> None:
    order = trial.start(connection, actor="Jana")
    work_on(house, clock)
    clock.shift(timedelta(seconds=10))
    house.work()
    report = trial.report(order)
    assert (report.document.state, report.problems, report.differences) == ("issued", (), ())
    assert report.compared
    assert report.document.pdf_sha256
    assert any(call.method == "POST" for call in report.calls)
    trial.undo(order, actor="Jana")
    work_on(house, clock)
    assert trial.report(order).is_undone
    living = [kept for kept in books(connection).values() if not kept.cancelled]
    assert living == []


def test_calls_are_spent_sparingly(
    house: House, connection: Connection, clock: time_machine.Traveller
) -> None:
    """Proforma, payment and final invoice for a new customer: five calls, and the PDFs."""
    before = Call.objects.count()
    order = house.take(captured("rest-20-create-pending"))
    house.take(captured("rest-20b-set-paid"))
    work_on(house, clock)
    assert house.only(order, Kind.INVOICE).is_paid
    made = Call.objects.order_by("id")[before:]
    counted = [call for call in made if "pdf" not in call.url.lower()]
    assert len(counted) == 5, [f"{call.method} {call.url}" for call in counted]
    again = Call.objects.count()
    for _ in range(3):
        house.take(captured("rest-20b-set-paid", status="completed"))
    assert Call.objects.count() == again
