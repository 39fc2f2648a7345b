"""VAT rates by date: the changes that shops most often miss, at their very edges."""

from __future__ import annotations

import tomllib
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import spojka.core.tax
from spojka.core.tax import (
    EU_COUNTRIES,
    UnknownRatesError,
    is_eu,
    is_rate,
    known_countries,
    rates,
    vat_country,
)

TABLE = tomllib.loads(Path(spojka.core.tax.__file__).with_name("tax_rates.toml").read_text("utf-8"))
DAYS = st.dates(min_value=date(2019, 1, 1), max_value=date(2030, 12, 31))


def all_rates(country: str, on: date) -> list[str]:
    found = rates(country, on)
    return [str(rate) for rate in (found.standard, *found.reduced)]


@pytest.mark.parametrize(
    ("country", "first_day", "before", "after"),
    [
        ("CZ", date(2024, 1, 1), ["21", "15", "10"], ["21", "12"]),
        ("SK", date(2023, 1, 1), ["20", "10"], ["20", "10", "5"]),
        ("SK", date(2025, 1, 1), ["20", "10", "5"], ["23", "19", "5"]),
        ("EE", date(2024, 1, 1), ["20", "9", "5"], ["22", "9", "5"]),
        ("EE", date(2025, 7, 1), ["22", "13", "9"], ["24", "13", "9"]),
        ("RO", date(2025, 8, 1), ["19", "9", "5"], ["21", "11"]),
        ("FI", date(2024, 9, 1), ["24", "14", "10"], ["25.5", "14", "10"]),
        ("FI", date(2026, 1, 1), ["25.5", "14", "10"], ["25.5", "13.5", "10"]),
        ("LU", date(2023, 1, 1), ["17", "14", "8", "3"], ["16", "13", "7", "3"]),
        ("LU", date(2024, 1, 1), ["16", "13", "7", "3"], ["17", "14", "8", "3"]),
        ("DE", date(2020, 7, 1), ["19", "7"], ["16", "5"]),
        ("DE", date(2021, 1, 1), ["16", "5"], ["19", "7"]),
        ("IE", date(2020, 9, 1), ["23", "13.5", "9", "4.8"], ["21", "13.5", "9", "4.8"]),
        ("IE", date(2021, 3, 1), ["21", "13.5", "9", "4.8"], ["23", "13.5", "9", "4.8"]),
        ("LT", date(2026, 1, 1), ["21", "9", "5"], ["21", "12", "5"]),
        ("CH", date(2024, 1, 1), ["7.7", "3.7", "2.5"], ["8.1", "3.8", "2.6"]),
    ],
)
def test_a_change_holds_from_its_first_day(
    country: str, first_day: date, before: list[str], after: list[str]
) -> None:
    assert all_rates(country, first_day - timedelta(days=1)) == before
    assert all_rates(country, first_day) == after


def test_rates_are_recognised_whatever_their_decimals() -> None:
    on = date(2026, 3, 1)
    assert is_rate("CZ", Decimal("21.0000"), on)
    assert is_rate("cz", Decimal(12), on)
    assert not is_rate("CZ", Decimal(15), on)
    assert not is_rate("CZ", Decimal(-21), on)


def test_zero_is_a_rate_only_where_there_is_a_zero_rate() -> None:
    on = date(2026, 3, 1)
    assert is_rate("IE", Decimal(0), on)
    assert is_rate("MT", Decimal("0.00"), on)
    assert not is_rate("SK", Decimal(0), on)
    assert not is_rate("CZ", Decimal(0), date(2023, 12, 31))
    assert is_rate("CZ", Decimal(0), date(2024, 1, 1))  # books


def test_rates_of_a_part_of_the_country_are_recognised() -> None:
    on = date(2026, 3, 1)
    assert is_rate("PT", Decimal(16), on)
    assert Decimal(16) not in rates("PT", on).reduced


def test_unknown_country_and_too_old_a_day() -> None:
    with pytest.raises(UnknownRatesError, match="'US'"):
        rates("US", date(2026, 1, 1))
    with pytest.raises(UnknownRatesError, match="2018-12-31"):
        rates("CZ", date(2018, 12, 31))
    assert not is_rate("US", Decimal(21), date(2026, 1, 1))
    assert not is_rate("", Decimal(21), date(2026, 1, 1))


def test_other_names_of_countries() -> None:
    on = date(2026, 3, 1)
    assert rates("EL", on) == rates("GR", on)
    assert rates("MC", on) == rates("FR", on)
    assert rates("XI", on) == rates("GB", on)
    assert vat_country(" el ") == "GR"


def test_the_european_union() -> None:
    assert len(EU_COUNTRIES) == 27
    assert is_eu("SK", date(2026, 1, 1))
    assert is_eu("EL", date(2026, 1, 1))
    assert is_eu("MC", date(2026, 1, 1))
    assert is_eu("GB", date(2020, 12, 31))
    assert not is_eu("GB", date(2021, 1, 1))
    assert is_eu("XI", date(2021, 1, 1))
    assert not is_eu("CH", date(2026, 1, 1))
    assert not is_eu("AX", date(2026, 1, 1))
    assert not is_eu("", date(2026, 1, 1))


def test_every_member_state_has_rates_and_a_source() -> None:
    assert known_countries() >= EU_COUNTRIES
    for country, entry in TABLE.items():
        assert len(entry["source"]) > 10, country


def test_periods_are_in_order_and_each_changes_something() -> None:
    for country, entry in TABLE.items():
        periods = entry["periods"]
        starts = [period["from"] for period in periods]
        assert starts == sorted(set(starts)), country
        for earlier, later in pairwise(periods):
            assert {**earlier, "from": None} != {**later, "from": None}, country


@given(country=st.sampled_from(sorted(EU_COUNTRIES)), on=DAYS)
def test_member_states_keep_to_the_directive(country: str, on: date) -> None:
    found = rates(country, on)
    assert found.standard >= 15  # Directive 2006/112/EC, article 97
    assert list(found.reduced) == sorted(set(found.reduced), reverse=True)
    assert all(0 < rate < found.standard for rate in (*found.reduced, *found.regional))
    assert is_rate(country, found.standard, on)
