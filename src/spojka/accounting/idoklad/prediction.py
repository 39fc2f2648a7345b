"""What iDoklad will compute of a document, and the way of saying it for which that is right.

iDoklad computes from quantity, unit price and rate; the sums that a shop charged cannot be sent.
Its documents state no arithmetic. What is assumed here is what its published client's tests show (2
at 100 without VAT at 21 % are 200 + 42 = 242): each row is rounded to cents half up, VAT is taken
out of a price with VAT by rate / (100 + rate), and the recapitulation sums the rows. Where it can
be chosen, rows are said so that summing first and rounding later gives the same. After issuing, the
ledger compares iDoklad's own figures with the document's, so that nothing rests on the assumption.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from itertools import product

from spojka.accounting.contract import Totals
from spojka.accounting.idoklad.codes import ROUNDING_NAMES, PriceType
from spojka.accounting.idoklad.facts import Facts, PaymentOption
from spojka.core.document import Document, DocumentLine, Kind, Treatment, VatRow
from spojka.core.money import ZERO, quantize, total

PLACES = 2
_HUNDRED = Decimal(100)
_MOST_CORRECTED = Decimal("0.10")
"""A larger difference than this per rate is no rounding, and is not corrected."""
_CENTS = [Decimal(cents).scaleb(-PLACES) for cents in (*range(1, 13), *range(-12, 0))]

Sums = tuple[Decimal, Decimal]
"""Net and VAT."""


@dataclass(frozen=True, slots=True)
class Row:
    """An item as it is sent. Amounts are in the document's currency, of a credit note positive."""

    name: str
    quantity: Decimal
    unit_price: Decimal
    price_type: PriceType
    rate: Decimal
    treatment: Treatment
    net: Decimal
    """As iDoklad will compute it, like ``tax``."""
    tax: Decimal
    line: DocumentLine | None = None
    """Which line of the document it is; ``None`` for a correction of cents."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A document as it is sent."""

    rows: tuple[Row, ...]
    rounding: Decimal
    """An item of our own for cash rounding, outside VAT."""
    own_rounding: Decimal
    """What iDoklad will add by itself."""


def picture(d: Document, facts: Facts, option: PaymentOption | None) -> Picture:
    """Return how the document is sent: the way for which iDoklad computes its very sums.

    Where there is none, the nearest one is returned.
    """
    sign = sign_of(d)
    rows = _rows(d, facts, sign)
    before = total(row.net + row.tax for row in rows)
    rounding, own = sign * d.rounding, facts.own_rounding(before, d.currency, option)
    if rounding and rounding != own:
        own = facts.own_rounding(before + rounding, d.currency, option)
        return Picture(rows, rounding, own)
    return Picture(rows, ZERO, own)


def totals(d: Document, shown: Picture) -> Totals:
    """Return the sums that iDoklad will compute for a picture, with our signs."""
    sign = sign_of(d)
    vat = []
    for row in d.vat:
        fitting = [r for r in shown.rows if (r.rate, r.treatment) == (row.rate, row.treatment)]
        net, tax = total(r.net for r in fitting), total(r.tax for r in fitting)
        vat.append(VatRow(row.rate, row.treatment, sign * net, sign * tax))
    rounding = sign * (shown.rounding + shown.own_rounding)
    return Totals(total(row.gross for row in vat) + rounding, tuple(vat))


def sign_of(d: Document) -> int:
    """Return what turns our amounts into iDoklad's: a credit note's items are positive there."""
    return -1 if d.kind is Kind.CREDIT_NOTE else 1


def _rows(d: Document, facts: Facts, sign: int) -> tuple[Row, ...]:
    ways = [_ways(line, facts, sign) for line in d.lines]
    wanted = _sums((line.rate, sign * line.net, sign * line.tax) for line in d.lines)
    gross = [way[PriceType.WITH_VAT] for way in ways]
    net = [way[PriceType.WITHOUT_VAT] for way in ways]
    mixed = [_exact(way, line, sign) for way, line in zip(ways, d.lines, strict=True)]
    exact = [rows for rows in (gross, net, mixed) if _computed(rows) == wanted]
    if exact:
        return tuple(next((rows for rows in exact if _summed_first(rows) == wanted), exact[0]))
    nearest = sorted((gross, net, mixed), key=lambda rows: _distance(_computed(rows), wanted))
    name = ROUNDING_NAMES.get(d.language, ROUNDING_NAMES["en"])
    for rows in nearest:
        corrected = _corrected(rows, wanted, name)
        if corrected is not None:
            return tuple(corrected)
    return tuple(nearest[0])


def _ways(line: DocumentLine, facts: Facts, sign: int) -> dict[PriceType, Row]:
    """Return the row said with its price with VAT, and without."""
    return {
        PriceType.WITH_VAT: _row(line, facts, PriceType.WITH_VAT, sign * line.gross),
        PriceType.WITHOUT_VAT: _row(line, facts, PriceType.WITHOUT_VAT, sign * line.net),
    }


def _row(line: DocumentLine, facts: Facts, price_type: PriceType, worth: Decimal) -> Row:
    quantity, name = abs(line.quantity), line.name
    unit = _unit_price(worth, quantity, facts)
    if unit is None:
        # No unit price of so few decimals gives this row: it is sent as one piece.
        name = f"{quantity.normalize():f}× {name}"
        quantity, unit = Decimal(1), worth
    net, tax = _split(price_type, worth, line.rate)
    return Row(name, quantity, unit, price_type, line.rate, line.treatment, net, tax, line)


def _unit_price(worth: Decimal, quantity: Decimal, facts: Facts) -> Decimal | None:
    if quantity != quantize(quantity, max(facts.amount_decimals, 0)):
        return None
    for places in range(PLACES, max(facts.price_decimals, PLACES) + 1):
        unit = quantize(worth / quantity, places)
        if quantize(unit * quantity, PLACES) == worth:
            return unit
    return None


def _split(price_type: PriceType, worth: Decimal, rate: Decimal) -> Sums:
    if price_type is PriceType.WITH_VAT:
        tax = quantize(worth * rate / (_HUNDRED + rate), PLACES)
        return worth - tax, tax
    return worth, quantize(worth * rate / _HUNDRED, PLACES)


def _exact(ways: Mapping[PriceType, Row], line: DocumentLine, sign: int) -> Row:
    """Return the way that gives the line's own amounts, if one does."""
    for row in ways.values():
        if (row.net, row.tax) == (sign * line.net, sign * line.tax):
            return row
    return ways[PriceType.WITH_VAT]


def _sums(amounts: Iterable[tuple[Decimal, Decimal, Decimal]]) -> dict[Decimal, Sums]:
    sums: dict[Decimal, Sums] = {}
    for rate, net, tax in amounts:
        before = sums.get(rate, (ZERO, ZERO))
        sums[rate] = (before[0] + net, before[1] + tax)
    return sums


def _computed(rows: Sequence[Row]) -> dict[Decimal, Sums]:
    return _sums((row.rate, row.net, row.tax) for row in rows)


def _summed_first(rows: Sequence[Row]) -> dict[Decimal, Sums] | None:
    """Return the sums if VAT is computed from each rate's sum; ``None`` where prices are mixed."""
    types = {row.price_type for row in rows}
    if len(types) != 1:
        return None
    (price_type,) = types
    with_vat = price_type is PriceType.WITH_VAT
    return {
        rate: _split(price_type, net + tax if with_vat else net, rate)
        for rate, (net, tax) in _computed(rows).items()
    }


def _distance(found: Mapping[Decimal, Sums], wanted: Mapping[Decimal, Sums]) -> Decimal:
    return total(
        abs(found[rate][0] - net) + abs(found[rate][1] - tax) for rate, (net, tax) in wanted.items()
    )


def _corrected(rows: Sequence[Row], wanted: Mapping[Decimal, Sums], name: str) -> list[Row] | None:
    """Return the rows and as few rows of cents as make the sums right; ``None``: none do."""
    found, more = _computed(rows), list(rows)
    for rate, (net, tax) in wanted.items():
        missing = (net - found[rate][0], tax - found[rate][1])
        if missing == (ZERO, ZERO):
            continue
        cents = _cents(rate, *missing)
        if cents is None:
            return None
        treatment = next(row.treatment for row in rows if row.rate == rate)
        more += [
            Row(
                name,
                Decimal(1),
                worth,
                price_type,
                rate,
                treatment,
                *_split(price_type, worth, rate),
            )
            for price_type, worth in cents
        ]
    return more


@cache
def _cents(
    rate: Decimal, net: Decimal, tax: Decimal
) -> tuple[tuple[PriceType, Decimal], ...] | None:
    """Return up to three small rows of a rate that are worth exactly this net and VAT."""
    if max(abs(net), abs(tax)) > _MOST_CORRECTED:
        return None
    worth: dict[Sums, tuple[PriceType, Decimal]] = {}
    for price_type, amount in product(PriceType, _CENTS):
        worth.setdefault(_split(price_type, amount, rate), (price_type, amount))
    for several in range(3):
        for first in product(worth, repeat=several):
            rest = (net - total(s[0] for s in first), tax - total(s[1] for s in first))
            if rest in worth:
                return (*(worth[sums] for sums in first), worth[rest])
    return None
