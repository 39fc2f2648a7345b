"""The test order goes the whole way, compares both sides, and is undone again."""

from __future__ import annotations

from decimal import Decimal

import pytest

from spojka.companies.models import Company
from spojka.connections import systems
from spojka.connections.models import Connection, Shop
from spojka.core.document import Kind
from spojka.documents import actions, rulebook, trial
from tests.documents.conftest import House
from tests.documents.toy import BusyToy, ToySystem

pytestmark = pytest.mark.django_db


def test_it_is_issued_read_back_compared_and_deleted(house: House, busy: BusyToy) -> None:
    Company.objects.update(mode="observe", email_after_issuing=True)
    connection = Connection.objects.get(system="busy")
    order = trial.start(connection, actor="Jana")
    before = trial.report(order)
    assert (before.document.state, before.can_undo, before.compared) == ("planned", False, False)

    house.work()

    report = trial.report(order)
    assert (report.document.state, report.document.test) == ("issued", True)
    assert report.document.core().test
    assert [(step.kind, step.state) for step in report.steps] == [
        ("create", "confirmed"),
        ("pdf", "confirmed"),
    ]
    assert (report.compared, report.differences, report.problems) == (True, (), ())
    assert report.undo_by == "delete"
    assert busy.sent == []

    trial.undo(order, actor="Jana")
    house.work()
    report = trial.report(order)
    assert (report.is_undone, report.can_undo, busy.books) == (True, False, {})
    with pytest.raises(actions.ActionRefused):
        trial.undo(order, actor="Jana")


def test_a_difference_that_only_reading_shows(house: House, busy: BusyToy) -> None:
    order = trial.start(Connection.objects.get(system="busy"), actor="Jana")
    house.work()
    document = trial.document_of(order)
    busy.change(document.external_id, total=Decimal("1.00"))
    from spojka.documents import changes

    changes.read_one(Connection.objects.get(system="busy"), Kind.INVOICE, document.external_id)
    (difference,) = trial.report(order).differences
    assert (difference.field, difference.theirs) == ("total", "1.00")


def test_its_shop_is_seen_nowhere_and_no_rule_adds_to_it(house: House, busy: BusyToy) -> None:
    order = trial.start(Connection.objects.get(system="busy"), actor="Jana")
    rulebook.wake_orders(house.company)
    house.work()
    assert list(house.company.shops.all()) == [house.shop]
    assert Shop.everything.get(hidden=True) == order.shop
    assert [document.kind for document in order.documents.all()] == ["invoice"]
    assert rulebook.simulate(house.company).counts.get("orders", 0) == 0
    again = trial.start(Connection.objects.get(system="busy"), actor="Jana")
    assert (order.number, again.number, order.shop) == ("TEST0001", "TEST0002", again.shop)


def test_it_goes_to_the_connection_that_was_chosen(house: House, toy: ToySystem) -> None:
    own = systems.own_connection(house.company)
    order = trial.start(own, actor="Jana")
    house.work()
    report = trial.report(order)
    assert report.document.connection == own
    assert (report.document.state, report.undo_by) == ("issued", "cancel")
    assert toy.calls == []


def test_a_connection_that_is_off_or_paused_is_not_tried(house: House, toy: ToySystem) -> None:
    connection = Connection.objects.get(system="toy")
    connection.active = False
    with pytest.raises(actions.ActionRefused, match="SPJ-CONNECTION-OFF"):
        trial.start(connection, actor="Jana")
    connection.active, connection.paused_problem = True, {"code": "SPJ-SHOP-KEY", "facts": {}}
    with pytest.raises(actions.ActionRefused, match="SPJ-SHOP-KEY"):
        trial.start(connection, actor="Jana")


@pytest.mark.parametrize(
    ("country", "vat_mode", "currency"),
    [("CZ", "payer", "CZK"), ("SK", "payer", "EUR"), ("CZ", "non_payer", "CZK"),
     ("SK", "identified", "EUR"), ("AT", "payer", "EUR")],
)  # fmt: skip
def test_the_sample_fits_every_company(
    house: House, busy: BusyToy, country: str, vat_mode: str, currency: str
) -> None:
    Company.objects.update(country=country, vat_mode=vat_mode, currency=currency)
    order = trial.start(Connection.objects.get(system="busy"), actor="Jana")
    house.work()
    report = trial.report(order)
    assert (report.document.state, report.problems) == ("issued", ())
    assert len(report.document.core().vat) == (2 if vat_mode == "payer" else 1)
