"""Series continue above what was given out, never below, and the archive knows why."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import time_machine

from spojka.archive import store as archive
from spojka.companies.models import Company
from spojka.core.document import Kind
from spojka.documents.models import Series
from tests.cli.conftest import Run, run
from tests.documents.conftest import House, captured

__all__ = ["run"]
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def clock() -> Iterator[None]:
    with time_machine.travel(datetime(2026, 11, 22, 12, tzinfo=UTC), tick=True):
        yield


@pytest.fixture
def series(house: House) -> Series:
    assert issue(house, 1) == "FA20260001"
    return house.company.series.get(kind=Kind.INVOICE)


def issue(house: House, number: int) -> str:
    order = house.take(captured("rest-20b-set-paid", id=number, number=str(number)))
    return house.only(order, Kind.INVOICE).number


@pytest.mark.parametrize("last", ["FA20260041", "41"])
def test_the_next_number_follows_the_floor(
    run: Run, house: House, series: Series, last: str
) -> None:
    done = run("series", "floor", series.pk, last, "--json")
    assert (done.code, done.lines[0]["next_number"]) == (0, "FA20260042")
    [listed] = [row for row in run("series", "list", "--json").lines if row["id"] == series.pk]
    assert listed["next_number"] == "FA20260042"
    assert issue(house, 2) == "FA20260042"
    [entry] = house.company.archive_entries.filter(kind="series_floor")
    assert entry.facts == {"period": "2026", "from": 2, "to": 41}
    assert archive.verify(house.company).ok


@pytest.mark.parametrize(
    ("name", "last", "code"),
    [
        ("", "0", "SPJ-SERIES-FLOOR"),
        ("nothing", "5", "SPJ-SERIES-UNKNOWN"),
        ("999999", "5", "SPJ-SERIES-UNKNOWN"),
        ("", "DOBROPIS", "SPJ-SERIES-FORMAT"),
        ("", "", "SPJ-SERIES-FORMAT"),
    ],
)
def test_what_makes_no_sense_is_refused(
    run: Run, house: House, series: Series, name: str, last: str, code: str
) -> None:
    done = run("series", "floor", name or series.pk, last, "--json")
    assert (done.code, done.lines[0]["error"]["code"]) == (1, code)
    assert issue(house, 2) == "FA20260002"


def test_a_series_of_another_company_is_not_found(run: Run, series: Series) -> None:
    other = Company.objects.create(name="Other", company_id="25596641")
    done = run("series", "floor", series.pk, "99", "--company", other.pk, "--json")
    assert done.lines[0]["error"]["code"] == "SPJ-SERIES-UNKNOWN"
