"""What iDoklad will compute of a document, and the way of saying it for which that is right.

iDoklad computes from quantity, unit price and rate; the sums that a shop charged cannot be sent.
Each row is said by its price with VAT or without, whichever makes the document's very sums by the
agenda's own :mod:`arithmetic <spojka.accounting.idoklad.arithmetic>`; where neither does, a few
rows of cents make up for it. After issuing, the ledger compares iDoklad's figures with ours.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from itertools import islice, product

from spojka.accounting.contract import Totals
from spojka.accounting.idoklad.arithmetic import PLACES, Arithmetic, Sums
from spojka.accounting.idoklad.codes import ROUNDING_NAMES, PriceType
from spojka.accounting.idoklad.facts import Facts, PaymentOption
from spojka.core.document import Document, DocumentLine, Kind, Treatment, VatRow
from spojka.core.money import ZERO, quantize, total

_MOST_CORRECTED = Decimal("0.10")
"""A larger difference than this per rate is no rounding, and is not corrected."""
_CENTS = [Decimal(cents).scaleb(-PLACES) for cents in (*range(1, 13), *range(-12, 0))]


Cents = tuple[tuple[PriceType, Decimal], ...]
"""Small rows that make up for rounding: what the price is, and how much."""
_MOST_WAYS = 64
"""How many mixtures of prices with and without VAT are tried for the rows of a rate."""


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


def totals(d: Document, shown: Picture, facts: Facts) -> Totals:
    """Return the sums that iDoklad will compute for a picture, with our signs.

    iDoklad sums by rate only; what one rate is worth is shown by treatment as far as rows tell.
    """
    sign = sign_of(d)
    computed = facts.arithmetic.recapitulation(shown.rows)
    vat = []
    for row in d.vat:
        net, tax = computed[row.rate]
        for other in d.vat:
            if other.rate == row.rate and other.treatment is not row.treatment:
                net, tax = net - sign * other.net, tax - sign * other.tax
        vat.append(VatRow(row.rate, row.treatment, sign * net, sign * tax))
    rounding = sign * (shown.rounding + shown.own_rounding)
    gross = sign * total(net + tax for net, tax in computed.values())
    return Totals(gross + rounding, tuple(vat))


def sign_of(d: Document) -> int:
    """Return what turns our amounts into iDoklad's: a credit note's items are positive there."""
    return -1 if d.kind is Kind.CREDIT_NOTE else 1


def _rows(d: Document, facts: Facts, sign: int) -> tuple[Row, ...]:
    how, name = facts.arithmetic, ROUNDING_NAMES.get(d.language, ROUNDING_NAMES["en"])
    said: dict[int, Row] = {}
    cents: list[Row] = []
    for rate in dict.fromkeys(line.rate for line in d.lines):
        at = [index for index, line in enumerate(d.lines) if line.rate == rate]
        lines = [d.lines[index] for index in at]
        net = sign * total(line.net for line in lines)
        tax = sign * total(line.tax for line in lines)
        rows, more = _of_rate(lines, (net, tax), facts, sign)
        said |= dict(zip(at, rows, strict=True))
        for price_type, worth in more:
            sums = how.split(price_type, worth, rate)
            first = lines[0].treatment
            cents.append(Row(name, Decimal(1), worth, price_type, rate, first, *sums))
    return (*(said[index] for index in range(len(d.lines))), *cents)


def _of_rate(
    lines: Sequence[DocumentLine], wanted: Sums, facts: Facts, sign: int
) -> tuple[Sequence[Row], Cents]:
    """Return the rows of one rate and what makes up for cents: as few of these as there can be."""
    how, rate = facts.arithmetic, lines[0].rate
    found: list[tuple[Sequence[Row], Cents]] = []
    bases = list(_bases(lines, facts, sign))
    for rows in bases:
        net, tax = how.recapitulation(rows)[rate]
        if how.by_row:
            cents = _by_row(how, rate, wanted[0] - net, wanted[1] - tax)
        else:
            cents = _by_sum(how, rate, rows, wanted)
        if cents == ():
            return rows, ()
        if cents is not None:
            found.append((rows, cents))
    if found:
        return min(found, key=lambda one: len(one[1]))
    return min(bases, key=lambda rows: _distance(how.recapitulation(rows)[rate], wanted)), ()


def _bases(lines: Sequence[DocumentLine], facts: Facts, sign: int) -> Iterator[Sequence[Row]]:
    """Yield ways of saying the rows of one rate, the plainest first."""
    ways = [_ways(line, facts, sign) for line in lines]
    yield [way[PriceType.WITH_VAT] for way in ways]
    yield [way[PriceType.WITHOUT_VAT] for way in ways]
    yield [_exact(way, line, sign) for way, line in zip(ways, lines, strict=True)]
    if not facts.arithmetic.by_row:
        for types in islice(product(PriceType, repeat=len(ways)), _MOST_WAYS):
            yield [way[type_] for way, type_ in zip(ways, types, strict=True)]


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
    net, tax = facts.arithmetic.split(price_type, worth, line.rate)
    return Row(name, quantity, unit, price_type, line.rate, line.treatment, net, tax, line)


def _unit_price(worth: Decimal, quantity: Decimal, facts: Facts) -> Decimal | None:
    if quantity != quantize(quantity, max(facts.amount_decimals, 0)):
        return None
    for places in range(PLACES, max(facts.price_decimals, PLACES) + 1):
        unit = quantize(worth / quantity, places)
        if quantize(unit * quantity, PLACES) == worth:
            return unit
    return None


def _exact(ways: Mapping[PriceType, Row], line: DocumentLine, sign: int) -> Row:
    """Return the way that gives the line's own amounts, if one does."""
    for row in ways.values():
        if (row.net, row.tax) == (sign * line.net, sign * line.tax):
            return row
    return ways[PriceType.WITH_VAT]


def _distance(found: Sums, wanted: Sums) -> Decimal:
    return abs(found[0] - wanted[0]) + abs(found[1] - wanted[1])


@cache
def _by_row(how: Arithmetic, rate: Decimal, net: Decimal, tax: Decimal) -> Cents | None:
    """Return up to three small rows that are worth exactly this net and VAT, each by itself."""
    if net == tax == 0:
        return ()
    if max(abs(net), abs(tax)) > _MOST_CORRECTED:
        return None
    worth: dict[Sums, tuple[PriceType, Decimal]] = {}
    for price_type, amount in product(PriceType, _CENTS):
        worth.setdefault(how.split(price_type, amount, rate), (price_type, amount))
    for several in range(3):
        for first in product(worth, repeat=several):
            rest = (net - total(s[0] for s in first), tax - total(s[1] for s in first))
            if rest in worth:
                return (*(worth[sums] for sums in first), worth[rest])
    return None


def _by_sum(how: Arithmetic, rate: Decimal, rows: Sequence[Row], wanted: Sums) -> Cents | None:
    """Return up to two small rows, one of each price, with which the sums come out right."""
    gross = total(r.net + r.tax for r in rows if r.price_type is PriceType.WITH_VAT)
    base = total(r.net for r in rows if r.price_type is PriceType.WITHOUT_VAT)
    fitting: list[Cents] = []
    for more in (ZERO, *_CENTS):
        of_gross = how.split(PriceType.WITH_VAT, gross + more, rate)
        # What is without VAT adds exactly itself to the net sum.
        other = wanted[0] - of_gross[0] - base
        if abs(other) > _MOST_CORRECTED:
            continue
        on_net = how.split(PriceType.WITHOUT_VAT, base + other, rate)
        if of_gross[1] + on_net[1] == wanted[1]:
            both = ((PriceType.WITH_VAT, more), (PriceType.WITHOUT_VAT, other))
            fitting.append(tuple(one for one in both if one[1]))
    return min(fitting, key=len, default=None)
