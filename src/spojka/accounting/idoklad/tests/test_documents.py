"""Documents through the adapter: what is sent of each kind, and what is read."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from spojka.accounting.contract import Issued, IssuedState
from spojka.accounting.idoklad.system import SYSTEM
from spojka.accounting.idoklad.tests.box import (
    TODAY,
    Box,
    box,
    credit_note,
    customer,
    document,
    line,
    seller,
    sent,
)
from spojka.accounting.simulator import Answer, Asked
from spojka.core.document import (
    Deduction,
    Document,
    ExchangeRate,
    Kind,
    Treatment,
    VatMode,
)
from spojka.core.order import Address
from spojka.core.outcome import RejectedError, Rejection


def refused(b: Box, d: Document) -> RejectedError:
    with pytest.raises(RejectedError) as error:
        SYSTEM.predict(b.session, d)
    return error.value


# what is sent


def test_the_payload() -> None:
    with box() as b:
        d = document(
            paid_on=TODAY,
            paid_amount=Decimal("121.00"),
            payment_method="stripe",
            payment_title="Platba kartou",
            constant_symbol="0308",
            variable_symbol="1001",
            note_above="Děkujeme.",
            note_below="Zboží lze vrátit do 14 dnů.",
        )
        issued = b.create(d)
        body = sent(b)
        assert body["PaymentOptionId"] == 2
        assert body["DateOfPayment"] == "2026-03-02"
        assert body["ConstantSymbolId"] == 7
        assert (body["ItemsTextPrefix"], body["ReportLanguage"]) == ("Děkujeme.", 1)
        assert body["Iban"] == "CZ6508000000192000145399"
        assert "HasVatRegimeOss" not in body
        assert (issued.state, issued.paid_amount, issued.paid_on) == (
            IssuedState.PAID,
            Decimal("121.00"),
            TODAY,
        )
        assert issued.variable_symbol == "1001"


def test_what_would_be_sent_can_be_shown_without_an_account() -> None:
    with box(loaded=False) as b:
        contact, invoice = SYSTEM.requests(b.session, document(), "key")
        assert contact.url.endswith("/v3/Contacts")
        body = json.loads(invoice.body)
        assert body["DocumentSerialNumber"] == "…"
        assert body["Items"][0]["UnitPrice"] == 121
        assert "simulated-secret" not in repr((contact, invoice))
        assert b.asked() == []


def test_a_foreign_currency_carries_the_documents_rate() -> None:
    with box() as b:
        rate = ExchangeRate(home="CZK", rate=Decimal("24.135"), source="ČNB")
        issued = b.create(document(currency="EUR", exchange_rate=rate))
        assert sent(b)["ExchangeRate"] == pytest.approx(24.135)
        assert sent(b)["Iban"].startswith("SK")
        assert (issued.currency, issued.total) == ("EUR", Decimal("121.00"))
        assert issued.raw["Prices"]["TotalWithVatHc"] == Decimal("2920.34")


def test_oss_takes_the_rates_of_the_customers_country() -> None:
    german = customer(address=replace(customer().address, country="DE"))
    oss = line(tax="19.00", rate="19", treatment=Treatment.OSS)
    with box() as b:
        d = document(customer=german, lines=(oss,))
        issued = b.create(d)
        assert (sent(b)["HasVatRegimeOss"], sent(b)["Items"][0]["VatRateType"]) == (True, 1)
        assert issued.vat is not None
        assert [(row.rate, row.treatment) for row in issued.vat] == [(Decimal(19), Treatment.OSS)]
        assert refused(b, replace(d, kind=Kind.PROFORMA)).problem.code == "SPJ-IDOKLAD-OSS-PROFORMA"
        at_home = refused(b, replace(d, customer=customer(), delivery=german.address))
        assert at_home.problem.code == "SPJ-IDOKLAD-OSS-COUNTRY"
        strange = line(tax="17.00", rate="17", treatment=Treatment.OSS)
        assert refused(b, replace(d, lines=(strange,))).problem.code == "SPJ-IDOKLAD-RATE"
    with box(oss=False) as b:
        error = refused(b, d)
        assert (error.problem.code, error.rejection) == ("SPJ-IDOKLAD-OSS-OFF", Rejection.CONFIG)


def test_domestic_reverse_charge_has_a_code_where_one_is_chosen() -> None:
    row = line(tax="0.00", rate="0", treatment=Treatment.REVERSE_CHARGE)
    buyer = customer(company_id="45274649", vat_id="CZ45274649")
    with box(settings={"reverse_charge_code": "4"}) as b:
        issued = b.create(document(customer=buyer, lines=(row,)))
        assert sent(b)["VatReverseChargeCodeId"] == 14
        assert issued.vat is not None and issued.vat[0].treatment is Treatment.REVERSE_CHARGE
        abroad = replace(buyer, address=replace(buyer.address, country="SK"))
        b.create(document(number="1002", customer=abroad, lines=(row,)))
        assert "VatReverseChargeCodeId" not in sent(b)
    with box(settings={"reverse_charge_code": "99"}) as b:
        assert refused(b, document(customer=buyer, lines=(row,))).problem.code == (
            "SPJ-IDOKLAD-REVERSE-CHARGE"
        )


def test_who_pays_no_vat_sends_none() -> None:
    row = line(tax="0.00", rate="0", treatment=Treatment.NOT_A_PAYER)
    with box(vat="non_payer") as b:
        issued = b.create(document(lines=(row,), seller=seller(vat_mode=VatMode.NON_PAYER)))
        item = sent(b)["Items"][0]
        assert (item["PriceType"], item["VatRateType"], "VatRate" in item) == (0, 2, False)
        assert issued.total == Decimal("100.00")
        assert issued.vat is not None
        assert [row.treatment for row in issued.vat] == [Treatment.NOT_A_PAYER]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"currency": "XAU"}, "SPJ-IDOKLAD-CURRENCY"),
        ({"lines": (line(tax="17.00", rate="17"),)}, "SPJ-IDOKLAD-RATE"),
        ({"kind": Kind.TAX_DOCUMENT}, "SPJ-IDOKLAD-KIND"),
        ({"kind": Kind.CREDIT_NOTE}, "SPJ-IDOKLAD-ORIGINAL"),
        (
            {"deductions": (Deduction("ZF1", "1", TODAY, Decimal("60.50"), external_id="7"),) * 2},
            "SPJ-IDOKLAD-ONE-PROFORMA",
        ),
    ],
)
def test_what_cannot_be_said_is_refused_before_anything_is_sent(
    change: dict[str, Any], code: str
) -> None:
    with box() as b:
        assert refused(b, document(**change)).problem.code == code
        with pytest.raises(RejectedError) as error:
            b.create(document(**change))
        assert error.value.problem.code == code
        assert b.asked() == []


def test_a_customer_from_nowhere_is_refused_before_anything_is_sent() -> None:
    with box() as b:
        with pytest.raises(RejectedError) as error:
            b.create(document(customer=customer(address=Address(name="?", country="XX"))))
        assert error.value.problem.code == "SPJ-IDOKLAD-COUNTRY"
        assert b.asked() == []


# rounding


@pytest.mark.parametrize(("mode", "items"), [(0, [0, 0]), (2, [0, 1]), (1, [0, 1])])
def test_cash_rounding_is_an_item_of_whoever_rounds(mode: int, items: list[int]) -> None:
    with box(rounding=mode) as b:
        rounded = document(
            lines=(line(net="82.73", tax="17.37"),),
            rounding=Decimal("-0.10"),
            payment_method="cod",
            payment_title="Dobírka",
        )
        predicted = SYSTEM.predict(b.session, rounded)
        issued = b.create(rounded)
        assert predicted.total == issued.total == Decimal("100.00")
        assert predicted.vat == rounded.vat
        assert issued.vat == rounded.vat
        assert [item["ItemType"] for item in issued.raw["Items"]] == items
        assert issued.lines is not None and len(issued.lines) == 1


def test_an_agenda_that_rounds_everything_is_foreseen() -> None:
    with box(rounding=1) as b:
        d = document(lines=(line(net="82.73", tax="17.37"),))
        assert SYSTEM.predict(b.session, d).total == Decimal("100.00")
        assert d.total == Decimal("100.10")
        euro = replace(d, currency="EUR")
        assert SYSTEM.predict(b.session, euro).total == Decimal("100.10")


# proformas and credit notes


def settled(b: Box, number: str = "1001") -> tuple[Document, Issued, Document]:
    """Issue a proforma, pay it, and return it with the final invoice that is due."""
    proforma = document(Kind.PROFORMA, number)
    issued = b.create(proforma)
    SYSTEM.pay(b.session, proforma, issued, "pay", TODAY, proforma.total)
    deduction = Deduction(
        issued.number,
        issued.variable_symbol,
        TODAY,
        proforma.total,
        external_id=issued.external_id,
    )
    return proforma, issued, document(number=number, deductions=(deduction,))


@pytest.mark.parametrize("with_vat", [False, True])
def test_a_final_invoice_deducts_its_proforma(with_vat: bool) -> None:
    with box(reduce_with_vat=with_vat) as b:
        _, proforma, final = settled(b)
        b.asked()
        issued = b.create(final)
        assert b.asked() == [
            f"GET /v3/ProformaInvoices/{proforma.external_id}/Account",
            "POST /v3/IssuedInvoices",
        ]
        assert (issued.total, issued.vat) == (final.total, final.vat)
        assert issued.made_from == proforma.external_id
        assert issued.raw["Prices"]["TotalWithVat"] == 0
        assert SYSTEM.predict(b.session, final).total == final.total
        assert issued.lines is not None and len(issued.lines) == 1


def test_a_final_invoice_that_somebody_made_there_is_taken() -> None:
    with box() as b:
        _, proforma, final = settled(b)
        b.simulator.act("account", external_id=proforma.external_id)
        issued = b.create(final)
        assert issued.made_from == proforma.external_id
        assert [kept.kind for kept in b.simulator.books()] == ["proforma", "invoice"]


def test_a_final_invoice_that_is_made_there_at_the_same_moment_is_taken() -> None:
    with box() as b:
        _, proforma, final = settled(b)
        usual = b.simulator.answer

        def meanwhile(asked: Asked) -> Answer:
            if asked.line == "POST /v3/IssuedInvoices":
                b.answer(usual)
                b.simulator.act("account", external_id=proforma.external_id)
            return usual(asked)

        b.answer(meanwhile)
        b.create(final)
        assert [kept.kind for kept in b.simulator.books()] == ["proforma", "invoice"]


def test_a_final_invoice_waits_for_the_payment() -> None:
    with box() as b:
        _, proforma, final = settled(b)
        b.simulator.act("unpay", external_id=proforma.external_id)
        with pytest.raises(RejectedError) as error:
            b.create(final)
        assert error.value.problem.code == "SPJ-IDOKLAD-NOT-PAID"
        assert len(b.simulator.books()) == 1


@pytest.mark.parametrize("sign", [1, -1])
def test_credit_notes_of_everything_of_items_and_of_an_amount(sign: int) -> None:
    with box(credit_note_sign=sign) as b:
        invoice = document(
            lines=(
                line("Hrnek", "200.00", "42.00", quantity="2"),
                line("Kniha", "223.21", "26.79", rate="12"),
                line("Sleva", "-50.00", "-10.50"),
            )
        )
        original = b.create(invoice)
        whole = tuple(
            replace(row, quantity=-row.quantity, net=-row.net, tax=-row.tax)
            for row in invoice.lines
        )
        items = (line("Hrnek", "-100.00", "-21.00", quantity="-1"),)
        amount = (line("Vrácení části ceny", "-8.26", "-1.74", quantity="-1", sku=""),)
        for number, lines in (("1001", whole), ("1002", items), ("1003", amount)):
            note = credit_note(original, *lines, number=number)
            predicted = SYSTEM.predict(b.session, note)
            issued = b.create(note)
            assert issued.total == predicted.total == note.total
            assert issued.vat == note.vat == predicted.vat
            assert issued.made_from == original.external_id
            assert issued.lines is not None
            assert [row.gross for row in issued.lines] == [row.gross for row in note.lines]
            assert [row.quantity for row in issued.lines] == [row.quantity for row in note.lines]
        assert sent(b, "CreditNotes")["CreditNoteReason"] == "Vrácené zboží"
        assert all(item["Amount"] > 0 for item in sent(b, "CreditNotes")["Items"])


def test_the_money_given_back_is_recorded_on_a_credit_note() -> None:
    with box() as b:
        d = document()
        note = credit_note(b.create(d))
        issued = b.create(note)
        payment = SYSTEM.pay(b.session, note, issued, "pay", TODAY, note.total)
        assert payment.amount == note.total
        read = SYSTEM.read(b.session, issued.external_id, Kind.CREDIT_NOTE)
        assert read is not None
        assert (read.paid_amount, read.state) == (Decimal("-121.00"), IssuedState.PAID)
        found = SYSTEM.find_payment(b.session, note, issued, "pay", TODAY, note.total)
        assert found == payment
