"""Refunds: from a mere sum in the order to a full object with rows.

An order lists its refunds as summaries (id, reason, negative total). The full objects come from
``GET orders/<id>/refunds``; ``fetch`` puts them into the payload under ``refunds_detail``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from spojka.core.money import minor_units, plain, total
from spojka.core.order import OrderLine, Refund
from spojka.core.problem import Problem
from spojka.shops.consistency import rounded, tidy
from spojka.shops.contract import MappingError, MappingOptions
from spojka.shops.woocommerce.reading import (
    Json,
    amount,
    child,
    identity,
    items,
    moment,
    note_text,
    text,
)
from spojka.shops.woocommerce.rows import Rates, Row, lines_of, read_rates, read_rows

DETAIL_KEY = "refunds_detail"
"""Where ``fetch`` puts the full refunds of an order into its payload."""

_ROW_KEYS = ("line_items", "shipping_lines", "fee_lines")


def parse_refund(payload: Any, order_payload: Any, options: MappingOptions) -> Refund:
    """Read one full refund of the order ``order_payload``.

    Rows are matched to the order's own by ``_refunded_item_id``, amounts are negative. A refund by
    amount only has no rows. Rows that do not sum to the amount become a problem SPJ-REFUND-SUM.

    Raises:
        MappingError: SPJ-REFUND-NOT-REFUND or SPJ-ORDER-AMOUNT.
    """
    if not isinstance(payload, dict) or not identity(payload) or "amount" not in payload:
        raise MappingError("SPJ-REFUND-NOT-REFUND", detail="no id or no amount")
    order: Json = order_payload if isinstance(order_payload, dict) else {}
    made = moment(payload, "date_created", options.time_zone)
    return _full(payload, order, made or _order_moment(order, options))


def refund_parent_id(payload: Any) -> str:
    """Return the id of the order that a refund belongs to, or nothing where it does not say.

    The collection of all refunds has ``parent_id``; a refund read under its order only a link.
    """
    if not isinstance(payload, dict):
        return ""
    if identity(payload, "parent_id"):
        return identity(payload, "parent_id")
    for link in items(child(payload, "_links").get("up")):
        last = text(link.get("href")).partition("?")[0].rstrip("/").rpartition("/")[2]
        if last.isdigit():
            return last
    return ""


def read_refunds(order: Json, options: MappingOptions, at: datetime) -> tuple[Refund, ...]:
    """Read the refunds of an order, each as full as the payload has it, oldest first."""
    full = {identity(item): item for item in items(order.get(DETAIL_KEY))}
    full |= {
        identity(item): item
        for item in items(order.get("refunds"))
        if "amount" in item or any(isinstance(item.get(key), list) for key in _ROW_KEYS)
    }
    refunds = {}
    for summary in items(order.get("refunds")):
        key = identity(summary)
        if key and key not in full:
            refunds[key] = _summary(summary, order, at)
    for key, item in full.items():
        if key:
            made = moment(item, "date_created", options.time_zone) or at
            refunds[key] = _full(item, order, made)
    return tuple(sorted(refunds.values(), key=lambda refund: _age(refund.external_id)))


def _age(external_id: str) -> tuple[int, str]:
    return (int(external_id) if external_id.isdecimal() else 0, external_id)


def _summary(item: Json, order: Json, at: datetime) -> Refund:
    return Refund(
        external_id=identity(item),
        amount=tidy(abs(amount(item, "total")), text(order.get("currency")).upper()),
        created_at=at,
        reason=note_text(item.get("reason")),
        detailed=False,
    )


def _full(item: Json, order: Json, at: datetime) -> Refund:
    currency = text(order.get("currency")).upper()
    given = abs(amount(item, "amount" if "amount" in item else "total"))
    lines, problems = _lines(item, order, given, currency)
    return Refund(
        external_id=identity(item),
        amount=tidy(given, currency),
        created_at=at,
        lines=lines,
        reason=note_text(item.get("reason")),
        problems=problems,
    )


def _lines(
    item: Json, order: Json, given: Decimal, currency: str
) -> tuple[tuple[OrderLine, ...], tuple[Problem, ...]]:
    order_rates = read_rates(order)
    originals = {row.line.key: row for row in read_rows(order, order_rates)}
    rates = {**order_rates, **read_rates(item)}
    rows = [row for row in _refund_rows(item, rates, originals) if row.line.net or row.line.tax]
    if not rows:
        return (), ()
    usual = minor_units(currency)
    places = [usual, *(n for n in (1, 0) if n < usual)]
    made = {n: lines_of(rows, n) for n in places}
    fitting = [n for n in places if total(line.gross for line in made[n]) == -given]
    lines = made[fitting[0] if fitting else usual]
    problems = [row.problem for row in rows if row.problem is not None]
    if not fitting:
        facts = {
            "refund": identity(item),
            "rows": plain(-total(line.gross for line in lines)),
            "amount": plain(tidy(given, currency)),
            "currency": currency,
        }
        problems.insert(0, Problem.of("SPJ-REFUND-SUM", **facts))
    return tuple(rounded(line, usual) for line in lines), tuple(problems)


def _refund_rows(item: Json, rates: Rates, originals: dict[str, Row]) -> Iterator[Row]:
    for row in read_rows(item, rates):
        original = originals.get(row.refunded_key)
        line = replace(row.line, quantity=-abs(row.line.quantity))
        taxes = row.taxes
        if original is not None:
            line = replace(line, key=original.line.key, name=original.line.name)
            # Rows refunded without VAT, or by an old WooCommerce, name no rate of their own.
            if not taxes and len(original.taxes) == 1:
                taxes = ((original.taxes[0][0], line.tax),)
        yield replace(row, line=line, taxes=taxes)


def _order_moment(order: Json, options: MappingOptions) -> datetime:
    for key in ("date_modified", "date_created"):
        found = moment(order, key, options.time_zone)
        if found is not None:
            return found
    raise MappingError("SPJ-REFUND-NOT-REFUND", detail="no date")
