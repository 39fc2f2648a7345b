"""How SuperFaktura computes a document from its items, and which items make it compute ours.

A unit price is always without VAT. Source: API documentation, "Value lists", "Rounding types":

``item_ext``
    The unit price with VAT is rounded to two decimals, then multiplied by the quantity and rounded
    again; the VAT is what this is more than the price without VAT.
``document``
    The VAT of a rate is computed from the sum of its items and rounded once.

There, too: amounts are rounded to two decimals in every currency. That a unit price may have more
decimals is how the vendor's own WooCommerce plugin brings prices with VAT.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from enum import StrEnum

from spojka.core.document import DocumentLine, VatRow
from spojka.core.money import ZERO, quantize

PLACES = 2
_CENT = Decimal("0.01")
_HALF = Decimal("0.005")
_MOST_PLACES = 8
_ONE = Decimal(1)

Amounts = tuple[Decimal, Decimal]
"""Net and VAT."""


class Rounding(StrEnum):
    """Values of ``Invoice.rounding`` that are used."""

    ITEM_EXT = "item_ext"
    DOCUMENT = "document"


@dataclass(frozen=True, slots=True)
class Item:
    """Quantity and unit price (without VAT) under which a line is sent."""

    quantity: Decimal
    unit_price: Decimal


def of_item(item: Item, rate: Decimal) -> Amounts:
    """Return what ``item_ext`` makes of one item at a rate in percent."""
    net = quantize(item.unit_price * item.quantity, PLACES)
    unit_gross = quantize(item.unit_price * (1 + rate / 100), PLACES)
    return net, quantize(unit_gross * item.quantity, PLACES) - net


def per_rate(items: Iterable[tuple[Item, Decimal]], rounding: str) -> Mapping[Decimal, Amounts]:
    """Return net and VAT per rate of all items, each with its rate."""
    sums: dict[Decimal, list[Decimal]] = {}
    for item, rate in items:
        row = sums.setdefault(rate.normalize() + ZERO, [ZERO, ZERO, ZERO])
        net, tax = of_item(item, rate)
        row[0] += net
        row[1] += tax
        row[2] += item.unit_price * item.quantity
    if rounding == Rounding.DOCUMENT:
        return {
            rate: (net, quantize(exact * rate / 100, PLACES))
            for rate, (net, _tax, exact) in sums.items()
        }
    return {rate: (net, tax) for rate, (net, tax, _exact) in sums.items()}


def represent(
    lines: Iterable[DocumentLine], vat: Iterable[VatRow], *, whole_rows: bool = False
) -> tuple[Rounding, list[Item]]:
    """Choose the items that SuperFaktura computes to our lines.

    Each line comes out by itself, if it can, with its quantity, if it can; a shop that rounds VAT
    by its sum needs the rounding of the whole document. If nothing comes out, it is what is
    nearest.

    Args:
        lines: The lines in the order in which they are sent.
        vat: The recapitulation that is to come out.
        whole_rows: Send each line as one piece for the price of the line.
    """
    every = list(lines)
    rates = [line.rate for line in every]
    exact = [_exact(line, whole_rows=whole_rows) for line in every]
    nearest = [item or Item(_ONE, line.net) for item, line in zip(exact, every, strict=True)]
    plain = [_plain(line, whole_rows=whole_rows) for line in every]
    by_sum = per_rate(zip(plain, rates, strict=True), Rounding.DOCUMENT) == _wanted(vat)
    if all(exact) and (not by_sum or _pieces(nearest) <= _pieces(plain)):
        return Rounding.ITEM_EXT, nearest
    return (Rounding.DOCUMENT, plain) if by_sum else (Rounding.ITEM_EXT, nearest)


def _wanted(vat: Iterable[VatRow]) -> Mapping[Decimal, Amounts]:
    wanted: dict[Decimal, Amounts] = {}
    for row in vat:
        rate = row.rate.normalize() + ZERO
        net, tax = wanted.get(rate, (ZERO, ZERO))
        wanted[rate] = (net + row.net, tax + row.tax)
    return wanted


def _pieces(items: Iterable[Item]) -> int:
    """Count the lines that are sent as one piece."""
    return sum(item.quantity == _ONE for item in items)


def _plain(line: DocumentLine, *, whole_rows: bool) -> Item:
    """Return the item that comes to the line's net without any rounding."""
    quantity = abs(line.quantity)
    if not whole_rows and quantity:
        price = quantize(line.net / quantity, PLACES)
        if price * quantity == line.net:
            return Item(quantity, price)
    return Item(_ONE, line.net)


def _exact(line: DocumentLine, *, whole_rows: bool) -> Item | None:
    """Return the item that comes to the line's own net and VAT, with its quantity if that works."""
    quantity = abs(line.quantity)
    counts = [_ONE] if whole_rows or quantity in (0, 1) else [quantity, _ONE]
    for count in counts:
        price = _unit_price(line.net, line.gross, line.rate, count)
        if price is not None:
            return Item(count, price)
    return None


def _unit_price(net: Decimal, gross: Decimal, rate: Decimal, quantity: Decimal) -> Decimal | None:
    """Return the roundest unit price that comes to ``net`` and ``gross``; ``None``: there is none.

    The unit price with VAT is a whole number of cents, at most one cent beside the exact one.
    """
    factor = 1 + rate / 100
    if net < 0 or (net == 0 and gross < 0):
        price = _unit_price(-net, -gross, rate, quantity)
        return None if price is None else -price
    exact = gross / quantity
    for unit_gross in dict.fromkeys(
        quantize(exact, PLACES) + step for step in (ZERO, _CENT, -_CENT)
    ):
        if quantize(unit_gross * quantity, PLACES) != gross:
            continue
        low = max((net - _HALF) / quantity, (unit_gross - _HALF) / factor)
        high = min((net + _HALF) / quantity, (unit_gross + _HALF) / factor)
        for price in _roundest(low, high):
            if of_item(Item(quantity, price), rate) == (net, gross - net):
                return price
    return None


def _roundest(low: Decimal, high: Decimal) -> Iterator[Decimal]:
    """Yield numbers between two others, those with the fewest decimals first."""
    middle = (low + high) / 2
    for places in range(PLACES, _MOST_PLACES + 1):
        unit = _ONE.scaleb(-places)
        first = low.quantize(unit, ROUND_CEILING)
        last = high.quantize(unit, ROUND_FLOOR)
        if first > last:
            continue
        yield from dict.fromkeys((min(max(quantize(middle, places), first), last), first, last))


def rounded_to_coins(total: Decimal, currency: str) -> Decimal | None:
    """Return the total that ``add_rounding_item`` makes; ``None``: it does nothing known.

    Source: API documentation, "Add invoice": euros are rounded to five cents, crowns to whole ones.
    """
    if currency == "EUR":
        return quantize(total * 20, 0) / 20
    if currency == "CZK":
        return quantize(total, 0)
    return None
