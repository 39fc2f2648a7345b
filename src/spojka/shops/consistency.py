"""Does an order agree with itself? One set of checks for every order source.

Shops round in different ways and show more, or fewer, decimals than they count with. A shop set to
no decimals sends rows of 223.13 + 26.77 and a total made of 223 + 27. The precision is therefore
not assumed: it is the first one at which the rows give the total, the VAT of each rate and the
VAT altogether. Where none does, the order contradicts itself, and that is named, never mended.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from spojka.core.money import ZERO, allocate, minor_units, plain, quantize, total
from spojka.core.order import OrderLine
from spojka.core.problem import Problem

Build = Callable[[int], tuple[OrderLine, ...]]
"""Makes the order's lines, rounded to so many decimals."""

_HUNDRED = Decimal(100)


@dataclass(frozen=True, slots=True)
class Claim:
    """What the order itself says of its sums, in ``currency``; ``None`` where it is silent."""

    currency: str
    total: Decimal
    total_tax: Decimal | None = None
    rates: Mapping[Decimal, Decimal] | None = None
    """VAT by rate in percent, from the order's own recapitulation."""


@dataclass(frozen=True, slots=True)
class Share:
    """The part of a row that belongs to one VAT rate."""

    rate: Decimal
    net: Decimal
    tax: Decimal


def tidy(amount: Decimal, currency: str) -> Decimal:
    """Write an amount with the decimals of its currency, or with more where it has more."""
    return quantize(amount, max(minor_units(currency), places_of(amount)))


def places_of(amount: Decimal) -> int:
    """Return how many decimals the amount really uses (1.50 uses one)."""
    exponent = amount.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def rounded(line: OrderLine, places: int) -> OrderLine:
    """Return the line with net and tax each rounded half up."""
    return replace(line, net=quantize(line.net, places), tax=quantize(line.tax, places))


def settle(
    build: Build, claim: Claim, *, vat_conflict: str = "hold", per_unit: bool = False
) -> tuple[tuple[OrderLine, ...], tuple[Problem, ...]]:
    """Find the order's precision; return its lines at that precision, and its contradictions.

    ``vat_conflict`` set to ``lines`` accepts a VAT recapitulation that differs from the rows by
    rounding only. ``per_unit`` says that the shop may round the VAT of one piece and multiply.
    """
    places = _candidates(claim)
    made = {n: build(n) for n in places}
    agreeing = [n for n in places if _agrees(made[n], claim)]
    # A shop that rounds the VAT of the whole order: its rows give both totals, its rates differ.
    nearly = [n for n in places if _agrees(made[n], replace(claim, rates=None))]
    chosen = (agreeing or nearly or places)[0]
    lines = made[chosen]
    problems = _contradictions(lines, claim, chosen, vat_conflict)
    if not problems:
        problems = _implausible(lines, claim, per_unit)
    at_least = minor_units(claim.currency)
    shown = tuple(rounded(line, max(chosen, at_least)) for line in lines)
    return shown, problems


def is_stacked(net: Decimal, taxes: Iterable[tuple[Decimal, Decimal]]) -> bool:
    """Tell whether several taxes lie on the same base, instead of sharing it.

    ``taxes`` are (rate in percent, tax). Where each tax is taken of the whole net, the bases that
    they imply sum to a multiple of it; where they share it, to itself.
    """
    bases = [tax * _HUNDRED / rate for rate, tax in taxes if rate > 0]
    if len(bases) < 2 or net == 0:
        return False
    return total(bases) / net > Decimal(1 + len(bases)) / 2


def share_by_rate(
    net: Decimal, tax: Decimal, taxes: Iterable[tuple[Decimal, Decimal]], places: int
) -> list[Share]:
    """Split a row by VAT rate; the shares sum to ``net`` and ``tax`` exactly.

    ``taxes`` are (rate in percent, tax) as the shop states them, at least one; their sum may
    differ from ``tax`` by rounding. ``net`` and ``tax`` are already rounded to ``places``.
    """
    stated: dict[Decimal, Decimal] = {}
    for rate, part in taxes:
        stated[rate] = stated.get(rate, ZERO) + part
    if len(stated) == 1:
        return [Share(next(iter(stated)), net, tax)]
    bases = _bases(net, stated, places)
    if not bases:
        return [Share(next(iter(stated)), net, tax)]
    nets = _to_sum(list(bases.values()), net, places)
    parts = _to_sum([stated[rate] for rate in bases], tax, places, exact=True)
    return [Share(rate, n, t) for rate, n, t in zip(bases, nets, parts, strict=True)]


def _bases(net: Decimal, stated: Mapping[Decimal, Decimal], places: int) -> dict[Decimal, Decimal]:
    """Bases implied by the taxes; the zero rate gets what is left, if more than rounding."""
    bases = {rate: tax * _HUNDRED / rate for rate, tax in stated.items() if rate and tax}
    unit = Decimal(1).scaleb(-places)
    fuzz = unit + total(unit / 2 * _HUNDRED / rate for rate in bases)
    left = net - total(bases.values())
    for rate, tax in stated.items():
        if tax == 0 and abs(left) > fuzz and left * net > 0:
            bases[rate] = left
            break
    return bases


def _to_sum(
    parts: Sequence[Decimal], amount: Decimal, places: int, *, exact: bool = False
) -> list[Decimal]:
    """Round ``parts`` so that they sum to ``amount``.

    In proportion, by largest remainder; or, for ``exact`` (and for parts of mixed sign), as they
    are, with the difference on the largest.
    """
    if not exact and all(part * amount > 0 for part in parts):
        return allocate(amount, parts, places)
    fitted = [quantize(part, places) for part in parts]
    largest = max(range(len(fitted)), key=lambda i: abs(fitted[i]))
    fitted[largest] += amount - total(fitted)
    return fitted


def _candidates(claim: Claim) -> list[int]:
    """Precisions to try, the likely one first."""
    usual = minor_units(claim.currency)
    finer = max(places_of(claim.total), places_of(claim.total_tax or ZERO))
    first = [usual] if finer <= usual else [finer, usual]
    return first + [places for places in (1, 0) if places < usual]


def _tax_by_rate(lines: Iterable[OrderLine]) -> dict[Decimal, Decimal]:
    taxes: dict[Decimal, Decimal] = {}
    for line in lines:
        if line.rate is not None:
            taxes[line.rate] = taxes.get(line.rate, ZERO) + line.tax
    return taxes


def _differing(
    lines: Sequence[OrderLine], rates: Mapping[Decimal, Decimal]
) -> list[tuple[Decimal, Decimal, Decimal]]:
    """(rate, by rows, by recapitulation) where the two differ, higher rates first."""
    rows = _tax_by_rate(lines)
    both = sorted({*rows, *rates}, reverse=True)
    return [
        (rate, rows.get(rate, ZERO), rates.get(rate, ZERO))
        for rate in both
        if rows.get(rate, ZERO) != rates.get(rate, ZERO)
    ]


def _agrees(lines: Sequence[OrderLine], claim: Claim) -> bool:
    return (
        total(line.gross for line in lines) == claim.total
        and (claim.total_tax is None or total(line.tax for line in lines) == claim.total_tax)
        and not (claim.rates is not None and _differing(lines, claim.rates))
    )


def _contradictions(
    lines: Sequence[OrderLine], claim: Claim, places: int, vat_conflict: str
) -> tuple[Problem, ...]:
    currency = claim.currency
    rows = total(line.gross for line in lines)
    if rows != claim.total:
        facts = {"rows": _show(rows, currency), "total": _show(claim.total, currency)}
        return (Problem.of("SPJ-ORDER-SUM", currency=currency, **facts),)

    def forgiven(difference: Decimal, count: int) -> bool:
        rounding = max(count, 1) * Decimal(1).scaleb(-places)
        return vat_conflict == "lines" and abs(difference) <= rounding

    problems = []
    counts = Counter(line.rate for line in lines)
    for rate, by_rows, by_summary in _differing(lines, claim.rates or {}) if claim.rates else []:
        if not forgiven(by_rows - by_summary, counts[rate]):
            facts = {"rows": _show(by_rows, currency), "summary": _show(by_summary, currency)}
            facts |= {"rate": plain(rate), "currency": currency}
            problems.append(Problem.of("SPJ-ORDER-VAT-SOURCES", **facts))
    tax = total(line.tax for line in lines)
    stated = tax if claim.total_tax is None else claim.total_tax
    if tax != stated and not problems and not forgiven(tax - stated, len(lines)):
        facts = {"rows": _show(tax, currency), "summary": _show(stated, currency)}
        problems.append(Problem.of("SPJ-ORDER-VAT-TOTAL", currency=currency, **facts))
    return tuple(problems)


def _implausible(lines: Sequence[OrderLine], claim: Claim, per_unit: bool) -> tuple[Problem, ...]:
    """Name rows whose VAT no honest rounding explains: the rate or the amount is wrong."""
    usual = minor_units(claim.currency)
    used = max(places_of(x) for x in (claim.total, *(y for n in lines for y in (n.net, n.tax))))
    unit = Decimal(1).scaleb(-min(used, usual))
    # At the usual precision a few units do no harm. A shop that counts in whole crowns gets no
    # more than the rounding of net and of tax really makes, or a wrong rate would pass.
    slack = Decimal(2) if used >= usual else Decimal("0.25")
    parts = Counter(line.key for line in lines)
    problems = []
    for line in lines:
        if line.rate is None and line.tax:
            facts = {"line": line.name, "tax": _show(line.tax, claim.currency)}
            problems.append(Problem.of("SPJ-ORDER-RATE-UNKNOWN", **facts))
            continue
        rate = line.rate or ZERO
        bound = unit * ((1 + rate / _HUNDRED) / 2 + slack)
        if parts[line.key] > 1:
            bound += unit * 3 / 2
        if per_unit:
            bound *= max(Decimal(1), abs(line.quantity))
        if abs(line.tax - line.net * rate / _HUNDRED) > bound:
            problems.append(
                Problem.of(
                    "SPJ-VAT-IMPLAUSIBLE",
                    line=line.name,
                    net=_show(line.net, claim.currency),
                    tax=_show(line.tax, claim.currency),
                    rate=plain(rate),
                    currency=claim.currency,
                )
            )
    return tuple(problems)


def _show(amount: Decimal, currency: str) -> str:
    return plain(tidy(amount, currency))
