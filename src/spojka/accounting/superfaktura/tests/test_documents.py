"""Documents: what is sent, how many calls it takes, and how a lost answer is found."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from urllib.parse import parse_qs

import pytest

from spojka.accounting.contract import Issued, IssuedState
from spojka.accounting.simulator import Fault
from spojka.accounting.superfaktura.system import SYSTEM
from spojka.accounting.superfaktura.tests.helpers import (
    TODAY,
    Account,
    account,
    document,
    key,
    line,
    non_payer,
    paid,
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
from spojka.core.outcome import RejectedError, Rejection, UncertainError

SECRET = "t-7/ajne"
CREATE = "POST /invoices/create"


def issue(to: Account, d: Document) -> Issued:
    return SYSTEM.create(to.session(), d, key(d))


def sent(to: Account) -> dict[str, object]:
    """Return the body of the last creation."""
    exchange = [e for e in to.exchanges if e.url.endswith("/invoices/create")][-1]
    found: dict[str, object] = json.loads(parse_qs(exchange.request_body)["data"][0])
    return found


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


def test_what_a_proforma_elsewhere_has_paid_is_a_deposit() -> None:
    with account() as there:
        d = document()
        issued = issue(there, final(Issued("", "ZF1", "7"), d))
        assert there.calls == [CREATE]
        assert there.last()["Invoice"]["deposit"] == "24.60"
    assert (issued.total, issued.paid_amount, issued.state) == (d.total, d.total, IssuedState.PAID)


@pytest.mark.parametrize("produced_in", ["related", "parent"])
def test_an_invoice_that_was_made_by_itself_is_not_made_again(produced_in: str) -> None:
    with account(automatic_invoice=True, produced_in=produced_in) as there:
        s = there.session()
        d = document(Kind.PROFORMA)
        proforma = issue(there, d)
        payment = SYSTEM.pay(s, d, proforma, "pay", TODAY, d.total)
        (made,) = payment.produced
        assert made.kind is Kind.INVOICE
        assert made.made_from == proforma.external_id
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
        "internal_comment": f"Spojka: {key(d)}",
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


# an answer that was lost


@pytest.mark.parametrize("replay", ["data", "wrapped"])
def test_a_lost_answer_is_asked_for_by_its_checksum(replay: str) -> None:
    with account(replay=replay) as there:
        d = document()
        there.simulator.fail(Fault.RESET_AFTER, "create")
        with pytest.raises(UncertainError):
            issue(there, d)
        found = SYSTEM.look_up(there.session(), d, key(d))
        assert there.calls[1:] == [f"GET /api_logs/getResponseByChecksum/{sent(there)['checksum']}"]
        assert found is not None
        assert found.number == "2026001"
        assert found.total == d.total
        assert SYSTEM.look_up(there.session(), d, "another") is None


def test_what_the_log_does_not_know_is_found_by_order_and_key() -> None:
    with account() as there:
        d = document()
        issue(there, document(uuid="another"))
        issued = issue(there, d)
        there.simulator.state["log"].clear()
        found = SYSTEM.look_up(there.session(), d, key(d))
        assert found is not None
        assert found.external_id == issued.external_id
        # Another kind, or another document of the same order, is not it.
        assert SYSTEM.look_up(there.session(), document(Kind.PROFORMA), key(d)) is None
        assert SYSTEM.look_up(there.session(), d, "foreign:create") is None


def test_an_order_number_that_cannot_stand_in_a_path_is_found_by_its_day() -> None:
    with account() as there:
        d = document(order_number="2026/1001 č")
        issued = issue(there, d)
        there.simulator.state["log"].clear()
        found = SYSTEM.look_up(there.session(), d, key(d))
        assert found is not None
        assert found.external_id == issued.external_id


def test_a_document_of_last_year_is_found_all_the_same() -> None:
    with account() as there:
        last_year = date(2025, 12, 30)
        d = document(issued_on=last_year, due_on=last_year, taxable_on=last_year)
        issue(there, d)
        there.simulator.state["log"].clear()
        found = SYSTEM.look_up(there.session(), d, key(d))
        assert found is not None
        assert found.number == "2025001"


def test_a_kept_refusal_is_no_document() -> None:
    with account() as there:
        d = document(currency="XAU")
        with pytest.raises(RejectedError) as caught:
            issue(there, d)
        assert caught.value.problem.code == "SPJ-SUPERFAKTURA-CURRENCY"
        assert SYSTEM.look_up(there.session(), d, key(d)) is None


def test_success_without_a_document_is_uncertain() -> None:
    with account() as there:
        there.simulator.fail(Fault.EMPTY_SUCCESS, "create")
        with pytest.raises(UncertainError) as caught:
            issue(there, document())
        assert caught.value.problem.code == "SPJ-SUPERFAKTURA-NO-DOCUMENT"


# the end of a document


def test_cancelling_twice_is_cancelling_once() -> None:
    for again in ("done", "refused"):
        with account(written_off_again=again) as there:
            d = document(Kind.PROFORMA)
            issued = issue(there, d)
            SYSTEM.cancel(there.session(), d, issued, "k")
            SYSTEM.cancel(there.session(), d, issued, "k")
            assert there.simulator.books()[0].cancelled


def test_a_paid_document_is_not_cancelled() -> None:
    with account() as there:
        d = paid(document())
        issued = issue(there, d)
        with pytest.raises(RejectedError) as caught:
            SYSTEM.cancel(there.session(), d, issued, "k")
        assert caught.value.problem.code == "SPJ-SUPERFAKTURA-NOT-CANCELLED"


def test_deleting_twice_is_deleting_once() -> None:
    with account() as there:
        d = document()
        issued = issue(there, d)
        SYSTEM.delete(there.session(), d, issued, "k")
        SYSTEM.delete(there.session(), d, issued, "k")
        SYSTEM.cancel(there.session(), d, issued, "k")
        assert there.simulator.books() == []
        assert SYSTEM.read(there.session(), issued.external_id, Kind.INVOICE) is None


@pytest.mark.parametrize(
    ("locked_delete", "code"), [("said", "LOCKED"), ("refused", "NOT-DELETED")]
)
def test_a_locked_document_is_not_taken_for_deleted(locked_delete: str, code: str) -> None:
    with account(locked_delete=locked_delete) as there:
        d = document()
        issued = issue(there, d)
        there.simulator.act("lock")
        with pytest.raises(RejectedError) as caught:
            SYSTEM.delete(there.session(), d, issued, "k")
        assert caught.value.problem.code == f"SPJ-SUPERFAKTURA-{code}"
        assert caught.value.rejection is Rejection.PERMANENT


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
