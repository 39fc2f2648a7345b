"""Documents through the adapter: numbers, contacts, kinds, what is sent, what is read."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
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
    key_of,
    line,
    reload,
    seller,
)
from spojka.accounting.simulator import Answer, Asked, Fault
from spojka.core.document import (
    Deduction,
    Document,
    ExchangeRate,
    Kind,
    Treatment,
    VatMode,
)
from spojka.core.order import Address
from spojka.core.outcome import RejectedError, Rejection, UnavailableError, UncertainError


def sent(b: Box, path: str = "IssuedInvoices") -> Any:
    """Return the body that was posted last."""
    bodies = [e.request_body for e in b.exchanges if e.method != "GET" and e.url.endswith(path)]
    return json.loads(bodies[-1])


def by_hand(b: Box, serial: int, **fields: Any) -> None:
    """Have a person issue an invoice in iDoklad itself."""
    partner = b.simulator.state["contacts"][0]["Id"]
    item = {
        "Name": "Ručně", "Amount": 1, "UnitPrice": 50, "PriceType": 0, "VatRateType": 1,
        "IsTaxMovement": False, "DiscountPercentage": 0,
    }  # fmt: skip
    body = {
        "PartnerId": partner, "CurrencyId": 1, "DateOfIssue": "2026-03-02",
        "DateOfTaxing": "2026-03-02", "DateOfMaturity": "2026-03-02", "Description": "ručně",
        "DocumentSerialNumber": serial, "NumericSequenceId": 5, "PaymentOptionId": 1,
        "IsEet": False, "IsIncomeTax": True, "Items": [item], **fields,
    }  # fmt: skip
    b.simulator.act("issue", body=body)


def refused(b: Box, d: Document) -> RejectedError:
    with pytest.raises(RejectedError) as error:
        SYSTEM.predict(b.session, d)
    return error.value


# numbers


def test_numbers_go_on_where_the_series_is() -> None:
    with box() as b:
        first = b.create(document())
        by_hand(b, 2)
        by_hand(b, 3)
        b.asked()
        second = b.create(document(number="1002"))
        assert (first.number, second.number) == ("20260001", "20260004")
        assert b.asked().count("POST /v3/IssuedInvoices") == 2
        reload(b)
        by_hand(b, 5)
        reload(b)
        b.asked()
        assert b.create(document(number="1003")).number == "20260006"
        assert b.asked() == ["POST /v3/IssuedInvoices"]


def test_a_new_year_begins_at_one() -> None:
    with box() as b:
        b.create(document())
        reload(b)
        later = TODAY.replace(year=2027)
        d = document(number="1002", issued_on=later, taxable_on=later, due_on=later)
        assert b.create(d).number == "20270001"


def test_a_number_of_refused_data_is_given_out_again() -> None:
    with box() as b:
        with pytest.raises(RejectedError) as error:
            b.create(document(variable_symbol="12345678901"))
        assert error.value.problem.code == "SPJ-IDOKLAD-REFUSED"
        assert "VariableSymbol" in error.value.problem.facts["said"]
        assert b.create(document(number="1002")).number == "20260001"


def test_a_document_that_was_made_is_found_by_its_number_although_its_text_was_changed() -> None:
    with box() as b:
        d = document()
        b.simulator.fail(Fault.RESET_AFTER, match="POST /v3/IssuedInvoices")
        with pytest.raises(UncertainError):
            b.create(d)
        (kept,) = b.simulator.books()
        b.simulator.act(
            "edit", external_id=kept.external_id, fields={"Description": "Hrnečky pro Janu"}
        )
        found = SYSTEM.look_up(b.with_(attempt=1), d, key_of(d))
        assert found is not None and found.external_id == kept.external_id
        b.asked()
        assert b.create(d, attempt=1).external_id == kept.external_id
        assert len(b.simulator.books()) == 1


def test_a_number_in_doubt_is_kept_whatever_was_loaded_since() -> None:
    with box() as b:
        d = document()
        b.simulator.fail(Fault.RESET_AFTER, match="POST /v3/IssuedInvoices")
        with pytest.raises(UncertainError):
            b.create(d)
        reload(b)
        assert b.create(d, attempt=1).number == "20260001"
        assert len(b.simulator.books()) == 1


def test_a_used_number_whose_document_is_not_shown_yet_decides_nothing() -> None:
    with box() as b:
        d = document()
        b.simulator.fail(Fault.STALE, match="POST /v3/IssuedInvoices")
        with pytest.raises(UncertainError):
            b.create(d)
        for again in (SYSTEM.look_up, SYSTEM.create):
            with pytest.raises(UnavailableError) as error:
                again(b.with_(attempt=1), d, key_of(d))
            assert error.value.problem.code == "SPJ-IDOKLAD-NOT-VISIBLE"
        b.simulator.shift += timedelta(minutes=1)
        found = SYSTEM.look_up(b.with_(attempt=1), d, key_of(d))
        assert found is not None and found.number == "20260001"


def test_a_number_that_another_document_took_meanwhile_is_not_ours() -> None:
    with box() as b:
        b.create(document())
        d = document(number="1002")
        b.simulator.fail(Fault.RESET_BEFORE, match="POST /v3/IssuedInvoices")
        with pytest.raises(UncertainError):
            b.create(d)
        by_hand(b, 2)
        assert SYSTEM.look_up(b.with_(attempt=1), d, key_of(d)) is None
        assert b.create(d, attempt=1).number == "20260003"


def test_a_series_of_a_rule_wins_over_that_of_the_connection() -> None:
    with box(settings={"series_invoice": "6"}) as b:
        assert b.create(document()).number == "92600001"
        d = document(number="1002", texts=(("series", "5"),))
        assert b.create(d).number == "20260001"
        gone = document(number="1003", texts=(("series", "7"),))
        with pytest.raises(RejectedError) as error:
            b.create(gone)
        assert error.value.problem.code == "SPJ-IDOKLAD-SERIES-GONE"
        assert error.value.rejection is Rejection.CONFIG


def test_the_number_of_a_deleted_document_is_used_again() -> None:
    with box() as b:
        d = document()
        issued = b.create(d)
        SYSTEM.delete(b.session, d, issued, f"{d.uuid}:delete")
        SYSTEM.delete(b.session, d, issued, f"{d.uuid}:delete")
        assert SYSTEM.read(b.session, issued.external_id, Kind.INVOICE) is None
        assert b.create(document(number="1002")).number == issued.number


def test_without_loaded_data_nothing_is_sent() -> None:
    with box(loaded=False) as b:
        with pytest.raises(RejectedError) as error:
            b.create(document())
        assert error.value.problem.code == "SPJ-IDOKLAD-NOT-LOADED"
        assert b.asked() == []


# contacts


def test_a_known_customer_costs_no_call() -> None:
    with box() as b:
        b.create(document())
        assert b.asked() == ["POST /v3/Contacts", "POST /v3/IssuedInvoices"]
        b.create(document(number="1002"))
        assert b.asked() == ["POST /v3/IssuedInvoices"]


def test_a_customer_who_moved_is_brought_up_to_date() -> None:
    with box() as b:
        b.create(document())
        b.asked()
        moved = customer(address=replace(customer().address, street="Krátká 1"))
        issued = b.create(document(number="1002", customer=moved))
        assert b.asked() == ["PATCH /v3/Contacts", "POST /v3/IssuedInvoices"]
        assert issued.raw["PartnerAddress"]["Street"] == "Krátká 1"
        assert len(b.simulator.state["contacts"]) == 1


def test_a_company_that_the_accountant_entered_is_found_by_its_number() -> None:
    with box() as b:
        there = {
            "Id": 55,
            "CompanyName": "Odběratel a.s.",
            "CountryId": 2,
            "IdentificationNumber": "45274649",
            "Metadata": {"DateLastChange": "2026-03-01T00:00:00.000"},
        }
        b.simulator.state["contacts"].append(there)
        buyer = customer(
            address=replace(customer().address, company="Odběratel a.s."), company_id="452 74 649"
        )
        assert b.session.contacts is not None
        b.session.contacts.complete = False  # type: ignore[misc]
        b.create(document(customer=buyer))
        assert b.asked() == ["GET /v3/Contacts", "PATCH /v3/Contacts", "POST /v3/IssuedInvoices"]
        reload(b)
        assert ("company:45274649", "55") in b.session.loaded.contacts
        assert len(b.simulator.state["contacts"]) == 1


def test_after_an_uncertain_contact_it_is_looked_for_before_another_is_made() -> None:
    with box() as b:
        d = document()
        b.simulator.fail(Fault.RESET_AFTER, match="POST /v3/Contacts")
        with pytest.raises(UncertainError):
            b.create(d)
        b.create(d, attempt=1)
        assert len(b.simulator.state["contacts"]) == 1
        assert b.asked()[-2:] == ["GET /v3/Contacts", "POST /v3/IssuedInvoices"]


@pytest.mark.parametrize("status", [400, 404])
def test_a_contact_that_was_deleted_there_is_made_again(status: int) -> None:
    with box(partner_status=status) as b:
        b.create(document())
        b.simulator.act("delete_contact", contact=b.simulator.state["contacts"][0]["Id"])
        b.asked()
        b.create(document(number="1002"))
        assert b.asked() == [
            "POST /v3/IssuedInvoices",
            "POST /v3/Contacts",
            "POST /v3/IssuedInvoices",
        ]


def test_a_contact_that_was_deleted_is_made_again_where_its_data_changed() -> None:
    with box() as b:
        b.create(document())
        b.simulator.act("delete_contact", contact=b.simulator.state["contacts"][0]["Id"])
        moved = customer(address=replace(customer().address, street="Krátká 1"))
        b.create(document(number="1002", customer=moved))
        assert len(b.simulator.state["contacts"]) == 1


@pytest.mark.parametrize(
    ("country", "expected"),
    [
        ("CZ", ("SK2020372640", "")),
        ("SK", ("2020372640", "SK2020372640")),
    ],
)
def test_tax_numbers_go_where_the_agendas_law_has_them(
    country: str, expected: tuple[str, str]
) -> None:
    with box(country=country) as b:
        buyer = customer(
            address=replace(customer().address, company="Odberateľ, a. s.", country="SK"),
            company_id="31333532",
            tax_id="2020372640",
            vat_id="SK2020372640",
        )
        currency = "EUR" if country == "SK" else "CZK"
        rate = "23" if country == "SK" else "21"
        lines = (line(tax=f"{rate}.00", rate=rate),)
        b.create(document(customer=buyer, currency=currency, lines=lines, seller=seller(country)))
        contact = sent(b, "Contacts")
        assert (
            contact["VatIdentificationNumber"],
            contact["VatIdentificationNumberSk"],
        ) == expected
        assert (contact["CompanyName"], contact["Firstname"], contact["Surname"]) == (
            "Odberateľ, a. s.",
            "Jana",
            "Nováková",
        )


def test_long_texts_are_cut_to_what_fits() -> None:
    with box() as b:
        address = replace(customer().address, street="Dlouhá " * 30, city="Ústí " * 20)
        d = document(
            number="OBJEDNAVKA-2026-000000000001001",
            customer=customer(address=address, phone="+420 600 100 200 linka 12345"),
            lines=(line(name="Hrnek s potiskem " * 30, sku="HRNEK-S-POTISKEM-MODRY-VELKY"),),
        )
        issued = b.create(d)
        assert issued.order_number == "OBJEDNAVKA-2026-000000000"
        assert SYSTEM.look_up(b.session, d, key_of(d)) is not None


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
