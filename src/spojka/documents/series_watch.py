"""Watch over number series: gaps, duplicates, dates out of order, numbers of a wrong year.

The own issuer's series are known exactly: format, counter, period. Of another system only the
numbers of the documents that went through Spojka are known; what its format is, is read from the
numbers themselves. A gap there may be a document made in that system by hand, and is told as such.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from itertools import pairwise

from django.db.models import Case, CharField, Count, F, Func, Max, Min, Value, When, Window
from django.db.models.functions import Lag, Left, Right, Substr

from spojka.companies.models import Company
from spojka.core.numbering import NumberFormat, Reset, SeriesError
from spojka.core.problem import Problem
from spojka.documents.models import Document, RegisterEntry, Series, SeriesCounter

OWN_SYSTEM = "own"


class FindingKind(StrEnum):
    """What is wrong with a series."""

    GAP = "gap"
    DUPLICATE = "duplicate"
    DATE_ORDER = "date_order"
    WRONG_YEAR = "wrong_year"


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding; its facts are in the problem, which the catalogue explains."""

    series: str
    """Name of the own series, or of the connection."""
    kind: FindingKind
    problem: Problem
    numbers: tuple[str, ...] = ()
    """Numbers of the documents to look at, where there are such documents."""


@dataclass(frozen=True, slots=True)
class _Numbered:
    """A document in its run: numbers that differ in nothing but the counter."""

    number: str
    counter: int
    issued_on: date
    year: int | None
    """The year that the number states, if any."""


def findings(company: Company) -> list[Finding]:
    """Return everything that is wrong with the company's number series, own series first."""
    return [*_own(company), *_others(company)]


# ── The own issuer ────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class _Day:
    """What was issued under one date in a period of a series."""

    issued_on: date
    count: int
    lowest: int
    highest: int
    years: frozenset[str]
    """The least and the greatest year that its numbers state, as they write it."""


def _own(company: Company) -> Iterator[Finding]:
    """Go through the periods by days; only those that are out of order are read as a whole.

    There may be hundreds of thousands of numbers, of which nearly always nothing is to be said.
    """
    counters: dict[int, dict[str, int]] = defaultdict(dict)
    rows = SeriesCounter.objects.filter(series__company=company).order_by("pk")
    for series_id, period, last in rows.values_list("series_id", "period", "last"):
        counters[series_id][period] = last
    readers = {series: _reader(series) for series in Series.objects.filter(company=company)}
    days = _days(readers)
    for series, reader in readers.items():
        for position, (period, last) in enumerate(counters[series.pk].items()):
            # The first period begins with the series' first number, the others with 1. A first
            # number that was raised after the first document was issued says nothing about it.
            of = days[series.pk, period]
            first = 1
            if position == 0:
                lowest = min((day.lowest for day in of), default=last + 1)
                first = min(series.first, lowest) if of else lowest
            if sum(day.count for day in of) != last - first + 1:
                yield from _gaps(series, period, of, first, last)
            if not _in_order(of, reader):
                run = _run(series, reader, period)
                yield from _dates(series.name, run)
                yield from _years(series.name, run)


def _days(readers: Mapping[Series, NumberFormat | None]) -> Mapping[tuple[int, str], list[_Day]]:
    """Return the days of each series and period, in their order."""
    years = [
        When(series=series, then=_stated_year(place))
        for series, reader in readers.items()
        if reader is not None and (place := reader.year_place()) is not None
    ]
    entries = RegisterEntry.objects.filter(series__in=readers).annotate(
        year=Case(*years, default=Value(""), output_field=CharField())
    )
    days = entries.values("series_id", "period", "issued_on").annotate(
        Min("counter"), Max("counter"), Min("year"), Max("year"), count=Count("*")
    )
    found: dict[tuple[int, str], list[_Day]] = defaultdict(list)
    for series_id, period, issued_on, count, lowest, highest, *stated in days.order_by(
        "series_id", "period", "issued_on"
    ).values_list(
        "series_id",
        "period",
        "issued_on",
        "count",
        "counter__min",
        "counter__max",
        "year__min",
        "year__max",
    ):
        day = _Day(issued_on, count, lowest, highest, frozenset(stated))
        found[series_id, period].append(day)
    return found


def _stated_year(place: tuple[int, int]) -> Func:
    first, width = place
    if first >= 0:
        return Substr("number", first + 1, width)
    return Left(Right("number", -first), width)


def _in_order(days: Sequence[_Day], reader: NumberFormat | None) -> bool:
    """Tell whether the numbers follow their dates, and state the years of these."""
    place = reader.year_place() if reader is not None else None
    latest = 0
    for day in days:
        year = f"{day.issued_on.year:04}"[-place[1] :] if place else ""
        if day.lowest <= latest or day.years != {year}:
            return False
        latest = day.highest
    return True


def _run(series: Series, reader: NumberFormat | None, period: str) -> list[_Numbered]:
    run: list[_Numbered] = []
    entries = RegisterEntry.objects.filter(series=series, period=period).order_by("counter")
    for number, counter, issued_on in entries.values_list("number", "counter", "issued_on"):
        year = reader.match(number) if reader else None
        run.append(_Numbered(number, counter, issued_on, year.year if year else None))
    return run


def _reader(series: Series) -> NumberFormat | None:
    try:
        return NumberFormat.parse(series.format, Reset(series.reset))
    except SeriesError:
        return None  # the series cannot be used, and says so where it is edited


def _gaps(
    series: Series, period: str, days: Sequence[_Day], first: int, last: int
) -> Iterator[Finding]:
    inside = (
        RegisterEntry.objects.filter(series=series, period=period)
        .annotate(before=Window(Lag("counter"), order_by="counter"))
        .filter(counter__gt=F("before") + 1)
        .order_by("counter")
        .values_list("before", "counter")
    )
    lowest = min((day.lowest for day in days), default=last + 1)
    highest = max((day.highest for day in days), default=last)
    for before, after in ((first - 1, lowest), *inside, (highest, last + 1)):
        if after - before > 1:
            facts = {"series": series.name, "first": before + 1, "last": after - 1}
            problem = Problem.of("SPJ-WATCH-GAP", **facts, count=after - before - 1)
            yield Finding(series.name, FindingKind.GAP, problem)


def _dates(series: str, run: Iterable[_Numbered]) -> Iterator[Finding]:
    latest: _Numbered | None = None
    for item in run:
        if latest is not None and item.issued_on < latest.issued_on:
            problem = Problem.of(
                "SPJ-WATCH-DATE-ORDER",
                number=item.number,
                date=item.issued_on,
                previous=latest.number,
                previous_date=latest.issued_on,
            )
            yield Finding(series, FindingKind.DATE_ORDER, problem, (latest.number, item.number))
        else:
            latest = item


def _years(series: str, run: Iterable[_Numbered]) -> Iterator[Finding]:
    for item in run:
        if item.year is not None and item.year != item.issued_on.year:
            problem = Problem.of(
                "SPJ-WATCH-YEAR", number=item.number, year=item.year, date=item.issued_on
            )
            yield Finding(series, FindingKind.WRONG_YEAR, problem, (item.number,))


# ── Other systems ─────────────────────────────────────────────────────────────────────────────

_LAST_DIGITS = re.compile(r"(?P<before>.*?)(?P<digits>\d+)(?P<after>\D*)\Z", re.DOTALL)
_YEAR_BEFORE = re.compile(r"(?:\A|\D)(20\d\d)\D*\Z")
_YEAR_AFTER = re.compile(
    r"(?P<before>.*?)(?P<digits>\d+)(?P<after>\D+(?P<year>20\d\d)\D*)\Z", re.DOTALL
)
_LONG_YEAR = re.compile(r"(20\d\d)(\d{2,})")
_SHORT_YEAR = re.compile(r"(\d\d)(\d{4,})")


def _others(company: Company) -> Iterator[Finding]:
    # By connection alone: the own issuer's documents, often nearly all, are not even looked at.
    others = company.connections.exclude(system=OWN_SYSTEM)
    documents = (
        Document.objects.filter(connection__in=others, issued_on__isnull=False)
        .exclude(number="")
        .order_by("connection_id", "kind", "pk")
    )
    groups: dict[tuple[str, int | None, str], list[tuple[str, date]]] = defaultdict(list)
    for name, connection, kind, number, issued_on in documents.values_list(
        "connection__name", "connection_id", "kind", "number", "issued_on"
    ):
        if issued_on is not None:
            groups[str(name), connection, kind].append((number, issued_on))
    for (name, _connection, _kind), numbers in groups.items():
        yield from _duplicates(name, numbers)
        for run in _runs(dict(numbers)):
            for before, after in pairwise(run):
                if after.counter - before.counter > 1:
                    yield _outside(name, before, after)
            yield from _dates(name, run)
            yield from _years(name, run)


def _duplicates(name: str, numbers: Iterable[tuple[str, date]]) -> Iterator[Finding]:
    for number, count in Counter(number for number, _ in numbers).items():
        if count > 1:
            problem = Problem.of("SPJ-WATCH-DUPLICATE", number=number, count=count, series=name)
            yield Finding(name, FindingKind.DUPLICATE, problem, (number,))


def _outside(name: str, before: _Numbered, after: _Numbered) -> Finding:
    problem = Problem.of(
        "SPJ-WATCH-GAP-OUTSIDE",
        series=name,
        previous=before.number,
        number=after.number,
        count=after.counter - before.counter - 1,
    )
    return Finding(name, FindingKind.GAP, problem, (before.number, after.number))


def _runs(numbers: dict[str, date]) -> list[list[_Numbered]]:
    """Sort numbers into runs: what stands around the counter, and the year, are equal in a run."""
    years = _year_reader(numbers)
    runs: dict[tuple[str, int | None, str], list[_Numbered]] = defaultdict(list)
    for number, issued_on in numbers.items():
        behind = _YEAR_AFTER.match(number)
        found = behind or _LAST_DIGITS.match(number)
        if found is None:
            continue
        before, digits = found["before"], found["digits"]
        stated = _YEAR_BEFORE.search(before)
        year = int(behind["year"]) if behind else int(stated[1]) if stated else None
        inside = years.fullmatch(digits) if years is not None and year is None else None
        if inside is not None:
            year, digits = int(inside[1]), inside[2]
            year += 0 if year > 99 else 2000
        runs[before, year, found["after"]].append(_Numbered(number, int(digits), issued_on, year))
    return [sorted(run, key=lambda item: item.counter) for run in runs.values()]


def _year_reader(numbers: dict[str, date]) -> re.Pattern[str] | None:
    """Decide whether the counter's digits begin with a year: they do if most say the right one."""
    for pattern in (_LONG_YEAR, _SHORT_YEAR):
        right = 0
        for number, issued_on in numbers.items():
            found = _LAST_DIGITS.match(number)
            inside = pattern.fullmatch(found["digits"]) if found else None
            right += inside is not None and int(inside[1]) in {
                issued_on.year,
                issued_on.year % 100,
            }
        if right * 2 > len(numbers):
            return pattern
    return None
