"""The arithmetic of ISDOC: every amount in the document's currency and in the home one.

ISDOC states amounts in the home currency and, on a document in a foreign one, in both. Conversion
rounds; to keep the sums exact in both, the recapitulation is converted first (that is what VAT is
declared from), lines share it out, and totals are added up, never converted.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from spojka.core.document import Deduction, Document, DocumentLine, Treatment
from spojka.core.money import ZERO, plain, total
from spojka.core.problem import Problem
from spojka.documents.rendering import supply
from spojka.documents.rendering.supply import RenderError


@dataclass(frozen=True, slots=True)
class Twin:
    """One amount in the document's currency (``own``) and in the home currency (``home``)."""

    own: Decimal = ZERO
    home: Decimal = ZERO

    def __add__(self, other: Twin) -> Twin:
        return Twin(self.own + other.own, self.home + other.home)

    def __sub__(self, other: Twin) -> Twin:
        return Twin(self.own - other.own, self.home - other.home)


def sum_of(twins: Iterable[Twin]) -> Twin:
    return sum(twins, Twin())


@dataclass(frozen=True, slots=True)
class Taxed:
    """Base and tax."""

    net: Twin = Twin()
    tax: Twin = Twin()

    @property
    def gross(self) -> Twin:
        return self.net + self.tax

    def __add__(self, other: Taxed) -> Taxed:
        return Taxed(self.net + other.net, self.tax + other.tax)

    def __sub__(self, other: Taxed) -> Taxed:
        return Taxed(self.net - other.net, self.tax - other.tax)


@dataclass(frozen=True, slots=True)
class Category:
    """What ISDOC tells apart in the recapitulation."""

    percent: Decimal
    applicable: bool
    """False for what VAT does not concern: vouchers, all lines of a non-payer."""
    reverse: bool
    """Domestic reverse charge; a supply abroad is not "local" in the sense of ISDOC."""


@dataclass(frozen=True, slots=True)
class Deposit:
    """A deducted proforma, or one rate of a deducted tax document on payment."""

    deduction: Deduction
    amount: Taxed
    category: Category | None = None
    """``None``: it was never taxed, and only ``amount.net`` counts."""


class Amounts:
    """All amounts of one document.

    Raises:
        RenderError: SPJ-EXCHANGE-RATE-MISSING; SPJ-DEDUCTION-SUM, a deducted tax document declared
            more than what is deducted.
    """

    def __init__(self, document: Document) -> None:
        self._document = document
        self.lines = self._lines()
        self.deposits = tuple(self._deposits())
        self.full = self._by_category(
            (self.category(line.rate, line.treatment), amount)
            for line, amount in zip(document.lines, self.lines, strict=True)
        )
        self.claimed = self._by_category(
            (deposit.category, deposit.amount) for deposit in self.deposits if deposit.category
        )
        self.rounding = self.twin(document.rounding)
        self.full_total = sum(self.full.values(), Taxed())
        self.claimed_total = sum(self.claimed.values(), Taxed())
        self.difference = self.full_total - self.claimed_total
        self.untaxed_deposits = sum_of(
            deposit.amount.net for deposit in self.deposits if not deposit.category
        )
        self.payable = self.difference.gross + self.rounding - self.untaxed_deposits

    @property
    def categories(self) -> tuple[Category, ...]:
        """Every category of the lines and of the deductions, highest rate first."""
        found = dict.fromkeys((*self.full, *self.claimed))
        return tuple(sorted(found, key=lambda one: (-one.percent, not one.applicable, one.reverse)))

    def twin(self, amount: Decimal) -> Twin:
        return Twin(amount, supply.at_home(self._document, amount))

    def category(self, rate: Decimal, treatment: Treatment) -> Category:
        return Category(
            percent=rate.normalize(),
            applicable=treatment not in {Treatment.OUTSIDE_SCOPE, Treatment.NOT_A_PAYER},
            reverse=treatment is Treatment.REVERSE_CHARGE and supply.is_domestic(self._document),
        )

    def _lines(self) -> tuple[Taxed, ...]:
        lines = self._document.lines
        groups: dict[tuple[Decimal, Treatment], list[int]] = {}
        for index, line in enumerate(lines):
            groups.setdefault((line.rate, line.treatment), []).append(index)
        found: dict[int, Taxed] = {}
        for indices in groups.values():
            nets = self._shares([lines[index].net for index in indices])
            taxes = self._shares([lines[index].tax for index in indices])
            found.update(zip(indices, map(Taxed, nets, taxes), strict=True))
        return tuple(found[index] for index in range(len(lines)))

    def _shares(self, amounts: list[Decimal]) -> list[Twin]:
        """Convert amounts so that they add up to their converted sum; the largest gets the rest."""
        home = [supply.at_home(self._document, amount) for amount in amounts]
        missing = supply.at_home(self._document, total(amounts)) - total(home)
        largest = max(range(len(amounts)), key=lambda index: abs(amounts[index]))
        home[largest] += missing
        return list(map(Twin, amounts, home))

    def _deposits(self) -> Iterable[Deposit]:
        for deduction in self._document.deductions:
            rows = deduction.rows if deduction.taxed else ()
            for row in rows:
                amount = Taxed(self.twin(row.net), self.twin(row.tax))
                yield Deposit(deduction, amount, self.category(row.rate, row.treatment))
            rest = deduction.amount - total(row.gross for row in rows)
            if rest < ZERO and rows:
                raise RenderError(
                    Problem.of(
                        "SPJ-DEDUCTION-SUM",
                        number=deduction.number,
                        amount=plain(deduction.amount),
                        declared=plain(total(row.gross for row in rows)),
                        currency=self._document.currency,
                    )
                )
            if rest:
                yield Deposit(deduction, Taxed(self.twin(rest)))

    @staticmethod
    def _by_category(pairs: Iterable[tuple[Category | None, Taxed]]) -> dict[Category, Taxed]:
        sums: dict[Category, Taxed] = {}
        for category, amount in pairs:
            if category is not None:
                sums[category] = sums.get(category, Taxed()) + amount
        return sums


def unit_price(document: Document, line: DocumentLine) -> tuple[Decimal, Decimal]:
    """Return the home unit price without and with VAT, to four decimals."""
    rate = document.exchange_rate if supply.is_foreign(document) else None
    factor = rate.rate / rate.amount if rate is not None else Decimal(1)
    gross = line.gross / line.quantity if line.quantity else line.unit_price
    return line.unit_price * factor, gross * factor
