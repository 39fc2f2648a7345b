"""Effects under faults: nothing is doubled, nothing is lost, and what waits says why."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine

from spojka.archive import store as archive
from spojka.connections import shops as shop_services
from spojka.core.document import Kind
from spojka.core.outcome import (
    EffectKind,
    EffectState,
    OutcomeError,
    RejectedError,
    Rejection,
    ThrottledError,
    UnavailableError,
    UncertainError,
)
from spojka.core.problem import Problem
from spojka.documents import actions, advance, attention, emailing, planning
from spojka.documents.models import Document, Effect, EmailTemplate
from spojka.engine import wakes
from spojka.engine.models import Wake
from spojka.orders.models import Order
from tests.documents.conftest import House, captured
from tests.documents.toy import ToySystem

pytestmark = pytest.mark.django_db
START = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(START, tick=False) as traveller:
        yield traveller


def take(house: House, name: str = "rest-20b-set-paid") -> tuple[Order, Document]:
    order = house.take(captured(name))
    return order, house.only(order, Kind.INVOICE)


def later(house: House, clock: time_machine.Traveller, **delta: float) -> None:
    clock.shift(timedelta(**delta))
    house.work()


def problem(code: str = "SPJ-NET-TIMEOUT") -> Problem:
    return Problem.of(code, host="toy", url="https://toy", seconds="30")


def state_of(document: Document) -> tuple[str, str]:
    document.refresh_from_db()
    return document.state, document.number


def test_committed_then_dropped_is_found_and_not_sent_again(
    house: House, toy: ToySystem, clock: time_machine.Traveller
) -> None:
    toy.after = [UncertainError(problem())]
    _, invoice = take(house)
    assert state_of(invoice) == ("uncertain", "")
    assert invoice.exists == "unknown"
    assert toy.calls == ["create"]

    later(house, clock, seconds=60)

    assert state_of(invoice) == ("issued", "TOY0001")
    assert toy.calls == ["create", "look_up", "pdf"]


def test_uncertain_and_absent_is_sent_again_after_the_last_look_up(
    house: House, toy: ToySystem, clock: time_machine.Traveller
) -> None:
    toy.before = [UncertainError(problem())]
    _, invoice = take(house)
    later(house, clock, seconds=10)
    assert toy.calls == ["create"], "the cut-off request may still be under way"
    for seconds in (60, 60, 400):
        later(house, clock, seconds=seconds)
    assert state_of(invoice) == ("issued", "TOY0001")
    assert toy.calls == ["create", "look_up", "look_up", "look_up", "create", "pdf"]
    assert len(toy.created) == 1


def test_a_look_up_that_fails_is_no_proof_of_absence(
    house: House,
    toy: ToySystem,
    clock: time_machine.Traveller,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    toy.after = [UncertainError(problem())]
    _, invoice = take(house)
    honest = toy.look_up

    def away(*_args: object) -> None:
        toy.calls.append("look_up")
        raise UnavailableError(problem("SPJ-NET-CONNECT"))

    monkeypatch.setattr(toy, "look_up", away)
    for _ in range(10):
        later(house, clock, minutes=10)
    assert toy.calls.count("look_up") >= 5
    assert toy.calls.count("create") == 1
    monkeypatch.setattr(toy, "look_up", honest)
    later(house, clock, minutes=10)
    assert state_of(invoice) == ("issued", "TOY0001")


@pytest.mark.parametrize(
    "fault",
    [
        UnavailableError(problem("SPJ-NET-CONNECT")),
        ThrottledError(problem("SPJ-SHOP-THROTTLED"), START + timedelta(minutes=2)),
        ThrottledError(problem("SPJ-SHOP-THROTTLED")),
    ],
)
def test_what_was_not_sent_is_sent_again(
    house: House, toy: ToySystem, clock: time_machine.Traveller, fault: OutcomeError
) -> None:
    toy.before = [fault]
    order, invoice = take(house)
    assert state_of(invoice) == ("planned", "")
    assert Wake.objects.get(handler="order", key=str(order.pk)).due_at > START
    later(house, clock, minutes=3)
    assert state_of(invoice) == ("issued", "TOY0001")
    assert "look_up" not in toy.calls


def test_a_wrong_connection_is_paused_once_and_resumes(
    house: House, toy: ToySystem, clock: time_machine.Traveller
) -> None:
    toy.before = [RejectedError(problem("SPJ-SHOP-KEY"), Rejection.CONFIG)]
    _, first = take(house)
    _, second = take(house, "rest-22-negative-fee")
    assert toy.calls == ["create"], "a paused connection is left alone"
    groups = attention.groups(house.company, "en")
    assert [(group.code, group.count) for group in groups] == [("SPJ-SHOP-KEY", 1)]

    toy.healthy = False
    actions.retry_all(house.company, "SPJ-SHOP-KEY", actor="Jana")
    house.work()
    assert "create" not in toy.calls[1:]

    toy.healthy = True
    actions.retry_all(house.company, "SPJ-SHOP-KEY", actor="Jana")
    later(house, clock, seconds=1)
    assert state_of(first)[0] == state_of(second)[0] == "issued"
    assert attention.count(house.company) == 0


def test_refused_data_hold_the_document_until_a_person_tries_again(
    house: House, toy: ToySystem
) -> None:
    toy.before = [RejectedError(problem("SPJ-ORDER-SUM"), Rejection.DATA)]
    _, invoice = take(house)
    assert state_of(invoice) == ("held", "")
    house.work()
    assert toy.calls == ["create"]
    actions.retry(Document.objects.get(pk=invoice.pk), actor="Jana")
    house.work()
    assert state_of(invoice) == ("issued", "TOY0001")


def unpaid_then_paid() -> tuple[dict[str, Any], dict[str, Any]]:
    """Return an order that gets a proforma, and the same one once it is paid."""
    paid = captured("rest-20b-set-paid", date_modified_gmt="2026-11-22T12:00:00")
    before = {"date_paid": None, "date_paid_gmt": None, "date_modified_gmt": "2026-11-22T11:00:00"}
    return {**paid, **before, "status": "on-hold"}, paid


def test_the_invoice_waits_for_a_proforma_in_doubt_even_where_it_is_held(
    house: House,
    toy: ToySystem,
    clock: time_machine.Traveller,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    unpaid, paid = unpaid_then_paid()
    toy.after = [UncertainError(problem())]
    order = house.take(unpaid)
    assert house.documents(order) == [("proforma", "uncertain", "")]
    house.take(paid)
    honest = toy.look_up

    def refused(*_args: object) -> None:
        raise RejectedError(problem("SPJ-SHOP-REFUSED"), Rejection.DATA)

    monkeypatch.setattr(toy, "look_up", refused)
    later(house, clock, minutes=2)
    assert house.documents(order) == [("proforma", "held", "")], "it may exist: one by one"
    house.take({**paid, "customer_note": "Prosím zabalit", "date_modified_gmt": "2026-11-22T12:05"})
    assert house.documents(order) == [("proforma", "held", "")], "a change settles no doubt"
    monkeypatch.setattr(toy, "look_up", honest)
    actions.retry(house.only(order, Kind.PROFORMA), actor="Jana")
    later(house, clock, minutes=2)
    assert house.documents(order) == [
        ("proforma", "issued", "TOY0001"),
        ("invoice", "issued", "TOY0002"),
    ]


def test_a_proforma_that_is_refused_after_the_payment_makes_way_for_the_invoice(
    house: House, toy: ToySystem, clock: time_machine.Traveller
) -> None:
    unpaid, paid = unpaid_then_paid()
    toy.before = [
        UncertainError(problem()),
        RejectedError(problem("SPJ-ORDER-SUM"), Rejection.DATA),
    ]
    order = house.take(unpaid)
    house.take(paid)
    assert house.documents(order) == [("proforma", "uncertain", "")]
    for seconds in (60, 60, 400, 60):
        later(house, clock, seconds=seconds)
    assert ("invoice", "issued", "TOY0001") in house.documents(order)
    assert toy.calls.count("create") == 3
    assert len(toy.created) == 1


def test_a_killed_worker_leaves_an_effect_in_doubt_that_is_looked_up(
    house: House, toy: ToySystem, clock: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        """Stands for SIGKILL: nothing after the request runs."""

    def kill(*_args: object) -> None:
        raise Killed

    with monkeypatch.context() as killing:
        killing.setattr(advance, "_confirm", kill)
        order = actions.issue(_observed(house), Kind.INVOICE, actor="Jana").order
        with pytest.raises(Killed):
            advance.advance(order.pk)
    effect = Effect.objects.get(kind=EffectKind.CREATE)
    assert effect.state == EffectState.SENDING
    assert len(toy.created) == 1

    later(house, clock, seconds=1)
    assert toy.calls.count("look_up") == 0, "its request may still be under way"
    later(house, clock, minutes=1)
    invoice = house.only(order, Kind.INVOICE)
    assert (invoice.state, invoice.number) == ("issued", "TOY0001")
    assert len(toy.created) == 1


def _observed(house: House) -> Order:
    house.company.mode = "observe"
    house.company.save()
    return house.take(captured("rest-20b-set-paid"))


def test_who_lost_the_lease_sends_nothing(house: House, toy: ToySystem) -> None:
    order = _observed(house)
    actions.issue(order, Kind.INVOICE, actor="Jana")
    lease = wakes.claim_key("order", str(order.pk))
    assert lease is not None
    Wake.objects.update(lease_token="somebody else")
    effect = advance.next_due(order.pk)
    assert effect is not None
    with pytest.raises(wakes.LeaseLostError):
        advance.run(effect, lease)
    assert toy.calls == []


def test_a_difference_after_issuing_is_never_silent(
    house: House, toy: ToySystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace
    from decimal import Decimal

    honest = toy.create

    def off_by_a_cent(*args: object) -> object:
        made = honest(*args)  # type: ignore[arg-type]
        return replace(made, total=Decimal("1836.71"))

    monkeypatch.setattr(toy, "create", off_by_a_cent)
    _, invoice = take(house)
    assert invoice.state == "issued"
    assert invoice.problems[0] == {
        "code": "SPJ-TOTAL-DIFFERS",
        "facts": {"total": "1836.70", "found": "1836.71"},
    }
    assert attention.count(house.company) == 1


# e-mail


@pytest.fixture
def outbox(house: House, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    sent: list[tuple[str, str]] = []

    def send(document: Document, template: EmailTemplate, to: str, message_id: str) -> None:
        sent.append((to, message_id))

    monkeypatch.setattr(emailing, "send", send)
    emailing.default_templates(house.company)
    house.company.email_after_issuing = True
    house.company.save()
    return sent


def test_an_email_goes_once_after_the_pdf(house: House, outbox: list[tuple[str, str]]) -> None:
    _, invoice = take(house)
    house.work()
    assert len(outbox) == 1
    kinds = list(invoice.events.filter(name__endswith="confirmed").values_list("name", flat=True))
    assert kinds == ["create.confirmed", "pdf.confirmed", "email.confirmed"]


def test_an_email_in_doubt_is_never_sent_again_by_itself(
    house: House,
    outbox: list[tuple[str, str]],
    clock: time_machine.Traveller,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def lost(*_args: object) -> None:
        outbox.append(("maybe", ""))
        raise UncertainError(problem("SPJ-EMAIL-UNCERTAIN"))

    monkeypatch.setattr(emailing, "send", lost)
    _, invoice = take(house)
    for _ in range(5):
        later(house, clock, hours=1)
    assert len(outbox) == 1
    assert invoice.state == "issued"
    assert [group.code for group in attention.groups(house.company, "cs")] == [
        "SPJ-EMAIL-UNCERTAIN"
    ]


def test_a_delayed_email_waits_and_is_skipped_for_a_cancelled_document(
    house: House, outbox: list[tuple[str, str]], clock: time_machine.Traveller
) -> None:
    EmailTemplate.objects.update(delay_minutes=60)
    _, invoice = take(house)
    assert outbox == []
    actions.cancel(invoice, actor="Jana")
    house.work()
    assert state_of(invoice)[0] == "cancelled"
    later(house, clock, hours=2)
    assert outbox == []


def test_a_payment_is_thanked_for_once_where_the_text_is_switched_on(
    house: House, outbox: list[tuple[str, str]]
) -> None:
    house.company.email_after_issuing = False
    house.company.save()
    house.take(captured("rest-20-create-pending"))
    EmailTemplate.objects.filter(event="paid").update(enabled=True)
    EmailTemplate.objects.filter(event="issued").update(enabled=False)
    for _ in range(2):
        house.take(captured("rest-20b-set-paid"))
    assert len(outbox) == 1
    assert Effect.objects.get(kind=EffectKind.EMAIL).document.kind == "proforma"


# write back


@pytest.fixture
def notes(house: House, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    house.shop.write_back = True
    house.shop.save()
    written: list[str] = []
    source = shop_services.source_of(house.shop)

    def write(_session: object, _external_id: str, text: str) -> str:
        written.append(text)
        return str(len(written))

    def find(_session: object, _external_id: str, text: str) -> str | None:
        return "1" if text in written else None

    monkeypatch.setattr(type(source), "write_note", staticmethod(write))
    monkeypatch.setattr(type(source), "find_note", staticmethod(find))
    return written


def test_the_number_is_written_to_the_shop_once(house: House, notes: list[str]) -> None:
    _, invoice = take(house)
    house.work()
    assert notes == [f"Faktura {invoice.number} vystavena (Spojka)"]


def test_a_note_in_doubt_is_looked_for_first(
    house: House,
    notes: list[str],
    clock: time_machine.Traveller,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source = type(shop_services.source_of(house.shop))
    honest = source.__dict__["write_note"]

    def write_then_drop(session: object, external_id: str, text: str) -> str:
        notes.append(text)
        raise UncertainError(problem())

    monkeypatch.setattr(source, "write_note", staticmethod(write_then_drop))
    take(house)
    monkeypatch.setattr(source, "write_note", honest)
    later(house, clock, minutes=2)
    assert len(notes) == 1
    assert Effect.objects.get(kind=EffectKind.WRITE_BACK).state == EffectState.CONFIRMED


def test_the_archive_holds_everything_and_its_chain_is_whole(
    house: House, notes: list[str], outbox: list[tuple[str, str]]
) -> None:
    take(house)
    kinds = list(house.company.archive_entries.values_list("kind", flat=True))
    assert kinds == ["issued", "pdf", "isdoc", "write_back", "email"]
    assert archive.verify(house.company).ok


def test_the_sweep_wakes_what_was_forgotten(house: House, toy: ToySystem) -> None:
    order = _observed(house)
    actions.issue(order, Kind.INVOICE, actor="Jana")
    Wake.objects.all().delete()
    Effect.objects.update(due_at=START - timedelta(minutes=2))
    advance.sweep()
    house.work()
    assert house.only(order, Kind.INVOICE).number == "TOY0001"
    assert planning.was_sent(house.only(order, Kind.INVOICE))
