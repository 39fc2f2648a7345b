"""Documents: what is sent, and how many calls it takes."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from spojka.accounting.contract import Issued, IssuedState
from spojka.accounting.superfaktura.system import SYSTEM
from spojka.accounting.superfaktura.tests.helpers import (
    TODAY,
    account,
    document,
    issue,
    key,
    line,
    non_payer,
    paid,
    sent,
)
from spojka.core.document import (
    BankAccount,
    Deduction,
    Document,
    Kind,
    Original,
    Treatment,
    VatRow,
)
from spojka.core.outcome import RejectedError, Rejection

SECRET = "t-7/ajne"
CREATE = "POST /invoices/create"


def test_an_invoice_takes_one_call_and_comes_back_whole() -> None:
    with account() as there:
        d = document()
        issued = issue(there, d)
        assert there.calls == [CREATE]
    assert issued.number == "2026001"
    assert issued.total == d.total
    assert issued.vat == (VatRow(Decimal(23), Treatment.STANDARD, Decimal(20), Decimal("4.6")),)
    assert (issued.currency, issued.kind) == ("EUR", Kind.INVOICE)
    assert (issued.issued_on, issued.taxable_on) == (TODAY, TODAY)
    assert issued.due_on == d.due_on
    assert issued.variable_symbol == "1001"
    assert issued.order_number == "SHOP-1001"
    assert issued.key == key(d)
    assert issued.state == IssuedState.OPEN
    assert issued.sent is False
    assert issued.lines is not None
    assert [(row.quantity, row.gross) for row in issued.lines] == [(Decimal(2), Decimal("24.6"))]


def test_paid_costs_nothing_more_email_and_pdf_one_call_each() -> None:
    with account() as there:
        d = paid(document(), TODAY - timedelta(days=1))
        s = there.session()
        issued = issue(there, d)
        assert issued.paid_amount == d.total
        assert issued.state == IssuedState.PAID
        assert issued.paid_on == date(2026, 10, 4)
        file = SYSTEM.pdf(s, d, issued)
        assert file.content.startswith(b"%PDF")
        assert file.name == "2026001.pdf"
        assert len(there.calls) == 2
        # What the ledger keeps of a document has no token: it is one call all the same.
        SYSTEM.pdf(s, d, Issued(issued.external_id, issued.number))
        assert len(there.calls) == 3


def test_a_pdf_without_token_is_fetched_where_the_login_is_not_enough() -> None:
    with account(pdf_by_login=False) as there:
        d = document()
        issued = issue(there, d)
        known = Issued(issued.external_id, issued.number)
        assert SYSTEM.pdf(there.session(), d, known).content.startswith(b"%PDF")
        assert there.calls[1:] == [
            "GET /slo/invoices/pdf/1",
            "GET /invoices/view/1.json",
            f"GET /slo/invoices/pdf/1/token:{issued.public_url[-8:]}",
        ]


def test_the_login_is_sent_percent_encoded_and_never_recorded() -> None:
    with account() as there:
        issue(there, document())
        d = document()
        shown = SYSTEM.requests(there.session(), d, key(d))
    recorded = repr(there.exchanges)
    assert "0a1b2c3d4e5f60718293a4b5c6d7e8f9" not in recorded
    assert there.exchanges[0].status == 200  # the e-mail has a plus sign
    assert shown[0].url.endswith("/invoices/create")
    assert "•••" in shown[0].headers["Authorization"]
    assert '"order_no":"SHOP-1001"' in shown[0].body


def test_a_proforma_has_no_day_of_supply() -> None:
    with account() as there:
        issued = issue(there, document(Kind.PROFORMA))
        assert there.last()["Invoice"]["delivery"] is None
    assert issued.kind is Kind.PROFORMA
    assert issued.number == "ZAL2026001"
    assert issued.taxable_on is None


def final(proforma: Issued, d: Document) -> Document:
    deduction = Deduction(
        number=proforma.number,
        variable_symbol=proforma.variable_symbol,
        issued_on=TODAY,
        amount=d.total,
        external_id=proforma.external_id,
    )
    return replace(d, deductions=(deduction,), uuid="11111111-5a3c-4a52-9d0e-0b6f6a7d8c11")


def test_proforma_payment_and_final_invoice_take_five_calls() -> None:
    with account() as there:
        s = there.session()
        d = document(Kind.PROFORMA)
        proforma = issue(there, d)
        payment = SYSTEM.pay(s, d, proforma, "pay", TODAY, d.total)
        assert payment.produced == ()
        invoice = issue(there, final(proforma, document()))
        assert len(there.calls) == 5
        assert there.last()["Invoice"]["proforma_id"] == proforma.external_id
    assert invoice.made_from == proforma.external_id
    assert invoice.total == d.total
    assert invoice.state == IssuedState.PAID


def test_a_final_invoice_that_was_credited_is_issued_anew() -> None:
    with account() as there:
        d = document(Kind.PROFORMA)
        proforma = issue(there, d)
        SYSTEM.pay(there.session(), d, proforma, "pay", TODAY, d.total)
        settled = final(proforma, document())
        first = issue(there, settled)
        second = issue(there, replace(settled, uuid="another"))
        assert second.external_id != first.external_id
        again = issue(there, settled)
        assert again.external_id == first.external_id


def test_what_a_proforma_elsewhere_has_paid_is_a_deposit() -> None:
    with account() as there:
        d = document()
        issued = issue(there, final(Issued("", "ZF1", "7"), d))
        assert there.calls == [CREATE]
        assert there.last()["Invoice"]["deposit"] == "24.60"
    assert (issued.total, issued.paid_amount, issued.state) == (d.total, d.total, IssuedState.PAID)


@pytest.mark.parametrize("copies_comment", [True, False])
@pytest.mark.parametrize("produced_in", ["related", "parent"])
def test_an_invoice_that_was_made_by_itself_is_not_made_again(
    produced_in: str, copies_comment: bool
) -> None:
    settings: dict[str, Any] = {"produced_in": produced_in, "copies_comment": copies_comment}
    with account(automatic_invoice=True, **settings) as there:
        s = there.session()
        d = document(Kind.PROFORMA)
        proforma = issue(there, d)
        payment = SYSTEM.pay(s, d, proforma, "pay", TODAY, d.total)
        (made,) = payment.produced
        assert made.kind is Kind.INVOICE
        assert made.made_from == proforma.external_id
        assert made.key == ""
        assert made.total == d.total
        again = issue(there, final(proforma, document()))
        assert again.external_id == made.external_id
        assert [kept.kind for kept in there.simulator.books()] == ["proforma", "invoice"]


@pytest.mark.parametrize("sign", ["negative", "positive"])
def test_a_credit_note_is_negative_whatever_sign_it_is_shown_with(sign: str) -> None:
    with account(credit_sign=sign) as there:
        invoice = issue(there, document())
        d = document(
            Kind.CREDIT_NOTE,
            line("-10.00", "-2.30", quantity="-1"),
            original=Original(invoice.number, TODAY, invoice.external_id),
            reason="Vrátenie tovaru",
        )
        note = issue(there, d)
        kept = there.last()
        found = SYSTEM.read(there.session(), invoice.external_id, Kind.INVOICE)
    assert note.kind is Kind.CREDIT_NOTE
    assert note.number == "DOB2026001"
    assert note.made_from == invoice.external_id
    assert note.total == Decimal("-12.30")
    assert note.vat is not None
    assert [(row.net, row.tax) for row in note.vat] == [(Decimal(-10), Decimal("-2.3"))]
    assert note.lines is not None
    assert note.lines[0].gross == Decimal("-12.3")
    assert kept["Invoice"]["comment"] == "Vrátenie tovaru"
    # The invoice is set off, not paid.
    assert found is not None
    assert found.paid_amount == 0
    assert found.state == IssuedState.OPEN


def test_the_callback_goes_along_where_the_installation_can_be_reached() -> None:
    with account() as there:
        s = there.session(webhook_address="https://spojka.example/h/x", webhook_secret=SECRET)
        d = document()
        SYSTEM.create(s, d, key(d))
        setting = there.last()["InvoiceSetting"]
        assert setting["callback_payment"] == "https://spojka.example/h/x?secret_key=t-7%2Fajne"
        SYSTEM.read(s, "1", Kind.INVOICE)
        assert SECRET not in repr(there.exchanges)
        assert "t-7%2Fajne" not in repr(there.exchanges)
        assert SECRET not in SYSTEM.requests(s, d, key(d))[0].body
        issue(there, document())
        assert "callback_payment" not in there.last()["InvoiceSetting"]


def test_everything_that_stands_on_a_document_is_sent() -> None:
    with account() as there:
        s = there.session(
            settings={"series_invoice": "1", "bank_account": "1", "tags": "E-shop"},
        )
        d = document(
            constant_symbol="0308",
            specific_symbol="77",
            note_above="Hore",
            note_below="Dole",
            issued_by="Eva",
            payment_method="cod",
        )
        SYSTEM.create(s, d, key(d))
        body = sent(there)
        assert there.last()["Tag"] == ["1"]
    assert body["Invoice"] == {
        "type": "regular",
        "order_no": "SHOP-1001",
        "variable": "1001",
        "constant": "0308",
        "specific": "77",
        "created": "2026-10-05",
        "delivery": "2026-10-05",
        "due": "2026-10-19",
        "invoice_currency": "EUR",
        "rounding": "item_ext",
        "payment_type": "cod",
        "header_comment": "Hore",
        "comment": "Dole",
        "internal_comment": f"Spojka: regular {key(d)}",
        "issued_by": "Eva",
        "sequence_id": 1,
        "bank_accounts": [{"id": 1}],
    }
    assert body["InvoiceItem"] == [
        {
            "name": "Tričko",
            "quantity": 2,
            "unit": "ks",
            "unit_price": 10,
            "tax": 23,
            "sku": "T-1",
        }
    ]
    assert body["Client"] == {
        "name": "Jana Nováková",
        "address": "Dlhá 7",
        "city": "Košice",
        "zip": "040 01",
        "country_iso_id": "SK",
        "email": "jana@example.com",
        "match_address": 1,
        "update_addressbook": 0,
    }
    assert body["InvoiceSetting"] == {"language": "slo"}
    assert body["Tag"] == {"Tag": [1]}
    assert len(str(body["checksum"])) == 32


def test_the_series_of_a_rule_wins_and_the_companys_account_is_named() -> None:
    with account() as there:
        there.simulator.state["sequences"].append(
            {"id": "9", "item_type": "regular", "name": "E-shop", "mask": "ERRRRCCC",
             "default": False, "last": {}}
        )  # fmt: skip
        d = document(
            texts=(("series", "9"),),
            bank_account=BankAccount("EUR", "SK6807200002891987426353", "NBSBSKBX", "", "Banka"),
        )
        issued = SYSTEM.create(there.session(settings={"series_invoice": "1"}), d, key(d))
        assert issued.number == "E2026001"
        assert sent(there)["Invoice"]["bank_accounts"] == [  # type: ignore[index]
            {"bank_name": "Banka", "iban": "SK6807200002891987426353", "swift": "NBSBSKBX"}
        ]


def test_a_tag_that_does_not_exist_is_not_lost_without_a_word() -> None:
    with account() as there:
        d = document()
        with pytest.raises(RejectedError) as caught:
            SYSTEM.create(there.session(settings={"tags": "e-shop, VIP"}), d, key(d))
        assert caught.value.problem.code == "SPJ-SUPERFAKTURA-TAG"
        assert caught.value.rejection is Rejection.CONFIG
        assert there.calls == []


def test_reverse_charge_oss_and_non_payers() -> None:
    with account() as there:
        charged = document(
            Kind.INVOICE, line("20.00", "0.00", "0", treatment=Treatment.REVERSE_CHARGE)
        )
        issued = issue(there, charged)
        assert there.last()["Invoice"]["vat_transfer"] == "1"
        assert issued.vat == charged.vat
        abroad = document(Kind.INVOICE, line("20.00", "4.00", "20", treatment=Treatment.OSS))
        issued = issue(there, abroad)
        assert there.last()["InvoiceExtra"] == {"oss": True}
        assert issued.vat == abroad.vat
    with account(tax_payer="0") as there:
        d = non_payer(document())
        assert SYSTEM.predict(there.session(), d).vat == d.vat
        assert issue(there, d).vat == d.vat


def test_one_document_cannot_be_under_two_regimes() -> None:
    d = document(
        Kind.INVOICE,
        line("20.00", "0.00", "0", treatment=Treatment.REVERSE_CHARGE),
        line("10.00", "2.30"),
    )
    with account() as there:
        with pytest.raises(RejectedError) as caught:
            SYSTEM.predict(there.session(), d)
        assert caught.value.problem.code == "SPJ-SUPERFAKTURA-MIXED-VAT"
        assert caught.value.rejection is Rejection.DATA


@pytest.mark.parametrize(
    ("currency", "rounding", "how"),
    [("EUR", "0.02", "vendor"), ("CZK", "0.41", "ours"), ("EUR", "-0.01", "ours")],
)
def test_cash_rounding_is_theirs_where_it_is_the_same_and_a_line_elsewhere(
    currency: str, rounding: str, how: str
) -> None:
    rows = [line("20.00", "4.60"), line("0.03", "0.00", "0", name="Obálka")]
    d = document(Kind.INVOICE, *rows, currency=currency, rounding=Decimal(rounding))
    with account() as there:
        assert SYSTEM.predict(there.session(), d).total == d.total
        issued = issue(there, d)
        assert ("add_rounding_item" in sent(there)["Invoice"]) is (how == "vendor")  # type: ignore[operator]
    assert issued.total == d.total
    # The rounding stands outside of VAT, and is no line.
    assert issued.vat == d.vat or issued.vat == tuple(
        replace(row, treatment=Treatment.STANDARD if row.rate else Treatment.ZERO) for row in d.vat
    )
    assert issued.lines is not None
    assert len(issued.lines) == 2


def test_a_company_is_sent_with_its_numbers() -> None:
    with account() as there:
        base = document()
        address = replace(base.customer.address, company="Odberateľ, s.r.o.")
        for country, expected in (
            ("SK", {"dic": "2020123456", "ic_dph": "SK2020123456"}),
            ("CZ", {"ic_dph": "SK2020123456"}),
        ):
            customer = replace(
                base.customer,
                address=replace(address, country=country),
                company_id="36 123 456",
                tax_id="2020123456",
                vat_id="SK2020123456",
            )
            d = replace(base, customer=customer, delivery=replace(address, street="Sklad 1"))
            issue(there, d)
            client = sent(there)["Client"]
            assert isinstance(client, dict)
            assert client["name"] == "Odberateľ, s.r.o."
            assert client["ico"] == "36123456"
            assert {k: client[k] for k in ("dic", "ic_dph") if k in client} == expected
            assert client["delivery_address"] == "Sklad 1"
            assert client["match_address"] == 0
