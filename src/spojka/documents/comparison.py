"""Whether both sides say the same: a document of ours, and the same one in its accounting system.

Before it is sent, what the system will compute is compared; afterwards, what it says of the
document. What an answer does not tell is not compared. VAT is compared per rate: treatments are
named by each system in its own way. Nothing here knows the database.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal

from spojka.accounting.contract import Issued, IssuedLine, Totals
from spojka.core.document import Document, VatRow
from spojka.core.money import ZERO
from spojka.core.order import LineKind
from spojka.core.problem import Problem

_NONE = (ZERO, ZERO)
Amounts = tuple[Decimal, Decimal]
"""Net and VAT."""

LINE_TOLERANCE = Decimal("0.50")
"""A line may miss by less than this, and a line of less than this may be one more: systems round
lines in their own ways, and a line for rounding brings the sums right. The sums are exact."""

_CODES = {
    "total": "SPJ-TOTAL-DIFFERS",
    "vat": "SPJ-VAT-DIFFERS",
}


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that both sides say differently, in words to be shown."""

    field: str
    ours: str
    theirs: str

    def problem(self) -> Problem:
        """Return it as a problem of an issued document."""
        if self.field == "total":
            return Problem.of("SPJ-TOTAL-DIFFERS", total=self.ours, found=self.theirs)
        if self.field == "vat":
            return Problem.of("SPJ-VAT-DIFFERS", ours=self.ours, theirs=self.theirs)
        return Problem.of(
            "SPJ-ISSUED-DIFFERS",
            field=f"@field-{self.field}",
            ours=self.ours or "–",
            theirs=self.theirs or "–",
        )


def field_of(problem: Problem) -> str:
    """Return the field that a problem made by :meth:`Difference.problem` is about, or nothing."""
    found = {code: field for field, code in _CODES.items()}.get(problem.code, "")
    if problem.code == "SPJ-ISSUED-DIFFERS":
        return problem.facts.get("field", "").removeprefix("@field-")
    return found


def predicted(totals: Totals, document: Document) -> Problem | None:
    """Return what the system would compute otherwise than the order: the total, or a rate's VAT."""
    ours, theirs = per_rate(document.vat), per_rate(totals.vat)
    if totals.total != document.total:
        return Problem.of(
            "SPJ-TOTAL-PREDICTED",
            predicted=totals.total,
            total=document.total,
            ours=rates_in_words(ours),
            theirs=rates_in_words(theirs),
        )
    if ours != theirs:
        mine, other = _where_they_differ(ours, theirs)
        return Problem.of("SPJ-VAT-PREDICTED", ours=mine, theirs=other)
    return None


def differences(document: Document, issued: Issued, number: str = "") -> tuple[Difference, ...]:
    """Return what the system says of a document otherwise than we do.

    Args:
        document: Ours, with the variable symbol that its system gave it.
        issued: The document as the system tells it.
        number: The number that we know; empty: the system has just given it.
    """
    return tuple(_differences(document, issued, number))


def told(issued: Issued) -> frozenset[str]:
    """Return the fields that an answer tells, and that were compared by :func:`differences`."""
    values = {
        "number": issued.number,
        "total": issued.total,
        "vat": issued.vat,
        "currency": issued.currency,
        "issued_on": issued.issued_on,
        "taxable_on": issued.taxable_on,
        "due_on": issued.due_on,
        "variable_symbol": issued.variable_symbol,
        "lines": issued.lines,
    }
    return frozenset(name for name, value in values.items() if value not in (None, ""))


def _differences(document: Document, issued: Issued, number: str) -> Iterator[Difference]:
    if number and issued.number and number != issued.number:
        yield Difference("number", number, issued.number)
    if issued.currency and issued.currency != document.currency:
        yield Difference("currency", document.currency, issued.currency)
    if issued.total is not None and issued.total != document.total:
        yield Difference("total", str(document.total), str(issued.total))
    if issued.vat is not None:
        ours, theirs = per_rate(document.vat), per_rate(issued.vat)
        if theirs not in (ours, _without_rounding(document)):
            yield Difference("vat", *_where_they_differ(ours, theirs))
    for name in ("issued_on", "taxable_on", "due_on"):
        mine, other = getattr(document, name), getattr(issued, name)
        # A proforma has no taxable day; some systems fill one in all the same.
        if mine is not None and other is not None and mine != other:
            yield Difference(name, mine.isoformat(), other.isoformat())
    symbol = issued.variable_symbol
    if document.variable_symbol and symbol and symbol != document.variable_symbol:
        yield Difference("variable_symbol", document.variable_symbol, symbol)
    # A deduction is a line in some systems, and none in others.
    compared = issued.lines is not None and not document.deductions
    if compared and not _same_lines(document, issued.lines or ()):
        mine = _lines_in_words(line.gross for line in document.lines)
        yield Difference("lines", mine, _lines_in_words(line.gross for line in issued.lines or ()))


def per_rate(rows: Iterable[VatRow]) -> dict[Decimal, Amounts]:
    """Return net and VAT per rate, without rates at which there is nothing."""
    sums: dict[Decimal, Amounts] = {}
    for row in rows:
        rate = row.rate.normalize() + ZERO  # 21 and 21.00 are one rate; zero has no sign
        net, tax = sums.get(rate, _NONE)
        sums[rate] = (net + row.net, tax + row.tax)
    return {rate: sums[rate] for rate in sorted(sums, reverse=True) if sums[rate] != _NONE}


def _without_rounding(document: Document) -> dict[Decimal, Amounts]:
    """Return VAT per rate less rows that round the total: many systems keep these outside of it."""
    rounding = (
        VatRow(line.rate, line.treatment, -line.net, ZERO)
        for line in document.lines
        if line.kind is LineKind.ROUNDING and not line.tax
    )
    return per_rate([*document.vat, *rounding])


def rates_in_words(rates: dict[Decimal, Amounts]) -> str:
    """Write a recapitulation in one line: ``21 %: 100.00 + 21.00; 12 %: 50.00 + 6.00``."""
    return "; ".join(
        f"{format(rate, 'f')} %: {format(net, 'f')} + {format(tax, 'f')}"
        for rate, (net, tax) in rates.items()
    )


def _where_they_differ(
    ours: dict[Decimal, Amounts], theirs: dict[Decimal, Amounts]
) -> tuple[str, str]:
    rates = sorted(ours.keys() | theirs.keys(), reverse=True)
    differing = [rate for rate in rates if ours.get(rate) != theirs.get(rate)]
    return (
        rates_in_words({rate: ours.get(rate, _NONE) for rate in differing}),
        rates_in_words({rate: theirs.get(rate, _NONE) for rate in differing}),
    )


def _same_lines(document: Document, lines: Iterable[IssuedLine]) -> bool:
    ours = sorted(line.gross for line in document.lines if abs(line.gross) >= LINE_TOLERANCE)
    theirs = sorted(line.gross for line in lines if abs(line.gross) >= LINE_TOLERANCE)
    return len(ours) == len(theirs) and all(
        abs(mine - other) < LINE_TOLERANCE for mine, other in zip(ours, theirs, strict=True)
    )


def _lines_in_words(amounts: Iterable[Decimal]) -> str:
    return " · ".join(format(amount, "f") for amount in amounts)
