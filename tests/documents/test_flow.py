"""The way of an order: from what a shop says to documents, whatever happens in between."""

from __future__ import annotations

import itertools
from datetime import date
from decimal import Decimal
from io import BytesIO

import pytest
from pypdf import PdfReader

from spojka.archive import store as archive
from spojka.companies.models import AuditEntry, Company
from spojka.core.document import Kind
from spojka.core.outcome import EffectKind
from spojka.documents import actions, attention, rulebook
from spojka.documents.models import Document
from spojka.orders import intake
from spojka.orders.models import Order
from tests.documents.conftest import CREDIT, ON_PAYMENT, House, captured, rule

pytestmark = pytest.mark.django_db


def test_a_paid_order_becomes_an_issued_archived_invoice(house: House) -> None:
    order = house.take(captured("rest-20b-set-paid"))

    invoice = house.only(order, Kind.INVOICE)
    assert (invoice.state, invoice.total, invoice.paid_amount) == (
        "issued",
        Decimal("1836.70"),
        Decimal("1836.70"),
    )
    pdf = archive.read(invoice.pdf_sha256)
    assert pdf is not None
    assert "".join(page.extract_text() for page in PdfReader(BytesIO(pdf)).pages).count(
        invoice.variable_symbol
    )
    assert invoice.number.endswith(invoice.variable_symbol)
    assert archive.read(invoice.isdoc_sha256)
    assert archive.verify(house.company).ok
    names = list(order.events.values_list("name", flat=True))
    assert names == [
        "order.received",
        "decided",
        "planned",
        "create.confirmed",
        "pdf.confirmed",
    ]


def test_the_same_order_again_does_nothing(house: House) -> None:
    order = house.take(captured("rest-20b-set-paid"))
    before = house.documents(order)
    assert intake.store(house.shop, captured("rest-20b-set-paid"))[1] == "unchanged"
    touched = captured("rest-20b-set-paid", date_modified_gmt="2026-11-22T10:00:00")
    house.take(touched)
    assert house.documents(order) == before
    assert order.versions.count() == 1


STEPS = ["rest-20-create-pending", "rest-20b-set-paid", "rest-20e-order-after-partial-refund"]


@pytest.mark.parametrize("steps", sorted(set(itertools.permutations(STEPS * 2, 3))))
def test_events_in_any_order_end_in_one_invoice(house: House, steps: tuple[str, ...]) -> None:
    """What a webhook says is read again, so that the last reading is always the true state."""
    for name in steps:
        house.take(captured(name))
    order = house.take(captured("rest-20e-order-after-partial-refund"))
    invoices = order.documents.filter(kind=Kind.INVOICE)
    assert [invoice.state for invoice in invoices] == ["issued"]


def test_why_no_rule_fired_is_kept(house: House) -> None:
    order = house.take(captured("rest-21-status-refunded"))
    assert not order.documents.exists()
    misses = order.decision.content["invoice"]["misses"]
    assert [(miss["condition"], miss["found"]) for miss in misses] == [("paid", "false")]


def test_proforma_payment_final_invoice_with_deduction(house: House) -> None:
    order = house.take(captured("rest-20-create-pending"))
    assert [kind for kind, _, _ in house.documents(order)] == ["proforma"]

    house.take(captured("rest-20b-set-paid"))

    proforma, final = order.documents.order_by("id")
    assert (proforma.paid_amount, final.kind) == (Decimal("1836.70"), "invoice")
    content = final.core()
    assert [(row.number, row.amount) for row in content.deductions] == [
        (proforma.number, Decimal("1836.70"))
    ]
    assert content.amount_due == 0
    assert final.is_paid


def test_tax_document_on_payment_is_deducted_with_its_vat(house: House) -> None:
    house.rules(
        rule(Kind.PROFORMA, paid=False),
        rule(Kind.TAX_DOCUMENT, paid=True),
        rule(Kind.INVOICE, statuses=("completed",)),
    )
    Company.objects.update(final_after_proforma=False)
    order = house.take(captured("rest-20-create-pending"))
    house.take(captured("rest-20b-set-paid"))
    assert [kind for kind, _, _ in house.documents(order)] == ["proforma", "tax_document"]

    house.take(captured("rest-20b-set-paid", status="completed"))

    final = house.only(order, Kind.INVOICE).core()
    tax_document = house.only(order, Kind.TAX_DOCUMENT).core()
    assert final.deductions[0].taxed
    assert final.deductions[0].rows == tax_document.vat
    assert tax_document.total == final.total


def test_a_proforma_of_a_cancelled_order_is_cancelled(house: House) -> None:
    order = house.take(captured("rest-20-create-pending"))
    house.take(captured("rest-20-create-pending", status="cancelled"))
    assert [(kind, state) for kind, state, _ in house.documents(order)] == [
        ("proforma", "cancelled")
    ]


def test_refund_by_rows_becomes_a_credit_note(house: House) -> None:
    paid = captured("rest-20b-set-paid")
    order = house.take(paid)
    refunded = captured("rest-20e-order-after-partial-refund")
    refunded["refunds_detail"] = [captured("rest-20d-refund-partial-line")]
    house.take(refunded)
    house.take(refunded)

    note = house.only(order, Kind.CREDIT_NOTE)
    assert (note.state, note.total) == ("issued", Decimal("-499.00"))
    original = note.core().original
    assert original is not None
    assert original.number == house.only(order, Kind.INVOICE).number


def test_an_amount_only_refund_over_two_rates_is_held_until_the_policy_says(
    house: House,
) -> None:
    order = house.take(captured("rest-20b-set-paid"))
    refunded = captured("rest-20e-order-after-partial-refund")
    refunded["refunds"] = [{"id": 55, "reason": "Sleva", "total": "-100.00", "total_tax": "0"}]
    refunded["refunds_detail"] = [captured("rest-20f-refund-amount-only")]
    house.take(refunded)
    note = house.only(order, Kind.CREDIT_NOTE)
    assert (note.state, note.problems[0]["code"]) == ("held", "SPJ-REFUND-RATES")
    assert attention.count(house.company) == 1

    Company.objects.update(refund_policy="allocate")
    actions.retry(Document.objects.get(pk=note.pk), actor="Jana")
    house.work()

    note.refresh_from_db()
    assert (note.state, note.total) == ("issued", Decimal("-100.00"))
    assert attention.count(house.company) == 0


def test_an_order_that_contradicts_itself_is_held_and_rebuilt_when_mended(house: House) -> None:
    wrong = captured("rest-20b-set-paid", total="1836.71")
    order = house.take(wrong)
    held = house.only(order, Kind.INVOICE)
    assert (held.state, held.problems[0]["code"], held.number) == ("held", "SPJ-ORDER-SUM", "")

    house.take(captured("rest-20b-set-paid"))
    held.refresh_from_db()
    assert held.state == "issued"


def test_a_change_after_issuing_is_a_task_never_a_rewrite(house: House) -> None:
    order = house.take(captured("rest-28a-before-edit"))
    invoice = house.only(order, Kind.INVOICE)
    content, pdf = invoice.content, invoice.pdf_sha256
    house.take(captured("rest-28b-after-edit"))

    invoice.refresh_from_db()
    assert (invoice.changed_problem or {})["code"] == "SPJ-ORDER-CHANGED"
    assert (invoice.content, invoice.pdf_sha256) == (content, pdf)

    actions.accept_change(invoice, actor="Jana")
    house.work()
    house.take(captured("rest-28b-after-edit", status="completed"))
    invoice.refresh_from_db()
    assert invoice.changed_problem is None


def test_credit_and_issue_anew(house: House) -> None:
    order = house.take(captured("rest-28a-before-edit"))
    house.take(captured("rest-28b-after-edit"))
    invoice = house.only(order, Kind.INVOICE)
    assert actions.issuable(order) == []
    actions.credit(invoice, reason="Změna objednávky", actor="Jana")
    house.work()
    assert actions.issuable(order) == [Kind.INVOICE]
    again = actions.issue(Order.objects.get(pk=order.pk), Kind.INVOICE, actor="Jana")
    house.work()
    again.refresh_from_db()
    assert (again.ordinal, again.state, again.total) == (2, "issued", Decimal("508.90"))
    with pytest.raises(actions.ActionRefused) as refused:
        actions.issue(Order.objects.get(pk=order.pk), Kind.INVOICE, actor="Jana")
    assert refused.value.problem.code == "SPJ-DOCUMENT-EXISTS"


def test_observe_mode_shows_and_issues_nothing(house: House) -> None:
    Company.objects.update(mode="observe")
    order = house.take(captured("rest-20b-set-paid"))
    assert not order.documents.exists()
    assert order.decision.observed == [{"kind": "invoice", "total": "1836.70", "problems": []}]

    Company.objects.update(mode="live")
    rulebook.wake_orders(house.company)
    house.work()
    assert [state for _, state, _ in house.documents(order)] == ["issued"]


def test_simulation_issues_nothing_and_tells_what_would_be(house: House) -> None:
    Company.objects.update(mode="observe")
    house.take(captured("rest-20b-set-paid"))
    house.take(captured("rest-21-status-refunded"))
    result = rulebook.simulate(house.company)
    assert (result.counts["orders"], result.counts["invoice"], result.counts["nothing"]) == (
        2,
        1,
        1,
    )
    assert not Document.objects.exists()


def test_pay_and_unpay_by_hand(house: House) -> None:
    house.rules(rule(Kind.INVOICE))
    order = house.take(captured("rest-20-create-pending"))
    invoice = house.only(order, Kind.INVOICE)
    actions.mark_paid(invoice, paid_on=date(2026, 11, 21), amount=Decimal(100), actor="Jana")
    house.work()
    invoice.refresh_from_db()
    assert (invoice.paid_amount, invoice.is_paid) == (Decimal(100), False)
    actions.mark_paid(invoice, paid_on=date(2026, 11, 22), actor="Jana")
    house.work()
    invoice.refresh_from_db()
    assert invoice.is_paid
    actions.unpay(invoice, actor="Jana")
    house.work()
    invoice.refresh_from_db()
    assert (invoice.paid_amount, invoice.paid_on) == (Decimal(0), None)
    assert AuditEntry.objects.filter(actor="Jana").count() == 3


def test_what_is_left_is_paid_once_the_shop_says_that_all_is_paid(house: House) -> None:
    house.rules(rule(Kind.INVOICE))
    order = house.take(captured("rest-20-create-pending"))
    invoice = house.only(order, Kind.INVOICE)
    actions.mark_paid(invoice, paid_on=date(2026, 11, 21), amount=Decimal(100), actor="Jana")
    house.work()
    house.take(captured("rest-20b-set-paid"))
    invoice.refresh_from_db()
    assert (invoice.paid_amount, invoice.is_paid) == (invoice.total, True)
    payments = invoice.effects.filter(kind=EffectKind.PAY)
    assert sorted(row.state for row in payments) == ["confirmed", "confirmed"]


def test_pressed_twice_before_anything_was_sent_nothing_is_paid_twice(house: House) -> None:
    house.rules(rule(Kind.INVOICE))
    order = house.take(captured("rest-20-create-pending"))
    invoice = house.only(order, Kind.INVOICE)
    paid_on = date(2026, 11, 21)
    actions.mark_paid(invoice, paid_on=paid_on, amount=Decimal(100), actor="Jana")
    actions.mark_paid(invoice, paid_on=paid_on, actor="Jana")
    with pytest.raises(actions.ActionRefused, match="SPJ-ALREADY-PAID"):
        actions.mark_paid(invoice, paid_on=paid_on, actor="Jana")
    house.work()
    invoice.refresh_from_db()
    assert invoice.paid_amount == invoice.total
    actions.unpay(invoice, actor="Jana")
    with pytest.raises(actions.ActionRefused, match="SPJ-NOT-PAID"):
        actions.unpay(invoice, actor="Jana")
    house.work()
    assert invoice.effects.filter(kind=EffectKind.UNPAY).count() == 2  # one of each payment


def test_credit_notes_that_wait_for_a_person_do_not_wait_for_each_other(house: House) -> None:
    order = house.take(captured("rest-20b-set-paid"))
    invoice = house.only(order, Kind.INVOICE)
    too_much = actions.credit(invoice, amount=Decimal(5000), reason="Omyl", actor="Jana")
    second = actions.credit(invoice, reason="Vše", actor="Jana")
    house.work()
    for note, code in ((too_much, "SPJ-REFUND-EXCEEDS"), (second, "SPJ-CREDIT-WAITS")):
        note.refresh_from_db()
        assert [problem["code"] for problem in note.problems] == [code]
    actions.drop(too_much, actor="Jana")
    house.work()
    second.refresh_from_db()
    assert (second.state, second.total) == ("issued", -(invoice.total or 0))


def test_a_later_payment_in_the_shop_is_recorded_once(house: House) -> None:
    house.rules(rule(Kind.INVOICE))
    order = house.take(captured("rest-20-create-pending"))
    for _ in range(3):
        house.take(captured("rest-20b-set-paid"))
    invoice = house.only(order, Kind.INVOICE)
    assert invoice.is_paid
    assert invoice.effects.filter(kind=EffectKind.PAY).count() == 1


def test_an_ignored_order_gets_nothing(house: House) -> None:
    Company.objects.update(mode="observe")
    order = house.take(captured("rest-20b-set-paid"))
    actions.ignore_order(order, "Test order", actor="Jana")
    Company.objects.update(mode="live")
    rulebook.wake_orders(house.company)
    house.work()
    assert not order.documents.exists()
    actions.unignore_order(order, actor="Jana")
    house.work()
    assert [state for _, state, _ in house.documents(order)] == ["issued"]


def test_a_trashed_order_keeps_its_document_and_raises_a_task(house: House) -> None:
    order = house.take(captured("rest-20b-set-paid"))
    house.take(captured("rest-20b-set-paid", status="trash"))
    invoice = house.only(order, Kind.INVOICE)
    assert (invoice.state, (invoice.changed_problem or {})["code"]) == (
        "issued",
        "SPJ-ORDER-DELETED",
    )


def test_first_matching_rule_decides(house: House) -> None:
    house.rules(
        rule(Kind.INVOICE, "dear", paid=True, min_total=Decimal(5000)),
        rule(Kind.INVOICE, "cheap", paid=True),
        CREDIT,
    )
    order = house.take(captured("rest-20b-set-paid"))
    assert house.only(order, Kind.INVOICE).why["rule"] == "cheap"
    assert order.decision.content["invoice"]["misses"][0]["name"] == "dear"


def test_cod_order_is_issued_unpaid(house: House) -> None:
    house.rules(rule(Kind.INVOICE, payment_methods=("cod",)), ON_PAYMENT)
    order = house.take(captured("store-01-multi-vat-shipping"))
    invoice = house.only(order, Kind.INVOICE)
    assert (invoice.state, invoice.paid_amount) == ("issued", Decimal(0))


def test_a_foreign_currency_waits_for_its_rate(house: House) -> None:
    order = house.take(captured("rest-24-eur-order-in-czk-shop"))
    held = house.only(order, Kind.INVOICE)
    assert held.problems[0]["code"] == "SPJ-EXCHANGE-RATE-MISSING"


def test_payment_wanted_by_nobody(house: House) -> None:
    order = house.take(captured("rest-20b-set-paid"))
    invoice = house.only(order, Kind.INVOICE)
    with pytest.raises(actions.ActionRefused):
        actions.mark_paid(invoice, paid_on=date(2026, 11, 22), actor="Jana")


def test_an_incomplete_company_issues_nothing_until_its_data_are_filled_in(house: House) -> None:
    Company.objects.update(street="", tax_id="")
    order = house.take(captured("rest-20b-set-paid"))
    held = house.only(order, Kind.INVOICE)
    assert held.problems[0]["code"] == "SPJ-COMPANY-INCOMPLETE"

    Company.objects.update(street="Krátká 1", tax_id="CZ27082440")
    rulebook.wake_orders(house.company)
    house.work()
    held.refresh_from_db()
    assert held.state == "issued"
