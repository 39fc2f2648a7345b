"""How Fakturoid computes VAT and totals from the lines of a document.

Source: its API documentation, invoices, “VAT Price Mode” and “Lines” (read in November 2026): VAT
is a percentage of the line, or is contained in it. Two things it leaves open, and they decide about
single hellers: whether the recapitulation adds up the VAT of lines or is computed from the sum of
each rate, and whether of an amount with VAT the base is rounded first (so § 37 (2) b ZDPH) or the
VAT, which differ where half a heller is left (249.90 at 12 %). Each :class:`Counting` is a pair of
answers; :func:`learn` finds out from documents that exist which ones are possible.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from spojka.core.money import ZERO, minor_units, quantize

Sums = Mapping[Decimal, tuple[Decimal, Decimal]]
"""Net and VAT by rate in percent."""


class Mode(StrEnum):
    """What a unit price is (``vat_price_mode``)."""

    NET = "without_vat"
    GROSS = "from_total_with_vat"
    NO_VAT = ""
    """The document has no VAT: a non-payer's."""


class Counting(StrEnum):
    """How VAT is computed: of each line or each rate's sum, rounding the base or the VAT first."""

    LINE_BASE = "line-base"
    RATE_BASE = "rate-base"
    LINE_TAX = "line-tax"
    RATE_TAX = "rate-tax"

    @property
    def of_lines(self) -> bool:
        return self in {Counting.LINE_BASE, Counting.LINE_TAX}

    @property
    def base_first(self) -> bool:
        return self in {Counting.LINE_BASE, Counting.RATE_BASE}


@dataclass(frozen=True, slots=True)
class Priced:
    """What of a line counts: the unit price as the mode understands it, the rate in percent."""

    quantity: Decimal
    unit_price: Decimal
    rate: Decimal

    @property
    def amount(self) -> Decimal:
        return self.quantity * self.unit_price


def compute(lines: Iterable[Priced], mode: Mode, way: Counting, currency: str) -> Sums:
    """Return the recapitulation of a document in its currency."""
    places = minor_units(currency)
    parts: dict[Decimal, list[Decimal]] = {}
    for line in lines:
        rate = ZERO if mode is Mode.NO_VAT else line.rate
        parts.setdefault(rate, []).append(quantize(line.amount, places))
    if not way.of_lines:
        parts = {rate: [sum(amounts, ZERO)] for rate, amounts in parts.items()}
    sums: dict[Decimal, tuple[Decimal, Decimal]] = {}
    for rate, amounts in parts.items():
        both = [_split(amount, rate, mode, way, places) for amount in amounts]
        sums[rate] = (sum((net for net, _ in both), ZERO), sum((tax for _, tax in both), ZERO))
    return sums


def _split(
    amount: Decimal, rate: Decimal, mode: Mode, way: Counting, places: int
) -> tuple[Decimal, Decimal]:
    """Return net and VAT of an amount that has VAT inside, or to which VAT is added."""
    if mode is not Mode.GROSS:
        return amount, quantize(amount * rate / 100, places)
    if way.base_first:
        net = quantize(amount * 100 / (100 + rate), places)
        return net, amount - net
    tax = quantize(amount * rate / (100 + rate), places)
    return amount - tax, tax


@dataclass(frozen=True, slots=True)
class Seen:
    """A document that exists there: what its answer tells about the arithmetic."""

    lines: Sequence[Priced]
    mode: Mode
    currency: str
    sums: Sums


def learn(documents: Iterable[Seen]) -> tuple[Counting, ...]:
    """Return the ways that fit all documents; those that fit no way at all tell nothing."""
    possible = set(Counting)
    for document in documents:
        fitting = {
            way
            for way in Counting
            if compute(document.lines, document.mode, way, document.currency) == document.sums
        }
        if fitting & possible:
            possible &= fitting
        elif fitting:
            return tuple(Counting)  # documents contradict each other: the account was changed
    return tuple(way for way in Counting if way in possible)
