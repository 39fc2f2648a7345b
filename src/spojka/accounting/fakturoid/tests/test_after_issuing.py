"""Payments, e-mails, PDFs, and the way back: changes and webhooks."""

from __future__ import annotations

import json
import uuid
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from spojka.accounting.contract import Delivery, Email, IssuedState, WebhookError
from spojka.accounting.fakturoid.system import EVENTS, SYSTEM
from spojka.accounting.fakturoid.tests.world import (
    COMPANY,
    NOW,
    TODAY,
    World,
    document,
    final,
    line,
    world,
)
from spojka.accounting.simulator import Fault
from spojka.core.document import ExchangeRate, Kind
from spojka.core.outcome import RejectedError, Rejection, ThrottledError

WHOLE = Decimal("177.00")
HOOK = "https://spojka.example/hooks/1"
AGREED = "tajne"


def pay(w: World, d: Any, issued: Any, amount: Decimal = WHOLE) -> Any:
    return SYSTEM.pay(w.session(), d, issued, "pay", TODAY, amount)


def state_of(w: World, issued: Any) -> Any:
    return SYSTEM.read(w.session(), issued.external_id, Kind.INVOICE)


def code_of(refused: Any) -> str:
    return str(refused.value.problem.code)


# Payments


def test_a_payment_in_two_parts_sends_no_thanks() -> None:
    with world(send_thank_you_email=True) as w:
        issued = w.create(document())
        first = pay(w, document(), issued, Decimal("100.00"))
        assert (first.amount, first.paid_on) == (Decimal("100.00"), TODAY)
        assert state_of(w, issued).state == IssuedState.PARTLY_PAID
        pay(w, document(), issued, Decimal("77.00"))
        now = state_of(w, issued)
        assert (now.state, now.paid_amount, now.paid_on) == (IssuedState.PAID, WHOLE, TODAY)
        assert w.simulator.books()[0].emails == ()


def test_what_the_bank_matched_meanwhile_is_not_paid_twice() -> None:
    with world() as w:
        issued = w.create(document())
        w.simulator.act("pay", external_id=issued.external_id, paid_on="2026-11-25")
        paid = pay(w, document(), issued)
        assert paid.amount == WHOLE
        assert paid.paid_on == TODAY - timedelta(days=1)
        assert paid.external_id
        assert w.simulator.books()[0].paid == WHOLE


def test_a_final_invoice_paid_by_its_proforma_counts_as_paid() -> None:
    with world() as w:
        proforma = w.create(document(Kind.PROFORMA))
        pay(w, document(Kind.PROFORMA), proforma)
        issued = w.create(final(proforma, WHOLE), "final:create")
        paid = pay(w, document(), issued)
        assert (paid.external_id, paid.amount) == ("", WHOLE)


def test_a_cancelled_document_takes_no_payment() -> None:
    with world() as w:
        issued = w.create(document())
        SYSTEM.cancel(w.session(), document(), issued, "cancel")
        with pytest.raises(RejectedError) as refused:
            pay(w, document(), issued)
        assert code_of(refused) == "SPJ-FAKTUROID-CANCELLED"
        assert refused.value.rejection is Rejection.PERMANENT


def test_a_payment_in_doubt_is_found_by_day_and_amount() -> None:
    with world() as w:
        issued = w.create(document())
        arguments = (document(), issued, "pay", TODAY, WHOLE)
        assert SYSTEM.find_payment(w.session(), *arguments) is None
        made = pay(w, document(), issued)
        assert SYSTEM.find_payment(w.session(), *arguments) == made
        other_day = (document(), issued, "pay", TODAY - timedelta(days=1), WHOLE)
        assert SYSTEM.find_payment(w.session(), *other_day) is None


def test_taking_a_payment_back() -> None:
    with world() as w:
        issued = w.create(document())
        made = pay(w, document(), issued)
        for _ in range(2):  # the second time it is gone already
            SYSTEM.unpay(w.session(), document(), issued, "pay", made.external_id)
            assert state_of(w, issued).state == IssuedState.OPEN
        pay(w, document(), issued)
        SYSTEM.unpay(w.session(), document(), issued, "pay", "")
        SYSTEM.unpay(w.session(), document(), issued, "pay", "")
        assert w.simulator.books()[0].paid == 0
        for amount in ("100.00", "77.00"):
            pay(w, document(), issued, Decimal(amount))
        with pytest.raises(RejectedError) as refused:
            SYSTEM.unpay(w.session(), document(), issued, "pay", "")
        assert code_of(refused) == "SPJ-FAKTUROID-PAYMENTS-MANY"


def test_a_payment_that_something_was_made_of_stays() -> None:
    with world() as w:
        w.settings["follow_up"] = "final_invoice_paid"
        d = document(Kind.PROFORMA)
        proforma = w.create(d)
        made = pay(w, d, proforma)
        with pytest.raises(RejectedError) as refused:
            SYSTEM.unpay(w.session(), d, proforma, "pay", made.external_id)
        assert code_of(refused) == "SPJ-FAKTUROID-UNPAY-REFUSED"


def test_a_tax_document_made_by_itself_comes_with_the_payment() -> None:
    with world() as w:
        w.settings["follow_up"] = "tax_document"
        d = document(Kind.PROFORMA)
        proforma = w.create(d)
        (made,) = pay(w, d, proforma).produced
        assert (made.kind, made.total) == (Kind.TAX_DOCUMENT, WHOLE)
        found = SYSTEM.find_payment(w.session(), d, proforma, "pay", TODAY, WHOLE)
        assert found is not None
        assert found.produced == (made,)


def test_a_part_paid_in_another_currency_has_its_own_amount_at_home() -> None:
    rate = ExchangeRate(home="CZK", rate=Decimal("2435.0"), amount=100, source="ČNB")
    d = document(Kind.INVOICE, line("121.00"), currency="EUR", exchange_rate=rate)
    with world() as w:
        issued = w.create(d)
        assert issued.raw["exchange_rate"] == "24.35"
        assert issued.raw["native_total"] == "2946.35"
        pay(w, d, issued, Decimal("21.00"))
        (payment,) = state_of(w, issued).raw["payments"]
        assert (payment["amount"], payment["native_amount"]) == ("21.0", "511.35")


# E-mail


def send(w: World, issued: Any, to: str = "jana@example.com") -> None:
    SYSTEM.email(w.session(), document(), issued, "mail", Email(to, "Doklad", "Dobrý den"))


def asked(w: World, issued: Any, to: str = "jana@example.com") -> bool | None:
    return SYSTEM.find_email(w.session(), document(), issued, "mail", Email(to))


def test_an_email_in_doubt_is_found_among_the_events() -> None:
    with world() as w:
        issued = w.create(document())
        assert asked(w, issued) is False
        send(w, issued)
        assert state_of(w, issued).sent is True
        assert asked(w, issued) is True
        assert asked(w, issued, "JANA@example.com") is True
        assert asked(w, issued, "somebody.else@example.com") is None


@pytest.mark.parametrize(
    ("account", "code"),
    [
        ({"plan": "Zdarma", "plan_price": 0}, "SPJ-FAKTUROID-EMAIL-PLAN"),
        ({"email_disabled": True}, "SPJ-FAKTUROID-EMAIL-DISABLED"),
    ],
)
def test_an_account_that_may_not_send_goes_on_issuing(account: Any, code: str) -> None:
    with world(**account) as w:
        issued = w.create(document())
        with pytest.raises(RejectedError) as refused:
            send(w, issued)
        assert code_of(refused) == code
        # The connection is well; only this message cannot be sent.
        assert refused.value.rejection is Rejection.PERMANENT


def test_an_address_that_is_none_is_refused() -> None:
    with world(locale="sk") as w:
        issued = w.create(document())
        with pytest.raises(RejectedError) as refused:
            send(w, issued, "jana@")
        assert code_of(refused) == "SPJ-FAKTUROID-EMAIL-ADDRESS"
        assert refused.value.rejection is Rejection.DATA


def test_after_the_last_email_of_the_day_it_goes_on_after_midnight() -> None:
    with world(emails_a_day=1) as w:
        issued = w.create(document())
        send(w, issued)
        with pytest.raises(ThrottledError) as refused:
            send(w, issued)
        assert code_of(refused) == "SPJ-FAKTUROID-EMAIL-QUOTA"
        prague = ZoneInfo("Europe/Prague")
        assert refused.value.until == datetime(2026, 11, 27, 0, 5, tzinfo=prague)
        assert w.budget.exhausted_until is None  # the rest of the account goes on


# PDF


def test_a_pdf_is_asked_for_again_until_it_is_made() -> None:
    with world(pdf_delay=2) as w:
        issued = w.create(document())
        for _ in range(2):
            with pytest.raises(ThrottledError) as later:
                SYSTEM.pdf(w.session(), document(), issued)
            assert code_of(later) == "SPJ-FAKTUROID-PDF-LATER"
            assert later.value.until == NOW + timedelta(seconds=3)
        w.simulator.state["pdf"][issued.external_id] = 1
        with pytest.raises(ThrottledError) as later:
            SYSTEM.pdf(w.session(attempt=3), document(), issued)
        assert later.value.until == NOW + timedelta(seconds=24)
        file = SYSTEM.pdf(w.session(), document(), issued)
        assert (file.name, file.media_type) == ("2026-0001.pdf", "application/pdf")
        assert file.content.startswith(b"%PDF")
        assert w.budget.exhausted_until is None


# Limits


def test_headers_tell_what_is_left_and_how_long_to_wait() -> None:
    with world(limit=6) as w:
        issued = w.create(document())
        assert w.budget.observed[-1] == (3, 60)
        with pytest.raises(ThrottledError) as throttled:
            for _ in range(6):
                state_of(w, issued)
        assert code_of(throttled) == "SPJ-FAKTUROID-LIMIT"
        assert throttled.value.until == NOW + timedelta(seconds=60)
        assert w.budget.exhausted_until == throttled.value.until


def test_a_token_ended_by_somebody_else_is_replaced_once() -> None:
    with world() as w:
        issued = w.create(document())
        w.simulator.state["token"]["value"] = "another program logged in"
        assert state_of(w, issued) is not None
        assert len(w.tokens.seen) == 2
        w.simulator.fail(Fault.UNAUTHORIZED, match="GET", times=2)
        with pytest.raises(RejectedError) as refused:
            state_of(w, issued)
        assert code_of(refused) == "SPJ-FAKTUROID-TOKEN"
        assert refused.value.rejection is Rejection.CONFIG


def test_maintenance_did_nothing_and_is_waited_for() -> None:
    with world() as w:
        w.load()
        w.simulator.account["read_only"] = True
        with pytest.raises(Exception, match="SPJ-FAKTUROID-MAINTENANCE") as refused:
            w.create(document())
        assert type(refused.value).__name__ == "UnavailableError"


# The way back


def test_changes_are_read_page_by_page_and_the_bin_after_them() -> None:
    with world() as w:
        since = NOW + timedelta(seconds=1)
        early = w.create(document(), "early:create")
        w.simulator.shift = timedelta(minutes=5)
        made = [w.create(document(), f"{at}:create") for at in range(45)]
        SYSTEM.delete(w.session(), document(), made[0], "delete")
        SYSTEM.delete(w.session(), document(), made[1], "delete")
        w.simulator.act("restore", external_id=made[1].external_id)
        with w.counted() as calls:
            found = list(SYSTEM.changes(w.session(), since))
        gone = [one.external_id for one in found if one.state == IssuedState.DELETED]
        assert gone == [made[0].external_id]
        there = {one.external_id for one in found} - set(gone)
        assert there == {one.external_id for one in made[1:]}
        assert early.external_id not in there
        assert len(calls) == 7  # two pages of documents, two of events, two in the bin, the account
        assert len(list(SYSTEM.changes(w.session(), None))) == 45


def test_a_document_made_and_paid_there_tells_what_it_was_made_of() -> None:
    with world() as w:
        proforma = w.create(document(Kind.PROFORMA))
        w.simulator.shift = timedelta(minutes=5)
        w.simulator.act(
            "pay",
            external_id=proforma.external_id,
            proforma_followup_document="final_invoice_paid",
        )
        found = {one.kind: one for one in SYSTEM.changes(w.session(), NOW + timedelta(minutes=1))}
        assert found[Kind.INVOICE].made_from == proforma.external_id
        assert found[Kind.INVOICE].state == IssuedState.PAID
        assert found[Kind.PROFORMA].state == IssuedState.PAID
        assert found[Kind.PROFORMA].changed_at == NOW + timedelta(minutes=5)


def register(w: World) -> Any:
    session = w.session(webhook_address=HOOK, webhook_secret=AGREED)
    SYSTEM.register_webhook(session)
    return session


def as_delivery(sent: Any, **headers: str) -> Delivery:
    given = {name.lower(): value for name, value in {**sent["headers"], **headers}.items()}
    return Delivery(given, json.dumps(sent["body"]).encode())


def test_webhooks_are_registered_once_and_hint_at_documents() -> None:
    with world() as w:
        session = register(w)
        register(w)
        assert len(w.simulator.state["webhooks"]) == 1
        assert w.simulator.state["webhooks"][0]["events"] == list(EVENTS)
        w.simulator.state["webhooks"][0]["active"] = False
        register(w)
        assert w.simulator.state["webhooks"][0]["active"] is True
        issued = w.create(document())
        sent = w.simulator.act("pay", external_id=issued.external_id)
        assert [one["body"]["event_name"] for one in sent] == [
            "invoice_payment_added",
            "invoice_paid",
        ]
        assert sent[0]["url"] == HOOK
        keys = [one["headers"]["Idempotency-Key"] for one in sent]
        assert len(set(keys)) == 2
        assert {uuid.UUID(key).version for key in keys} == {7}
        (hint,) = SYSTEM.read_webhook(session, as_delivery(sent[1]))
        assert (hint.external_id, hint.kind) == (issued.external_id, Kind.INVOICE)
        assert hint.topic == "invoice_paid"


@pytest.mark.parametrize("given", ["", "Bearer tajnE", "tajne"])
def test_a_webhook_without_the_secret_is_not_believed(given: str) -> None:
    with world() as w:
        session = register(w)
        issued = w.create(document())
        (sent, *_) = w.simulator.act("pay", external_id=issued.external_id)
        with pytest.raises(WebhookError):
            SYSTEM.read_webhook(session, as_delivery(sent, Authorization=given))
        with pytest.raises(WebhookError):
            SYSTEM.read_webhook(replace(session, webhook_secret=""), as_delivery(sent))


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b'{"body": {"subject": {}}}'])
def test_a_webhook_about_something_else_hints_at_nothing(body: bytes) -> None:
    with world() as w:
        session = w.session(webhook_secret=AGREED)
        delivery = Delivery({"authorization": "Bearer tajne"}, body)
        try:
            assert SYSTEM.read_webhook(session, delivery) == []
        except WebhookError:
            assert body in {b"", b"<html>"}


def test_a_free_plan_has_no_webhooks_and_the_connection_goes_on() -> None:
    with world(plan_price=0) as w:
        with pytest.raises(RejectedError) as refused:
            register(w)
        assert code_of(refused) == "SPJ-FAKTUROID-WEBHOOK-PLAN"
        assert refused.value.rejection is Rejection.PERMANENT


# What exists already


def test_what_a_person_issued_there_is_read_like_any_other() -> None:
    with world() as w:
        issued = w.create(document(customer=COMPANY, variable_symbol="2026001017"))
        w.simulator.act("edit", external_id=issued.external_id, custom_id=None, due=30)
        (found,) = SYSTEM.changes(w.session(), None)
        assert (found.key, found.customer) == ("", "Malý a syn s.r.o.")
        assert found.variable_symbol == "2026001017"
        assert found.due_on == TODAY + timedelta(days=30)
        assert found.url.endswith(f"/zkusebni/invoices/{issued.external_id}")
        assert found.public_url
