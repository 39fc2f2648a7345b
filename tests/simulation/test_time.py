"""R14: dates and numbers on both days of daylight saving, at New Year, on 29 February, anywhere.

Through the real way of an order: shop, inbox, planning, register. The expected date is what the
calendar on the company's wall shows, worked out here from the offset of the zone alone.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
import time_machine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pytest_django import DjangoDbBlocker

from spojka.companies.models import Company
from spojka.core.document import Kind
from spojka.documents.models import Document, RegisterEntry
from spojka.orders import intake
from tests.simulation import installation
from tests.simulation.chaos import Chaos, Rates
from tests.simulation.database import Snapshot
from tests.simulation.shop import line, rows
from tests.simulation.simulator import Simulation
from tests.simulation.world import World, shop_row

ZONES = (
    "Europe/Prague",
    "Europe/Bratislava",
    "Europe/Lisbon",
    "America/New_York",
    "Pacific/Auckland",
    "Asia/Kolkata",
    "Pacific/Kiritimati",
)
EDGES = (
    datetime(2026, 3, 29, 1, 0, tzinfo=UTC),  # clocks go forward in Europe
    datetime(2026, 10, 25, 1, 0, tzinfo=UTC),  # and back: one hour happens twice
    datetime(2026, 12, 31, 23, 0, tzinfo=UTC),  # New Year in Prague
    datetime(2027, 1, 1, 0, 0, tzinfo=UTC),
    datetime(2028, 2, 28, 23, 0, tzinfo=UTC),  # 29 February begins in Prague
    datetime(2028, 2, 29, 23, 0, tzinfo=UTC),  # and ends
)


@pytest.fixture(scope="module")
def snapshot(django_db_blocker: DjangoDbBlocker) -> Iterator[Snapshot]:
    with django_db_blocker.unblock(), installation.furnished() as made:
        yield made


def wall_date(moment: datetime, zone: str) -> date:
    """Return the date on a wall of the zone, by its offset from UTC at that moment."""
    offset = ZoneInfo(zone).utcoffset(moment.astimezone(ZoneInfo(zone)))
    assert offset is not None
    return (moment.astimezone(UTC).replace(tzinfo=None) + offset).date()


def issue(
    snapshot: Snapshot, zone: str, moments: list[datetime], **company: str
) -> list[tuple[datetime, Document]]:
    """Take in one order paid at each moment, at that moment; return their invoices."""
    snapshot.restore()
    made: list[tuple[datetime, Document]] = []
    with time_machine.travel(moments[0], tick=False) as clock:
        chaos = Chaos(random.Random(0), clock, Rates(0, 0, 0, 0, 0), active=False)
        world = World.of(chaos)
        with world.connected():
            simulation = Simulation(chaos, world)
            shop = world.shops["shop-own"]
            Company.objects.filter(shops__platform="shop-own").update(time_zone=zone, **company)
            for number, moment in enumerate(moments, start=1):
                clock.move_to(moment)
                shop.change(
                    str(number),
                    status="processing",
                    created_at=(moment - timedelta(days=2)).isoformat(),
                    paid_at=moment.isoformat(),
                    payment_method="card",
                    customer={"address": {"name": "Jana", "country": "CZ"}},
                    **rows(line("a", Decimal("121.00"), 21)),
                )
                intake.store(shop_row(shop), shop.orders[str(number)])
                simulation.work()
                made.append(
                    (
                        moment,
                        Document.objects.get(order__external_id=str(number), kind=Kind.INVOICE),
                    )
                )
    return made


def test_r14_new_year_begins_when_the_wall_says_so_and_starts_the_series_again(
    snapshot: Snapshot,
) -> None:
    last = datetime(2026, 12, 31, 22, 59, 59, tzinfo=UTC)  # 23:59:59 in Prague
    issued = issue(snapshot, "Europe/Prague", [last, last + timedelta(seconds=1)])
    assert [(row.number, row.issued_on, row.taxable_on) for _, row in issued] == [
        ("FA20260001", date(2026, 12, 31), date(2026, 12, 31)),
        ("FA20270001", date(2027, 1, 1), date(2027, 1, 1)),
    ]
    entries = RegisterEntry.objects.order_by("pk").values_list("period", "counter")
    assert list(entries) == [("2026", 1), ("2027", 1)]


def test_r14_29_february_is_a_day(snapshot: Snapshot) -> None:
    begin = datetime(2028, 2, 28, 23, 0, tzinfo=UTC)
    times = [begin - timedelta(seconds=1), begin, begin + timedelta(hours=24)]
    issued = issue(snapshot, "Europe/Prague", times)
    assert [row.issued_on for _, row in issued] == [
        date(2028, 2, 28),
        date(2028, 2, 29),
        date(2028, 3, 1),
    ]
    assert issued[1][1].due_on == date(2028, 3, 14)


def test_r14_the_hour_that_happens_twice_is_one_day(snapshot: Snapshot) -> None:
    midnight = datetime(2026, 10, 24, 22, 0, tzinfo=UTC)  # the day has 25 hours
    times = [midnight, midnight + timedelta(hours=24), midnight + timedelta(hours=25)]
    issued = issue(snapshot, "Europe/Prague", times)
    assert [row.issued_on.day for _, row in issued if row.issued_on] == [25, 25, 26]


@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(
    zone=st.sampled_from(ZONES),
    edge=st.sampled_from(EDGES),
    seconds=st.lists(st.integers(-90_000, 90_000), min_size=1, max_size=4),
    taxable=st.sampled_from(["issue_date", "payment_date", "order_date"]),
)
def test_r14_dates_and_the_year_of_a_number_are_those_of_the_wall(
    snapshot: Snapshot, zone: str, edge: datetime, seconds: list[int], taxable: str
) -> None:
    moments = sorted(edge + timedelta(seconds=offset) for offset in seconds)
    counters: dict[int, int] = {}
    for moment, invoice in issue(snapshot, zone, moments, taxable_date=taxable):
        today = wall_date(moment, zone)
        counters[today.year] = counters.get(today.year, 0) + 1
        taxed = wall_date(moment - timedelta(days=2), zone) if taxable == "order_date" else today
        assert (invoice.issued_on, invoice.taxable_on, invoice.paid_on) == (today, taxed, today)
        assert invoice.number == f"FA{today.year}{counters[today.year]:04}"
