"""An order as planning reads it: locked, with everything that its documents depend on.

What is done for an order in a row reads it again after each step. What cannot have changed in
between – its content, the company, the rules – is taken over from the reading before, unless a slow
answer lies between the two; the order's row and its documents are always read anew.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from spojka.core.order import Order as CoreOrder
from spojka.core.rules import Decision
from spojka.database.prepared import Prepared
from spojka.documents.models import Document, Effect, ForeignDocument
from spojka.orders.models import Order

FRESH = timedelta(seconds=1)
"""How old a reading may be whose company and rules are taken over."""
_CONNECTION = Document._meta.get_field("connection")
_NEWS = ForeignDocument.objects.filter(pending=True, order=OuterRef("pk"))


@dataclass(slots=True)
class Reading:
    """An order with its shop and company, and its documents as they stand after planning."""

    order: Order
    has_news: bool
    """Something about its documents came from their systems, and was not looked at yet."""
    core: CoreOrder | None = None
    """Its content, once planned; ``None`` where the shop has not told it yet."""
    documents: list[Document] = field(default_factory=list)
    decision: Decision | None = None
    """What the rules say, once planned."""
    read_at: datetime = field(default_factory=timezone.now)
    """When the company and the rules were."""

    def of(self, effect: Effect) -> Effect:
        """Give an effect its document, with order and company as they were read."""
        known = next((row for row in self.documents if row.pk == effect.document_id), None)
        if known is not None:
            effect.document = known
        document, company = effect.document, self.order.company
        document.order, document.company = self.order, company
        if document.connection is not None and document.connection.company_id == company.pk:
            document.connection.company = company
        return effect


def read(order_id: int, before: Reading | None = None) -> Reading:
    """Lock an order until the transaction ends, and read it.

    Args:
        order_id: Its id.
        before: The last reading of the same order, by whoever has worked on it alone since.
    """
    if before is None or not _is_fresh(before):
        return _with_documents(_whole(order_id))
    reading = _with_documents(_again(before))
    at_hand = _CONNECTION.is_cached  # those that nobody asked for yet stay unread
    known = {row.connection_id: row.connection for row in before.documents if at_hand(row)}
    for document in reading.documents:
        if document.connection_id in known:
            document.connection = known[document.connection_id]
    return reading


def _with_documents(reading: Reading) -> Reading:
    reading.documents = _DOCUMENTS.all(reading.order.pk)
    _prefetched(reading.order, reading.documents)
    return reading


def _prefetched(order: Order, documents: list[Document]) -> None:
    """Let ``order.documents.all()`` be what was read, as ``prefetch_related`` does."""
    rows = order.documents.get_queryset()
    vars(rows).update(_result_cache=list(documents), _prefetch_done=True)
    vars(order)["_prefetched_objects_cache"] = {"documents": rows}


def _is_fresh(before: Reading) -> bool:
    return timedelta(0) <= timezone.now() - before.read_at <= FRESH


def _locked(order_id: int) -> QuerySet[Order]:
    orders = Order.objects.select_for_update(of=("self",)).annotate(has_news=Exists(_NEWS))
    return orders.filter(pk=order_id).order_by()


_ORDER = Prepared(_locked, int)
_WHOLE = Prepared(
    lambda order_id: (
        _locked(order_id)
        .select_related("shop", "company", "current")
        .defer("company__logo", "current__payload")
    ),
    int,
)
_DOCUMENTS = Prepared(lambda order_id: Document.objects.filter(order_id=order_id), int)


def _whole(order_id: int) -> Reading:
    order = _WHOLE.get(order_id)
    return Reading(order, _has_news(order))


def _has_news(order: Order) -> bool:
    return bool(getattr(order, "has_news", False))  # of the query


def _again(before: Reading) -> Reading:
    order, old = _ORDER.get(before.order.pk), before.order
    if order.current_id != old.current_id:
        return _whole(order.pk)  # it has just changed
    order.shop, order.company, order.current = old.shop, old.company, old.current
    return Reading(
        order,
        _has_news(order),
        before.core,
        decision=before.decision,
        read_at=before.read_at,
    )
