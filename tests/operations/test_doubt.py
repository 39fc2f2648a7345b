"""After a restore nothing is done for an older order before the other side was asked."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from spojka.connections import systems
from spojka.core.document import Kind
from spojka.core.outcome import EffectKind, EffectState, RejectedError, Rejection, UncertainError
from spojka.core.problem import Problem
from spojka.documents import actions, emailing
from spojka.documents.identity import document_uuid
from spojka.documents.models import Document, Effect
from spojka.orders.models import Order
from tests.documents.conftest import House, captured
from tests.documents.toy import ToySystem

pytestmark = pytest.mark.django_db
START = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
NAME = "rest-20b-set-paid"


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(START, tick=False) as traveller:
        yield traveller


def doubt(house: House) -> None:
    if not house.company.connections.exists():
        systems.own_connection(house.company)
    house.company.connections.update(doubt_until=START)


def later(house: House, clock: time_machine.Traveller, **delta: float) -> None:
    clock.shift(timedelta(**delta))
    house.work()


def test_a_document_is_known_by_its_order_and_not_by_chance(house: House) -> None:
    order = house.take(captured(NAME))
    invoice = house.only(order, Kind.INVOICE)
    assert invoice.uuid == document_uuid(order, Kind.INVOICE)
    others = {
        document_uuid(order, Kind.INVOICE, 2),
        document_uuid(order, Kind.PROFORMA),
        document_uuid(order, Kind.CREDIT_NOTE, 1, "7"),
        document_uuid(order, Kind.CREDIT_NOTE, 1, "8"),
        invoice.uuid,
    }
    assert len(others) == 5


def test_what_the_system_has_is_linked_and_not_made_again(
    house: House, toy: ToySystem, clock: time_machine.Traveller
) -> None:
    order = house.take(captured(NAME))
    assert toy.created != []
    _forget(order)
    doubt(house)

    order = house.take(captured(NAME))
    invoice = house.only(order, Kind.INVOICE)
    assert (invoice.state, invoice.exists) == ("uncertain", "unknown")
    later(house, clock, minutes=1)
    invoice.refresh_from_db()
    assert (invoice.state, invoice.number) == ("issued", "TOY0001")
    assert len(toy.created) == 1


def test_what_the_system_does_not_have_is_made_once(
    house: House, toy: ToySystem, clock: time_machine.Traveller
) -> None:
    doubt(house)
    order = house.take(captured(NAME))
    for minutes in (1, 1, 6):
        assert toy.created == []
        later(house, clock, minutes=minutes)
    invoice = house.only(order, Kind.INVOICE)
    assert (invoice.state, invoice.number) == ("issued", "TOY0001")
    assert toy.calls.count("look_up") == 3
    assert len(toy.created) == 1


def test_long_after_the_restore_one_look_up_is_enough(
    house: House, toy: ToySystem, clock: time_machine.Traveller
) -> None:
    doubt(house)
    clock.shift(timedelta(days=1))
    order = house.take(captured(NAME))
    assert house.only(order, Kind.INVOICE).number == "TOY0001"
    assert toy.calls[:2] == ["look_up", "create"]


def test_an_order_placed_after_the_restore_is_not_in_doubt(house: House, toy: ToySystem) -> None:
    house.company.connections.update(doubt_until=datetime(2020, 1, 1, tzinfo=UTC))
    order = house.take(captured(NAME))
    assert house.only(order, Kind.INVOICE).number == "TOY0001"
    assert "look_up" not in toy.calls


def test_a_look_up_that_is_refused_is_repeated_and_nothing_is_sent(
    house: House,
    toy: ToySystem,
    clock: time_machine.Traveller,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The connection is mended; what was in doubt before is in doubt still."""
    toy.after = [UncertainError(Problem.of("SPJ-NET-TIMEOUT", host="toy"))]
    order = house.take(captured(NAME))
    honest = toy.look_up

    def wrong_key(*_args: object) -> None:
        raise RejectedError(Problem.of("SPJ-SHOP-LOGIN", shop="toy"), Rejection.CONFIG)

    monkeypatch.setattr(toy, "look_up", wrong_key)
    later(house, clock, minutes=1)
    assert Effect.objects.get(kind=EffectKind.CREATE).state == EffectState.UNCERTAIN
    monkeypatch.setattr(toy, "look_up", honest)
    actions.retry_all(house.company, "SPJ-SHOP-LOGIN", actor="Jana")
    later(house, clock, minutes=1)
    assert house.only(order, Kind.INVOICE).number == "TOY0001"
    assert len(toy.created) == 1


def test_an_e_mail_and_a_payment_of_a_found_document_are_not_repeated(
    house: House,
    toy: ToySystem,
    clock: time_machine.Traveller,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sent: list[str] = []
    monkeypatch.setattr(emailing, "send", lambda *args: sent.append(args[2]))
    emailing.default_templates(house.company)
    house.company.email_after_issuing = True
    house.company.save()
    order = house.take(captured(NAME))
    house.work()
    assert len(sent) == 1
    _forget(order)
    doubt(house)

    order = house.take(captured(NAME))
    later(house, clock, minutes=1)
    later(house, clock, minutes=1)
    assert house.only(order, Kind.INVOICE).number == "TOY0001"
    assert len(sent) == 1
    email = Effect.objects.get(kind=EffectKind.EMAIL)
    assert email.state == EffectState.REJECTED
    assert email.problem is not None
    assert email.problem["code"] == "SPJ-EMAIL-UNCERTAIN"


def test_the_own_issuer_asks_a_person_who_issues(house: House) -> None:
    doubt(house)
    order = house.take(captured(NAME))
    invoice = house.only(order, Kind.INVOICE)
    assert (invoice.state, invoice.problems[0]["code"]) == ("held", "SPJ-RESTORED")
    house.work()
    assert order.events.filter(name="held").count() == 1

    assert actions.retry_all(house.company, "SPJ-RESTORED", actor="Jana") == 1
    house.work()
    invoice.refresh_from_db()
    assert invoice.state == "issued"


def test_the_own_issuer_asks_a_person_who_drops(house: House) -> None:
    doubt(house)
    order = house.take(captured(NAME))
    actions.drop(house.only(order, Kind.INVOICE), actor="Jana")
    house.work()
    assert house.documents(order) == [("invoice", "dropped", "")]


def _forget(order: Order) -> None:
    """Go back to before the order came, as a restore does."""
    Effect.objects.filter(document__order=order).delete()
    order.events.all().delete()
    Document.objects.filter(order=order).delete()
    Order.objects.filter(pk=order.pk).update(current=None)
    order.delete()
