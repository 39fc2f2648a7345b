"""How Fakturoid computes VAT and totals from the lines of a document.

Source: its API documentation, invoices, “VAT Price Mode” and “Lines” (read in November 2026). It
says that VAT is a percentage of the line, or is contained in it. Whether the recapitulation adds up
the lines' VAT or is computed from the sum of each rate, it does not say: both are known here
(:class:`By`), and :func:`learn` finds out from documents that exist.
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


class By(StrEnum):
    """From what the VAT of the recapitulation is computed."""

    LINE = "line"
    RATE = "rate"


@dataclass(frozen=True, slots=True)
class Priced:
    """What of a line counts: the unit price as the mode understands it, the rate in percent."""

    quantity: Decimal
    unit_price: Decimal
    rate: Decimal

    @property
    def amount(self) -> Decimal:
        return self.quantity * self.unit_price


def compute(lines: Iterable[Priced], mode: Mode, by: By, currency: str) -> Sums:
    """Return the recapitulation of a document in its currency."""
    places = minor_units(currency)
    sums: dict[Decimal, tuple[Decimal, Decimal]] = {}
    amounts: dict[Decimal, Decimal] = {}
    for line in lines:
        rate = ZERO if mode is Mode.NO_VAT else line.rate
        amount = quantize(line.amount, places)
        amounts[rate] = amounts.get(rate, ZERO) + amount
        net, tax = sums.get(rate, (ZERO, ZERO))
        more_net, more_tax = split(amount, rate, mode, places)
        sums[rate] = (net + more_net, tax + more_tax)
    if by is By.LINE:
        return sums
    return {rate: split(amount, rate, mode, places) for rate, amount in amounts.items()}


def split(amount: Decimal, rate: Decimal, mode: Mode, places: int) -> tuple[Decimal, Decimal]:
    """Return net and VAT of an amount that has VAT inside, or to which VAT is added."""
    if mode is Mode.GROSS:
        tax = quantize(amount * rate / (100 + rate), places)
        return amount - tax, tax
    return amount, quantize(amount * rate / 100, places)


@dataclass(frozen=True, slots=True)
class Seen:
    """A document that exists there: what its answer tells about the arithmetic."""

    lines: Sequence[Priced]
    mode: Mode
    currency: str
    sums: Sums


def learn(documents: Iterable[Seen]) -> By | None:
    """Return how VAT is computed, if documents tell it: some fit one way and none the other."""
    fits = dict.fromkeys(By, 0)
    for document in documents:
        found = {
            by: compute(document.lines, document.mode, by, document.currency) == document.sums
            for by in By
        }
        if len(set(found.values())) == 2:
            fits[By.LINE if found[By.LINE] else By.RATE] += 1
    decided = [by for by, count in fits.items() if count]
    return decided[0] if len(decided) == 1 else None
