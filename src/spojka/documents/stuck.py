"""Work at which Spojka itself fails, again and again: what it is about, since when, what to do.

The engine tries it again by itself, later each time, and the log says why it fails. But an order
that cannot even be planned has no document that could be held: whoever looks only at pages would
not learn that one is missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import CharField, Exists, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Cast, Coalesce, Concat
from django.utils import timezone

from spojka import engine
from spojka.companies.models import AuditEntry, Company
from spojka.connections.models import Connection, Shop
from spojka.core.catalogue import DocumentExists
from spojka.core.outcome import EffectState
from spojka.core.problem import Problem
from spojka.documents.lifeline import note
from spojka.documents.models import Document, Effect
from spojka.engine import wakes
from spojka.engine.models import Wake
from spojka.orders.models import InboxEvent, Order

CODE = "SPJ-STUCK"
_OF = Document.objects.filter(order=OuterRef("pk"))
_IN_DOUBT = [EffectState.SENDING, EffectState.UNCERTAIN, EffectState.LOOKING_UP]


@dataclass(frozen=True, slots=True)
class Stuck:
    """Something that does not go on: an order, an event of the inbox, or work at a connection."""

    wake: Wake
    order: Order | None = None
    event: InboxEvent | None = None
    connection: Connection | None = None
    exists: DocumentExists = DocumentExists.UNKNOWN
    """Whether the order has a document already, as far as we know."""
    number: str = ""
    """Of its last document."""

    @property
    def name(self) -> str:
        """What the engine calls it, where nothing of it is left to be shown."""
        return f"{self.wake.handler} {self.wake.key}"

    @property
    def since(self) -> datetime:
        return self.wake.failing_since or self.wake.due_at

    @property
    def failures(self) -> int:
        return self.wake.failures

    @property
    def error(self) -> str:
        """The kind of error; its words, which may quote anything, are in the log."""
        return self.wake.last_error

    @property
    def trace(self) -> str:
        """The mark of its last line in the log."""
        return self.wake.trace

    @property
    def next_try(self) -> datetime | None:
        """When it is tried next; ``None`` while it is being tried, or about to be."""
        now = timezone.now()
        leased = self.wake.lease_until is not None and self.wake.lease_until > now
        return self.wake.due_at if self.wake.due_at > now and not leased else None

    @property
    def problem(self) -> Problem:
        return Problem.of(CODE, error=self.error, reference=self.trace)


def by_side(company: Company) -> dict[str, QuerySet[Wake]]:
    """Return what is stuck of a company, apart for its shops and its connections.

    Whose it is, is told by the account that its calls are counted for.
    """
    shops = Shop.everything.filter(company=company)  # that of the test orders as well
    return {"shop": _at("shop", shops), "connection": _at("connection", company.connections.all())}


def _at(side: str, owners: QuerySet[Any]) -> QuerySet[Wake]:
    accounts = Concat(Value(f"{side}:"), Cast("pk", CharField()))
    return wakes.stuck().filter(account__in=owners.order_by().values_list(accounts))


def wakes_of(company: Company) -> list[Wake]:
    """Return what is stuck of a company, longest first."""
    sides = by_side(company)
    return list(
        wakes.stuck()
        .filter(Q(pk__in=sides["shop"].values("pk")) | Q(pk__in=sides["connection"].values("pk")))
        .order_by("failing_since", "pk")
    )


def keys(found: Iterable[Wake], handler: str) -> list[int]:
    """Return the ids of what a handler is stuck at."""
    return [int(wake.key) for wake in found if wake.handler == handler]


def connection_key(wake: Wake) -> int | None:
    """Return the id of the connection that something is about, if it is about one."""
    side, _, number = wake.account.partition(":")
    return int(number) if side == "connection" else None


def tell(
    found: Iterable[Wake],
    company: Company,
    events: Mapping[int, InboxEvent],
    connections: Mapping[int, Connection],
) -> list[Stuck]:
    """Return what is stuck with what it is about: the company's own orders, and what is given."""
    found = list(found)
    ids = keys(found, "order")
    orders = _with_existence(company.orders.filter(pk__in=ids)).in_bulk() if ids else {}
    return [_of(wake, orders, events, connections) for wake in found]


def _of(
    wake: Wake,
    orders: Mapping[int, Order],
    events: Mapping[int, InboxEvent],
    connections: Mapping[int, Connection],
) -> Stuck:
    if wake.handler == "order" and (order := orders.get(int(wake.key))):
        exists, number = _existence(order)
        return Stuck(wake, order=order, exists=exists, number=number)
    if wake.handler == "event" and (event := events.get(int(wake.key))):
        return Stuck(wake, event=event)
    if (side := connection_key(wake)) and (connection := connections.get(side)):
        return Stuck(wake, connection=connection)
    return Stuck(wake)


def _with_existence(orders: QuerySet[Order]) -> QuerySet[Order]:
    doubtful = Effect.objects.filter(document__order=OuterRef("pk"), state__in=_IN_DOUBT)
    numbers = _OF.exclude(number="").exclude(state=Document.State.DELETED).order_by("-id")
    return orders.annotate(
        last_number=Coalesce(Subquery(numbers.values("number")[:1]), Value("")),
        in_doubt=Exists(doubtful.filter(kind="create")),
    )


def _existence(order: Order) -> tuple[DocumentExists, str]:
    number: str = getattr(order, "last_number")  # noqa: B009 - annotated by _with_existence
    if getattr(order, "in_doubt"):  # noqa: B009
        return DocumentExists.UNKNOWN, number
    return (DocumentExists.YES if number else DocumentExists.NO), number


def of_order(order: Order) -> Stuck | None:
    """Return how an order is stuck, if it is."""
    wake = wakes.stuck().filter(handler="order", key=str(order.pk)).first()
    return Stuck(wake, order=order) if wake is not None else None


def of_company(company: Company, number: int) -> Stuck | None:
    """Return what is stuck under a number of :class:`Stuck.wake`, if it is the company's."""
    wake = next((wake for wake in wakes_of(company) if wake.pk == number), None)
    if wake is None:
        return None
    ids = keys([wake], "event")
    events = InboxEvent.objects.filter(shop__company=company, pk__in=ids).defer("body").in_bulk()
    return tell([wake], company, events, company.connections.in_bulk())[0]


@transaction.atomic
def try_again(one: Stuck, *, actor: str) -> None:
    """Have it tried now instead of at its next time."""
    if one.order is not None:
        AuditEntry.write(
            "order.retry", company=one.order.company, actor=actor, subject=one.order.number
        )
        note(one.order, "person.retry", actor=actor)
    engine.wake(one.wake.handler, one.wake.key, account=one.wake.account)


def try_all_again(company: Company, *, actor: str) -> int:
    """Have all of a company tried now that is stuck; return how many."""
    found = tell(wakes_of(company), company, {}, {})
    for one in found:
        try_again(one, actor=actor)
    return len(found)
