"""Amounts of money: always ``Decimal``, always in one named currency, never a float.

Rounding is half up (away from zero), the way Czech and Slovak accounting rounds.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from decimal import ROUND_HALF_UP, Decimal

ZERO = Decimal(0)

# Digits after the decimal point where they differ from two (source: ISO 4217, list one).
_MINOR_UNITS = {
    "BIF": 0, "CLP": 0, "DJF": 0, "GNF": 0, "ISK": 0, "JPY": 0, "KMF": 0, "KRW": 0, "PYG": 0,
    "RWF": 0, "UGX": 0, "VND": 0, "VUV": 0, "XAF": 0, "XOF": 0, "XPF": 0,
    "BHD": 3, "IQD": 3, "JOD": 3, "KWD": 3, "LYD": 3, "OMR": 3, "TND": 3,
}  # fmt: skip

_AMOUNT = re.compile(r"[+-]?\d{1,15}(\.\d{1,12})?\Z")


class AmountError(ValueError):
    """The text is not an amount: empty, not a plain decimal number, or beyond 15 digits."""


def minor_units(currency: str) -> int:
    """Return the number of decimal places of an ISO 4217 currency (CZK 2, JPY 0)."""
    return _MINOR_UNITS.get(currency.upper(), 2)


def parse_amount(value: object) -> Decimal:
    """Read an amount sent by another system.

    Accepts ``Decimal``, ``int`` and plain decimal text with a point. A float is refused: it has
    already lost the cents that it was meant to carry.

    Raises:
        AmountError: the value is not an amount.
    """
    if isinstance(value, bool):
        raise AmountError(f"not an amount: {value!r}")
    if isinstance(value, (Decimal, int)):
        amount = Decimal(value)
        if not amount.is_finite() or abs(amount) >= Decimal(10) ** 15:
            raise AmountError(f"not an amount: {value!r}")
        return amount
    if isinstance(value, str) and _AMOUNT.match(value.strip()):
        return Decimal(value.strip())
    raise AmountError(f"not an amount: {value!r}")


def quantize(amount: Decimal, places: int) -> Decimal:
    """Round half up to ``places`` decimal places; never returns a negative zero."""
    rounded = amount.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
    return abs(rounded) if rounded == 0 else rounded


def round_money(amount: Decimal, currency: str) -> Decimal:
    """Round half up to the smallest unit of ``currency``."""
    return quantize(amount, minor_units(currency))


def total(amounts: Iterable[Decimal]) -> Decimal:
    """Sum amounts; the sum of nothing is zero."""
    return sum(amounts, ZERO)


def allocate(amount: Decimal, weights: Sequence[Decimal], places: int) -> list[Decimal]:
    """Split ``amount`` in proportion to ``weights``, to ``places`` decimals, losing nothing.

    The parts always sum to ``amount`` exactly (largest remainder; ties go to the earlier weight).
    ``amount`` must already be rounded to ``places``.

    Raises:
        ValueError: no weights, weights of mixed sign, or weights that sum to zero.
    """
    base = total(weights)
    if not weights or base == 0:
        raise ValueError("cannot allocate: the weights sum to zero")
    if any(weight * base < 0 for weight in weights):
        raise ValueError("cannot allocate: weights of mixed sign")
    unit = Decimal(1).scaleb(-places)
    exact = [amount * weight / base for weight in weights]
    parts = [part.quantize(unit, "ROUND_DOWN") for part in exact]
    missing = amount - total(parts)
    step = unit.copy_sign(missing)
    order = sorted(range(len(parts)), key=lambda i: -abs(exact[i] - parts[i]))
    for i in range(int(abs(missing) / unit)):
        parts[order[i % len(order)]] += step
    return parts


def plain(amount: Decimal) -> str:
    """Write an amount for machines: no exponent, no grouping, decimals kept as they are."""
    return format(amount, "f")
