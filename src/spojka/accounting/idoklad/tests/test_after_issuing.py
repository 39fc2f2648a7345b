"""After issuing: payments, e-mails, PDF, deletion, changes, webhooks."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from spojka.accounting.contract import (
    Delivery,
    Email,
    Issued,
    IssuedState,
    WebhookError,
    WebhookHint,
)
from spojka.accounting.idoklad.system import SYSTEM
from spojka.accounting.idoklad.tests.box import (
    NOW,
    TODAY,
    WEBHOOK_SECRET,
    Box,
    box,
    credit_note,
    document,
)
from spojka.accounting.simulator import Fault
from spojka.core.document import Document, Kind
from spojka.core.outcome import RejectedError, ThrottledError, UnavailableError, UncertainError


def paid(b: Box, d: Document, issued: Issued, amount: str, on: int = 0) -> str:
    """Record a payment and return its id."""
    day = TODAY + timedelta(days=on)
    return SYSTEM.pay(b.session, d, issued, "pay", day, Decimal(amount)).external_id


def read(b: Box, issued: Issued, kind: Kind = Kind.INVOICE) -> Issued:
    found = SYSTEM.read(b.session, issued.external_id, kind)
    assert found is not None
    return found


def test_partial_payments_are_told_apart() -> None:
    with box() as b:
        d = document()
        issued = b.create(d)
        first = paid(b, d, issued, "21.00")
        assert read(b, issued).state == IssuedState.PARTLY_PAID
        second = paid(b, d, issued, "100.00", on=1)
        assert (read(b, issued).state, read(b, issued).paid_on) == (
            IssuedState.PAID,
            TODAY + timedelta(days=1),
        )
        SYSTEM.unpay(b.session, d, issued, "pay", first)
        SYSTEM.unpay(b.session, d, issued, "pay", first)
        assert read(b, issued).paid_amount == Decimal("100.00")
        later = TODAY + timedelta(days=1)
        found = SYSTEM.find_payment(b.session, d, issued, "pay", later, Decimal("100.00"))
        assert found is not None and found.external_id == second
        assert SYSTEM.find_payment(b.session, d, issued, "pay", TODAY, Decimal("21.00")) is None


def test_a_payment_that_was_recorded_in_creating_is_taken_back_as_a_whole() -> None:
    with box() as b:
        d = document(paid_on=TODAY, paid_amount=Decimal("121.00"))
        issued = b.create(d)
        assert b.simulator.books()[0].paid == d.total
        SYSTEM.unpay(b.session, d, issued, "pay", "")
        assert b.simulator.books()[0].paid == 0


def test_what_is_paid_there_already_is_said() -> None:
    with box() as b:
        d = document()
        issued = b.create(d)
        b.simulator.act("pay", external_id=issued.external_id)
        with pytest.raises(RejectedError) as error:
            paid(b, d, issued, "121.00")
        assert error.value.problem.code == "SPJ-IDOKLAD-ALREADY-PAID"


def test_an_email_goes_to_the_customer_or_elsewhere() -> None:
    with box() as b:
        d = document()
        issued = b.create(d)
        message = Email("jana@example.com", "Faktura", "Dobrý den", "sk")
        SYSTEM.email(b.session, d, issued, "mail", message)
        body = json.loads(b.exchanges[-1].request_body)
        assert (body["SendToPartner"], body["OtherRecipients"]) == (True, [])
        assert (body["EmailSubject"], body["ReportLanguage"]) == ("Faktura", 2)
        assert SYSTEM.find_email(b.session, d, issued, "mail", message) is True
        other = Email("ucetni@example.com")
        SYSTEM.email(b.session, d, issued, "mail", other)
        assert b.simulator.books()[0].emails == ("jana@example.com", "ucetni@example.com")
        assert SYSTEM.find_email(b.session, d, issued, "mail", other) is None


def test_an_email_in_doubt_is_told_by_the_mark_on_the_document() -> None:
    with box() as b:
        d = document()
        issued = b.create(d)
        message = Email("jana@example.com")
        for fault, sent in ((Fault.RESET_BEFORE, False), (Fault.RESET_AFTER, True)):
            b.simulator.fail(fault, match="POST /v3/Mails")
            with pytest.raises(UncertainError):
                SYSTEM.email(b.session, d, issued, "mail", message)
            assert SYSTEM.find_email(b.session, d, issued, "mail", message) is sent


def test_an_email_that_was_not_sent_is_no_success() -> None:
    with box(undeliverable=["jana@example.com"]) as b:
        d = document()
        issued = b.create(d)
        with pytest.raises(RejectedError) as error:
            SYSTEM.email(b.session, d, issued, "mail", Email("jana@example.com"))
        assert error.value.problem.code == "SPJ-IDOKLAD-EMAIL-NOT-SENT"
        assert error.value.problem.facts["address"] == "jana@example.com"
    with box(mails_a_day=0) as b:
        issued = b.create(d)
        with pytest.raises(ThrottledError) as limit:
            SYSTEM.email(b.session, d, issued, "mail", Email("jana@example.com"))
        assert limit.value.problem.code == "SPJ-IDOKLAD-EMAIL-LIMIT"


@pytest.mark.parametrize("kind", [Kind.INVOICE, Kind.PROFORMA, Kind.CREDIT_NOTE])
def test_each_kind_has_its_own_pdf_and_email(kind: Kind) -> None:
    with box() as b:
        d = document(kind)
        if kind is Kind.CREDIT_NOTE:
            d = credit_note(b.create(document()))
        issued = b.create(d)
        b.asked()
        file = SYSTEM.pdf(b.session, d, issued)
        assert file.content.startswith(b"%PDF-")
        assert (file.name, file.media_type) == (f"{issued.number}.pdf", "application/pdf")
        SYSTEM.email(b.session, d, issued, "mail", Email("jana@example.com"))
        place = {"invoice": "IssuedInvoice", "proforma": "ProformaInvoice"}.get(kind, "CreditNote")
        assert b.asked() == [
            f"GET /v3/Reports/{place}/{issued.external_id}/Pdf",
            f"POST /v3/Mails/{place}/Send",
        ]


def test_something_else_than_a_pdf_is_fetched_again() -> None:
    with box() as b:
        d = document()
        issued = b.create(d)
        b.simulator.fail(Fault.EMPTY_SUCCESS, match="/Pdf")
        with pytest.raises(UnavailableError) as error:
            SYSTEM.pdf(b.session, d, issued)
        assert error.value.problem.code == "SPJ-IDOKLAD-NO-PDF"


def test_what_cannot_be_deleted_says_why() -> None:
    with box() as b:
        d = document()
        invoice = b.create(d)
        b.create(credit_note(invoice))
        with pytest.raises(RejectedError) as error:
            SYSTEM.delete(b.session, d, invoice, "delete")
        assert error.value.problem.code == "SPJ-IDOKLAD-HAS-CREDIT-NOTE"
        other = document(number="1002")
        issued = b.create(other)
        b.simulator.act("export", external_id=issued.external_id)
        with pytest.raises(RejectedError) as error:
            SYSTEM.delete(b.session, other, issued, "delete")
        assert error.value.problem.code == "SPJ-IDOKLAD-EXPORTED"


@pytest.mark.parametrize("zone", ["Europe/Prague", "UTC"])
def test_changes_are_read_whatever_zone_their_times_are_in(zone: str) -> None:
    with box(zone=zone) as b:
        early = b.create(document())
        proforma = b.create(document(Kind.PROFORMA, "1002"))
        since = NOW + timedelta(hours=5)
        b.simulator.shift = timedelta(hours=6)
        assert list(SYSTEM.changes(b.session, since)) == []
        b.simulator.act("pay", external_id=proforma.external_id)
        b.simulator.act("account", external_id=proforma.external_id)
        b.simulator.act("edit", external_id=early.external_id, fields={"OrderNumber": "9"})
        found = {one.external_id: one for one in SYSTEM.changes(b.session, since)}
        assert len(found) == 3
        final = next(one for one in found.values() if one.made_from)
        assert (final.kind, final.made_from, final.total) == (
            Kind.INVOICE,
            proforma.external_id,
            Decimal("121.00"),
        )
        assert found[early.external_id].order_number == "9"
        assert found[proforma.external_id].state == IssuedState.PAID
        for one in found.values():
            assert one.changed_at is not None and one.changed_at.tzinfo is not None
            assert one.changed_at <= b.simulator.now


def test_all_documents_are_read_page_by_page() -> None:
    with box(per_minute=10_000) as b:
        first = b.create(document())
        (kept,) = b.simulator.state["documents"]
        for at in range(2, 451):
            again = {**kept, "id": kept["id"] + at * 10_000, "number": str(20260000 + at)}
            b.simulator.state["documents"].append({**again, "serial": at})
        b.asked()
        found = list(SYSTEM.changes(b.session, None))
        assert len({one.external_id for one in found}) == 450
        assert first.external_id in {one.external_id for one in found}
        assert b.asked().count("GET /v3/IssuedInvoices") == 3


def test_documents_of_other_people_are_read_as_they_are() -> None:
    with box() as b:
        issued = b.create(document())
        (kept,) = b.simulator.state["documents"]
        kept["items"][0]["DiscountPercentage"] = "10"
        kept["Description"] = None
        found = read(b, issued)
        assert found.total == Decimal("108.90")
        assert found.key == ""


ODD: list[tuple[dict[str, Any], dict[str, Any]]] = [
    (
        {"Id": 1, "DocumentNumber": "X1", "PaymentStatus": 9, "Items": "?"},
        {"number": "X1", "total": None, "vat": None, "lines": None, "state": ""},
    ),
    (
        {"Id": 1, "PaymentStatus": "1", "DateOfIssue": "2026-13-45", "Prices": None},
        {"state": "paid", "issued_on": None, "sent": None, "changed_at": None},
    ),
    (
        {"Id": 1, "DateOfIssue": "2026-03-01T23:30:00Z", "CurrencyId": 99, "Items": [5, {}]},
        {"issued_on": TODAY, "currency": "", "customer": ""},
    ),
]


@pytest.mark.parametrize(("data", "expected"), ODD)
def test_odd_answers_are_read_as_far_as_they_go(
    data: dict[str, Any], expected: dict[str, Any]
) -> None:
    with box() as b:
        b.answer(lambda _asked: b.simulator.ok(data))
        found = SYSTEM.read(b.session, "1", Kind.INVOICE)
        assert {name: getattr(found, name) for name in expected} == expected


# webhooks


def delivered(what: Any) -> Delivery:
    """Return what the simulator delivers, as it reaches us."""
    headers = {name.lower(): value for name, value in what["headers"].items()}
    return Delivery(headers=headers, body=what["body"].encode())


@pytest.mark.parametrize("header", ["X-iDoklad-Signature-256", "X-idoklad-signature"])
def test_a_webhook_hints_at_the_document(header: str) -> None:
    with box(webhook_secret=WEBHOOK_SECRET, webhook_header=header) as b:
        SYSTEM.register_webhook(b.session)
        SYSTEM.register_webhook(b.session)
        assert len(b.simulator.state["webhooks"]) == 15
        d = document(Kind.PROFORMA)
        issued = b.create(d)
        (what,) = b.simulator.act("pay", external_id=issued.external_id)
        (hint,) = SYSTEM.read_webhook(b.session, delivered(what))
        assert hint == WebhookHint(issued.external_id, Kind.PROFORMA, "PaymentCreated")
        events = b.simulator.act("account", external_id=issued.external_id)
        hints = [hint for w in events for hint in SYSTEM.read_webhook(b.session, delivered(w))]
        assert {hint.kind for hint in hints} == {Kind.INVOICE}
        (gone,) = b.simulator.act("delete", external_id=hints[0].external_id)
        (hint,) = SYSTEM.read_webhook(b.session, delivered(gone))
        assert hint.topic == "Delete"


def test_a_webhook_that_is_not_theirs_is_not_believed() -> None:
    with box(webhook_secret=WEBHOOK_SECRET) as b:
        SYSTEM.register_webhook(b.session)
        issued = b.create(document())
        (what,) = b.simulator.act("pay", external_id=issued.external_id)
        good = delivered(what)
        changed = replace(good, body=good.body.replace(b"Payment", b"payment"))
        unsigned = Delivery(headers={}, body=good.body)
        for bad in (changed, unsigned):
            with pytest.raises(WebhookError):
                SYSTEM.read_webhook(b.session, bad)
        with pytest.raises(WebhookError):
            SYSTEM.read_webhook(b.with_(webhook_secret=""), good)
        with pytest.raises(WebhookError):
            SYSTEM.read_webhook(b.with_(webhook_secret="another"), good)


def test_events_come_by_name_and_by_number_and_others_are_left_alone() -> None:

    def signed(body: bytes) -> Delivery:
        digest = hmac.new(WEBHOOK_SECRET.encode(), body, hashlib.sha256).hexdigest()
        return Delivery(headers={"x-idoklad-signature": f"sha256={digest}"}, body=body)

    events = [
        {"EventType": "Update", "EntityType": "IssuedInvoice", "EntityId": 5},
        {"EventType": 2, "EntityType": 0, "EntityId": "5"},
        {"EventType": "Update", "EntityType": "Contact", "EntityId": 6},
        {"EventType": "Insert", "EntityType": 3, "EntityId": 7},
        "?",
    ]
    with box() as b:
        hints = SYSTEM.read_webhook(b.session, signed(json.dumps({"Events": events}).encode()))
        assert hints == [
            WebhookHint("5", Kind.INVOICE, "Update"),
            WebhookHint("7", Kind.CREDIT_NOTE, "Insert"),
        ]
        for odd in (b"[]", b"{}", b"<html>", b'{"Events": 5}'):
            with pytest.raises(WebhookError):
                SYSTEM.read_webhook(b.session, signed(odd))


def test_a_webhook_wants_its_public_id() -> None:
    with box() as b:
        credentials = {**b.session.credentials, "webhook_id": ""}
        with pytest.raises(RejectedError) as error:
            SYSTEM.register_webhook(b.with_(credentials=credentials))
        assert error.value.problem.code == "SPJ-IDOKLAD-WEBHOOK-ID"
        assert error.value.problem.facts["address"] == "https://eshop.example/hooks/1"
