"""Lists of the SuperFaktura simulator: filters in the path, times, pages.

Source: API documentation, "Get list of invoices", "Value lists", "Time filter constants".
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from spojka.accounting.superfaktura.simulator_amounts import number

Json = dict[str, Any]

MOST = 200
_USUAL = 50
_TIMES = ("created", "modified", "delivery", "paydate")


def named(segments: Sequence[str]) -> dict[str, str]:
    """Return the filters of a path: ``name:value`` segments."""
    return dict(segment.split(":", 1) for segment in segments if ":" in segment)


def chosen(
    documents: Sequence[Json],
    filters: Mapping[str, str],
    now: datetime,
    amounts: Callable[[Json], tuple[Decimal, str]],
) -> list[Json]:
    """Return the documents that the filters let through, in their order.

    Args:
        documents: All, in the order in which they were made.
        filters: By default invoices only, and this year only.
        now: Local time.
        amounts: Gives the total and the status of a document.
    """
    filters = {"type": "regular", "created": "6", **filters}
    found = [d for d in documents if _fits(d, filters, now, amounts)]
    if filters.get("direction", "DESC").upper() != "ASC":
        found.reverse()
    return found


def page_of(rows: Sequence[Json], filters: Mapping[str, str]) -> tuple[list[Json], Json]:
    """Return one page, and what ``listinfo`` tells of it."""
    size = min(_count(filters.get("per_page"), _USUAL), MOST)
    page = _count(filters.get("page"), 1)
    pages = -(-len(rows) // size)
    told = {"itemCount": len(rows), "pageCount": pages, "perPage": size, "page": page}
    return list(rows[(page - 1) * size : page * size]), told


def searched(value: str) -> str:
    """Decode a search: base64 with an alphabet for paths; what is none is taken as it is."""
    try:
        read = base64.b64decode(value.translate(str.maketrans("-_,", "+/=")), validate=True)
        return read.decode().lower()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return value.lower()


def _count(value: str | None, otherwise: int) -> int:
    return max(1, int(value)) if value and value.isdecimal() and len(value) < 10 else otherwise


def _fits(
    document: Json,
    filters: Mapping[str, str],
    now: datetime,
    amounts: Callable[[Json], tuple[Decimal, str]],
) -> bool:
    invoice = document["Invoice"]
    if invoice["type"] not in filters["type"].split("|"):
        return False
    for name in ("order_no", "variable", "invoice_no_formatted"):
        if filters.get(name) and str(invoice.get(name, "")) != filters[name]:
            return False
    if filters.get("client_id") and document["Client"]["id"] != filters["client_id"]:
        return False
    if invoice["id"] in filters.get("ignore", "").split("|"):
        return False
    if filters.get("tag") and filters["tag"] not in document["Tag"]:
        return False
    ways = filters.get("payment_type")
    if ways and invoice.get("payment_type") not in ways.split("|"):
        return False
    total, status = amounts(document)
    if filters.get("status") and status not in filters["status"].split("|"):
        return False
    if filters.get("amount_from") and total < number(filters["amount_from"]):
        return False
    if filters.get("amount_to") and total > number(filters["amount_to"]):
        return False
    if filters.get("search"):
        words = f"{invoice['invoice_no_formatted']} {invoice.get('variable')} "
        words += f"{invoice.get('order_no', '')} {document['Client'].get('name', '')}"
        if searched(filters["search"]) not in words.lower():
            return False
    return all(_in_time(document, filters, name, now) for name in _TIMES)


def _in_time(document: Json, filters: Mapping[str, str], name: str, now: datetime) -> bool:
    value = filters.get(name, "")
    if value in ("", "0"):
        return True
    stored = document["Invoice"].get(name) or ""
    if name == "paydate":
        stored = document["payments"][-1]["created"] if document["payments"] else ""
    if not stored:
        return False
    at = datetime.fromisoformat(stored).replace(tzinfo=now.tzinfo)
    if value == "3":
        since, to = filters.get(f"{name}_since", ""), filters.get(f"{name}_to", "")
        return (not since or at.date() >= _day(since)) and (not to or at.date() <= _day(to))
    window = _window(value, now)
    return window is None or window[0] <= at < window[1]


def _day(value: str) -> date:
    try:
        return date.fromisoformat(value[:10])
    except ValueError:
        return date(1970, 1, 1)


def _window(value: str, now: datetime) -> tuple[datetime, datetime] | None:
    """Return the time that a constant names; ``None``: an unknown one filters nothing."""
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    hour = now.replace(minute=0, second=0, microsecond=0)
    month = today.replace(day=1)
    quarter = month.replace(month=3 * ((month.month - 1) // 3) + 1)
    year = month.replace(month=1)
    day, long_ago = timedelta(days=1), timedelta(days=1)
    last_month = (month - day).replace(day=1)
    last_quarter = (quarter - long_ago).replace(day=1)
    last_quarter = last_quarter.replace(month=3 * ((last_quarter.month - 1) // 3) + 1)
    soon = now + timedelta(seconds=1)
    return {
        "1": (today, today + day),
        "2": (today - day, today),
        "4": (month, soon),
        "5": (last_month, month),
        "6": (year, year.replace(year=year.year + 1)),
        "7": (year.replace(year=year.year - 1), year),
        "8": (quarter, soon),
        "9": (today - timedelta(days=today.weekday()), soon),
        "10": (last_quarter, quarter),
        "11": (now - timedelta(hours=1), soon),
        "12": (hour, soon),
    }.get(value)
