"""Dates of documents, always in the company's time zone.

A moment is not a date: 23:30 UTC on 31 December is already next year in Prague, and a document's
date decides its number series, its VAT period and its rates.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta, tzinfo
from enum import StrEnum
from fnmatch import fnmatchcase

from spojka.core.order import Order


class IssueDate(StrEnum):
    """Which day stands on a document as the day of issue."""

    TODAY = "today"
    ORDER_DATE = "order_date"
    PAYMENT_DATE = "payment_date"
    STATUS_DATE = "status_date"


class TaxableDate(StrEnum):
    """Which day is the date of taxable supply."""

    ISSUE_DATE = "issue_date"
    ORDER_DATE = "order_date"
    PAYMENT_DATE = "payment_date"
    PAYMENT_IF_EARLIER = "payment_if_earlier"
    """The earlier of payment and issue: a payment received in advance makes VAT due (§ 20a ZDPH)."""


def local_date(moment: datetime, zone: tzinfo) -> date:
    """Return the day on which ``moment`` falls in ``zone``.

    Raises:
        ValueError: the moment is naive, so that nobody can tell its day.
    """
    if moment.tzinfo is None:
        raise ValueError("a naive time has no date in any time zone")
    return moment.astimezone(zone).date()


def issue_date(rule: IssueDate, order: Order, now: datetime, zone: tzinfo) -> date:
    """Return the day of issue. What is not known (not paid, not modified) gives way to today.

    A day in the future is never used: nothing is issued ahead of time.
    """
    moment: datetime | None = {
        IssueDate.TODAY: now,
        IssueDate.ORDER_DATE: order.created_at,
        IssueDate.PAYMENT_DATE: order.paid_at,
        IssueDate.STATUS_DATE: order.modified_at,
    }[rule]
    return local_date(min(moment or now, now), zone)


def taxable_date(rule: TaxableDate, order: Order, issued_on: date, zone: tzinfo) -> date:
    """Return the date of taxable supply for a document issued on ``issued_on``."""
    paid_on = local_date(order.paid_at, zone) if order.paid_at else None
    if rule is TaxableDate.ORDER_DATE:
        return local_date(order.created_at, zone)
    if rule is TaxableDate.PAYMENT_DATE and paid_on:
        return paid_on
    if rule is TaxableDate.PAYMENT_IF_EARLIER and paid_on:
        return min(paid_on, issued_on)
    return issued_on


def due_date(
    issued_on: date, method: str, default_days: int, days_by_method: Mapping[str, int]
) -> date:
    """Return when the document is to be paid; a method may be a pattern such as ``gopay*``."""
    for pattern, days in days_by_method.items():
        if fnmatchcase(method.lower(), pattern.lower()):
            return issued_on + timedelta(days=days)
    return issued_on + timedelta(days=default_days)
