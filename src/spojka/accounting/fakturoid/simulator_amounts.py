"""How the simulated account computes: lines, recapitulation, totals, in the vendor's own forms.

Written from the documentation, apart from the connector's prediction, so that each can prove the
other wrong. What the documentation leaves open are settings of the account: ``vat_by`` (VAT of the
recapitulation is the sum of the lines, or is computed from the sum of each rate) and ``half``
(which of base and VAT is rounded, where an amount with VAT leaves half a heller).
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from spojka.accounting.simulator import Json

_CENT = Decimal("0.01")
_MOST = Decimal(10) ** 9


def number(value: Any) -> Decimal:
    """Read a number as they take it: text or number, with a point or a comma.

    Raises:
        ArithmeticError: it is none.
    """
    if isinstance(value, bool) or value is None:
        raise ArithmeticError("not a number")
    found = Decimal(str(value).strip().replace(",", "."))
    if not found.is_finite():
        raise ArithmeticError("not a number")
    return found


def given_number(value: Any) -> Decimal | None:
    """Read a number that a request states; ``None``: it is none, or no amount of this world."""
    try:
        found = number(value)
    except ArithmeticError:
        return None
    return found if abs(found) < _MOST else None


def shown(value: Decimal) -> str:
    """Write a number as they do: text with at least one decimal, ``1000.0`` and ``173.92``."""
    plain = format(value.normalize() if value else Decimal(0), "f")
    return plain if "." in plain else f"{plain}.0"


def rate_shown(value: Decimal) -> Any:
    """Write a rate: a whole one as a number, another one as text."""
    return int(value) if value == value.to_integral_value() else shown(value)


def cents(value: Decimal) -> Decimal:
    return value.quantize(_CENT, ROUND_HALF_UP)


def contained(total: Decimal, rate: Decimal, half: str) -> Decimal:
    """Return the base of an amount with VAT."""
    if half == "base":
        return cents(total / (1 + rate / 100))
    return total - cents(total * rate / (100 + rate))


def line(given: Mapping[str, Any], gross: bool, exchange: Decimal, half: str) -> Json:
    """Compute one line from quantity, unit price and rate."""
    quantity, price = number(given.get("quantity", "1")), number(given["unit_price"])
    rate = number(given.get("vat_rate") or 0)
    if gross:
        with_vat = price
        without = cents(price * 100 / (100 + rate))
        total = cents(quantity * price)
        base = contained(total, rate, half)
        tax = total - base
    else:
        without = price
        with_vat = cents(price * (100 + rate) / 100)
        base = cents(quantity * price)
        tax = cents(base * rate / 100)
    return {
        "name": str(given["name"]),
        "quantity": shown(quantity),
        "unit_name": str(given.get("unit_name") or ""),
        "unit_price": shown(without),
        "vat_rate": rate_shown(rate),
        "unit_price_without_vat": shown(without),
        "unit_price_with_vat": shown(with_vat),
        "total_price_without_vat": shown(base),
        "total_vat": shown(tax),
        "native_total_price_without_vat": shown(cents(base * exchange)),
        "native_total_vat": shown(cents(tax * exchange)),
        "inventory": None,
    }


def recapitulation(
    lines: list[Json], gross: bool, by_rate: bool, half: str
) -> dict[Decimal, list[Decimal]]:
    """Return base and VAT by rate, highest rate first."""
    sums: dict[Decimal, list[Decimal]] = {}
    for one in lines:
        row = sums.setdefault(number(one["vat_rate"]), [Decimal(0), Decimal(0)])
        row[0] += number(one["total_price_without_vat"])
        row[1] += number(one["total_vat"])
    if by_rate:
        for rate, row in sums.items():
            if gross:
                total = row[0] + row[1]
                row[0] = contained(total, rate, half)
                row[1] = total - row[0]
            else:
                row[1] = cents(row[0] * rate / 100)
    return {rate: sums[rate] for rate in sorted(sums, reverse=True)}


def totals(document: Json, account: Json) -> None:
    """Fill in everything of a document that is computed from its lines and what was paid."""
    gross = bool(document["_gross"])
    exchange = number(document["exchange_rate"])
    sums = recapitulation(document["lines"], gross, account["vat_by"] == "rate", account["half"])
    base = sum((row[0] for row in sums.values()), Decimal(0))
    exact = base + sum((row[1] for row in sums.values()), Decimal(0))
    rounds = account["rounding"] == "always" and document["currency"] == account["currency"]
    if account["rounding"] == "asked" and document["_round_total"]:
        rounds = True
    total = exact.quantize(Decimal(1), ROUND_HALF_UP) if rounds else exact
    paid = sum((number(one["amount"]) for one in document["payments"]), Decimal(0))
    remaining = total - number(document["_advance"]) - paid
    home = account["currency"]
    document |= {
        "subtotal": shown(base),
        "total": shown(total),
        "native_subtotal": shown(cents(base * exchange)),
        "native_total": shown(cents(total * exchange)),
        "rounding_adjustment": shown(total - exact),
        "remaining_amount": shown(remaining),
        "remaining_native_amount": shown(cents(remaining * exchange)),
        "vat_rates_summary": [
            {
                "vat_rate": rate_shown(rate),
                "base": shown(row[0]),
                "vat": shown(row[1]),
                "currency": document["currency"],
                "native_base": shown(cents(row[0] * exchange)),
                "native_vat": shown(cents(row[1] * exchange)),
                "native_currency": home,
            }
            for rate, row in sums.items()
        ],
    }
