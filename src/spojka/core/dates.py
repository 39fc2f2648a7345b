"""Dates of a document: issued on, taxable on, due on.

An order carries moments (aware datetimes); a document carries dates. The date of a moment is the
one that the calendar on the company's wall shows, so every conversion goes through the company's
time zone: 23:30 UTC on 31 December is already next year in Prague, with another number series.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime, timedelta, tzinfo
from enum import StrEnum

from spojka.core.order import Order


class IssueDate(StrEnum):
    """Which day a document is issued on. What the order does not have is replaced by today."""

    ORDER_DATE = "order_date"
    TODAY = "today"
    PAYMENT_DATE = "payment_date"
    STATUS_DATE = "status_date"
    """The day of the last change of the order, such as its dispatch."""


class TaxableDate(StrEnum):
    """Taxable date (DUZP). What the order does not have is replaced by the issue date.

    The supply of goods is taxed on delivery or on the receipt of payment, whichever comes first
    (§ 20a and 21 of the Czech VAT act, § 19 of the Slovak one); which of these days an order's
    data stand for is for the company to say.
    """

    ISSUE_DATE = "issue_date"
    ORDER_DATE = "order_date"
    PAYMENT_DATE = "payment_date"
    PAYMENT_IF_EARLIER = "payment_if_earlier"
    """The day of payment if it is before the issue date, else the issue date."""
    STATUS_DATE = "status_date"


YEARS = range(1900, 9000)
"""Years of moments that an order may have. Beyond them a moment may have no date in some zone."""


def local_date(moment: datetime, zone: tzinfo) -> date:
    """Return the date of an aware moment on the calendar of ``zone``.

    Raises:
        ValueError: the moment has no time zone.
    """
    if moment.tzinfo is None:
        raise ValueError(f"a moment without a time zone has no date: {moment.isoformat()}")
    return moment.astimezone(zone).date()


def issue_date(rule: IssueDate, order: Order, now: datetime, zone: tzinfo) -> date:
    """Return the day on which the document of an order is issued, never after today.

    A moment of the order that lies in the future (the shop's clock is ahead) counts as now.
    """
    moment = {
        IssueDate.ORDER_DATE: order.created_at,
        IssueDate.TODAY: now,
        IssueDate.PAYMENT_DATE: order.paid_at,
        IssueDate.STATUS_DATE: order.modified_at,
    }[rule]
    return local_date(min(moment or now, now), zone)


def taxable_date(rule: TaxableDate, order: Order, issued_on: date, zone: tzinfo) -> date:
    """Return the taxable date of the document issued on ``issued_on``."""
    paid_on = local_date(order.paid_at, zone) if order.paid_at else issued_on
    match rule:
        case TaxableDate.ISSUE_DATE:
            return issued_on
        case TaxableDate.ORDER_DATE:
            return local_date(order.created_at, zone)
        case TaxableDate.PAYMENT_DATE:
            return paid_on
        case TaxableDate.PAYMENT_IF_EARLIER:
            return min(paid_on, issued_on)
        case TaxableDate.STATUS_DATE:
            return local_date(order.modified_at, zone) if order.modified_at else issued_on


def due_date(
    issued_on: date, payment_method: str, days: int, days_by_payment: Mapping[str, int]
) -> date:
    """Return the due date: the issue date and the days of the payment method, in calendar days.

    Keys of ``days_by_payment`` are payment methods, also with wildcards (``gopay*``). An exact key
    wins over a pattern, of several patterns the first; ``days`` holds where none fits.
    """
    found = days_by_payment.get(payment_method)
    if found is None:
        found = next((n for key, n in days_by_payment.items() if fits(key, payment_method)), days)
    return issued_on + timedelta(days=found)


def fits(pattern: str, method: str) -> bool:
    """Tell whether a payment or shipping method fits a pattern, in any letter case.

    ``*`` stands for any text and ``?`` for one character; nothing else is special.
    """
    expression = re.escape(pattern.strip()).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(expression, method.strip(), re.IGNORECASE | re.DOTALL) is not None
