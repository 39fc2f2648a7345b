"""How the simulated iDoklad computes: independent of what the adapter predicts.

What is not confirmed is a setting of the account: whether VAT is computed per item or from the sum
of each rate (``vat_by``), whether unit prices are cut to the agenda's decimals
(``cuts_unit_price``), and how half a cent is rounded (``ties``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from typing import Any

Json = dict[str, Any]
Ties = tuple[str, str]
"""How VAT is rounded at half a cent, out of a price with VAT and on one without: up, down, even."""

_CENT = Decimal("0.01")
_NONE = Decimal(0)
_WAYS = {"up": ROUND_HALF_UP, "down": ROUND_HALF_DOWN, "even": ROUND_HALF_EVEN}
_STEPS = {"CZK": Decimal(1), "EUR": Decimal("0.05")}
WITH_VAT, WITHOUT_VAT, ONLY_BASE = 0, 1, 2
NORMAL, ROUND, REDUCE = 0, 1, 2


def item_prices(item: Mapping[str, Any], rate: Decimal, cut_to: int | None, ties: Ties) -> Json:
    """Return the ``Prices`` of an item."""
    unit = Decimal(str(item["UnitPrice"]))
    if cut_to is not None:
        unit = unit.quantize(Decimal(1).scaleb(-cut_to), ROUND_HALF_UP)
    gone = Decimal(str(item.get("DiscountPercentage") or 0)) / 100
    worth = unit * Decimal(str(item["Amount"]))
    full, left = _cents(worth), _cents(worth * (1 - gone))
    net, vat = _parts(int(item["PriceType"]), left, rate, ties)
    full_net, full_vat = _parts(int(item["PriceType"]), full, rate, ties)
    return {
        "UnitPrice": unit,
        "TotalWithoutVat": net,
        "TotalVat": vat,
        "TotalWithVat": net + vat,
        "TotalWithoutVatBeforeDiscount": full_net,
        "TotalVatBeforeDiscount": full_vat,
        "TotalWithVatBeforeDiscount": full_net + full_vat,
    }


def _parts(price_type: int, worth: Decimal, rate: Decimal, ties: Ties) -> tuple[Decimal, Decimal]:
    if price_type == WITH_VAT:
        vat = (worth * rate / (100 + rate)).quantize(_CENT, _WAYS[ties[0]])
        return worth - vat, vat
    if price_type == ONLY_BASE:
        return worth, _NONE
    return worth, (worth * rate / 100).quantize(_CENT, _WAYS[ties[1]])


def document_prices(items: Sequence[Mapping[str, Any]], vat_by: str, ties: Ties) -> Json:
    """Return the ``Prices`` of a document from its items, each with ``Prices``."""
    summary: list[Json] = []
    for key in dict.fromkeys((item["VatRateType"], item["VatRate"]) for item in items):
        rows = [item for item in items if (item["VatRateType"], item["VatRate"]) == key]
        net, vat = _group(rows, Decimal(key[1]), vat_by, ties)
        summary.append(
            {
                "VatRateType": key[0],
                "VatRate": key[1],
                "TotalWithoutVat": net,
                "TotalVat": vat,
                "TotalWithVat": net + vat,
            }
        )
    totals = {
        name: sum((row[name] for row in summary), _NONE)
        for name in ("TotalWithoutVat", "TotalVat", "TotalWithVat")
    }
    before = sum((item["Prices"]["TotalWithVatBeforeDiscount"] for item in items), _NONE)
    return {
        **totals,
        "TotalDiscountAmount": before - totals["TotalWithVat"] if vat_by == "item" else _NONE,
        "TotalWithoutDiscount": before,
        "VatRateSummary": summary,
    }


def _group(
    rows: Sequence[Mapping[str, Any]], rate: Decimal, vat_by: str, ties: Ties
) -> tuple[Decimal, Decimal]:
    if vat_by == "item":
        net = sum((row["Prices"]["TotalWithoutVat"] for row in rows), _NONE)
        return net, sum((row["Prices"]["TotalVat"] for row in rows), _NONE)
    with_vat = [row["Prices"]["TotalWithVat"] for row in rows if row["PriceType"] == WITH_VAT]
    without = [row["Prices"]["TotalWithoutVat"] for row in rows if row["PriceType"] == WITHOUT_VAT]
    base = [row["Prices"]["TotalWithoutVat"] for row in rows if row["PriceType"] == ONLY_BASE]
    first = _parts(WITH_VAT, sum(with_vat, _NONE), rate, ties)
    second = _parts(WITHOUT_VAT, sum(without, _NONE), rate, ties)
    return first[0] + second[0] + sum(base, _NONE), first[1] + second[1]


def rounding(total: Decimal, currency: str, home: str) -> Decimal:
    """Return what a document is rounded by; foreign currencies are not."""
    step = _STEPS.get(currency) if currency == home else None
    if step is None:
        return _NONE
    return (total / step).quantize(Decimal(1), ROUND_HALF_UP) * step - total


def in_home_currency(prices: Json, rate: Decimal) -> Json:
    """Return prices with their ``…Hc`` twins."""
    twins = {
        f"{name}Hc": _cents(value * rate)
        for name, value in prices.items()
        if name in {"TotalWithVat", "TotalWithoutVat", "TotalVat", "TotalPaid", "PaymentAmount"}
    }
    return {**prices, **twins}


def _cents(amount: Decimal) -> Decimal:
    return amount.quantize(_CENT, ROUND_HALF_UP)
