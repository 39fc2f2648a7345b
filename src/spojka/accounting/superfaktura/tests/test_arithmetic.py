"""What is predicted is what the simulator, which is other code, computes from the same payload."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spojka.accounting.contract import Session, Totals
from spojka.accounting.superfaktura import arithmetic, mapping
from spojka.accounting.superfaktura.arithmetic import Item
from spojka.accounting.superfaktura.client import encoded
from spojka.accounting.superfaktura.simulator import SuperFakturaSimulator
from spojka.accounting.superfaktura.tests.helpers import NOW, document, line
from spojka.core.document import Document, DocumentLine, Kind, VatRow
from spojka.core.money import quantize

CENT = Decimal("0.01")
RATES = ("0", "5", "5.5", "10", "12", "19", "20", "21", "23", "27")


def computed(d: Document, s: Session, **account: Any) -> dict[Decimal, tuple[Decimal, Decimal]]:
    """Return what a simulated account makes of the payload, per rate."""
    simulator = SuperFakturaSimulator(clock=lambda: NOW, **account)
    body = json.loads(encoded(mapping.payload(s, d, "key")), parse_float=str)
    books = simulator.open_books()
    bases, taxes = books.sums(books.create(body))
    return {
        Decimal(rate): (bases[rate], taxes[rate]) for rate in bases if bases[rate] or taxes[rate]
    }


def per_rate(rows: tuple[VatRow, ...]) -> dict[Decimal, tuple[Decimal, Decimal]]:
    return {row.rate: (row.net, row.tax) for row in rows if row.net or row.tax}


def session(**settings_: str) -> Session:
    return Session(credentials={}, settings=settings_, now=NOW)


@st.composite
def lines(draw: st.DrawFn) -> DocumentLine:
    """A line as shops make them: priced without VAT or with it, by piece; sometimes a cent off."""
    rate = Decimal(draw(st.sampled_from(RATES)))
    quantity = Decimal(draw(st.one_of(st.integers(1, 40), st.sampled_from(["0.5", "1.25"]))))
    price = Decimal(draw(st.integers(-5_000, 500_000))) / 100
    if draw(st.booleans()):
        net = quantize(price * quantity, 2)
        tax = quantize(net * rate / 100, 2)
    else:
        gross = quantize(price * quantity, 2)
        net = quantize(gross / (1 + rate / 100), 2)
        tax = gross - net
    made = line(str(net), str(tax), str(rate), str(quantity))
    off = draw(st.sampled_from([0, 0, 0, 0, 1, -1]))
    return replace(made, tax=made.tax + off * CENT) if rate else made


@given(st.lists(lines(), min_size=1, max_size=6), st.sampled_from(["", mapping.WHOLE_ROWS]))
@settings(max_examples=150, deadline=None)
def test_the_prediction_is_what_the_other_side_computes(rows: list[DocumentLine], how: str) -> None:
    d = document(Kind.INVOICE, *rows)
    s = session(lines=how)
    predicted: Totals = mapping.predicted(d, mapping.payload(s, d, "key"))
    assert per_rate(predicted.vat) == computed(d, s)
    assert predicted.total == sum(row.gross for row in predicted.vat)


@given(st.integers(1, 10**7), st.sampled_from(RATES), st.integers(1, 60), st.booleans())
@settings(max_examples=300, deadline=None)
def test_ordinary_lines_always_come_out(cents: int, rate: str, pieces: int, with_vat: bool) -> None:
    amount, factor = Decimal(cents) / 100, 1 + Decimal(rate) / 100
    net = quantize(amount / factor, 2) if with_vat else amount
    tax = amount - net if with_vat else quantize(net * Decimal(rate) / 100, 2)
    d = document(Kind.INVOICE, line(str(net), str(tax), rate, str(pieces)))
    totals = mapping.predicted(d, mapping.payload(session(), d, "key"))
    assert totals.total == d.total
    assert per_rate(totals.vat) == per_rate(d.vat)


@pytest.mark.parametrize(
    ("net", "tax", "quantity", "rounding", "item"),
    [
        ("20.00", "4.20", "2", "item_ext", Item(Decimal(2), Decimal("10.00"))),
        ("-20.00", "-4.20", "-2", "item_ext", Item(Decimal(2), Decimal("-10.00"))),
        ("0.00", "0.00", "5", "item_ext", Item(Decimal(5), Decimal("0.00"))),
        # 100.00 with VAT: two decimals come to 99.99.
        ("82.64", "17.36", "1", "item_ext", Item(Decimal(1), Decimal("82.643"))),
        ("247.93", "52.07", "3", "item_ext", Item(Decimal(3), Decimal("82.643"))),
        # The VAT of each line is a cent off, and only a digit more brings it.
        ("82.65", "17.35", "1", "item_ext", Item(Decimal(1), Decimal("82.647"))),
        # 10.00 with VAT for three pieces is no whole number of cents each.
        ("8.26", "1.74", "3", "item_ext", Item(Decimal(1), Decimal("8.263"))),
        # Likewise, and the quantity can stay where the VAT is computed from the sum.
        ("8.25", "1.73", "3", "document", Item(Decimal(3), Decimal("2.75"))),
    ],
)
def test_the_roundest_price_is_chosen(
    net: str, tax: str, quantity: str, rounding: str, item: Item
) -> None:
    row = line(net, tax, "21", quantity)
    chosen, items = arithmetic.represent([row], document(Kind.INVOICE, row).vat)
    assert (chosen, items) == (rounding, [item])


def test_a_shop_that_rounds_by_the_sum_gets_the_rounding_of_the_document() -> None:
    rows = [line("0.02", "0.01", "21", name=str(at)) for at in range(5)]
    rows[0] = replace(rows[0], tax=Decimal("-0.02"))
    d = document(Kind.INVOICE, *rows)
    body = mapping.payload(session(), d, "key")
    assert body["Invoice"]["rounding"] == "document"
    assert computed(d, session()) == {Decimal(21): (Decimal("0.10"), Decimal("0.02"))}


def test_what_cannot_come_out_is_told_with_what_is_nearest() -> None:
    d = document(Kind.INVOICE, line("223.00", "27.00", "12"))
    totals = mapping.predicted(d, mapping.payload(session(), d, "key"))
    assert totals.total == Decimal("249.76")
    assert per_rate(totals.vat) == {Decimal(12): (Decimal("223.00"), Decimal("26.76"))}


def test_whole_rows_come_out_whatever_unit_prices_are_rounded_to() -> None:
    """Whether a unit price keeps more than two decimals is not documented."""
    d = document(Kind.INVOICE, line("247.93", "52.07", "21", "3"))
    exact = {Decimal(21): (Decimal("247.93"), Decimal("52.07"))}
    assert computed(d, session()) == exact
    assert computed(d, session(), unit_places=4) == exact
    assert computed(d, session(), unit_places=2) != exact
    assert computed(d, session(lines=mapping.WHOLE_ROWS), unit_places=2) == exact


def test_amounts_are_written_with_all_their_digits() -> None:
    body = {"a": Decimal("0.10"), "b": [Decimal("8.2644628"), 1, None, 'č"', True]}
    assert encoded(body) == '{"a":0.10,"b":[8.2644628,1,null,"č\\"",true]}'
