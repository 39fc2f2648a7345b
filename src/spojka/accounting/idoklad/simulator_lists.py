"""Code lists of the simulated iDoklad. Ids are its own: a client has to read them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from typing import Any

from spojka.core.tax import EU_COUNTRIES, Rates, UnknownRatesError, known_countries, rates

Json = dict[str, Any]

_CURRENCIES = ("CZK", "EUR", "USD", "GBP", "PLN", "HUF", "CHF", "RON", "SEK", "DKK", "NOK", "BGN")
_OTHER_COUNTRIES = ("GB", "CH", "NO", "US", "UA", "RS", "CA", "AU", "JP", "TR", "IS", "LI")
_OPTIONS = (
    ("B", {"cs": "Převodem", "sk": "Prevodom", "en": "Bank transfer"}, False),
    ("K", {"cs": "Kartou", "sk": "Kartou", "en": "By card"}, False),
    ("H", {"cs": "Hotově", "sk": "V hotovosti", "en": "Cash"}, True),
    ("D", {"cs": "Dobírka", "sk": "Dobierka", "en": "Cash on delivery"}, True),
    ("Z", {"cs": "Zálohou", "sk": "Zálohou", "en": "Advance"}, False),
)
_SINCE, _UNTIL = date(2019, 1, 1), date(9999, 12, 31)


def currencies() -> list[Json]:
    """Return the currencies."""
    return [
        {"Id": at, "Code": code, "Name": code, "CountryName": "", "Symbol": code, "Priority": at}
        for at, code in enumerate(_CURRENCIES, start=1)
    ]


def countries() -> list[Json]:
    """Return the countries, by their codes of two letters."""
    first = ["SK", "CZ"]
    codes = first + sorted({*EU_COUNTRIES, *_OTHER_COUNTRIES} - set(first))
    return [
        {
            "Id": at,
            "Code": code,
            "CurrencyId": 1 if code == "CZ" else 2,
            "IsEuMember": code in EU_COUNTRIES,
            "Name": code,
            "NameEnglish": code,
            "NameGerman": code,
            "NameSlovak": code,
            "DateLastChange": "2020-01-01T00:00:00",
        }
        for at, code in enumerate(codes, start=1)
    ]


def country_id(code: str) -> int:
    """Return the id of a country.

    Raises:
        StopIteration: there is none.
    """
    return next(int(row["Id"]) for row in countries() if row["Code"] == code)


def payment_options(language: str) -> list[Json]:
    """Return the ways of paying; those in cash are rounded."""
    return [
        {
            "Id": at,
            "Code": code,
            "Name": names.get(language, names["en"]),
            "IsDefault": at == 1,
            "IsRounded": rounded,
            "DateLastChange": "2020-01-01T00:00:00",
        }
        for at, (code, names, rounded) in enumerate(_OPTIONS, start=1)
    ]


def reverse_charge_codes() -> list[Json]:
    """Return some codes of goods and services under domestic reverse charge."""
    return [
        {"Id": 11, "Code": "1", "Name": "Zlato"},
        {"Id": 14, "Code": "4", "Name": "Stavební a montážní práce"},
        {"Id": 15, "Code": "5", "Name": "Odpad a šrot"},
    ]


def constant_symbols() -> list[Json]:
    """Return some constant symbols."""
    return [{"Id": 7, "Code": "0308", "Name": "Služby"}, {"Id": 8, "Code": "0008", "Name": "Zboží"}]


@cache
def vat_rates() -> tuple[tuple[int, Decimal, int, date, date], ...]:
    """Return (country, rate, type, first day, last day); types: 0 and 3 reduced, 1 basic, 2 zero.

    A country's third reduced rate has no type, and cannot be sent to iDoklad.
    """
    found: list[tuple[int, Decimal, int, date, date]] = []
    ids = {row["Code"]: row["Id"] for row in countries()}
    for code in sorted(known_countries() & set(ids)):
        for valid, since, until in _periods(code):
            typed = [
                (valid.standard, 1),
                *zip(valid.reduced, (0, 3), strict=False),
                (Decimal(0), 2),
            ]
            found += [(ids[code], rate, type_, since, until) for rate, type_ in typed]
    return tuple(found)


def _periods(country: str) -> Iterator[tuple[Rates, date, date]]:
    """Yield the rates of a country with their first and last day; changes come with a month."""
    before: Rates | None = None
    began = day = _SINCE
    while day < date(2028, 1, 1):
        try:
            now: Rates | None = rates(country, day)
        except UnknownRatesError:
            now = None
        if now != before:
            if before is not None:
                yield before, began, day - timedelta(days=1)
            before, began = now, day
        day = (day.replace(day=28) + timedelta(days=4)).replace(day=1)
    if before is not None:
        yield before, began, _UNTIL


def vat_rate_rows() -> list[Json]:
    """Return the code list of VAT rates."""
    return [
        {
            "Id": at,
            "CountryId": country,
            "Name": f"{rate} %",
            "Rate": rate,
            "RateType": type_,
            "DateValidityFrom": f"{since.isoformat()}T00:00:00",
            "DateValidityTo": f"{until.isoformat()}T00:00:00",
            "DateLastChange": "2020-01-01T00:00:00",
        }
        for at, (country, rate, type_, since, until) in enumerate(vat_rates(), start=1)
    ]


def rate_on(country: int, type_: int, on: date) -> Decimal | None:
    """Return what a type of rate is worth in a country on a day; ``None``: it has none."""
    for row_country, rate, row_type, since, until in vat_rates():
        if (row_country, row_type) == (country, type_) and since <= on <= until:
            return rate
    return None
