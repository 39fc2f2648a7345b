"""What systems do themselves: e-mails, deletions, payments with ids, PDFs that take a while."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine

from spojka.accounting.contract import File, Issued, IssuedState, Session, Totals
from spojka.archive import store as archive
from spojka.connections.models import Connection
from spojka.core.document import Document as CoreDocument
from spojka.core.document import Kind, VatRow
from spojka.core.outcome import EffectKind, ThrottledError, UncertainError
from spojka.core.problem import Problem
from spojka.documents import actions, attention, emailing
from spojka.documents.models import Document, EmailTemplate
from tests.documents.conftest import House, captured
from tests.documents.toy import BusyToy, ToySystem

pytestmark = pytest.mark.django_db
START = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(START, tick=False) as traveller:
        yield traveller


def invoice_of(house: House, **changes: Any) -> Document:
    order = house.take(captured("rest-20b-set-paid", **changes))
    return house.only(order, Kind.INVOICE)


def uncertain() -> UncertainError:
    return UncertainError(Problem.of("SPJ-NET-TIMEOUT", host="busy", url="", seconds="30"))


# e-mail by the system


@pytest.fixture
def by_system(house: House, busy: BusyToy) -> BusyToy:
    Connection.objects.filter(system="busy").update(settings={"email_by": "system"})
    house.company.email_after_issuing = True
    house.company.save()
    return busy


def test_the_system_sends_the_company_s_own_words(house: House, by_system: BusyToy) -> None:
    emailing.default_templates(house.company)
    invoice = invoice_of(house)
    (message,) = by_system.sent
    assert message.to == invoice.order.email
    assert invoice.number in message.subject
    assert message.language == "cs"
    sent = house.company.archive_entries.get(kind="email")
    assert sent.facts == {"to": message.to}


def test_without_a_text_it_sends_its_own(house: House, by_system: BusyToy) -> None:
    invoice_of(house)
    assert [(message.subject, message.body) for message in by_system.sent] == [("", "")]


@pytest.mark.parametrize(
    ("known", "sent", "state"), [(True, 1, "confirmed"), (False, 2, "confirmed"), (None, 1, "")]
)
def test_an_email_in_doubt_is_asked_for_where_the_system_can_tell(
    house: House,
    by_system: BusyToy,
    clock: time_machine.Traveller,
    known: bool | None,
    sent: int,
    state: str,
) -> None:
    by_system.knows_emails = known
    by_system.fails["email"] = [uncertain()]
    invoice = invoice_of(house)
    for _ in range(8):
        clock.shift(timedelta(minutes=6))
        house.work()
    assert len(by_system.sent) == sent
    effect = invoice.effects.get(kind=EffectKind.EMAIL)
    assert effect.state == (state or "rejected")
    codes = [group.code for group in attention.groups(house.company, "cs")]
    assert codes == ([] if state else ["SPJ-EMAIL-UNCERTAIN"])


def test_another_company_s_choice_is_our_own_mail(house: House, busy: BusyToy) -> None:
    house.company.email_after_issuing = True
    house.company.save()
    invoice_of(house)
    assert busy.sent == []
    assert not EmailTemplate.objects.exists()
    assert [group.code for group in attention.groups(house.company, "cs")] == [
        "SPJ-EMAIL-NO-TEMPLATE"
    ]


# deleting


def test_a_deleted_document_is_gone_there_and_kept_here(house: House, busy: BusyToy) -> None:
    invoice = invoice_of(house)
    assert actions.leaves_gap(invoice) is None
    actions.delete(invoice, actor="Jana")
    house.work()
    invoice.refresh_from_db()
    assert (invoice.state, invoice.number, busy.books) == ("deleted", "B0001", {})
    assert house.company.archive_entries.filter(kind="deleted").count() == 1
    assert archive.verify(house.company).ok
    house.take(captured("rest-20b-set-paid", status="completed"))
    assert invoice.order.documents.count() == 1, "what a person deleted is not issued again"
    assert actions.issuable(invoice.order) == [Kind.INVOICE, Kind.PROFORMA]


def test_a_deletion_in_doubt_is_repeated(
    house: House, busy: BusyToy, clock: time_machine.Traveller
) -> None:
    invoice = invoice_of(house)
    busy.fails["delete"] = [uncertain()]
    actions.delete(invoice, actor="Jana")
    for _ in range(5):
        clock.shift(timedelta(minutes=6))
        house.work()
    invoice.refresh_from_db()
    assert invoice.state == "deleted"


def test_the_gap_that_deleting_leaves_is_named(
    house: House, busy: BusyToy, clock: time_machine.Traveller
) -> None:
    first = invoice_of(house)
    clock.shift(timedelta(minutes=1))
    second = invoice_of(house, id=9002, number="9002")
    gap = actions.leaves_gap(first)
    assert gap is not None
    assert (gap.code, gap.facts["later"]) == ("SPJ-DELETE-GAP", second.number)
    assert actions.leaves_gap(second) is None


def test_an_invoice_with_a_credit_note_is_not_deleted(house: House, busy: BusyToy) -> None:
    invoice = invoice_of(house)
    actions.credit(invoice, reason="x", actor="Jana")
    house.work()
    with pytest.raises(actions.ActionRefused, match="SPJ-HAS-CREDIT-NOTE"):
        actions.delete(invoice, actor="Jana")


# payments


def test_a_payment_is_taken_back_by_its_id(house: House, busy: BusyToy) -> None:
    order = house.take(captured("rest-20-create-pending"))
    proforma = house.only(order, Kind.PROFORMA)
    actions.mark_paid(proforma, paid_on=START.date(), amount=Decimal(100), actor="Jana")
    house.work()
    proforma.refresh_from_db()
    actions.unpay(proforma, actor="Jana")
    house.work()
    assert "unpay payment-1" in busy.calls


def test_a_payment_recorded_in_creating_is_taken_back_without_one(
    house: House, busy: BusyToy
) -> None:
    invoice = invoice_of(house)
    actions.unpay(invoice, actor="Jana")
    house.work()
    assert "unpay " in busy.calls
    invoice.refresh_from_db()
    assert (invoice.is_paid, "pay" in busy.calls) == (False, False)


def test_what_the_system_left_unpaid_in_creating_is_paid_once(
    house: House, busy: BusyToy, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = busy.enter

    def unpaid(key: str, **facts: Any) -> Issued:
        return honest(key, **{**facts, "state": IssuedState.OPEN})

    monkeypatch.setattr(busy, "enter", unpaid)
    invoice = invoice_of(house)
    house.work()
    invoice.refresh_from_db()
    assert busy.calls.count("pay") == 1
    assert invoice.is_paid


# totals


def test_vat_that_would_be_computed_otherwise_holds_the_document(
    house: House, toy: ToySystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    def other(s: Session, d: CoreDocument) -> Totals:
        first, *rest = d.vat
        cent = Decimal("0.01")
        moved = replace(first, net=first.net + cent, tax=first.tax - cent)
        return Totals(d.total, (moved, *rest))

    monkeypatch.setattr(toy, "predict", other)
    invoice = invoice_of(house)
    assert (invoice.state, invoice.problems[0]["code"]) == ("held", "SPJ-VAT-PREDICTED")
    facts = invoice.problems[0]["facts"]
    assert facts["ours"].startswith("21 %: ")
    assert facts["ours"] != facts["theirs"]
    assert toy.created == []


def test_vat_computed_otherwise_than_predicted_is_told(
    house: House, busy: BusyToy, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = busy.enter

    def odd(key: str, **facts: Any) -> Issued:
        vat: tuple[VatRow, ...] = facts["vat"]
        moved = replace(vat[0], net=vat[0].net + 1, tax=vat[0].tax - 1)
        return honest(key, **{**facts, "vat": (moved, *vat[1:]), "currency": "EUR"})

    monkeypatch.setattr(busy, "enter", odd)
    invoice = invoice_of(house)
    assert invoice.state == "issued"
    codes = [problem["code"] for problem in invoice.problems]
    assert codes == ["SPJ-ISSUED-DIFFERS", "SPJ-VAT-DIFFERS"]
    assert attention.count(house.company) == 1


def test_what_was_sent_and_answered_is_archived(house: House, busy: BusyToy) -> None:
    invoice = invoice_of(house)
    entry = house.company.archive_entries.get(kind="issued")
    content = archive.read(entry.sha256)
    assert content is not None
    assert invoice.number.encode() in content
    assert invoice.external_id == entry.facts["external_id"]


# PDF


def test_a_pdf_that_is_not_ready_alarms_nobody(
    house: House,
    toy: ToySystem,
    clock: time_machine.Traveller,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    honest, asked = toy.pdf, 0

    def slow(s: Session, d: CoreDocument, issued: Issued) -> File:
        nonlocal asked
        asked += 1
        if asked < 4:
            raise ThrottledError(Problem.of("SPJ-BUDGET-RATE"), s.now + timedelta(seconds=3))
        return honest(s, d, issued)

    monkeypatch.setattr(toy, "pdf", slow)
    invoice = invoice_of(house)
    for _ in range(4):
        clock.shift(timedelta(seconds=4))
        house.work()
    invoice.refresh_from_db()
    assert invoice.pdf_sha256
    assert list(invoice.events.values_list("name", flat=True)) == [
        "planned",
        "create.confirmed",
        "pdf.confirmed",
    ]
