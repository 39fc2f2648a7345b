"""Rows of an order or a refund, and the VAT rate of each.

The rate is read by joining ``taxes[].id`` of the row with ``tax_lines[].rate_id``. Never from the
tax class (an untaxed row has the class of a standard one) and never by dividing amounts (at no
decimals 1/6 would be 16.7 %). The tax of a row is its ``total_tax``: the parts in ``taxes[]`` are
rounded the other way and differ from it by a cent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from spojka.core.money import ZERO, plain
from spojka.core.order import LineKind, OrderLine
from spojka.core.problem import Problem
from spojka.shops.consistency import is_stacked, rounded, share_by_rate
from spojka.shops.woocommerce.reading import (
    Json,
    amount,
    identity,
    items,
    meta,
    number,
    plain_text,
    rate_of,
    text,
)

Rates = Mapping[str, Decimal]
"""VAT rates in percent by the id that the shop gives them."""

_SECTIONS = (
    ("line_items", LineKind.PRODUCT),
    ("shipping_lines", LineKind.SHIPPING),
    ("fee_lines", LineKind.FEE),
)


@dataclass(frozen=True, slots=True)
class Row:
    """A row as the shop sent it: not yet rounded, not yet split by rate."""

    line: OrderLine
    taxes: tuple[tuple[Decimal, Decimal], ...]
    """(rate in percent, tax), one for each tax of the row."""
    refunded_key: str = ""
    """On a refund: the row of the order that it gives back."""

    @property
    def problem(self) -> Problem | None:
        """Why the VAT of this row cannot be told, if it cannot."""
        line = self.line
        if line.tax and not self.taxes:
            return Problem.of("SPJ-ORDER-RATE-UNKNOWN", line=line.name, tax=plain(line.tax))
        if is_stacked(line.net, self.taxes):
            rates = ", ".join(plain(rate) for rate, _ in self.taxes)
            return Problem.of("SPJ-ORDER-STACKED-TAXES", line=line.name, rates=rates)
        return None

    def lines(self, places: int) -> Iterator[OrderLine]:
        """Make the order lines, one for each rate, rounded to ``places`` decimals."""
        line = rounded(self.line, places)
        if not self.taxes or self.problem is not None:
            yield line
            return
        for share in share_by_rate(line.net, line.tax, self.taxes, places):
            yield replace(line, net=share.net, tax=share.tax, rate=share.rate)


def read_rates(payload: Json) -> dict[str, Decimal]:
    """Read the VAT rates that the order or refund names."""
    rates = {}
    for tax_line in items(payload.get("tax_lines")):
        rate = rate_of(tax_line)
        if rate is not None:
            rates[text(tax_line.get("rate_id"))] = rate
    return rates


def read_summary(payload: Json) -> dict[Decimal, Decimal]:
    """Read the order's own recapitulation: VAT by rate, shipping included."""
    summary: dict[Decimal, Decimal] = {}
    for tax_line in items(payload.get("tax_lines")):
        rate = rate_of(tax_line)
        if rate is not None:
            tax = amount(tax_line, "tax_total") + amount(tax_line, "shipping_tax_total")
            summary[rate] = summary.get(rate, ZERO) + tax
    return summary


def read_rows(payload: Json, rates: Rates) -> list[Row]:
    """Read products, shipping and fees. Coupons are inside the products and are not read.

    Raises:
        MappingError: SPJ-ORDER-AMOUNT.
    """
    return [_row(item, kind, rates) for key, kind in _SECTIONS for item in items(payload.get(key))]


def lines_of(rows: Sequence[Row], places: int) -> tuple[OrderLine, ...]:
    """Make the lines of all rows, rounded to ``places`` decimals."""
    return tuple(line for row in rows for line in row.lines(places))


def _row(item: Json, kind: LineKind, rates: Rates) -> Row:
    quantity = number(item.get("quantity")) or Decimal(1)
    line = OrderLine(
        key=identity(item),
        kind=kind,
        name=_name(item, kind),
        quantity=quantity.quantize(Decimal(1)) if quantity == int(quantity) else quantity,
        net=amount(item, "total"),
        tax=amount(item, "total_tax"),
        rate=None,
        sku=text(item.get("sku")),
        ean=text(item.get("global_unique_id")),
        variant=_variant(item),
    )
    return Row(line, tuple(_taxes(item, rates)), _refunded_key(item))


def _name(item: Json, kind: LineKind) -> str:
    keys = ("method_title", "method_id") if kind is LineKind.SHIPPING else ("name", "sku")
    return next((name for key in keys if (name := plain_text(item.get(key)))), kind.value)


def _taxes(item: Json, rates: Rates) -> Iterator[tuple[Decimal, Decimal]]:
    for tax in items(item.get("taxes")):
        rate = rates.get(text(tax.get("id")))
        # An empty total says that this rate does not apply to the row at all.
        if rate is not None and text(tax.get("total")):
            yield rate, amount(tax, "total")


def _variant(item: Json) -> str:
    """Chosen attributes of a variable product; fields beginning with ``_`` are internal."""
    if not identity(item, "variation_id"):
        return ""
    chosen = []
    for entry in items(item.get("meta_data")):
        key = plain_text(entry.get("display_key") or entry.get("key"))
        value = plain_text(entry.get("display_value") or entry.get("value"))
        if key and value and not key.startswith("_"):
            chosen.append(f"{key}: {value}")
    return ", ".join(chosen)[:200]


def _refunded_key(item: Json) -> str:
    return next((text(value) for key, value in meta(item) if key == "_refunded_item_id"), "")
