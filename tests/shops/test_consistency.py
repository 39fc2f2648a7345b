"""The precision of an order is found, and its contradictions are not rounded away."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spojka.core.money import quantize, total
from spojka.core.order import LineKind, OrderLine
from spojka.shops.consistency import Claim, is_stacked, rounded, settle, share_by_rate, tidy

D = Decimal
RATES = st.sampled_from([D(21), D(12), D(0)])


def row(key: int, rate: Decimal, net: Decimal) -> OrderLine:
    """A row with more decimals than the order counts with."""
    return OrderLine(str(key), LineKind.PRODUCT, "x", D(1), net, net * rate / 100, rate)


ROWS = st.lists(
    st.tuples(RATES, st.integers(-1_000_000, 100_000_000).map(lambda x: D(x).scaleb(-3))),
    min_size=1,
    max_size=6,
).map(lambda pairs: [row(key, rate, net) for key, (rate, net) in enumerate(pairs)])


def claim_of(lines: list[OrderLine], currency: str) -> Claim:
    rates: dict[Decimal, Decimal] = {}
    for line in lines:
        rates[line.rate or D(0)] = rates.get(line.rate or D(0), D(0)) + line.tax
    sums = total(line.gross for line in lines), total(line.tax for line in lines)
    return Claim(currency, *sums, rates)


@given(ROWS, st.sampled_from([("CZK", 2), ("CZK", 0), ("CZK", 1), ("JPY", 0), ("KWD", 3)]))
def test_an_order_that_agrees_at_some_precision_has_no_problem(
    rows: list[OrderLine], shop: tuple[str, int]
) -> None:
    currency, places = shop
    counted = [rounded(line, places) for line in rows]
    claim = claim_of(counted, currency)
    lines, problems = settle(lambda n: tuple(rounded(line, n) for line in rows), claim)
    assert problems == ()
    assert total(line.gross for line in lines) == claim.total
    assert total(line.tax for line in lines) == claim.total_tax


@given(ROWS, st.integers(1, 50), st.booleans())
def test_a_difference_of_hallers_is_always_named(
    rows: list[OrderLine], hallers: int, more: bool
) -> None:
    counted = [rounded(line, 2) for line in rows]
    claim = claim_of(counted, "CZK")
    wrong = claim.total + D(hallers if more else -hallers).scaleb(-2)
    _, problems = settle(
        lambda n: tuple(rounded(line, n) for line in counted),
        Claim("CZK", wrong, claim.total_tax, claim.rates),
    )
    agrees_in_crowns = wrong == total(rounded(line, 0).gross for line in counted)
    agrees_in_tens = wrong == total(rounded(line, 1).gross for line in counted)
    assert problems or agrees_in_crowns or agrees_in_tens


@given(
    st.integers(-10_000_000, 10_000_000).map(lambda x: D(x).scaleb(-2)),
    st.integers(-2_000_000, 2_000_000).map(lambda x: D(x).scaleb(-2)),
    st.lists(
        st.tuples(RATES, st.integers(-100_000, 100_000).map(lambda x: D(x).scaleb(-2))),
        min_size=1,
        max_size=4,
    ),
    st.sampled_from([2, 0]),
)
def test_shares_always_sum_to_the_row(
    net: Decimal, tax: Decimal, taxes: list[tuple[Decimal, Decimal]], places: int
) -> None:
    """Whatever nonsense the taxes are, nothing is lost and nothing breaks."""
    net, tax = quantize(net, places), quantize(tax, places)
    shares = share_by_rate(net, tax, taxes, places)
    assert total(share.net for share in shares) == net
    assert total(share.tax for share in shares) == tax
    assert {share.rate for share in shares} <= {rate for rate, _ in taxes}


@pytest.mark.parametrize(
    ("net", "taxes", "stacked"),
    [
        ("100", [("21", "21.00")], False),
        ("100", [("21", "10.50"), ("12", "6.00")], False),
        ("100", [("5", "5.00"), ("9.975", "9.98")], True),
        ("-100", [("5", "-5.00"), ("7", "-7.00")], True),
        ("100", [("21", "21.00"), ("0", "0.00")], False),
        ("0", [("21", "0.00"), ("12", "0.00")], False),
        ("100", [("4", "4.00"), ("1", "1.00"), ("2", "2.00")], True),
    ],
)
def test_stacked_taxes_are_told_from_split_ones(
    net: str, taxes: list[tuple[str, str]], stacked: bool
) -> None:
    assert is_stacked(D(net), [(D(rate), D(tax)) for rate, tax in taxes]) is stacked


def test_amounts_are_shown_with_the_decimals_of_their_currency() -> None:
    assert str(tidy(D("5"), "CZK")) == "5.00"
    assert str(tidy(D("5.120000"), "CZK")) == "5.12"
    assert str(tidy(D("5.1234"), "CZK")) == "5.1234"
    assert str(tidy(D("5"), "JPY")) == "5"
