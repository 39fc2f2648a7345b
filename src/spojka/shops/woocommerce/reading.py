"""Reading single values of a WooCommerce payload, in which anything may be missing or odd."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from spojka.core.dates import YEARS
from spojka.core.money import ZERO, AmountError, parse_amount
from spojka.shops.contract import MappingError

Json = Mapping[str, Any]

_TAG = re.compile(r"<!--.*?-->|</?[a-zA-Z][^<>]*>", re.DOTALL)
_BREAK = re.compile(r"</?(?:br|p|div|li|ul|ol|tr|td|h[1-6])\b[^<>]*>", re.IGNORECASE)
_SPACE = re.compile(r"\s+")
_PERCENT = re.compile(r"(\d{1,2}(?:[.,]\d{1,4})?)\s*%")


def text(value: object) -> str:
    """Return a value as text; nothing for null, lists and objects."""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bool) or value is None:
        return ""
    return str(value) if isinstance(value, (int, float, Decimal)) else ""


def plain_text(value: object) -> str:
    """Return one line of text without markup: tags out, entities decoded once, spaces collapsed.

    Tags are taken out before decoding, so that an encoded ``&lt;`` stays a character of the name.
    """
    return _SPACE.sub(" ", _without_markup(text(value))).strip()


def note_text(value: object) -> str:
    """Return a text of several lines without markup."""
    lines = _without_markup(text(value)).splitlines()
    return "\n".join(_SPACE.sub(" ", line).strip() for line in lines).strip()


def items(value: object) -> list[Json]:
    """Return the objects of a list; nothing where it is not a list."""
    if not isinstance(value, list):
        return []
    return [item for item in value if isinstance(item, Mapping)]


def child(value: Json, key: str) -> Json:
    """Return an object inside another, or an empty one."""
    found = value.get(key)
    return found if isinstance(found, Mapping) else {}


def identity(value: Json, key: str = "id") -> str:
    """Return an id as text; nothing for a missing one and for zero, WooCommerce's word for none."""
    found = text(value.get(key))
    return "" if found == "0" else found


def amount(value: Json, key: str) -> Decimal:
    """Return an amount of money; zero where it is missing or empty.

    Raises:
        MappingError: SPJ-ORDER-AMOUNT, what stands there is no amount (or a float).
    """
    found = value.get(key)
    if found is None or (isinstance(found, str) and not found.strip()):
        return ZERO
    try:
        return parse_amount(found)
    except AmountError:
        raise MappingError("SPJ-ORDER-AMOUNT", field=key, value=str(found)[:60]) from None


def number(value: object) -> Decimal | None:
    """Return a plain number which is no money (a quantity, a rate), or ``None``.

    These come as JSON numbers; one that was read as a float is exact enough by its shortest text.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal, str)):
        return None
    try:
        return parse_amount(repr(value) if isinstance(value, float) else value)
    except AmountError:
        return None


def rate_of(tax_line: Json) -> Decimal | None:
    """Return the rate of a tax line in percent.

    WooCommerce before 3.7 sends no ``rate_percent``; its label and code usually name the rate.
    """
    stated = number(tax_line.get("rate_percent"))
    if stated is None:
        for key in ("label", "rate_code"):
            found = _PERCENT.search(text(tax_line.get(key)))
            if found:
                stated = number(found[1].replace(",", "."))
                break
    return None if stated is None else trimmed(stated)


def trimmed(value: Decimal) -> Decimal:
    """Return the number without needless zeros: 21.0000 is 21, 100 stays 100."""
    return value.quantize(Decimal(1)) if value == value.to_integral_value() else value.normalize()


def meta(value: Json) -> Iterator[tuple[str, object]]:
    """Iterate over the custom fields; one without a key is left out."""
    for entry in items(value.get("meta_data")):
        key = text(entry.get("key"))
        if key:
            yield key, entry.get("value")


def meta_text(value: Json, *keys: str) -> str:
    """Return the first non-empty custom field, tried in the order of ``keys``."""
    found = {key: text(content) for key, content in meta(value) if text(content)}
    return next((found[key] for key in keys if key in found), "")


def moment(value: Json, key: str, time_zone: str) -> datetime | None:
    """Return an aware time. The ``_gmt`` twin is UTC; the plain one is in the shop's time zone."""
    for name, zone in ((f"{key}_gmt", "UTC"), (key, time_zone)):
        found = _parsed(text(value.get(name)), zone)
        if found is not None:
            return found
    return None


def _without_markup(value: str) -> str:
    return html.unescape(_TAG.sub("", _BREAK.sub(" ", value)))


def _parsed(value: str, zone: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(value)
        if found.tzinfo is None:
            found = found.replace(tzinfo=ZoneInfo(zone))
        return found.astimezone(UTC) if found.year in YEARS else None
    except (ValueError, OverflowError):
        return None
