"""A document is worth what its order is, or it is held with the reason."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings

from spojka.core import codec
from spojka.core.build import build, unit_price
from spojka.core.document import Document, Kind, Treatment, VatMode
from spojka.core.order import Address, Customer, Order
from spojka.core.prepayment import build_tax_document, deduction
from spojka.core.problem import Held, Problem
from spojka.core.profile import Profile
from tests.core.orders import MOMENT, generated_orders, line, order, payer, request


def code_of(order_: Order, profile: Profile) -> str:
    with pytest.raises(Held) as held:
        build(order_, profile, request())
    return held.value.problems[0].code


@given(generated_orders())
@settings(max_examples=1000, deadline=None)
def test_a_document_equals_its_order_in_total_and_per_rate(order_: Order) -> None:
    document = build(order_, payer(), request())

    sums: dict[Decimal, list[Decimal]] = defaultdict(lambda: [Decimal(0), Decimal(0)])
    for row in order_.lines:
        sums[row.rate or Decimal(0)][0] += row.net
        sums[row.rate or Decimal(0)][1] += row.tax
    found: dict[Decimal, list[Decimal]] = defaultdict(lambda: [Decimal(0), Decimal(0)])
    for recap in document.vat:
        found[recap.rate][0] += recap.net
        found[recap.rate][1] += recap.tax
    assert found == sums
    assert document.total == order_.total
    assert sum(row.net + row.tax for row in document.lines) + document.rounding == order_.total


@given(generated_orders())
@settings(max_examples=200, deadline=None)
def test_a_document_survives_storage_exactly(order_: Order) -> None:
    document = build(order_, payer(), request())
    assert codec.load(Document, codec.dump(document)) == document
    assert codec.load(Order, codec.dump(order_)) == order_


def test_a_problem_found_in_the_order_holds_the_document() -> None:
    problem = Problem.of("SPJ-ORDER-SUM", rows="1", total="2", currency="CZK")
    assert code_of(order(line(), problems=(problem,)), payer()) == "SPJ-ORDER-SUM"


def test_rows_that_miss_the_total_hold_the_document() -> None:
    assert code_of(order(line(), total=Decimal("121.01")), payer()) == "SPJ-ORDER-SUM"


def test_a_payment_makes_a_paid_invoice() -> None:
    document = build(order(line(), paid_at=MOMENT), payer(), request())
    assert (document.paid_on, document.amount_due) == (date(2026, 11, 20), Decimal(0))


def test_a_proforma_has_no_taxable_date() -> None:
    assert build(order(line()), payer(), request(Kind.PROFORMA)).taxable_on is None


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (datetime(2026, 12, 31, 22, 59, 59, tzinfo=UTC), date(2026, 12, 31)),
        (datetime(2026, 12, 31, 23, 0, 0, tzinfo=UTC), date(2027, 1, 1)),
    ],
)
def test_the_day_of_issue_is_the_companys(now: datetime, expected: date) -> None:
    document = build(order(line()), payer(), replace(request(), now=now))
    assert document.issued_on == expected


@pytest.mark.parametrize(
    ("net", "quantity", "price"),
    [
        ("9.55", "33", "0.289394"),
        ("100.00", "4", "25.00"),
        ("0.00", "7", "0.00"),
        ("10.00", "3", "3.333333"),
    ],
)
def test_unit_prices_keep_what_the_row_needs(net: str, quantity: str, price: str) -> None:
    assert str(unit_price(Decimal(net), Decimal(quantity), "CZK")) == price


# treatments


def treatments(order_: Order, profile: Profile) -> set[Treatment]:
    return {row.treatment for row in build(order_, profile, request()).lines}


def customer(country: str, **ids: str) -> Customer:
    return Customer(address=Address(name="A", country=country), **ids)


UNTAXED = line(tax="0.00", rate=None)


def test_domestic_rates_are_standard() -> None:
    assert treatments(order(line()), payer()) == {Treatment.STANDARD}


def test_an_untaxed_row_among_taxed_ones_is_outside_the_scope() -> None:
    found = treatments(order(line("1"), line("2", tax="0.00", rate=None)), payer())
    assert found == {Treatment.STANDARD, Treatment.OUTSIDE_SCOPE}


def test_a_foreign_rate_is_one_stop_shop() -> None:
    abroad = order(line(tax="19.00", rate="19"), customer=customer("DE"))
    assert treatments(abroad, payer(oss=True)) == {Treatment.OSS}
    assert treatments(abroad, payer(oss=None)) == {Treatment.OSS}
    assert code_of(abroad, payer(oss=False)) == "SPJ-OSS-OFF"


def test_a_rate_of_both_countries_follows_the_setting() -> None:
    both = order(line(tax="21.00", rate="21"), customer=customer("NL"))
    assert treatments(both, payer(oss=True)) == {Treatment.OSS}
    assert treatments(both, payer(oss=False)) == {Treatment.STANDARD}


def test_a_rate_of_nobody_is_held() -> None:
    assert code_of(order(line(tax="17.00", rate="17")), payer()) == "SPJ-RATE-NOT-VALID"


def test_a_rate_that_ended_between_order_and_issue_is_taken() -> None:
    old = order(line(tax="15.00", rate="15"), created_at=datetime(2023, 12, 30, 10, tzinfo=UTC))
    assert treatments(old, payer()) == {Treatment.STANDARD}


def test_a_business_abroad_without_vat_is_reverse_charge() -> None:
    buyer = customer("SK", vat_id="SK2020269786")
    assert treatments(order(UNTAXED, customer=buyer, vat_exempt=True), payer()) == {
        Treatment.REVERSE_CHARGE
    }
    assert treatments(order(UNTAXED, customer=buyer), payer()) == {Treatment.REVERSE_CHARGE}


def test_exempt_without_a_vat_id_is_held() -> None:
    exempt = order(UNTAXED, customer=customer("SK"), vat_exempt=True)
    assert code_of(exempt, payer()) == "SPJ-EXEMPT-NO-VAT-ID"


def test_an_export_is_exempt() -> None:
    assert treatments(order(UNTAXED, customer=customer("US")), payer()) == {Treatment.EXEMPT}


def test_a_payers_order_at_home_without_vat_is_held() -> None:
    assert code_of(order(UNTAXED), payer()) == "SPJ-ORDER-NO-VAT"


def non_payer() -> Profile:
    profile = payer()
    return replace(profile, seller=replace(profile.seller, vat_mode=VatMode.NON_PAYER))


def test_a_non_payers_order_has_no_vat() -> None:
    assert treatments(order(UNTAXED), non_payer()) == {Treatment.NOT_A_PAYER}
    assert code_of(order(line()), non_payer()) == "SPJ-ORDER-VAT-NON-PAYER"


def test_every_problem_of_an_order_is_told_at_once() -> None:
    bad = order(line("1", tax="17.00", rate="17"), line("2", tax="18.00", rate="18"))
    with pytest.raises(Held) as held:
        build(bad, payer(), request())
    assert [problem.facts["rate"] for problem in held.value.problems] == ["17", "18"]


# prefilled fields


def test_prefilled_fields_take_variables() -> None:
    document = build(
        order(line()),
        payer(),
        request(
            prefill={
                "note_above": "Order {order.number}",
                "variable_symbol": "2026-{order.number}",
                "line_name": "{order.product.name}!",
            }
        ),
    )
    assert document.note_above == "Order 2026001"
    assert document.variable_symbol == "0262026001"
    assert document.lines[0].name == "Row 1!"


# prepayments


@given(generated_orders())
@settings(max_examples=200, deadline=None)
def test_a_tax_document_declares_exactly_what_was_paid(order_: Order) -> None:
    proforma = build(order_, payer(), request(Kind.PROFORMA))
    if proforma.total <= 0:
        return
    made = build_tax_document(
        order_, payer(), request(Kind.TAX_DOCUMENT), proforma, "ZAL1", date(2026, 11, 20)
    )
    assert made.total == proforma.total
    assert {(row.rate, row.treatment): row for row in made.vat} == {
        (row.rate, row.treatment): row for row in proforma.vat if row.gross
    }


def test_a_partial_payment_is_divided_over_the_rates() -> None:
    both = order(line("1"), line("2", net="100.00", tax="12.00", rate="12"))
    proforma = build(both, payer(), request(Kind.PROFORMA))
    made = build_tax_document(
        both, payer(), request(Kind.TAX_DOCUMENT), proforma, "Z", date(2026, 11, 20), Decimal(100)
    )
    assert made.total == 100
    assert [row.gross for row in made.vat] == [Decimal("51.93"), Decimal("48.07")]
    assert [row.tax for row in made.vat] == [Decimal("9.01"), Decimal("5.15")]


def test_a_final_invoice_deducts_what_was_paid() -> None:
    proforma = build(order(line()), payer(), request(Kind.PROFORMA))
    paid = deduction(proforma, "ZAL20260001", Decimal("121.00"))
    final = build(order(line()), payer(), request(deductions=(paid,)))
    assert (final.total, final.deducted, final.amount_due) == (
        Decimal(121),
        Decimal(121),
        Decimal(0),
    )
