"""How SuperFaktura computes, for its simulator: written from the documentation alone.

The connector's own prediction is other code, so that each proves the other. Source: API
documentation, "Value lists", "Rounding types"; "Add invoice" for discounts and rounding items.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

Json = dict[str, Any]
NOTHING = Decimal(0)


def cents(value: Decimal) -> Decimal:
    return value.quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)


def number(value: Any, otherwise: Decimal = NOTHING) -> Decimal:
    """Read a number as PHP does: what is none counts as nothing."""
    if value in (None, "") or isinstance(value, (bool, dict, list)):
        return otherwise
    try:
        read = Decimal(str(value).replace(",", ".").strip())
    except InvalidOperation:
        return NOTHING
    return read if read.is_finite() and abs(read) < 10**13 else NOTHING


def priced(item: Json, mode: str, unit_places: int | None, invoice_discount: Decimal) -> Json:
    """Return an item with all its amounts.

    Args:
        item: ``quantity``, ``unit_price``, ``tax``, ``discount`` as they were sent.
        mode: The document's rounding type.
        unit_places: To how many decimals a unit price is kept; ``None``: as it is.
        invoice_discount: Percent.
    """
    quantity = number(item.get("quantity"), Decimal(1))
    unit = number(item.get("unit_price"))
    if unit_places is not None:
        unit = unit.quantize(Decimal(1).scaleb(-unit_places), rounding=ROUND_HALF_UP)
    discount = number(item.get("discount"))
    full_unit = unit
    unit *= (1 - discount / 100) * (1 - invoice_discount / 100)
    tax = number(item.get("tax"))
    with_tax = 1 + tax / 100
    unit_with_tax = unit * with_tax
    without = cents(unit * quantity)
    if mode == "item_ext":
        unit_with_tax = cents(unit_with_tax)
        gross = cents(unit_with_tax * quantity)
    else:
        gross = cents(unit * quantity * with_tax)
    return {
        "quantity": quantity,
        "tax": tax,
        "unit_price": full_unit,
        "unit_price_discount": unit,
        "unit_price_vat": unit_with_tax,
        "unit_price_vat_no_discount": full_unit * with_tax,
        "item_price": without,
        "item_price_no_discount": cents(full_unit * quantity),
        "item_price_vat": gross,
        "item_price_vat_no_discount": cents(full_unit * quantity * with_tax),
        "exact": unit * quantity,
    }


def summed(items: Iterable[Json], mode: str) -> tuple[dict[str, Decimal], dict[str, Decimal]]:
    """Return what is taxed, and the VAT, per rate (``20``, ``5.5``)."""
    bases: dict[str, Decimal] = {}
    taxes: dict[str, Decimal] = {}
    exact: dict[str, Decimal] = {}
    for item in items:
        rate = format(item["tax"].normalize(), "f")
        bases[rate] = bases.get(rate, NOTHING) + item["item_price"]
        more = item["item_price_vat"] - item["item_price"]
        taxes[rate] = taxes.get(rate, NOTHING) + more
        exact[rate] = exact.get(rate, NOTHING) + item["exact"]
    if mode == "document":
        taxes = {rate: cents(exact[rate] * Decimal(rate) / 100) for rate in bases}
    return bases, taxes


def coins(total: Decimal, currency: str) -> Decimal:
    """Return the total as it can be paid in cash."""
    step = {"EUR": Decimal("0.05"), "CZK": Decimal(1)}.get(currency)
    if step is None:
        return total
    return (total / step).quantize(Decimal(1), rounding=ROUND_HALF_UP) * step


def as_php(sums: Mapping[str, Decimal]) -> Any:
    """Return sums per rate as PHP writes them: an array whose only key is 0 becomes a list."""
    if not sums:
        return []
    if list(sums) == ["0"]:
        return [as_number(sums["0"])]
    return {rate: as_number(value) for rate, value in sums.items()}


def as_number(value: Decimal) -> Any:
    """Return a number as the documentation shows them: whole ones without a point."""
    return int(value) if value == value.to_integral_value() else value.normalize()
