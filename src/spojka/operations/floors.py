"""Number series after a restore: numbers given out in the lost time are never given out again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from django.db import transaction
from django.utils import timezone

from spojka.archive import store as archive
from spojka.companies.models import AuditEntry, Company
from spojka.core.numbering import NumberFormat, Reset
from spojka.core.problem import Problem
from spojka.documents.models import Series, SeriesCounter
from spojka.documents.register import take_counter
from spojka.operations.manifest import BackupError


@dataclass(frozen=True, slots=True)
class Floor:
    """The last number of a series that may have been given out, whatever the database says."""

    series: Series
    period: str
    counter: int


def parse(company: Company | None, text: str) -> Floor:
    """Read ``SERIES=NUMBER``: the series by id or name, the number as it stands on a document.

    Instead of a number its counter alone will do, for the present period.

    Raises:
        BackupError: ``SPJ-SERIES-UNKNOWN``, or ``SPJ-SERIES-FORMAT`` where the number is not one of
            the series.
    """
    name, _, number = text.rpartition("=")
    series = find(company, name)
    numbers = NumberFormat.parse(series.format, Reset(series.reset))
    today = timezone.now().astimezone(series.company.zone).date()
    parsed = numbers.match(number)
    if parsed is not None:
        on = date(parsed.year or today.year, parsed.month or 1, 1)
        return Floor(series, numbers.period(on), parsed.counter)
    if number.isdecimal():
        return Floor(series, numbers.period(today), int(number))
    raise BackupError(
        Problem.of("SPJ-SERIES-FORMAT", format=series.format, reason=f"≠ {number or '-'}")
    )


def find(company: Company | None, name: str) -> Series:
    """Return the series of this id or name; ``company=None`` looks in all companies.

    Raises:
        BackupError: ``SPJ-SERIES-UNKNOWN``.
    """
    rows = Series.objects.select_related("company")
    if company is not None:
        rows = rows.filter(company=company)
    found = list(rows.filter(pk=int(name)) if name.isdecimal() else rows.filter(name=name))
    if len(found) != 1:
        known = ", ".join(f"{row.pk} {row.name} ({row.company.name})" for row in rows[:20]) or "-"
        raise BackupError(Problem.of("SPJ-SERIES-UNKNOWN", name=name or "-", known=known))
    return found[0]


@transaction.atomic
def raise_to(floor: Floor, *, actor: str) -> None:
    """Have a series continue above a number; the archive keeps why there is a gap.

    Raises:
        BackupError: ``SPJ-SERIES-FLOOR``; the series is beyond it already.
    """
    series = floor.series
    counter = take_counter(series, floor.period)
    if counter.last > floor.counter:
        raise BackupError(
            Problem.of(
                "SPJ-SERIES-FLOOR", series=series.name, last=counter.last, wanted=floor.counter
            )
        )
    if counter.last == floor.counter:
        return
    facts = {"period": floor.period, "from": counter.last + 1, "to": floor.counter}
    counter.last = floor.counter
    counter.save(update_fields=["last"])
    archive.append(series.company, kind="series_floor", subject=f"series:{series.pk}", facts=facts)
    AuditEntry.write(
        "series.floor", company=series.company, actor=actor, subject=series.name, **facts
    )


def counters() -> dict[tuple[int, str], int]:
    """Return the last number of each period of each series, by (series id, period)."""
    rows = SeriesCounter.objects.values_list("series_id", "period", "last")
    return {(series, period): last for series, period, last in rows}
