"""What needs a person, grouped by cause: one fix clears many."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from django.db.models import Q, QuerySet, Value

from spojka.companies.models import Company
from spojka.connections.models import Connection, Shop
from spojka.core.catalogue import Explained, explain
from spojka.core.outcome import EffectState
from spojka.core.problem import Problem
from spojka.documents import stuck
from spojka.documents.counting import count_all
from spojka.documents.lifeline import problem_of
from spojka.documents.models import DIFFERS, Document, Effect
from spojka.documents.stuck import Stuck
from spojka.orders.models import InboxEvent

STOPPED = Q(paused_problem__isnull=False)
"""Connections that nothing is sent by."""
WARNED = Q(active=True, health_problem__isnull=False)
"""Connections that work, and may not tomorrow."""


@dataclass
class Group:
    """Everything that waits because of one cause. ``problem`` is the first case of it."""

    code: str
    problem: Problem
    explained: Explained
    documents: list[Document] = field(default_factory=list)
    """Held documents."""
    effects: list[Effect] = field(default_factory=list)
    """Rejected effects of issued documents (an e-mail, a note)."""
    changed: list[Document] = field(default_factory=list)
    """Issued documents whose order changed or vanished."""
    events: list[InboxEvent] = field(default_factory=list)
    shops: list[Shop] = field(default_factory=list)
    connections: list[Connection] = field(default_factory=list)
    stuck: list[Stuck] = field(default_factory=list)
    """What Spojka itself fails at: orders, events, work at connections."""

    @property
    def count(self) -> int:
        return sum(
            len(items)
            for items in (
                self.documents,
                self.effects,
                self.changed,
                self.events,
                self.shops,
                self.connections,
                self.stuck,
            )
        )


_Found = tuple[Problem, str, object]


def _found(company: Company) -> Iterator[_Found]:
    at = stuck.wakes_of(company)
    touched = Q(pk__in=[key for wake in at if (key := stuck.connection_key(wake))])
    connections = company.connections.filter(STOPPED | WARNED | touched).in_bulk()
    for connection in connections.values():
        warning = connection.health_problem if connection.active else None
        if problem := connection.paused_problem or warning:
            yield problem_of(problem), "connections", connection
    for shop in company.shops.filter(active=True):
        for problem in (shop.poll_problem, shop.webhook_problem):
            if problem:
                yield problem_of(problem), "shops", shop
    yield from _documents(company)
    rejected = Effect.objects.filter(document__company=company, state=EffectState.REJECTED)
    for effect in rejected.select_related("document__order"):
        yield problem_of(effect.problem), "effects", effect
    failed = Q(state=InboxEvent.State.FAILED) | Q(pk__in=stuck.keys(at, "event"))
    rows = InboxEvent.objects.filter(failed, shop__company=company).select_related("shop")
    events = rows.defer("body").in_bulk()
    for event in events.values():
        if event.state == InboxEvent.State.FAILED:
            yield problem_of(event.problem), "events", event
    for one in stuck.tell(at, company, events, connections):
        yield one.problem, "stuck", one


def _documents(company: Company) -> Iterator[_Found]:
    """Yield held, differing and changed documents: one question, each set by its own index."""

    def of(condition: Q, where: str) -> QuerySet[Document]:
        rows = company.documents.filter(condition).select_related("order").order_by()
        return rows.annotate(where=Value(where))

    held, differing = of(Q(state=Document.State.HELD), "documents"), of(DIFFERS, "documents")
    changed = of(Q(changed_problem__isnull=False), "changed")
    for document in held.union(differing, changed, all=True).order_by("-id"):
        where: str = getattr(document, "where")  # noqa: B009 - annotated above
        problem = document.changed_problem if where == "changed" else document.problems[0]
        yield problem_of(problem), where, document


def groups(company: Company, language: str) -> list[Group]:
    """Return what needs a person, the most frequent cause first."""
    by_code: dict[str, Group] = {}
    for problem, where, item in _found(company):
        group = by_code.get(problem.code)
        if group is None:
            group = Group(problem.code, problem, explain(problem, language))
            by_code[problem.code] = group
        getattr(group, where).append(item)
    return sorted(by_code.values(), key=lambda group: (-group.count, group.code))


def count(company: Company) -> int:
    """Return how many things need a person. It stands on every page: one question, of indexes."""
    documents = company.documents
    shops = company.shops.filter(active=True)
    rejected = Effect.objects.filter(document__company=company, state=EffectState.REJECTED)
    failed = InboxEvent.objects.filter(shop__company=company, state=InboxEvent.State.FAILED)
    counts = count_all(
        company,
        held=documents.filter(state=Document.State.HELD),
        differing=documents.filter(DIFFERS),
        changed=documents.filter(changed_problem__isnull=False),
        rejected=rejected,
        failed=failed,
        paused=company.connections.filter(STOPPED | WARNED),
        unread=shops.filter(poll_problem__isnull=False),
        deaf=shops.filter(webhook_problem__isnull=False),
        **stuck.by_side(company),
    )
    return sum(counts.values())
