"""Documents as their systems have them: kept when seen, and told whose they are.

A document is recognised, in this order, by its id in the system, by our own key, or by the document
of ours that the system made it from. That is certain. One that only has an order's number on it is
a guess: a person says whether it is the order's document, and until then no document of its kind is
issued for that order (:func:`suspect`).

What is certain is news for the order and waits in the row until the order is planned; see
:mod:`spojka.documents.news`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from spojka import engine
from spojka.accounting.contract import Issued, IssuedState
from spojka.companies.models import Company
from spojka.connections.models import Connection
from spojka.core import codec
from spojka.core.document import Kind
from spojka.core.problem import Problem
from spojka.database.prepared import Prepared
from spojka.documents.identity import create_key, document_uuid, is_key
from spojka.documents.models import Document, Effect, ForeignDocument
from spojka.orders.models import Order

NEAR = Decimal(1)
"""Totals of an order and of a document that somebody made for it may differ by rounding."""

TOO_EARLY = "too_early"
"""Fact of a row that was read before an effect of ours had ended: it is news once more when it is
read the next time, whatever it says."""

_MOST_ORDERS = 10
Decision = ForeignDocument.Decision
Row = TypeVar("Row", Document, ForeignDocument)


@transaction.atomic
def saw(
    connection: Connection,
    issued: Issued,
    seen_at: datetime,
    *,
    produced_from: Document | None = None,
) -> ForeignDocument:
    """Keep what a system says of a document; what is news has its order planned.

    Args:
        connection: Where it was read.
        issued: The document as the system has it.
        seen_at: When the reading began.
        produced_from: The document of ours that the system made this one from, where it said so.
    """
    kind = issued.kind.value if issued.kind is not None else ""
    row = _row(connection, kind, issued.external_id)
    if row.pk and row.seen_at > seen_at:
        return row  # read later than this, and stored before it
    if issued.state == IssuedState.DELETED and row.pk:
        issued = replace(row.issued(), state=issued.state)  # nothing else is told of it any more
    facts = codec.dump(replace(issued, raw={}))
    changed = _digest(row.facts) != _digest(facts) if row.pk else True
    row.facts, row.seen_at = facts, seen_at
    row.number, row.key = issued.number[:60], issued.key[:100]
    row.order_number, row.currency = issued.order_number[:60], issued.currency[:3]
    row.total, row.issued_on = issued.total, issued.issued_on
    row.made_from = issued.made_from[:200]
    was_known = row.document_id is not None
    certain = _recognise(row, produced_from)
    if certain and row.decision != Decision.OTHER and (changed or not was_known):
        row.pending = True
    row.save()
    if row.pending:
        _wake(row)
    return row


@transaction.atomic
def is_gone(connection: Connection, kind: Kind, external_id: str, seen_at: datetime) -> None:
    """Keep that a system no longer has a document."""
    row = _row(connection, kind.value, external_id)
    known = row.issued() if row.pk else Issued(external_id, "", kind=kind)
    saw(connection, replace(known, state=IssuedState.DELETED), seen_at)


def _row(connection: Connection, kind: str, external_id: str) -> ForeignDocument:
    """Return the row of a document, locked, or a new one."""
    rows = ForeignDocument.objects.select_for_update(of=("self",))
    rows = _of_kind(rows.filter(connection=connection, external_id=external_id[:200]), kind)
    return rows.first() or ForeignDocument(
        company_id=connection.company_id,
        connection=connection,
        kind=kind,
        external_id=external_id[:200],
    )


def _digest(facts: Mapping[str, Any] | None) -> str:
    """Return a digest of what a document is; when it was touched does not count."""
    told = {name: value for name, value in (facts or {}).items() if name != "changed_at"}
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def _recognise(row: ForeignDocument, produced_from: Document | None) -> bool:
    """Find whose the document is; tell whether that is certain."""
    if row.document_id is not None or row.decision == Decision.SAME:
        return True
    ours = Document.objects.filter(connection=row.connection_id)
    found = _of_kind(ours.filter(external_id=row.external_id), row.kind).first()
    if found is not None:
        row.document = found
        row.order_id = found.order_id
        return True
    if row.key:
        order_id = _by_key(row)
        if order_id is not None:
            row.order_id = order_id
            return True
    origin = produced_from
    if origin is None and row.made_from:
        origin = ours.filter(external_id=row.made_from).first()
    if origin is not None:
        row.order_id = origin.order_id
        row.produced = origin.kind == Kind.PROFORMA and row.kind != Kind.CREDIT_NOTE
        row.made_from = row.made_from or origin.external_id
        # Of a credit note that somebody made there we know whose it is, but not for which refund.
        return row.produced
    row.order_id = _guess(row)
    return False


def _of_kind(rows: QuerySet[Row], kind: str) -> QuerySet[Row]:
    """Ids of one kind may be those of another in systems that number each kind apart."""
    return rows.filter(kind=kind) if kind else rows


def _by_key(row: ForeignDocument) -> int | None:
    """Return the order that our own key on the document names.

    A shortened key says nothing by itself, but it fits only one document of the order whose number
    stands beside it; also one that is not planned here (any more).
    """
    effect = Effect.objects.filter(key=row.key, document__company=row.company_id)
    found = effect.values_list("document__order_id", flat=True).first()
    if found is not None or not row.order_number:
        return found
    orders = Order.objects.filter(company=row.company_id, number=row.order_number)
    for order in orders.select_related("shop").prefetch_related("documents")[:_MOST_ORDERS]:
        kinds = [Kind(row.kind)] if row.kind else list(Kind)
        known = [document.uuid for document in order.documents.all()]
        possible = [document_uuid(order, kind) for kind in kinds]
        if any(is_key(row.key, create_key(uuid)) for uuid in (*known, *possible)):
            return order.pk
    return None


def _guess(row: ForeignDocument) -> int | None:
    """Return the one order that the document seems to be of; ``None``: none, or several."""
    if not row.order_number:
        return None
    orders = Order.objects.filter(company=row.company_id, number=row.order_number)
    if row.currency:
        orders = orders.filter(currency=row.currency)
    if row.total is not None and row.kind != Kind.CREDIT_NOTE:
        orders = orders.filter(total__range=(row.total - NEAR, row.total + NEAR))
    found = list(orders.values_list("pk", flat=True)[:2])
    return found[0] if len(found) == 1 else None


def _wake(row: ForeignDocument) -> None:
    order = row.order
    if order is not None:
        engine.wake("order", order.pk, account=f"shop:{order.shop_id}")


# documents that somebody may have made already


def unclaimed(company: Company) -> QuerySet[ForeignDocument]:
    """Return documents in the company's systems that are not known to be ours, nor to be none."""
    known = Document.objects.filter(
        connection=OuterRef("connection"), external_id=OuterRef("external_id")
    )
    dead = [IssuedState.CANCELLED.value, IssuedState.DELETED.value]
    return (
        ForeignDocument.objects.filter(company=company, document=None, decision=Decision.NONE)
        .exclude(Exists(known))
        .exclude(facts__state__in=dead)
    )


def suggestions(company: Company) -> QuerySet[ForeignDocument]:
    """Return those of them that seem to be of an order, for a person to decide."""
    return unclaimed(company).filter(order__isnull=False).select_related("order", "connection")


def _of_order(order_id: int, number: str) -> Q:
    return Q(order_id=order_id) | Q(order=None, order_number=number)


_OF_ORDER = Prepared(
    lambda company_id, order_id, number: (
        ForeignDocument.objects.filter(_of_order(order_id, number), company_id=company_id)
        .order_by()
        .only("pk")[:1]
    ),
    *(int, int, str),
)


def suspect(document: Document) -> ForeignDocument | None:
    """Return a document that may be this one already, made by somebody or by another program.

    It has the order's number, its currency and, but for rounding, its total.
    """
    order = document.order
    of_order = _of_order(order.pk, order.number)
    if _OF_ORDER.first(order.company_id, order.pk, order.number) is None:
        return None  # as nearly always: the whole question takes several times as long
    of_kind = Q(kind=document.kind) | Q(kind="")
    same = Q(currency=document.currency) | Q(currency="")
    if document.total is not None:
        near = (document.total - NEAR, document.total + NEAR)
        same &= Q(total__range=near) | Q(total=None)
    return (
        unclaimed(document.company)
        .filter(of_kind, same, of_order)
        .select_related("connection")
        .first()
    )


def maybe_exists(row: ForeignDocument, document: Document) -> Problem:
    """Return the problem of a document that may have been made already."""
    return Problem.of(
        "SPJ-DOCUMENT-MAYBE-EXISTS",
        number=row.number or row.external_id,
        order=document.order.number,
        total=row.total if row.total is not None else "–",
        currency=row.currency,
        name=row.connection.name,
    )
