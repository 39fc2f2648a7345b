"""Payments, e-mails, and what SuperFaktura calls us for."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from spojka.accounting.contract import Delivery, Email, IssuedState, WebhookError
from spojka.accounting.simulator import Fault
from spojka.accounting.superfaktura.system import SYSTEM
from spojka.accounting.superfaktura.tests.helpers import (
    NOW,
    TODAY,
    account,
    document,
    issue,
    key,
    line,
    paid,
)
from spojka.core.document import Kind
from spojka.core.outcome import RejectedError, ThrottledError, UncertainError

SECRET = "slovo"
YESTERDAY = TODAY - timedelta(days=1)
MESSAGE = Email(to="Jana@example.com", subject="Faktúra", language="sk")


def test_a_payment_is_one_call_and_stands_there() -> None:
    with account() as there:
        d = document()
        issued = issue(there, d)
        payment = SYSTEM.pay(there.session(), d, issued, "k", YESTERDAY, Decimal(10))
        assert there.calls[1:] == ["POST /invoice_payments/add/ajax:1/api:1"]
        assert (payment.paid_on, payment.amount) == (YESTERDAY, Decimal(10))
        assert there.last()["payments"] == [
            {
                "id": payment.external_id,
                "amount": "10.00",
                "created": "2026-10-04",
                "payment_type": "transfer",
                "invoice_id": issued.external_id,
            }
        ]
        found = SYSTEM.read(there.session(), issued.external_id, Kind.INVOICE)
        assert found is not None
        assert (found.state, found.paid_amount) == (IssuedState.PARTLY_PAID, Decimal(10))


def test_a_payment_in_doubt_is_found_by_amount_and_day() -> None:
    with account() as there:
        d, s = document(), there.session()
        issued = issue(there, d)
        there.simulator.fail(Fault.RESET_AFTER, "invoice_payments")
        with pytest.raises(UncertainError):
            SYSTEM.pay(s, d, issued, "k", TODAY, d.total)
        found = SYSTEM.find_payment(s, d, issued, "k", TODAY, d.total)
        assert found is not None
        assert found.external_id == "1"
        assert SYSTEM.find_payment(s, d, issued, "k", YESTERDAY, d.total) is None
        # Sent once more all the same, it is still one payment.
        again = SYSTEM.pay(s, d, issued, "k", TODAY, d.total)
        assert again.external_id == "1"
        assert len(there.last()["payments"]) == 1


def test_paid_by_somebody_else_is_said() -> None:
    with account() as there:
        d = document()
        issued = issue(there, d)
        there.simulator.act("pay", on="2026-10-01")
        with pytest.raises(RejectedError) as caught:
            SYSTEM.pay(there.session(), d, issued, "k", TODAY, d.total)
        assert caught.value.problem.code == "SPJ-SUPERFAKTURA-PAID"


def test_a_payment_is_taken_back_once() -> None:
    with account() as there:
        d, s = document(), there.session()
        issued = issue(there, d)
        payment = SYSTEM.pay(s, d, issued, "k", TODAY, d.total)
        SYSTEM.unpay(s, d, issued, "k", payment.external_id)
        assert there.last()["payments"] == []
        SYSTEM.unpay(s, d, issued, "k", payment.external_id)


def test_a_payment_made_with_the_document_is_taken_back_too() -> None:
    with account() as there:
        d, s = paid(document(), YESTERDAY), there.session()
        issued = issue(there, d)
        there.last()["payments"].append({**there.last()["payments"][0], "id": "77", "amount": "1"})
        SYSTEM.unpay(s, d, issued, "k", "")
        assert [row["id"] for row in there.last()["payments"]] == ["77"]
        SYSTEM.unpay(s, d, issued, "k", "")
        assert [row["id"] for row in there.last()["payments"]] == ["77"]


def test_what_their_bank_matching_recorded_is_taken_back_or_refused() -> None:
    with account() as there:
        d, s = document(), there.session()
        issued = issue(there, d)
        there.simulator.act("pay")
        SYSTEM.unpay(s, d, issued, "k", "")
        assert there.last()["payments"] == []
        SYSTEM.unpay(s, d, issued, "k", "")
        there.simulator.act("pay", amount=5)
        there.simulator.act("pay")
        with pytest.raises(RejectedError, match="SPJ-SUPERFAKTURA-PAYMENTS-MANY"):
            SYSTEM.unpay(s, d, issued, "k", "")
        assert len(there.last()["payments"]) == 2


def test_a_produced_invoice_that_cannot_be_read_does_not_undo_the_payment() -> None:
    with account() as there:
        d, s = document(Kind.PROFORMA), there.session()
        issued = issue(there, d)
        there.simulator.fail(Fault.MAINTENANCE, "view")
        payment = SYSTEM.pay(s, d, issued, "k", TODAY, d.total)
        assert payment.external_id == "1"


def test_the_payment_type_is_theirs() -> None:
    from spojka.accounting.superfaktura.mapping import payment_type

    told = {
        ("bacs", "Bankový prevod"): "transfer",
        ("cod", "Dobierka"): "cod",
        ("gopay", "GoPay"): "gopay",
        ("woo_besteron", ""): "besteron",
        ("comgate", "Platba kartou online"): "card",
        ("stripe", ""): "card",
        ("ppcp-gateway", "PayPal"): "paypal",
        ("cash", "Hotově"): "cash",
        ("barter", ""): "other",
        ("", ""): "",
    }
    for (method, title), expected in told.items():
        assert payment_type(document(payment_method=method, payment_title=title)) == expected


# e-mails


def test_an_email_is_one_call_and_can_be_found_out() -> None:
    with account() as there:
        d, s = document(), there.session()
        issued = issue(there, d)
        assert SYSTEM.find_email(s, d, issued, "k", MESSAGE) is False
        SYSTEM.email(s, d, issued, "k", MESSAGE)
        assert there.calls[-1] == "POST /invoices/send"
        assert there.simulator.books()[0].emails == ("Jana@example.com",)
        assert there.last()["emails"][0]["subject"] == "Faktúra"
        assert SYSTEM.find_email(s, d, issued, "k", replace(MESSAGE, to="jana@example.com"))
        later = replace(s, now=s.now + timedelta(days=2))
        assert SYSTEM.find_email(later, d, issued, "k", MESSAGE) is None
        there.simulator.act("delete")
        assert SYSTEM.find_email(s, d, issued, "k", MESSAGE) is None


def test_an_answer_without_words_leaves_an_email_uncertain() -> None:
    with account() as there:
        d = document()
        issued = issue(there, d)
        there.simulator.fail(Fault.EMPTY_SUCCESS, "send")
        with pytest.raises(UncertainError):
            SYSTEM.email(there.session(), d, issued, "k", MESSAGE)


@pytest.mark.parametrize("language", ["slo", "cze", "eng"])
def test_too_many_emails_wait_for_an_hour(language: str) -> None:
    with account(emails_per_hour=1, language=language) as there:
        d, s = document(), there.session()
        issued = issue(there, d)
        SYSTEM.email(s, d, issued, "k", MESSAGE)
        with pytest.raises(ThrottledError) as caught:
            SYSTEM.email(s, d, issued, "k", MESSAGE)
        assert caught.value.problem.code == "SPJ-SUPERFAKTURA-EMAIL-LIMIT"
        assert caught.value.until == NOW + timedelta(hours=1)


def test_a_wrong_address_holds_the_email() -> None:
    with account() as there:
        d = document()
        issued = issue(there, d)
        with pytest.raises(RejectedError) as caught:
            SYSTEM.email(there.session(), d, issued, "k", replace(MESSAGE, to="jana"))
        assert caught.value.problem.code == "SPJ-SUPERFAKTURA-EMAIL-ADDRESS"


# what they call us for


def test_a_payment_calls_the_address_that_went_along() -> None:
    with account() as there:
        s = there.session(webhook_address="https://spojka.example/h/x", webhook_secret=SECRET)
        d = document()
        issued = SYSTEM.create(s, d, key(d))
        called = there.simulator.act("pay")
        assert called["method"] == "GET"
        assert called["url"].startswith("https://spojka.example/h/x?")
        (hint,) = SYSTEM.read_webhook(s, Delivery({}, b"", called["query"]))
        assert hint.external_id == issued.external_id
        for query in (
            {"invoice_id": "1", "secret_key": "iné"},
            {"invoice_id": "1"},
            {"secret_key": SECRET},
            {"invoice_id": "1; drop", "secret_key": SECRET},
        ):
            with pytest.raises(WebhookError):
                SYSTEM.read_webhook(s, Delivery({}, b"", query))
        with pytest.raises(WebhookError):
            SYSTEM.read_webhook(there.session(), Delivery({}, b"", {"secret_key": ""}))


# what happens there


def test_changes_are_seen_with_one_call() -> None:
    with account() as there:
        s = there.session()
        first = issue(there, document())
        issue(there, document(Kind.PROFORMA))
        there.simulator.shift = timedelta(hours=3)
        later = there.session()
        seen = there.simulator.now - timedelta(minutes=15)
        assert list(SYSTEM.changes(later, seen)) == []
        there.simulator.act("pay", external_id=first.external_id, on="2026-10-05")
        before = len(there.calls)
        (changed,) = SYSTEM.changes(later, seen)
        assert len(there.calls) == before + 1
        assert changed.external_id == first.external_id
        assert changed.state == IssuedState.PAID
        assert changed.paid_on == TODAY
        assert changed.changed_at is not None
        assert changed.changed_at >= seen
        # From further back: by days, and what is older than asked for is left out.
        assert {row.kind for row in SYSTEM.changes(later, s.now - timedelta(seconds=1))} == {
            Kind.INVOICE,
            Kind.PROFORMA,
        }
        assert len(list(SYSTEM.changes(later, s.now + timedelta(hours=2)))) == 1
        # All that exists can be taken in.
        assert len(list(SYSTEM.changes(later, None))) == 2


def test_what_was_edited_cancelled_and_made_by_itself_is_seen() -> None:
    with account(automatic_invoice=True) as there:
        proforma = issue(there, document(Kind.PROFORMA))
        there.simulator.act("pay")
        there.simulator.act("edit", items=[{"name": "Navyše", "unit_price": 10, "tax": 23}])
        found = {row.kind: row for row in SYSTEM.changes(there.session(), None)}
        assert found[Kind.INVOICE].made_from == proforma.external_id
        assert found[Kind.INVOICE].total == Decimal("36.90")
        there.simulator.act("send", external_id=proforma.external_id)
        read = SYSTEM.read(there.session(), proforma.external_id, Kind.PROFORMA)
        assert read is not None
        assert read.sent is True


def test_many_documents_are_read_page_by_page() -> None:
    with account() as there:
        for at in range(3):
            issue(there, document(uuid=f"{at}"))
        rows = there.simulator.state["documents"]
        rows.extend({**rows[0], "Invoice": {**rows[0]["Invoice"], "id": str(at)}}
                    for at in range(4, 402))  # fmt: skip
        before = len(there.calls)
        found = [row.external_id for row in SYSTEM.changes(there.session(), None)]
        assert len(set(found)) == 401
        assert len(there.calls) == before + 3


def test_a_document_of_another_day_is_read_with_its_dates() -> None:
    with account() as there:
        day = date(2026, 9, 30)
        d = document(
            Kind.INVOICE, line("10.00", "2.30"), taxable_on=day, issued_on=TODAY, language="en"
        )
        issued = issue(there, d)
        read = SYSTEM.read(there.session(), issued.external_id, Kind.INVOICE)
        assert read is not None
        assert (read.taxable_on, read.issued_on) == (day, TODAY)
        assert there.last()["InvoiceSetting"]["language"] == "eng"
