"""Dates come from the company's calendar, not from UTC and not from the server's clock."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spojka.core.dates import (
    IssueDate,
    TaxableDate,
    due_date,
    issue_date,
    local_date,
    taxable_date,
)
from spojka.core.numbering import NumberFormat
from spojka.core.order import Customer, Order

PRAGUE = ZoneInfo("Europe/Prague")
NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
ZONES = st.sampled_from(
    [PRAGUE, ZoneInfo("Pacific/Kiritimati"), ZoneInfo("America/Los_Angeles"), ZoneInfo("UTC")]
)
MOMENTS = st.integers(1_577_836_800, 2_208_988_800).map(  # 2020 to 2039
    lambda seconds: datetime.fromtimestamp(seconds, UTC)
)


def make_order(
    created_at: datetime = datetime(2026, 3, 1, 8, 0, tzinfo=UTC),
    paid_at: datetime | None = None,
    modified_at: datetime | None = None,
) -> Order:
    return Order(
        external_id="1",
        number="1",
        status="processing",
        currency="CZK",
        total=Decimal(1),
        created_at=created_at,
        customer=Customer(),
        lines=(),
        paid_at=paid_at,
        modified_at=modified_at,
    )


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        # New Year: Prague is an hour ahead of UTC in winter
        (datetime(2025, 12, 31, 22, 59, 59, tzinfo=UTC), date(2025, 12, 31)),
        (datetime(2025, 12, 31, 23, 0, 0, tzinfo=UTC), date(2026, 1, 1)),
        (datetime(2025, 12, 31, 23, 59, 59, tzinfo=UTC), date(2026, 1, 1)),
        (datetime(2025, 12, 31, 23, 59, 59, tzinfo=PRAGUE), date(2025, 12, 31)),
        # summer: two hours
        (datetime(2026, 6, 30, 21, 59, 59, tzinfo=UTC), date(2026, 6, 30)),
        (datetime(2026, 6, 30, 22, 0, 0, tzinfo=UTC), date(2026, 7, 1)),
        # both days of the change of time: 2026-03-29 begins in winter time, ends in summer time
        (datetime(2026, 3, 28, 23, 0, tzinfo=UTC), date(2026, 3, 29)),
        (datetime(2026, 3, 29, 21, 59, 59, tzinfo=UTC), date(2026, 3, 29)),
        (datetime(2026, 3, 29, 22, 0, tzinfo=UTC), date(2026, 3, 30)),
        (datetime(2026, 10, 24, 22, 0, tzinfo=UTC), date(2026, 10, 25)),
        (datetime(2026, 10, 25, 22, 59, 59, tzinfo=UTC), date(2026, 10, 25)),
        (datetime(2026, 10, 25, 23, 0, tzinfo=UTC), date(2026, 10, 26)),
        # the last day of February of a leap year
        (datetime(2028, 2, 28, 23, 30, tzinfo=UTC), date(2028, 2, 29)),
        (datetime(2028, 2, 29, 23, 30, tzinfo=UTC), date(2028, 3, 1)),
        (datetime(2027, 2, 28, 23, 30, tzinfo=UTC), date(2027, 3, 1)),
    ],
)
def test_the_date_is_that_of_the_wall(moment: datetime, expected: date) -> None:
    assert local_date(moment, PRAGUE) == expected


def test_a_moment_without_a_zone_has_no_date() -> None:
    with pytest.raises(ValueError, match="without a time zone"):
        local_date(datetime(2026, 1, 1), PRAGUE)  # noqa: DTZ001


def test_the_year_of_the_number_is_that_of_the_wall() -> None:
    moment = datetime(2025, 12, 31, 23, 30, tzinfo=UTC)
    order = make_order(created_at=moment)
    on = issue_date(IssueDate.ORDER_DATE, order, moment, PRAGUE)
    assert NumberFormat.parse("FARRRRCCC").render(1, on) == "FA2026001"


@given(moment=MOMENTS, zone=ZONES)
def test_a_date_never_strays_more_than_a_day_from_utc(moment: datetime, zone: ZoneInfo) -> None:
    found = local_date(moment, zone)
    assert abs(found - moment.date()) <= timedelta(days=1)
    assert found == local_date(moment.astimezone(PRAGUE), zone)


def test_issue_date_rules() -> None:
    order = make_order(
        paid_at=datetime(2026, 3, 5, 23, 30, tzinfo=UTC),
        modified_at=datetime(2026, 3, 8, 8, 0, tzinfo=UTC),
    )
    found = {rule: issue_date(rule, order, NOW, PRAGUE) for rule in IssueDate}
    assert found == {
        IssueDate.ORDER_DATE: date(2026, 3, 1),
        IssueDate.TODAY: date(2026, 3, 10),
        IssueDate.PAYMENT_DATE: date(2026, 3, 6),
        IssueDate.STATUS_DATE: date(2026, 3, 8),
    }


def test_what_the_order_does_not_have_is_today() -> None:
    for rule in (IssueDate.PAYMENT_DATE, IssueDate.STATUS_DATE):
        assert issue_date(rule, make_order(), NOW, PRAGUE) == date(2026, 3, 10)


@given(created=MOMENTS, now=MOMENTS, rule=st.sampled_from(IssueDate))
def test_a_document_is_never_issued_in_the_future(
    created: datetime, now: datetime, rule: IssueDate
) -> None:
    order = make_order(created_at=created, paid_at=created, modified_at=created)
    assert issue_date(rule, order, now, PRAGUE) <= local_date(now, PRAGUE)


def test_taxable_date_rules() -> None:
    issued_on = date(2026, 3, 6)
    paid = make_order(
        paid_at=datetime(2026, 3, 3, 8, 0, tzinfo=UTC),
        modified_at=datetime(2026, 3, 9, 8, 0, tzinfo=UTC),
    )
    assert {rule: taxable_date(rule, paid, issued_on, PRAGUE) for rule in TaxableDate} == {
        TaxableDate.ISSUE_DATE: issued_on,
        TaxableDate.ORDER_DATE: date(2026, 3, 1),
        TaxableDate.PAYMENT_DATE: date(2026, 3, 3),
        TaxableDate.PAYMENT_IF_EARLIER: date(2026, 3, 3),
        TaxableDate.STATUS_DATE: date(2026, 3, 9),
    }


def test_taxable_date_of_an_order_paid_later_or_not_at_all() -> None:
    issued_on = date(2026, 3, 6)
    later = make_order(paid_at=datetime(2026, 3, 9, 8, 0, tzinfo=UTC))
    rule = TaxableDate.PAYMENT_IF_EARLIER
    assert taxable_date(rule, later, issued_on, PRAGUE) == issued_on
    assert taxable_date(TaxableDate.PAYMENT_DATE, later, issued_on, PRAGUE) == date(2026, 3, 9)
    for rule in set(TaxableDate) - {TaxableDate.ORDER_DATE}:
        assert taxable_date(rule, make_order(), issued_on, PRAGUE) == issued_on


def test_due_days_by_payment_method() -> None:
    days = {"cod": 0, "gopay*": 1, "bacs": 30, "go*": 5}
    issued_on = date(2028, 2, 15)
    assert due_date(issued_on, "cod", 14, days) == issued_on
    assert due_date(issued_on, "gopay_card", 14, days) == date(2028, 2, 16)
    assert due_date(issued_on, "GoCardless", 14, days) == date(2028, 2, 20)
    assert due_date(issued_on, "bacs", 14, days) == date(2028, 3, 16)
    assert due_date(issued_on, "", 14, days) == date(2028, 2, 29)


def test_an_exact_payment_method_wins_over_a_pattern() -> None:
    assert due_date(date(2026, 1, 1), "cod", 14, {"*": 7, "cod": 0}) == date(2026, 1, 1)
