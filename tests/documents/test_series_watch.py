"""The series watch: every seeded defect is found, and clean series give no alarm."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spojka.companies.models import Company
from spojka.connections.models import Connection, Shop
from spojka.core.catalogue import entry
from spojka.documents.models import Document, RegisterEntry, Series, SeriesCounter
from spojka.documents.register import CompanyRegister
from spojka.documents.series import add_default_series
from spojka.documents.series_watch import Finding, FindingKind, findings
from spojka.orders.models import Order, OrderVersion
from tests.documents.test_register import document

if TYPE_CHECKING:
    from pytest_django import DjangoAssertNumQueries

pytestmark = pytest.mark.django_db


@pytest.fixture
def company() -> Company:
    company = Company.objects.create(name="Hrnečky s.r.o.")
    add_default_series(company)
    return company


def issue(company: Company, *days: date) -> list[str]:
    register = CompanyRegister(company)
    return [register.enter(document(on=day), uuid4().hex).number for day in days]


def facts(finding: Finding) -> dict[str, str]:
    return dict(finding.problem.facts)


MARCH = date(2026, 3, 1)


def day(number: int) -> date:
    return MARCH + timedelta(days=number)


# ── The own issuer ────────────────────────────────────────────────────────────────────────────


def test_clean_series_give_no_alarm(company: Company) -> None:
    assert findings(company) == []
    Series.objects.filter(company=company, kind="invoice").update(first=300)
    issue(company, day(0), day(0), day(1), date(2027, 1, 1), date(2027, 1, 2))
    Series.objects.filter(company=company, kind="proforma").update(format="ZALXRRMM-CCC")
    assert findings(company) == []


def test_a_missing_number_inside_is_found(company: Company) -> None:
    issue(company, *[day(number) for number in range(6)])
    RegisterEntry.objects.filter(counter__in=[3, 4]).delete()
    (finding,) = findings(company)
    assert finding.kind is FindingKind.GAP
    assert finding.series == "Faktury"
    assert facts(finding) == {"series": "Faktury", "first": "3", "last": "4", "count": "2"}


def test_missing_numbers_at_the_end_are_found_by_the_counter(company: Company) -> None:
    issue(company, day(0), day(1), day(2))
    RegisterEntry.objects.filter(counter=3).delete()
    assert [(f["first"], f["last"]) for f in map(facts, findings(company))] == [("3", "3")]


def test_a_missing_first_number_is_found(company: Company) -> None:
    Series.objects.filter(company=company, kind="invoice").update(first=300)
    issue(company, day(0), day(1), date(2027, 1, 1), date(2027, 1, 2))
    RegisterEntry.objects.filter(counter__in=[1, 300]).delete()
    gaps = [(finding["first"], finding["last"]) for finding in map(facts, findings(company))]
    assert gaps == [("300", "300"), ("1", "1")]


def test_a_first_number_raised_later_is_no_gap(company: Company) -> None:
    issue(company, day(0))
    Series.objects.filter(company=company, kind="invoice").update(first=300)
    assert findings(company) == []


def test_an_entirely_lost_period_is_found(company: Company) -> None:
    issue(company, day(0), date(2027, 1, 1), date(2027, 1, 2))
    RegisterEntry.objects.filter(period="2027").delete()
    (finding,) = findings(company)
    assert (facts(finding)["first"], facts(finding)["last"]) == ("1", "2")


def test_a_date_before_that_of_the_number_before_is_found_once(company: Company) -> None:
    issue(company, day(3), day(1), day(3), day(2))
    found = findings(company)
    assert [finding.kind for finding in found] == [FindingKind.DATE_ORDER] * 2
    assert facts(found[0]) == {
        "number": "FA20260002",
        "date": "2026-03-02",
        "previous": "FA20260001",
        "previous_date": "2026-03-04",
    }
    assert found[1].numbers == ("FA20260003", "FA20260004")


@pytest.mark.parametrize("pattern", ["CCCC/RRRR", "CC-RR-X", "XRRMMCC", "DD.MM.RR/CCC"])
def test_the_year_is_found_wherever_the_format_has_it(company: Company, pattern: str) -> None:
    Series.objects.filter(company=company, kind="invoice").update(format=pattern)
    numbers = issue(company, *[day(0)] * 101)
    assert findings(company) == []
    RegisterEntry.objects.filter(counter__in=[7, 101]).update(issued_on=date(2027, 1, 1))
    found = [one for one in findings(company) if one.kind is FindingKind.WRONG_YEAR]
    assert [one.numbers for one in found] == [(numbers[6],), (numbers[100],)]


def test_numbers_of_a_format_that_was_changed_give_no_alarm(company: Company) -> None:
    issue(company, day(0), day(1))
    Series.objects.filter(company=company, kind="invoice").update(format="[20]CCC-RR")
    assert findings(company) == []


def test_what_is_sound_is_not_read_number_by_number(
    company: Company, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    issue(company, day(0), day(1), day(2))
    RegisterEntry.objects.filter(counter=2).delete()
    with django_assert_max_num_queries(5) as asked:
        assert len(findings(company)) == 1
    read = [query["sql"] for query in asked.captured_queries if "GROUP BY" not in query["sql"]]
    assert not [sql for sql in read if '"documents_registerentry"."number"' in sql]


def test_a_number_of_another_year_is_found(company: Company) -> None:
    issue(company, day(0))
    RegisterEntry.objects.update(issued_on=date(2027, 1, 1))
    (finding,) = findings(company)
    assert finding.kind is FindingKind.WRONG_YEAR
    assert facts(finding) == {"number": "FA20260001", "year": "2026", "date": "2027-01-01"}


def test_a_company_sees_its_own_series_only(company: Company) -> None:
    issue(company, day(0), day(1))
    RegisterEntry.objects.filter(counter=1).delete()
    assert findings(Company.objects.create(name="Other")) == []


# ── Other systems ─────────────────────────────────────────────────────────────────────────────


class Elsewhere:
    """Documents of a company in another accounting system."""

    def __init__(self, company: Company) -> None:
        self.company = company
        self.shop = Shop.objects.create(company=company, platform="canonical", name="Shop")
        self.connection = Connection.objects.create(
            company=company, system="toy", name="Toy", active=True
        )

    def add(self, number: str, on: date, kind: str = "invoice") -> None:
        order = Order.objects.create(
            shop=self.shop,
            company=self.company,
            external_id=uuid4().hex,
            number="42",
            status="processing",
            currency="CZK",
            total=121,
            ordered_at=timezone.now(),
        )
        version = OrderVersion.objects.create(
            order=order, ordinal=1, content={}, payload={}, digest="0"
        )
        Document.objects.create(
            uuid=uuid4(),
            company=self.company,
            order=order,
            version=version,
            connection=self.connection,
            kind=kind,
            state="issued",
            number=number,
            issued_on=on,
        )


@pytest.fixture
def elsewhere(company: Company) -> Elsewhere:
    return Elsewhere(company)


@pytest.mark.parametrize(
    "pattern", ["{y}{n:04}", "FA{y}{n:03}", "{y}-{n:04}", "{yy}01{n:05}", "{n}/{y}", "F{n:06}"]
)
def test_the_usual_formats_of_other_systems_give_no_alarm(
    elsewhere: Elsewhere, pattern: str
) -> None:
    counter = 0
    for year in (2026, 2027):
        if "{y" in pattern:
            counter = 0
        for month in range(1, 7):
            counter += 1
            number = pattern.format(y=year, yy=year % 100, n=counter)
            elsewhere.add(number, date(year, month, 1))
            elsewhere.add(number, date(year, month, 1), kind="proforma")  # a series of its own
    assert findings(elsewhere.company) == []


def test_numbers_that_are_not_known_are_told_as_perhaps_made_there(elsewhere: Elsewhere) -> None:
    for counter in (1, 2, 5):
        elsewhere.add(f"2026{counter:04}", day(counter))
    (finding,) = findings(elsewhere.company)
    assert finding.kind is FindingKind.GAP
    assert finding.problem.code == "SPJ-WATCH-GAP-OUTSIDE"
    assert facts(finding) == {
        "series": "Toy",
        "previous": "20260002",
        "number": "20260005",
        "count": "2",
    }


def test_a_year_behind_the_counter_is_not_taken_for_the_counter(elsewhere: Elsewhere) -> None:
    for counter in (1, 2, 5):
        elsewhere.add(f"{counter:03}/2026", day(counter))
    elsewhere.add("006/2025", day(6))
    gap, year = findings(elsewhere.company)
    assert (facts(gap)["previous"], facts(gap)["number"]) == ("002/2026", "005/2026")
    assert (year.kind, facts(year)["year"]) == (FindingKind.WRONG_YEAR, "2025")


def test_the_same_number_twice_is_found(elsewhere: Elsewhere) -> None:
    for counter in (1, 2, 2, 3):
        elsewhere.add(f"FA2026{counter:04}", day(counter))
    (finding,) = findings(elsewhere.company)
    assert finding.kind is FindingKind.DUPLICATE
    assert facts(finding) == {"number": "FA20260002", "count": "2", "series": "Toy"}


@pytest.mark.parametrize("pattern", ["{y}{n:04}", "FA-{y}-{n}", "{yy}{n:05}"])
def test_a_wrong_year_among_right_ones_is_found(elsewhere: Elsewhere, pattern: str) -> None:
    for counter in (1, 2, 3):
        elsewhere.add(pattern.format(y=2026, yy=26, n=counter), day(counter))
    elsewhere.add(pattern.format(y=2025, yy=25, n=900), day(9))
    (finding,) = findings(elsewhere.company)
    assert finding.kind is FindingKind.WRONG_YEAR
    assert facts(finding)["year"] == "2025"


def test_a_date_out_of_order_is_found(elsewhere: Elsewhere) -> None:
    for counter, on in ((1, day(1)), (2, day(9)), (3, day(5))):
        elsewhere.add(f"2026{counter:04}", on)
    (finding,) = findings(elsewhere.company)
    assert finding.numbers == ("20260002", "20260003")


def test_numbers_without_digits_are_left_alone(elsewhere: Elsewhere) -> None:
    elsewhere.add("draft", day(0))
    elsewhere.add("second draft", day(0))
    assert findings(elsewhere.company) == []


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    count=st.integers(2, 12),
    steps=st.lists(st.integers(0, 40), min_size=12, max_size=12),
    lost=st.integers(1, 12),
)
def test_whatever_number_is_lost_is_found_and_nothing_else(
    company: Company, count: int, steps: list[int], lost: int
) -> None:
    RegisterEntry.objects.all().delete()
    SeriesCounter.objects.all().delete()
    days = [day(sum(steps[:number])) for number in range(count)]
    issue(company, *days)
    assert findings(company) == []
    deleted, _ = RegisterEntry.objects.filter(counter=lost, period="2026").delete()
    assert [finding.kind for finding in findings(company)] == [FindingKind.GAP] * deleted


def test_every_finding_is_explained_with_its_facts(elsewhere: Elsewhere) -> None:
    company = elsewhere.company
    issue(company, day(3), day(1), day(4))
    RegisterEntry.objects.filter(counter=3).update(issued_on=date(2027, 1, 1))
    RegisterEntry.objects.filter(counter=1).delete()
    for counter in (1, 1, 5):
        elsewhere.add(f"2026{counter:04}", day(0))
    found = findings(company)
    assert {finding.kind for finding in found} >= {
        FindingKind.GAP,
        FindingKind.DUPLICATE,
        FindingKind.WRONG_YEAR,
    }
    for finding in found:
        assert entry(finding.problem.code).code == finding.problem.code
        assert entry(finding.problem.code).facts <= set(finding.problem.facts)
