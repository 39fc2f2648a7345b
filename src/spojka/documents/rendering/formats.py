"""Numbers, money, dates and postal addresses the way each document language writes them.

The patterns of numbers and currencies are those of the CLDR (through Babel); dates are written
``7. 3. 2026`` in Czech and Slovak and ``7 March 2026`` in English.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from babel import Locale
from babel.dates import format_date
from babel.numbers import format_currency, format_decimal

from spojka.core.money import minor_units, quantize
from spojka.core.order import Address

NBSP = "\N{NO-BREAK SPACE}"

LANGUAGES = ("cs", "sk", "en")

_DATE_PATTERNS = {
    "cs": f"d.{NBSP}M.{NBSP}y",
    "sk": f"d.{NBSP}M.{NBSP}y",
    "en": f"d{NBSP}MMMM{NBSP}y",
}
_UNIT_PRICE_PLACES = 4


def supported(language: str) -> str:
    """Return the language that a document is written in: ``cs-CZ`` is ``cs``, unknown is ``en``."""
    short = language.replace("_", "-").split("-")[0].lower()
    return short if short in LANGUAGES else "en"


@dataclass(frozen=True, slots=True)
class Formats:
    """How one language writes amounts and dates. ``language`` is one of :data:`LANGUAGES`."""

    language: str

    def amount(self, value: Decimal, currency: str) -> str:
        """Write an amount without its currency, to the currency's smallest unit: ``1 234,50``."""
        return self._decimal(value, minor_units(currency), minor_units(currency))

    def unit_price(self, value: Decimal, currency: str) -> str:
        """Write a unit price: like an amount, but up to four decimals where they are needed."""
        places = minor_units(currency)
        return self._decimal(value, places, max(places, _UNIT_PRICE_PLACES))

    def money(self, value: Decimal, currency: str) -> str:
        """Write an amount with its currency: ``1 234,50 Kč``, ``CZK 1,234.50``."""
        amount = quantize(value, minor_units(currency))
        written = format_currency(amount, currency, locale=self.language)
        # The CLDR wants a space between a currency code and digits; Babel leaves it out.
        return re.sub(r"(?<=[A-Za-z])(?=[-\d])", NBSP, written)

    def number(self, value: Decimal) -> str:
        """Write a number (a quantity, a rate of exchange) with the decimals that it needs."""
        return self._decimal(value, 0, 8)

    def percent(self, value: Decimal) -> str:
        """Write a VAT rate given in percent: ``21 %``, in English ``21%``."""
        gap = "" if self.language == "en" else NBSP
        return f"{self.number(value)}{gap}%"

    def date(self, value: date) -> str:
        return format_date(value, _DATE_PATTERNS[self.language], locale=self.language)

    def country(self, code: str) -> str:
        """Return the name of a country by its ISO 3166-1 code; an unknown code stays as it is."""
        name: str = Locale(self.language).territories.get(code.upper(), code)
        return name

    def _decimal(self, value: Decimal, least: int, most: int) -> str:
        pattern = "#,##0." + "0" * least + "#" * (most - least)
        return format_decimal(quantize(value, most), pattern, locale=self.language)


def postcode(address: Address) -> str:
    """Return the postcode, grouped ``110 00`` in Czechia and Slovakia."""
    code = address.postcode.strip()
    digits = re.sub(r"\s", "", code)
    if address.country.upper() in {"CZ", "SK", ""} and re.fullmatch(r"\d{5}", digits):
        return f"{digits[:3]}{NBSP}{digits[3:]}"
    return code


def address_lines(address: Address) -> tuple[str, ...]:
    """Return street, town and state, each line only if it says something; no name, no country."""
    town = " ".join(part for part in (postcode(address), address.city.strip()) if part)
    lines = (address.street, address.street2, town, address.state)
    return tuple(line.strip() for line in lines if line.strip())


def party_name(address: Address) -> tuple[str, str]:
    """Return who stands first on the document, and the person behind a company (or nothing)."""
    company, person = address.company.strip(), address.name.strip()
    if company and company != person:
        return company, person
    return person or company, ""


def grouped_iban(iban: str) -> str:
    """Write an IBAN in groups of four, as on paper; the spaces do not break the line."""
    compact = re.sub(r"\s", "", iban)
    return NBSP.join(compact[i : i + 4] for i in range(0, len(compact), 4))
