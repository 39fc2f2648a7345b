"""Retention: bytes go when their time is over, never before, and the chain tells which went."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.db import connection

from spojka.archive import store, triggers
from spojka.archive.models import Blob, Entry
from spojka.companies.models import Company

pytestmark = pytest.mark.django_db

PRAGUE = ZoneInfo("Europe/Prague")


@pytest.fixture
def company() -> Company:
    return Company.objects.create(name="Hrnečky s.r.o.", retention_years=10)


def keep(company: Company, day: date, content: bytes, **fields: object) -> Entry:
    moment = datetime(day.year, day.month, day.day, 0, 30, tzinfo=PRAGUE)
    with time_machine.travel(moment, tick=False):
        given = {"kind": "pdf", "subject": "uuid", "name": "FA1.pdf", **fields}
        return store.append(company, content=content, **given)  # type: ignore[arg-type]


def test_files_are_kept_for_ten_years_after_the_year_of_issue(company: Company) -> None:
    old = keep(company, date(2015, 12, 31), b"old")
    # Half past midnight in Prague is still the former year in UTC: Prague is what counts.
    young = keep(company, date(2016, 1, 1), b"young")
    assert store.apply_retention(company, date(2025, 12, 31)) == 0
    assert store.apply_retention(company, date(2026, 1, 1)) == 1
    assert store.read(old.sha256) is None
    assert store.read(young.sha256) == b"young"
    listing = Entry.objects.get(kind="retention")
    assert listing.facts["on"] == "2026-01-01"
    assert listing.facts["years"] == 10
    assert listing.facts["erased"] == [
        {"seq": 1, "kind": "pdf", "number": "", "name": "FA1.pdf", "sha256": old.sha256}
    ]
    assert store.verify(company).ok


def test_nothing_more_happens_when_it_runs_again(company: Company) -> None:
    keep(company, date(2010, 5, 1), b"old")
    assert store.apply_retention(company, date(2026, 1, 1)) == 1
    assert store.apply_retention(company, date(2026, 1, 2)) == 0
    assert Entry.objects.filter(kind="retention").count() == 1


def test_bytes_that_a_younger_record_names_stay(company: Company) -> None:
    keep(company, date(2010, 5, 1), b"logo")
    keep(company, date(2020, 5, 1), b"logo")
    assert store.apply_retention(company, date(2026, 1, 1)) == 0
    assert Blob.objects.count() == 1
    assert store.apply_retention(company, date(2031, 1, 1)) == 1
    assert store.verify(company).ok


def test_bytes_of_another_company_stay(company: Company) -> None:
    other = Company.objects.create(name="Other", retention_years=10)
    keep(company, date(2010, 5, 1), b"same")
    keep(other, date(2020, 5, 1), b"same")
    assert store.apply_retention(company, date(2026, 1, 1)) == 0
    assert store.verify(other).ok


def test_a_document_dated_into_the_next_year_is_kept_by_its_own_year(company: Company) -> None:
    keep(company, date(2015, 12, 31), b"{}", kind="issued", facts={"issued_on": "2016-01-02"})
    keep(company, date(2015, 12, 31), b"%PDF")
    assert store.apply_retention(company, date(2026, 1, 1)) == 0
    assert store.apply_retention(company, date(2027, 1, 1)) == 2


def test_zero_years_mean_for_ever(company: Company) -> None:
    company.retention_years = 0
    keep(company, date(1990, 5, 1), b"old")
    assert store.apply_retention(company, date(2026, 1, 1)) == 0


def test_more_files_than_one_go_takes(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spojka.archive.retention._CHUNK", 3)
    for number in range(8):
        keep(company, date(2010, 5, 1), f"old {number % 5}".encode())
    assert store.apply_retention(company, date(2026, 1, 1)) == 5
    assert Blob.objects.count() == 0
    assert store.verify(company).ok


def test_a_file_that_went_too_early_is_missed_even_if_it_is_listed(company: Company) -> None:
    entry = keep(company, date(2024, 5, 1), b"young")
    store.append(
        company,
        kind="retention",
        subject="archive",
        facts={
            "on": "2026-01-01",
            "years": 10,
            "erased": [{"seq": entry.seq, "sha256": entry.sha256}],
        },
    )
    Blob.objects.all().delete()
    codes = [problem.code for problem in store.verify(company).problems]
    assert codes == ["SPJ-ARCHIVE-FILE-MISSING"]


def test_erasing_changes_no_record(company: Company) -> None:
    with triggers.lifted(connection):
        pass  # leaves the database's guard in place
    keep(company, date(2010, 5, 1), b"old")
    before = Entry.objects.values().get()
    store.apply_retention(company, date(2026, 1, 1))
    assert Entry.objects.filter(kind="pdf").values().get() == before
