"""What simulations found, each as the shortest story that shows it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from spojka.core.document import Kind
from spojka.core.outcome import (
    Backoff,
    EffectKind,
    EffectState,
    RejectedError,
    Rejection,
    UncertainError,
)
from spojka.core.problem import Problem
from spojka.documents import actions, emailing, planning
from spojka.documents.models import Document, Effect
from spojka.orders import intake
from spojka.orders.models import InboxEvent
from tests.documents.conftest import House, captured
from tests.documents.toy import ToySystem

pytestmark = pytest.mark.django_db
START = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(START, tick=False) as traveller:
        yield traveller


def _later(house: House, clock: time_machine.Traveller, seconds: float) -> None:
    clock.shift(timedelta(seconds=seconds))
    house.work()


def _problem(code: str = "SPJ-NET-TIMEOUT") -> Problem:
    return Problem.of(code, host="toy", url="https://toy", seconds="30", shop="toy")


def test_what_waits_begins_again_within_a_quarter_of_an_hour() -> None:
    assert max(Backoff().delay(attempt) for attempt in range(1, 40)) <= timedelta(minutes=10)


def test_a_person_who_is_impatient_does_not_shorten_the_proof_of_absence(
    house: House, toy: ToySystem, clock: time_machine.Traveller
) -> None:
    toy.before = [UncertainError(_problem())]
    order = house.take(captured("rest-20b-set-paid"))
    invoice = house.only(order, Kind.INVOICE)
    for _ in range(5):
        with pytest.raises(actions.ActionRefused):
            actions.retry(Document.objects.get(pk=invoice.pk), actor="Jana")
        _later(house, clock, 1)
    assert toy.calls == ["create"], "the cut-off request may still be under way"


def test_a_look_up_that_is_refused_leaves_the_doubt_when_a_person_tries_again(
    house: House, toy: ToySystem, clock: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch
) -> None:
    toy.after = [UncertainError(_problem())]
    order = house.take(captured("rest-20b-set-paid"))
    invoice = house.only(order, Kind.INVOICE)
    with monkeypatch.context() as patch:

        def refuse(*_args: object) -> None:
            raise RejectedError(_problem("SPJ-SHOP-REFUSED"), Rejection.DATA)

        patch.setattr(toy, "look_up", refuse)
        _later(house, clock, 60)
    invoice.refresh_from_db()
    assert invoice.state == "held"

    actions.retry(invoice, actor="Jana")
    invoice.refresh_from_db()
    assert (invoice.state, invoice.exists) == ("uncertain", "unknown")
    _later(house, clock, 600)
    invoice.refresh_from_db()
    assert (invoice.state, len(toy.created)) == ("issued", 1)


def test_what_was_refused_is_built_anew_from_the_mended_order(house: House, toy: ToySystem) -> None:
    toy.before = [RejectedError(_problem("SPJ-SHOP-REFUSED"), Rejection.DATA)]
    order = house.take(captured("rest-20b-set-paid"))
    invoice = house.only(order, Kind.INVOICE)
    assert invoice.state == "held"
    mended = captured("rest-20b-set-paid")
    mended["billing"] = {**mended["billing"], "city": "Jihlava"}
    house.take(mended)
    invoice.refresh_from_db()
    assert (invoice.state, invoice.core().customer.address.city) == ("issued", "Jihlava")


def test_trying_one_cause_again_does_not_repeat_an_email_of_unknown_outcome(
    house: House,
    toy: ToySystem,
    clock: time_machine.Traveller,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sent: list[str] = []

    def lost(*_args: object) -> None:
        sent.append("maybe")
        raise UncertainError(_problem("SPJ-EMAIL-UNCERTAIN"))

    monkeypatch.setattr(emailing, "send", lost)
    emailing.default_templates(house.company)
    house.company.email_after_issuing = True
    house.company.save()
    order = house.take(captured("rest-20b-set-paid"))
    _later(house, clock, 60)
    Effect.objects.filter(document__order=order, kind=EffectKind.PDF).update(
        state=EffectState.REJECTED, problem={"code": "SPJ-SHOP-REFUSED", "facts": {}}
    )
    assert actions.retry_all(house.company, "SPJ-SHOP-REFUSED", actor="Jana") == 1
    _later(house, clock, 60)
    assert sent == ["maybe"]


def test_an_order_that_was_closed_before_its_invoice_gets_none_however_often_it_is_looked_at(
    house: House,
) -> None:
    company = house.company
    company.mode = "observe"
    company.save()
    order = house.take(captured("rest-20b-set-paid"))
    order = house.take(captured("rest-20b-set-paid", status="cancelled"))
    company.mode = "live"
    company.save()
    for _ in range(4):
        actions.wake(order)
        house.work()
        assert house.documents(order) == []


def test_an_invoice_that_waits_is_dropped_for_good_when_its_order_is_cancelled(
    house: House, toy: ToySystem
) -> None:
    toy.before = [RejectedError(_problem("SPJ-SHOP-REFUSED"), Rejection.DATA)]
    order = house.take(captured("rest-20b-set-paid"))
    for _ in range(3):
        house.take(captured("rest-20b-set-paid", status="cancelled"))
        planning.plan(order.pk)
        assert house.documents(order) == [("invoice", "dropped", "")]
    assert toy.created == []


def test_who_read_an_order_earlier_and_stores_it_later_changes_nothing(house: House) -> None:
    newer = captured("rest-20b-set-paid", date_modified_gmt="2026-11-22T10:00:05")
    older = captured("rest-20-create-pending", date_modified_gmt="2026-11-22T10:00:00")
    order = house.take(newer)
    assert intake.store(house.shop, older)[1] == "unchanged"
    order.refresh_from_db()
    assert order.paid_at is not None


def test_a_worker_that_was_overtaken_does_not_open_a_handled_event_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = InboxEvent.objects.create(shop=house.shop, via="webhook", body=b"{}")

    def overtaken(_event: InboxEvent) -> None:
        InboxEvent.objects.filter(pk=event.pk).update(state=InboxEvent.State.DONE)
        raise UncertainError(_problem())

    monkeypatch.setattr(intake, "_handle", overtaken)
    intake.handle(event.pk)
    event.refresh_from_db()
    assert event.state == InboxEvent.State.DONE
