"""The way back: what people and systems do with documents there moves the ledger here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
import time_machine

from spojka.accounting.contract import Issued, IssuedState
from spojka.connections.budget import override
from spojka.connections.models import Account, Connection
from spojka.core.document import Kind
from spojka.core.outcome import EffectKind, ThrottledError, UncertainError
from spojka.core.problem import Problem
from spojka.documents import actions, attention, changes
from spojka.documents.models import Document, ForeignDocument
from spojka.net.limits import MONTH, Limit
from spojka.orders.models import Order
from tests.documents.conftest import House, captured
from tests.documents.toy import BusyToy

pytestmark = pytest.mark.django_db
START = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
TOTAL = Decimal("1836.70")


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(START, tick=False) as traveller:
        yield traveller


@pytest.fixture
def look(house: House, busy: BusyToy, clock: time_machine.Traveller) -> Callable[[], None]:
    """Return what lets a quarter of an hour pass and has the changes read."""

    def later() -> None:
        clock.shift(timedelta(minutes=15))
        changes.read_all()
        house.work()

    return later


def proforma_of(house: House) -> tuple[Order, Document]:
    order = house.take(captured("rest-20-create-pending"))
    return order, house.only(order, Kind.PROFORMA)


def invoice_of(house: House) -> tuple[Order, Document]:
    order = house.take(captured("rest-20b-set-paid"))
    return order, house.only(order, Kind.INVOICE)


def names(document: Document) -> list[str]:
    return [
        name
        for name in document.events.values_list("name", flat=True)
        if name.startswith("system.")
    ]


def uncertain() -> UncertainError:
    return UncertainError(Problem.of("SPJ-NET-TIMEOUT", host="busy", url="", seconds="30"))


# payments


def test_paid_by_their_bank_matching_makes_the_final_invoice_due(
    house: House, busy: BusyToy, look: Callable[[], None]
) -> None:
    order, proforma = proforma_of(house)
    day = date(2026, 11, 21)
    busy.change(proforma.external_id, state=IssuedState.PAID, paid_on=day)

    look()

    proforma.refresh_from_db()
    assert (proforma.paid_amount, proforma.paid_on) == (TOTAL, day)
    assert names(proforma) == ["system.paid"]
    final = house.only(order, Kind.INVOICE)
    assert (final.state, final.is_paid) == ("issued", True)
    assert final.core().deductions[0].external_id == proforma.external_id
    assert "pay" not in busy.calls


def test_a_part_is_paid_and_then_taken_back(
    house: House, busy: BusyToy, look: Callable[[], None]
) -> None:
    _, proforma = proforma_of(house)
    for state, paid in ((IssuedState.PARTLY_PAID, 100), (IssuedState.OPEN, 0)):
        busy.change(proforma.external_id, state=state, paid_amount=Decimal(paid))
        look()
        proforma.refresh_from_db()
        assert proforma.paid_amount == paid
    assert names(proforma) == ["system.paid", "system.unpaid"]


def test_a_payment_that_was_taken_back_there_is_not_recorded_again_by_itself(
    house: House, busy: BusyToy, look: Callable[[], None]
) -> None:
    _, invoice = invoice_of(house)
    assert invoice.is_paid
    busy.change(invoice.external_id, state=IssuedState.OPEN)
    look()
    look()
    invoice.refresh_from_db()
    assert (invoice.paid_amount, invoice.paid_on) == (Decimal(0), None)
    assert "pay" not in busy.calls


def test_what_is_not_told_changes_nothing(
    house: House, busy: BusyToy, look: Callable[[], None]
) -> None:
    _, invoice = invoice_of(house)
    busy.change(
        invoice.external_id, state=IssuedState.UNKNOWN, total=None, vat=None, lines=None, number=""
    )
    look()
    invoice.refresh_from_db()
    assert (invoice.paid_amount, invoice.problems, names(invoice)) == (TOTAL, [], [])


def test_our_own_payment_in_doubt_is_not_counted_twice(
    house: House, busy: BusyToy, clock: time_machine.Traveller
) -> None:
    _, proforma = proforma_of(house)
    busy.fails["pay"] = [uncertain()]
    actions.mark_paid(proforma, paid_on=START.date(), actor="Jana")
    house.work()
    effect = proforma.effects.get(kind=EffectKind.PAY)
    assert effect.state == "uncertain"

    changes.read_all()
    house.work()
    proforma.refresh_from_db()
    assert proforma.paid_amount == 0, "it is being looked up"
    clock.shift(timedelta(minutes=2))
    house.work()
    changes.read_all()
    house.work()

    effect.refresh_from_db()
    proforma.refresh_from_db()
    assert (effect.state, effect.result["payment_id"]) == ("confirmed", "payment-1")
    assert proforma.paid_amount == TOTAL
    assert busy.calls.count("pay") == 1


def test_a_reading_that_began_before_our_own_payment_does_not_take_it_back(
    house: House, busy: BusyToy, clock: time_machine.Traveller
) -> None:
    _, proforma = proforma_of(house)
    clock.shift(timedelta(minutes=1))
    honest, unpaid = busy.changes, dict(busy.books)

    def slow(*_args: object) -> object:
        """Tell what was there before the payment, and be done only after it."""
        actions.mark_paid(proforma, paid_on=START.date(), actor="Jana")
        house.work()
        return iter(unpaid.values())

    busy.changes = slow  # type: ignore[method-assign, assignment]
    changes.read(Connection.objects.get(system="busy"))
    house.work()
    proforma.refresh_from_db()
    assert proforma.paid_amount == TOTAL

    busy.changes = honest  # type: ignore[method-assign]
    busy.change(proforma.external_id, state=IssuedState.OPEN, paid_amount=Decimal(0))
    clock.shift(timedelta(minutes=1))
    changes.read(Connection.objects.get(system="busy"))
    house.work()
    proforma.refresh_from_db()
    assert proforma.paid_amount == 0, "it says what it said before, and this time it is true"


def test_a_planned_payment_is_left_out_where_it_was_recorded_there_meanwhile(
    house: House, busy: BusyToy, look: Callable[[], None], clock: time_machine.Traveller
) -> None:
    _, proforma = proforma_of(house)
    later = ThrottledError(Problem.of("SPJ-BUDGET-RATE"), START + timedelta(hours=1))
    honest = busy.pay

    def throttled(*_args: object) -> object:
        raise later

    busy.pay = throttled  # type: ignore[method-assign, assignment]
    actions.mark_paid(proforma, paid_on=START.date(), actor="Jana")
    house.work()
    busy.pay = honest  # type: ignore[method-assign]
    busy.change(proforma.external_id, state=IssuedState.PAID)
    look()
    clock.shift(timedelta(hours=2))
    house.work()
    proforma.refresh_from_db()
    assert proforma.paid_amount == TOTAL
    assert busy.calls.count("pay") == 0


# cancelled, deleted, edited, sent


def test_a_document_cancelled_there_is_a_task_and_no_new_one_is_issued(
    house: House, busy: BusyToy, look: Callable[[], None]
) -> None:
    order, invoice = invoice_of(house)
    busy.change(invoice.external_id, state=IssuedState.CANCELLED)
    look()
    house.take(captured("rest-20b-set-paid", status="completed"))
    invoice.refresh_from_db()
    assert invoice.state == "cancelled"
    assert (invoice.changed_problem or {})["code"] == "SPJ-CANCELLED-THERE"
    assert attention.count(house.company) == 1
    assert order.documents.count() == 1

    busy.change(invoice.external_id, state=IssuedState.PAID)
    look()
    invoice.refresh_from_db()
    assert (invoice.state, invoice.changed_problem) == ("issued", None)
    assert names(invoice) == ["system.cancelled", "system.restored"]


def test_a_document_deleted_there_keeps_its_number_and_can_be_issued_anew(
    house: House, busy: BusyToy, look: Callable[[], None]
) -> None:
    order, invoice = invoice_of(house)
    busy.change(invoice.external_id, state=IssuedState.DELETED)
    look()
    invoice.refresh_from_db()
    assert (invoice.state, invoice.number, invoice.exists) == ("deleted", "B0001", "no")
    assert (invoice.changed_problem or {})["code"] == "SPJ-DELETED-THERE"
    actions.issue(order, Kind.INVOICE, actor="Jana")
    house.work()
    again = order.documents.get(ordinal=2)
    assert (again.state, again.number) == ("issued", "B0002")


def test_a_list_of_deleted_ids_tells_neither_kind_nor_number(
    house: House, busy: BusyToy, look: Callable[[], None]
) -> None:
    _, invoice = invoice_of(house)
    look()
    busy.books["x"] = Issued(invoice.external_id, "", state=IssuedState.DELETED)
    del busy.books[invoice.external_id]
    look()
    invoice.refresh_from_db()
    row = ForeignDocument.objects.get()
    assert (invoice.state, row.number, row.issued().state) == ("deleted", "B0001", "deleted")


def test_an_edited_total_is_shown_until_both_sides_agree_again(
    house: House, busy: BusyToy, look: Callable[[], None]
) -> None:
    _, invoice = invoice_of(house)
    busy.change(invoice.external_id, total=Decimal("1800.00"), due_on=date(2027, 1, 31))
    look()
    invoice.refresh_from_db()
    assert [problem["code"] for problem in invoice.problems] == [
        "SPJ-TOTAL-DIFFERS",
        "SPJ-ISSUED-DIFFERS",
    ]
    # A list that tells less does not mend what it does not tell.
    busy.change(invoice.external_id, total=TOTAL, due_on=None)
    look()
    invoice.refresh_from_db()
    assert [problem["facts"]["field"] for problem in invoice.problems] == ["@field-due_on"]
    busy.change(invoice.external_id, due_on=invoice.due_on)
    look()
    invoice.refresh_from_db()
    assert invoice.problems == []
    assert names(invoice) == ["system.edited", "system.agrees", "system.agrees"]


def test_sent_there_is_noted_once(house: House, busy: BusyToy, look: Callable[[], None]) -> None:
    _, invoice = invoice_of(house)
    busy.change(invoice.external_id, sent=True)
    look()
    busy.change(invoice.external_id, public_url="https://busy.example/x")
    look()
    assert names(invoice) == ["system.sent"]


# documents that the system makes by itself


def test_a_final_invoice_made_by_itself_is_linked_and_none_is_issued(
    house: House, busy: BusyToy
) -> None:
    busy.makes_final = True
    order, proforma = proforma_of(house)
    house.take(captured("rest-20b-set-paid"))
    final = house.only(order, Kind.INVOICE)
    assert (final.state, final.number, final.problems) == ("issued", "B0002", [])
    assert final.core().deductions[0].number == proforma.number
    assert final.pdf_sha256
    assert names(final) == ["system.produced"]
    assert busy.created == [f"{proforma.uuid}:create"]


def test_one_whose_news_comes_by_the_changes_is_linked(
    house: House, busy: BusyToy, look: Callable[[], None]
) -> None:
    order, proforma = proforma_of(house)
    house.company.final_after_proforma = False
    house.company.save()
    busy.make_final(proforma.external_id, proforma.core(), total=Decimal("1836.69"))
    look()
    final = house.only(order, Kind.INVOICE)
    assert final.state == "issued"
    assert final.problems[0]["code"] == "SPJ-TOTAL-DIFFERS"
    assert final.foreign_documents.get().produced


def test_made_while_ours_is_under_way_and_ours_was_not_made(
    house: House, busy: BusyToy, clock: time_machine.Traveller
) -> None:
    order, proforma = proforma_of(house)
    busy.before = [uncertain()]
    house.take(captured("rest-20b-set-paid"))
    assert house.only(order, Kind.INVOICE).state == "uncertain"
    made = busy.make_final(proforma.external_id, proforma.core())
    for _ in range(6):
        clock.shift(timedelta(minutes=3))
        changes.read_all()
        house.work()
    final = house.only(order, Kind.INVOICE)
    assert (final.state, final.external_id) == ("issued", made.external_id)
    assert len(busy.created) == 1, "only the proforma"
    assert not final.effects.exclude(state__in=["confirmed", "skipped"]).exists()


def test_made_after_ours_was_issued_is_told(
    house: House, busy: BusyToy, look: Callable[[], None]
) -> None:
    order, proforma = proforma_of(house)
    house.take(captured("rest-20b-set-paid"))
    busy.make_final(proforma.external_id, proforma.core())
    look()
    final = house.only(order, Kind.INVOICE)
    assert final.number == "B0002"
    assert final.problems[0]["code"] == "SPJ-DOCUMENT-TWICE"
    look()
    final.refresh_from_db()
    assert len(final.problems) == 1


def test_the_final_invoice_waits_until_the_payment_is_known_there(
    house: House, busy: BusyToy, clock: time_machine.Traveller
) -> None:
    """Else both sides would make one."""
    busy.makes_final = True
    order, _ = proforma_of(house)
    busy.fails["pay"] = [uncertain()]
    house.take(captured("rest-20b-set-paid"))
    assert house.documents(order)[1:] == [("invoice", "planned", "")]
    for _ in range(4):
        clock.shift(timedelta(minutes=3))
        house.work()
    final = house.only(order, Kind.INVOICE)
    assert (final.state, final.number, len(busy.books)) == ("issued", "B0002", 2)
    assert names(final) == ["system.produced"]


# how they are read


def test_the_cursor_moves_only_when_all_was_read(
    house: House, busy: BusyToy, look: Callable[[], None], clock: time_machine.Traveller
) -> None:
    _, proforma = proforma_of(house)
    connection = Connection.objects.get(system="busy")
    busy.fails["changes"] = [
        ThrottledError(Problem.of("SPJ-BUDGET-RATE"), START + timedelta(minutes=40))
    ]
    busy.change(proforma.external_id, state=IssuedState.PAID)
    look()
    connection.refresh_from_db()
    assert connection.changes_cursor is None
    assert connection.changes_problem is None, "a limit is nothing to be told of"
    clock.shift(timedelta(minutes=30))
    house.work()
    connection.refresh_from_db()
    assert connection.changes_cursor is not None
    proforma.refresh_from_db()
    assert proforma.is_paid


def test_a_paused_connection_and_one_switched_off_are_not_read(
    house: House, busy: BusyToy, look: Callable[[], None]
) -> None:
    Connection.objects.filter(system="busy").update(paused_problem={"code": "SPJ-SHOP-KEY"})
    look()
    Connection.objects.filter(system="busy").update(paused_problem=None, active=False)
    look()
    assert busy.calls == []


def test_an_unknown_document_is_kept_and_moves_nothing(
    house: House, busy: BusyToy, look: Callable[[], None]
) -> None:
    busy.enter("", kind=Kind.INVOICE, total=Decimal(5), currency="CZK", order_number="99")
    look()
    row = ForeignDocument.objects.get()
    assert (row.order, row.document, row.pending) == (None, None, False)


def test_where_a_plan_allows_little_changes_are_read_seldom(
    house: House, busy: BusyToy, clock: time_machine.Traveller
) -> None:
    connection = Connection.objects.get(system=busy.descriptor.key)
    account = Account.objects.create(name="toy:small")
    Connection.objects.filter(pk=connection.pk).update(account_name=account.name)
    override(account, [Limit(7_500, MONTH)])
    readings = 0
    for _ in range(24 * 6):  # a day
        changes.read_all()
        before = Connection.objects.get(pk=connection.pk).changes_cursor
        house.work()
        readings += Connection.objects.get(pk=connection.pk).changes_cursor != before
        clock.shift(timedelta(minutes=10))
    # A fifth of 250 calls a day, three calls each.
    assert 14 <= readings <= 250 * changes.SHARE / changes.CALLS_OF_A_READING + 1
