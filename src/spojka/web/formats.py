"""Money, dates and durations as people of the page's language write them (CLDR through Babel)."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

from babel import Locale
from babel.dates import format_date, format_datetime, format_time, format_timedelta
from babel.numbers import format_currency, format_decimal, get_currency_symbol
from django.utils import timezone
from django.utils.translation import get_language

from spojka.core.money import minor_units

_LOCALES = {"cs": "cs_CZ", "sk": "sk_SK", "en": "en_GB"}


def language() -> str:
    """Return the language of the page: ``cs``, ``sk`` or ``en``."""
    code = (get_language() or "cs")[:2]
    return code if code in _LOCALES else "en"


def locale() -> Locale:
    """Return the locale whose formats the page uses."""
    return Locale.parse(_LOCALES[language()])


def money(amount: Decimal, currency: str) -> str:
    """Write an amount with its currency; more decimals than the currency has are kept."""
    places = max(minor_units(currency), -int(amount.normalize().as_tuple().exponent))
    if not currency:
        return number(amount)
    # A pattern with the wanted decimals, since CLDR always rounds to the currency's own.
    pattern = locale().currency_formats["standard"].pattern.replace("0.00", _decimals(places))
    if pattern.startswith("¤#") and get_currency_symbol(currency, locale())[-1].isalpha():
        pattern = pattern.replace("¤", "¤\xa0")  # letters need a space: CZK 100, but €100
    return format_currency(amount, currency, format=pattern, locale=locale(), currency_digits=False)


def _decimals(places: int) -> str:
    return "0." + "0" * places if places else "0"


def number(value: Decimal | int) -> str:
    """Write a number without needless zeros."""
    plain = Decimal(value).normalize()
    return format_decimal(plain, locale=locale(), format="#,##0.######")


def day(value: date) -> str:
    """Write a date: ``7. 3. 2026``, ``7 Mar 2026``."""
    return format_date(value, format="medium", locale=locale())


def moment(value: datetime) -> str:
    """Write date and time in the company's time zone."""
    local = timezone.localtime(value)
    return f"{day(local.date())} {format_time(local, 'short', locale=locale())}"


def exact(value: datetime) -> str:
    """Write date, time with seconds and zone."""
    return format_datetime(timezone.localtime(value), "long", locale=locale())


def ago(value: datetime) -> str:
    """Write how long ago or how soon something is: ``5 minutes ago``."""
    return format_timedelta(value - timezone.now(), add_direction=True, locale=locale())


def month_name(value: date) -> str:
    """Write month and year as a heading."""
    return str(format_date(value, format="LLLL y", locale=locale()))
