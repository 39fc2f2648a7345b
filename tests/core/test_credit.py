"""Credit notes give back what was invoiced: never more, never at another rate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spojka.core.build import build
from spojka.core.credit import Credit, build_credit_note, remaining
from spojka.core.document import Document, Kind
from spojka.core.order import LineKind, Order, OrderLine, Refund
from spojka.core.problem import Held
from tests.core.orders import MOMENT, generated_orders, line, order, payer, request

TWO_RATES = order(
    line("1", quantity="2"), line("2", net="100.00", tax="12.00", rate="12", quantity="3")
)


def invoice_of(order_: Order) -> Document:
    return build(order_, payer(), request())


def note(
    order_: Order,
    credit: Credit,
    earlier: Sequence[Document] = (),
    *,
    allocate: bool = False,
) -> Document:
    return build_credit_note(
        order_,
        payer(allocate_refunds=allocate),
        request(Kind.CREDIT_NOTE),
        invoice_of(order_),
        earlier,
        credit,
    )


def refund(amount: str, *lines: OrderLine, detailed: bool = True) -> Refund:
    return Refund("r1", Decimal(amount), MOMENT, lines, detailed=detailed)


def code_of(order_: Order, credit: Credit, earlier: Sequence[Document] = ()) -> str:
    with pytest.raises(Held) as held:
        note(order_, credit, earlier)
    return held.value.problems[0].code


@given(generated_orders())
@settings(max_examples=300, deadline=None)
def test_a_whole_credit_note_is_the_invoice_turned_round(order_: Order) -> None:
    if not any(row.net or row.tax for row in order_.lines):
        return
    made = note(order_, Credit())
    assert made.total == -order_.total
    negated = {(row.rate, row.treatment): (-row.net, -row.tax) for row in made.vat}
    invoiced = {
        (row.rate, row.treatment): (row.net, row.tax)
        for row in invoice_of(order_).vat
        if (row.rate, row.treatment) in negated
    }
    assert negated == invoiced


@given(generated_orders(), st.data())
@settings(max_examples=300, deadline=None)
def test_any_series_of_credit_notes_gives_back_the_invoice_exactly(
    order_: Order, data: st.DataObject
) -> None:
    """Refunds by amount, then by items, then the rest: together the invoice, per rate."""
    if order_.total <= 1 or any(row.gross < 0 for row in order_.lines):
        return
    invoice = invoice_of(order_)
    given_back: list[Document] = []
    for _ in range(data.draw(st.integers(0, 3))):
        left = remaining(invoice, given_back)
        worth = sum((row.gross for row in left), Decimal(0))
        if worth <= 1:
            break
        whole = order_.currency == "CZK" and all(row.gross == int(row.gross) for row in left)
        amount = data.draw(st.decimals("0.01", worth / 2, places=0 if whole else 2))
        if amount <= 0:
            break
        given_back.append(note(order_, Credit(amount=amount), given_back, allocate=True))
        assert given_back[-1].total == -amount
    left = remaining(invoice, given_back)
    if left:
        given_back.append(note(order_, Credit(), given_back))
    assert sum((made.total for made in given_back), invoice.total) == 0
    rates: dict[object, Decimal] = {}
    for document in (invoice, *given_back):
        for row in document.vat:
            key = (row.rate, row.treatment)
            rates[key, "net"] = rates.get((key, "net"), Decimal(0)) + row.net
            rates[key, "tax"] = rates.get((key, "tax"), Decimal(0)) + row.tax
    assert set(rates.values()) <= {Decimal(0)}


def test_items_give_back_what_the_customer_paid_for_them() -> None:
    made = note(TWO_RATES, Credit(items={"2": Decimal(1)}))
    assert [(row.quantity, row.net, row.tax) for row in made.lines] == [
        (Decimal(-1), Decimal("-33.33"), Decimal("-4.00"))
    ]
    rest = note(TWO_RATES, Credit(items={"2": Decimal(2)}), [made])
    assert rest.total + made.total == Decimal("-112.00")


def test_more_items_than_are_left_are_held() -> None:
    made = note(TWO_RATES, Credit(items={"2": Decimal(2)}))
    assert code_of(TWO_RATES, Credit(items={"2": Decimal(2)}), [made]) == "SPJ-REFUND-EXCEEDS"
    assert code_of(TWO_RATES, Credit(items={"9": Decimal(1)})) == "SPJ-REFUND-LINE"


def test_a_refund_by_rows_is_taken_as_it_is() -> None:
    row = line("1", net="-50.00", tax="-10.50", quantity="-1")
    made = note(TWO_RATES, Credit(refund=refund("60.50", row)))
    assert (made.total, made.vat[0].rate) == (Decimal("-60.50"), Decimal(21))


def test_refund_rows_that_miss_the_amount_are_held() -> None:
    row = line("1", net="-50.00", tax="-10.50", quantity="-1")
    assert code_of(TWO_RATES, Credit(refund=refund("60.00", row))) == "SPJ-REFUND-SUM"


def test_a_refund_of_an_unknown_row_is_held() -> None:
    row = line("77", net="-50.00", tax="-10.50", quantity="-1")
    assert code_of(TWO_RATES, Credit(refund=refund("60.50", row))) == "SPJ-REFUND-LINE"


def test_a_refund_row_at_another_rate_is_held() -> None:
    row = line("1", net="-50.00", tax="-6.00", rate="12", quantity="-1")
    assert code_of(TWO_RATES, Credit(refund=refund("56.00", row))) == "SPJ-REFUND-LINE"


def test_an_amount_over_two_rates_is_held_or_divided() -> None:
    by_amount = Credit(refund=refund("100.00"))
    assert code_of(TWO_RATES, by_amount) == "SPJ-REFUND-RATES"
    made = note(TWO_RATES, by_amount, allocate=True)
    assert made.total == -100
    assert {row.rate for row in made.vat} == {21, 12}


def test_an_amount_over_one_rate_is_divided_into_net_and_tax() -> None:
    made = note(order(line()), Credit(refund=refund("12.10")))
    assert [(row.net, row.tax) for row in made.lines] == [(Decimal("-10.00"), Decimal("-2.10"))]


def test_the_whole_amount_needs_no_rows() -> None:
    whole = refund("233.00", detailed=False)
    assert note(TWO_RATES, Credit(refund=whole)).total == -233


def test_a_sum_alone_is_held() -> None:
    assert code_of(order(line()), Credit(refund=refund("5.00", detailed=False))) == (
        "SPJ-REFUND-DETAIL"
    )


def test_more_than_is_left_is_held() -> None:
    first = note(order(line()), Credit(amount=Decimal("100.00")))
    assert code_of(order(line()), Credit(amount=Decimal("21.01")), [first]) == "SPJ-REFUND-EXCEEDS"


def test_nothing_is_left_after_the_whole() -> None:
    whole = note(order(line()), Credit())
    assert code_of(order(line()), Credit(), [whole]) == "SPJ-ZERO-REFUND"


def test_a_negative_row_comes_back_with_the_whole() -> None:
    off = replace(line("f", net="-10.00", tax="-2.10"), kind=LineKind.FEE)
    made = note(order(line(), off), Credit())
    assert made.total == Decimal("-108.90")
