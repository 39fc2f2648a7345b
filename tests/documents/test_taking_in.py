"""Documents that exist already: ours are linked, a likely one keeps a second from being issued."""

from __future__ import annotations

import hashlib
from decimal import Decimal
from typing import Any

import pytest

from spojka.accounting.contract import Issued, IssuedState
from spojka.companies.models import Company
from spojka.connections.models import Connection
from spojka.core.document import Kind
from spojka.documents import actions, changes, foreign, taking_in
from spojka.documents.identity import document_uuid
from spojka.documents.models import Document, ForeignDocument
from spojka.orders.models import Order
from tests.documents.conftest import House, captured
from tests.documents.toy import BusyToy

pytestmark = pytest.mark.django_db
TOTAL = Decimal("1836.70")


def observed(house: House) -> Order:
    """Take an order in while nothing is issued yet."""
    Company.objects.update(mode="observe")
    order = house.take(captured("rest-20b-set-paid"))
    Company.objects.update(mode="live")
    return Order.objects.get(pk=order.pk)


def made_there(busy: BusyToy, order: Order, key: str = "", **facts: Any) -> Issued:
    told = {
        "kind": Kind.INVOICE,
        "total": TOTAL,
        "currency": "CZK",
        "order_number": order.number,
        "state": IssuedState.PAID,
        **facts,
    }
    return busy.enter(key, **told)


def take_in(house: House) -> None:
    changes.take_in(Connection.objects.get(system="busy"), actor="Jana")
    house.work()


def live(house: House, order: Order) -> Document:
    """Have the rules issue what is due for the order."""
    actions.wake(order)
    house.work()
    return house.only(order, Kind.INVOICE)


def test_one_with_our_own_key_is_linked_and_nobody_is_told(house: House, busy: BusyToy) -> None:
    order = observed(house)
    house.company.email_after_issuing = True
    house.company.save()
    uuid = document_uuid(order, Kind.INVOICE)
    made = made_there(busy, order, f"{uuid}:create")
    actions.issue(order, Kind.INVOICE, actor="Jana")
    Connection.objects.filter(system="busy").update(paused_problem={"code": "SPJ-SHOP-KEY"})
    house.work()
    Connection.objects.filter(system="busy").update(paused_problem=None)
    take_in(house)

    invoice = house.only(order, Kind.INVOICE)
    assert (invoice.state, invoice.external_id) == ("issued", made.external_id)
    assert busy.created == []
    kinds = sorted(invoice.effects.values_list("kind", "state"))
    assert kinds == [("create", "confirmed"), ("pdf", "confirmed")]
    assert ForeignDocument.objects.get().document == invoice


@pytest.mark.parametrize("digits", [12, 32])
def test_one_with_a_shortened_key_is_linked_although_none_was_planned(
    house: House, busy: BusyToy, digits: int
) -> None:
    order = observed(house)
    key = f"{document_uuid(order, Kind.INVOICE)}:create"
    made_there(busy, order, hashlib.sha256(key.encode()).hexdigest()[:digits], total=TOTAL + 50)
    made_there(busy, order, "0" * digits, order_number=order.number, total=TOTAL + 50)
    Company.objects.update(mode="observe")
    take_in(house)
    invoice = house.only(order, Kind.INVOICE)
    assert (invoice.state, invoice.external_id) == ("issued", "b0001")
    assert [problem["code"] for problem in invoice.problems] == ["SPJ-TOTAL-DIFFERS"]


def test_a_likely_one_holds_the_document_until_a_person_links_it(
    house: House, busy: BusyToy
) -> None:
    order = observed(house)
    made = made_there(busy, order, total=TOTAL + Decimal("0.30"))
    take_in(house)
    (row,) = foreign.suggestions(house.company)
    assert row.order == order

    held = live(house, order)
    assert (held.state, held.problems[0]["code"]) == ("held", "SPJ-DOCUMENT-MAYBE-EXISTS")
    assert held.problems[0]["facts"]["number"] == made.number
    assert taking_in.of_held(held) == row
    actions.retry(held, actor="Jana")
    house.work()
    assert busy.created == [], "trying again is no answer"

    taking_in.link(row, order, actor="Jana")
    house.work()
    held.refresh_from_db()
    assert (held.state, held.number) == ("issued", made.number)
    assert [problem["code"] for problem in held.problems] == ["SPJ-TOTAL-DIFFERS"]
    assert busy.created == []
    assert not foreign.suggestions(house.company).exists()
    with pytest.raises(actions.ActionRefused, match="SPJ-DOCUMENT-EXISTS"):
        taking_in.set_apart(ForeignDocument.objects.get(), actor="Jana")


def test_one_that_is_not_the_order_s_lets_ours_be_issued(house: House, busy: BusyToy) -> None:
    order = observed(house)
    made_there(busy, order)
    take_in(house)
    held = live(house, order)
    taking_in.set_apart(ForeignDocument.objects.get(), actor="Jana")
    house.work()
    held.refresh_from_db()
    assert (held.state, held.number) == ("issued", "B0002")
    take_in(house)
    held.refresh_from_db()
    assert held.problems == []


def test_one_of_an_order_without_documents_is_linked_by_a_person(
    house: House, busy: BusyToy
) -> None:
    order = observed(house)
    Company.objects.update(mode="observe")
    made_there(busy, order)
    take_in(house)
    taking_in.link(foreign.suggestions(house.company).get(), order, actor="Jana")
    house.work()
    invoice = house.only(order, Kind.INVOICE)
    assert (invoice.state, invoice.is_paid, invoice.problems) == ("issued", True, [])
    assert invoice.core().total == TOTAL


@pytest.mark.parametrize(
    "facts",
    [
        {"kind": Kind.PROFORMA},
        {"total": TOTAL + 2},
        {"currency": "EUR"},
        {"order_number": "1"},
        {"state": IssuedState.CANCELLED},
    ],
)
def test_what_is_plainly_something_else_holds_nothing(
    house: House, busy: BusyToy, facts: dict[str, Any]
) -> None:
    order = observed(house)
    made_there(busy, order, **facts)
    take_in(house)
    assert live(house, order).state == "issued"


def test_our_own_document_is_no_stranger(house: House, busy: BusyToy) -> None:
    """Seen by the changes before its id was stored, in a system that does not keep our key."""
    busy.keeps_keys = False
    order = house.take(captured("rest-20b-set-paid"))
    invoice = house.only(order, Kind.INVOICE)
    Document.objects.update(external_id="")
    take_in(house)
    assert foreign.suggestions(house.company).count() == 1
    Document.objects.update(external_id=invoice.external_id)
    assert not foreign.suggestions(house.company).exists()


def test_another_company_s_order_is_not_linked(house: House, busy: BusyToy) -> None:
    order = observed(house)
    made_there(busy, order)
    take_in(house)
    row = ForeignDocument.objects.get()
    order.company = Company.objects.create(name="Jiná s.r.o.")
    with pytest.raises(actions.ActionRefused):
        taking_in.link(row, order, actor="Jana")
