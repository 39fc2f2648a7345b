"""VAT rates by country and date, and which country belongs to the EU for VAT.

The table (``tax_rates.toml``) recognises rates that a shop states; no tax is ever computed from
it. Countries are ISO 3166-1 alpha-2 codes. Accepted besides: ``EL`` (Greece in VAT numbers),
``XI`` (Northern Ireland), ``UK``; Monaco counts as France and the Isle of Man as the United
Kingdom (Directive 2006/112/EC, article 7).
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any

EU_COUNTRIES = frozenset({
    "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU",
    "IE", "IT", "LT", "LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK",
})  # fmt: skip
"""Member states since 2020-02-01, by ISO code."""

BREXIT_LAST_DAY = date(2020, 12, 31)
"""Last day of the United Kingdom in the EU VAT area (Withdrawal Agreement, article 126)."""

_VAT_COUNTRY = {"EL": "GR", "UK": "GB", "XI": "GB", "MC": "FR", "IM": "GB"}


class UnknownRatesError(LookupError):
    """The table has no rates of this country, or none as old as the date."""


@dataclass(frozen=True, slots=True)
class Rates:
    """VAT rates of one country on one day, in percent."""

    standard: Decimal
    reduced: tuple[Decimal, ...]
    """Further rates of the whole country, highest first."""
    zero: bool
    """Some domestic sales carry a zero rate, or are exempt with the right to deduct."""
    regional: tuple[Decimal, ...] = ()
    """Rates that hold only in a part of the country (Azores, Corsica, some Greek islands, …)."""

    def __contains__(self, rate: Decimal) -> bool:
        """Tell whether ``rate`` may stand on a domestic sale."""
        if rate == 0:
            return self.zero
        return rate == self.standard or rate in self.reduced or rate in self.regional


def vat_country(country: str) -> str:
    """Return the ISO code of the country whose VAT applies: Monaco is France, ``EL`` is Greece."""
    code = country.strip().upper()
    return _VAT_COUNTRY.get(code, code)


@cache
def _table() -> Mapping[str, tuple[tuple[date, Rates], ...]]:
    text = resources.files("spojka.core").joinpath("tax_rates.toml").read_text("utf-8")
    return MappingProxyType(
        {country: _periods(entry["periods"]) for country, entry in tomllib.loads(text).items()}
    )


def _periods(rows: list[dict[str, Any]]) -> tuple[tuple[date, Rates], ...]:
    return tuple(
        (
            row["from"],
            Rates(
                standard=Decimal(row["standard"]),
                reduced=tuple(map(Decimal, row.get("reduced", ()))),
                zero=row.get("zero", False),
                regional=tuple(map(Decimal, row.get("regional", ()))),
            ),
        )
        for row in rows
    )


def known_countries() -> frozenset[str]:
    """Return the ISO codes of all countries in the table."""
    return frozenset(_table())


def rates(country: str, on: date) -> Rates:
    """Return the rates of a country on a day (the taxable date).

    Raises:
        UnknownRatesError: the country is not in the table, or the day is before its history
            (2019-01-01).
    """
    code = vat_country(country)
    for start, found in reversed(_table().get(code, ())):
        if start <= on:
            return found
    raise UnknownRatesError(f"no VAT rates of {code!r} on {on.isoformat()}")


def is_rate(country: str, rate: Decimal, on: date) -> bool:
    """Tell whether ``rate`` percent was a rate of the country on that day, regional ones included.

    Zero is a rate only where the country has a zero rate; elsewhere a line without VAT is exempt,
    reverse charge or out of scope. Of a country that is not in the table nothing is a rate.
    """
    try:
        return rate in rates(country, on)
    except UnknownRatesError:
        return False


def is_eu(country: str, on: date) -> bool:
    """Tell whether the country is in the EU VAT area on that day.

    The United Kingdom is until the end of 2020. ``XI`` always is, for goods (Protocol on
    Northern Ireland). Territories with an ISO code of their own that lie outside the VAT area
    (Åland ``AX``, Réunion ``RE``, …) are not.
    """
    code = country.strip().upper()
    if code == "XI":
        return True
    code = vat_country(code)
    return code in EU_COUNTRIES or (code == "GB" and on <= BREXIT_LAST_DAY)
