"""Documents are made, found and ended, against the simulated account behind a real socket."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from spojka.accounting.contacts import names
from spojka.accounting.contract import Email, IssuedState
from spojka.accounting.fakturoid.system import SYSTEM
from spojka.accounting.fakturoid.tests.world import (
    COMPANY,
    CUSTOMER,
    KEY,
    TODAY,
    World,
    credit,
    document,
    final,
    line,
    per_rate,
    world,
)
from spojka.accounting.simulator import Fault
from spojka.core.document import Kind
from spojka.core.outcome import RejectedError, Rejection, UncertainError

ROOT = "/api/v3/accounts/zkusebni"
SUBJECTS, INVOICES = f"POST {ROOT}/subjects.json", f"POST {ROOT}/invoices.json"
OTHER_KEY = "00000000-0000-4000-8000-000000000002:create"


def pay(w: World, d: object, issued: object, amount: str) -> object:
    return SYSTEM.pay(w.session(), d, issued, "pay", TODAY, Decimal(amount))  # type: ignore[arg-type]


def test_an_invoice_is_issued_with_the_amounts_of_the_document() -> None:
    with world() as w:
        w.load()
        d = document()
        issued = w.create(d)
        assert issued.number == "2026-0001"
        assert issued.variable_symbol == "20260001"
        assert (issued.total, per_rate(issued.vat)) == (d.total, per_rate(d.vat))
        assert [(x.name, x.quantity, x.gross) for x in issued.lines] == [
            (x.name, x.quantity, x.gross) for x in d.lines
        ]
        assert (issued.kind, issued.key, issued.order_number) == (Kind.INVOICE, KEY, "2026-1017")
        assert (issued.issued_on, issued.taxable_on, issued.due_on) == (
            d.issued_on,
            d.taxable_on,
            d.due_on,
        )
        assert issued.state == IssuedState.OPEN
        assert SYSTEM.look_up(w.session(), d, KEY) == issued
        assert SYSTEM.read(w.session(), issued.external_id, Kind.INVOICE) == issued


def test_calls_of_a_new_and_of_a_known_customer() -> None:
    """Fakturoid: 2 for a new customer, +1 paid, +1 e-mail, +1 or more PDF; 1 for a known one."""
    with world(pdf_delay=0) as w:
        w.load()
        d = document()
        with w.counted() as new:
            issued = w.create(d)
            pay(w, d, issued, "177.00")
            SYSTEM.email(w.session(), d, issued, "mail", Email("jana@example.com"))
            SYSTEM.pdf(w.session(), d, issued)
        one = f"{ROOT}/invoices/{issued.external_id}"
        assert new == [
            SUBJECTS,
            INVOICES,
            f"POST {one}/payments.json",
            f"POST {one}/message.json",
            f"GET {one}/download.pdf",
        ]
        with w.counted() as known:
            w.create(document(uuid="2"), OTHER_KEY)
        assert known == [INVOICES]
        with w.counted() as moved:  # another address is another set of data, but the same person
            moved_to = replace(CUSTOMER.address, street="Nová 7")
            third = w.create(document(customer=replace(CUSTOMER, address=moved_to)), "3:create")
        assert moved == [INVOICES]
        assert third.raw["client_street"] == "Nová 7"
        assert len(w.tokens.seen) == 1


def test_proforma_paid_final_takes_five_calls() -> None:
    with world() as w:
        w.load()
        d = document(Kind.PROFORMA)
        with w.counted() as calls:
            proforma = w.create(d)
            paid = pay(w, d, proforma, "177.00")
            last = w.create(final(proforma, Decimal("177.00")), OTHER_KEY)
        assert len(calls) == 5
        assert paid.produced == ()  # type: ignore[attr-defined]
        assert last.made_from == proforma.external_id
        assert (last.state, last.paid_amount) == (IssuedState.PAID, Decimal("177.00"))
        assert len(w.simulator.books()) == 2


@pytest.mark.parametrize("copies", [True, False])
def test_an_invoice_that_fakturoid_makes_itself_is_taken_over(copies: bool) -> None:
    with world(copies_custom_id=copies) as w:
        w.settings["follow_up"] = "final_invoice_paid"
        w.load()
        d = document(Kind.PROFORMA)
        with w.counted() as calls:
            proforma = w.create(d)
            paid = pay(w, d, proforma, "177.00")
        assert len(calls) == 5
        (made,) = paid.produced  # type: ignore[attr-defined]
        assert (made.kind, made.made_from) == (Kind.INVOICE, proforma.external_id)
        assert (made.state, made.total) == (IssuedState.PAID, d.total)
        # The key of the proforma leads to the proforma, even where the invoice inherited it.
        found = SYSTEM.look_up(w.session(), d, KEY)
        assert found is not None
        assert found.external_id == proforma.external_id
        again = w.create(final(proforma, Decimal("177.00")), OTHER_KEY)
        assert again.external_id == made.external_id
        assert len(w.simulator.books()) == 2


def test_a_proforma_paid_by_their_bank_matching_gets_no_second_invoice() -> None:
    """A person chose another follow-up there; the invoice made behind our back is found."""
    with world() as w:
        d = document(Kind.PROFORMA)
        proforma = w.create(d)
        w.simulator.act(
            "pay", external_id=proforma.external_id, proforma_followup_document="final_invoice_paid"
        )
        last = w.create(final(proforma, Decimal("177.00")), OTHER_KEY)
        assert last.state == IssuedState.PAID
        assert [kept.kind for kept in w.simulator.books()] == ["proforma", "invoice"]


def test_a_cancelled_invoice_of_a_proforma_is_no_final_invoice() -> None:
    with world(cancel_for="all") as w:
        proforma = w.create(document(Kind.PROFORMA))
        first = w.create(final(proforma, Decimal("177.00")), "first:create")
        SYSTEM.cancel(w.session(), document(), first, "cancel")
        with pytest.raises(RejectedError) as refused:
            w.create(final(proforma, Decimal("177.00")), OTHER_KEY)
        assert refused.value.problem.code == "SPJ-FAKTUROID-PROFORMA-SETTLED"


def test_a_tax_document_is_made_of_a_payment() -> None:
    with world() as w:
        d = document(Kind.PROFORMA)
        proforma = w.create(d)
        pay(w, d, proforma, "177.00")
        tax = document(
            Kind.TAX_DOCUMENT,
            *d.lines,
            original=credit(proforma).original,
            paid_on=TODAY,
            paid_amount=Decimal("177.00"),
        )
        assert SYSTEM.look_up(w.session(), tax, OTHER_KEY) is None
        made = w.create(tax, OTHER_KEY)
        assert (made.kind, made.total, per_rate(made.vat)) == (
            Kind.TAX_DOCUMENT,
            Decimal("177.00"),
            per_rate(d.vat),
        )
        assert SYSTEM.look_up(w.session(), tax, OTHER_KEY) == made
        assert w.create(tax, OTHER_KEY) == made
        deducting = final(proforma, Decimal("177.00"))
        paid = replace(deducting.deductions[0], taxed=True, tax_document_id=made.external_id)
        last = w.create(replace(deducting, deductions=(paid,)), "final:create")
        assert last.raw["document_type"] == "final_invoice"
        assert last.raw["paid_advances"][0]["number"] == made.number
        assert (last.total, last.raw["remaining_amount"]) == (d.total, "0.0")


@pytest.mark.parametrize("advance_vat", ["proforma", "payment"])
def test_what_a_tax_document_says_of_vat_is_told_as_it_is(advance_vat: str) -> None:
    """How a payment is divided is not documented: it is compared afterwards, never guessed."""
    cheap = [line("0.99", name=f"Věc {at}") for at in range(3)]
    with world(advance_vat=advance_vat) as w:
        proforma = w.create(document(Kind.PROFORMA, *cheap))
        tax = document(Kind.TAX_DOCUMENT, *cheap, original=credit(proforma).original, paid_on=TODAY)
        assert SYSTEM.predict(w.session(), tax).total == tax.total
        made = w.create(tax, OTHER_KEY)
        by_payment = {Decimal(21): (Decimal("2.45"), Decimal("0.52"))}
        assert made.total == tax.total
        assert per_rate(made.vat) == (
            per_rate(tax.vat) if advance_vat == "proforma" else by_payment
        )


def test_a_tax_document_records_the_payment_that_is_missing_there() -> None:
    with world() as w:
        proforma = w.create(document(Kind.PROFORMA))
        tax = document(Kind.TAX_DOCUMENT, original=credit(proforma).original, paid_on=TODAY)
        made = w.create(tax, OTHER_KEY)
        assert made.total == Decimal("177.00")
        kept = {one.external_id: one for one in w.simulator.books()}
        assert kept[proforma.external_id].paid == Decimal("177.00")


@pytest.mark.parametrize("lines", [2, 1])
def test_a_credit_note_refers_to_its_invoice(lines: int) -> None:
    with world() as w:
        invoice = w.create(document())
        d = credit(invoice, *document().lines[:lines])
        note = w.create(d, OTHER_KEY)
        assert note.kind is Kind.CREDIT_NOTE
        assert note.made_from == invoice.external_id
        assert (note.total, per_rate(note.vat)) == (d.total, per_rate(d.vat))
        assert note.total < 0
        assert note.raw["note"] == "Vrácené zboží"


def test_a_second_credit_note_is_explained_where_it_is_not_allowed() -> None:
    with world() as w:
        invoice = w.create(document())
        w.create(credit(invoice, document().lines[0]), "first:create")
        with pytest.raises(RejectedError) as refused:
            w.create(credit(invoice, document().lines[1]), "second:create")
        assert refused.value.problem.code == "SPJ-FAKTUROID-CORRECTION-EXISTS"
        assert refused.value.rejection is Rejection.DATA
        w.simulator.account["corrections"] = "many"
        second = w.create(credit(invoice, document().lines[1]), "second:create")
        assert second.total == Decimal("-56.00")


# Recovery


@pytest.mark.parametrize("fault", [Fault.RESET_AFTER, Fault.TRUNCATED, Fault.ERROR_AFTER])
@pytest.mark.parametrize("unique", [True, False])
def test_an_invoice_whose_answer_was_lost_is_found(fault: Fault, unique: bool) -> None:
    with world(unique_custom_id=unique) as w:
        d = document()
        w.simulator.fail(fault, match="POST .*/invoices.json")
        with pytest.raises(UncertainError):
            w.create(d)
        found = SYSTEM.look_up(w.session(attempt=1), d, KEY)
        assert found is not None
        assert (found.number, found.total) == ("2026-0001", d.total)


def test_a_key_that_is_taken_is_our_own_document() -> None:
    with world(unique_custom_id=True) as w:
        first = w.create(document())
        assert w.create(document()).external_id == first.external_id
        SYSTEM.delete(w.session(), document(), first, "delete")
        with pytest.raises(RejectedError) as refused:  # it lies in the bin and cannot be seen
            w.create(document())
        assert refused.value.problem.code == "SPJ-FAKTUROID-KEY-TAKEN"


@pytest.mark.parametrize("fault", [Fault.RESET_AFTER, Fault.EMPTY_SUCCESS])
def test_a_contact_whose_answer_was_lost_is_not_made_twice(fault: Fault) -> None:
    with world() as w:
        w.load()
        w.simulator.fail(fault, match="POST .*/subjects.json")
        with pytest.raises(UncertainError):
            w.create(document())
        assert SYSTEM.look_up(w.session(), document(), KEY) is None
        w.create(document(), attempt=1)
        assert len(w.simulator.state["subjects"]) == 1
        assert len(w.simulator.books()) == 1


def test_an_error_inside_of_a_success_is_not_taken_for_nothing_found() -> None:
    with world() as w:
        w.create(document())
        w.simulator.fail(Fault.ERROR_IN_SUCCESS, match="GET .*/invoices.json")
        with pytest.raises(Exception, match="SPJ-FAKTUROID-ANSWER"):
            SYSTEM.look_up(w.session(), document(), KEY)


# Contacts


def test_a_contact_that_was_deleted_there_is_made_anew() -> None:
    with world() as w:
        w.load()
        w.create(document())
        gone = w.contacts.known[names(CUSTOMER)["own"]]
        w.simulator.act("forget_contact", external_id=gone)
        with w.counted() as calls:
            issued = w.create(document(), OTHER_KEY)
        assert calls == [INVOICES, SUBJECTS, INVOICES]
        assert w.contacts.known[names(CUSTOMER)["own"]] != gone
        assert issued.number == "2026-0002"


def test_a_company_is_found_by_its_number_before_it_is_made() -> None:
    with world() as w:
        w.contacts.complete = False
        body = {"name": "Malý a syn", "registration_no": "25596641", "vat_no": "CZ25596641"}
        there = w.simulator._routes().deeds.subject(body)
        with w.counted() as calls:
            issued = w.create(document(customer=COMPANY))
        assert calls[-2:] == [f"GET {ROOT}/subjects/search.json", INVOICES]
        assert issued.raw["subject_id"] == there["id"]
        assert issued.customer == "Malý a syn s.r.o."  # as in the order, not as there
        w.contacts.known.clear()
        w.load()
        assert w.contacts.find("company:25596641") == str(there["id"])


def test_a_person_is_found_by_our_key_where_not_all_contacts_are_known() -> None:
    with world() as w:
        w.create(document())
        w.contacts.known.clear()
        w.contacts.complete = False
        with w.counted() as calls:
            w.create(document(), OTHER_KEY)
        assert calls == [f"GET {ROOT}/subjects.json", INVOICES]


@pytest.mark.parametrize("named", ["", "J"])
def test_a_customer_with_hardly_a_name_can_be_invoiced(named: str) -> None:
    with world() as w:
        nobody = replace(CUSTOMER, address=replace(CUSTOMER.address, name=named), email="")
        issued = w.create(document(customer=nobody))
        assert issued.customer == f"Zákazník {named}".strip()


# The end


def test_what_may_be_cancelled_is_survived_either_way() -> None:
    with world(cancel_for="payer") as w:
        issued = w.create(document())
        SYSTEM.cancel(w.session(), document(), issued, "cancel")
        SYSTEM.cancel(w.session(), document(), issued, "cancel")  # it is cancelled already
        now = SYSTEM.read(w.session(), issued.external_id, Kind.INVOICE)
        assert now is not None
        assert now.state == IssuedState.CANCELLED
    with world(cancel_for="non_payer") as w:
        issued = w.create(document())
        with pytest.raises(RejectedError) as refused:
            SYSTEM.cancel(w.session(), document(), issued, "cancel")
        assert refused.value.problem.code == "SPJ-FAKTUROID-CANCEL-REFUSED"
        assert refused.value.rejection is Rejection.PERMANENT


def test_deleting() -> None:
    with world() as w:
        issued = w.create(document())
        note = w.create(credit(issued), OTHER_KEY)
        with pytest.raises(RejectedError) as refused:
            SYSTEM.delete(w.session(), document(), issued, "delete")
        assert refused.value.problem.code == "SPJ-FAKTUROID-DELETE-REFUSED"
        SYSTEM.delete(w.session(), document(), note, "delete")
        SYSTEM.delete(w.session(), document(), note, "delete")  # it is gone already
        SYSTEM.delete(w.session(), document(), issued, "delete")
        assert w.simulator.books() == []
        assert SYSTEM.read(w.session(), issued.external_id, Kind.INVOICE) is None


def test_a_renamed_account_is_not_taken_for_deleted_documents() -> None:
    with world() as w:
        issued = w.create(document())
        w.simulator.account["slug"] = "nove-jmeno"
        with pytest.raises(RejectedError, match="SPJ-FAKTUROID-ACCOUNT-UNKNOWN"):
            SYSTEM.read(w.session(), issued.external_id, Kind.INVOICE)
        with pytest.raises(RejectedError, match="SPJ-FAKTUROID-ACCOUNT-UNKNOWN"):
            SYSTEM.delete(w.session(), document(), issued, "delete")
