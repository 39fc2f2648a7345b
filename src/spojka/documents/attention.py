"""What needs a person, grouped by cause: one fix clears many."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from django.db.models import Q

from spojka.companies.models import Company
from spojka.connections.models import Connection, Shop
from spojka.core.catalogue import Explained, explain
from spojka.core.outcome import EffectState
from spojka.core.problem import Problem
from spojka.documents.counting import count_all
from spojka.documents.lifeline import problem_of
from spojka.documents.models import DIFFERS, Document, Effect
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
            )
        )


_Found = tuple[Problem, str, object]


def _found(company: Company) -> Iterator[_Found]:
    for connection in company.connections.filter(STOPPED | WARNED):
        problem = connection.paused_problem or connection.health_problem
        yield problem_of(problem), "connections", connection
    for shop in company.shops.filter(active=True):
        for problem in (shop.poll_problem, shop.webhook_problem):
            if problem:
                yield problem_of(problem), "shops", shop
    held = company.documents.filter(state=Document.State.HELD).select_related("order")
    for document in held:
        yield problem_of(document.problems[0]), "documents", document
    differing = company.documents.filter(DIFFERS)
    for document in differing.select_related("order"):
        yield problem_of(document.problems[0]), "documents", document
    changed = company.documents.filter(changed_problem__isnull=False).select_related("order")
    for document in changed:
        yield problem_of(document.changed_problem), "changed", document
    rejected = Effect.objects.filter(document__company=company, state=EffectState.REJECTED)
    for effect in rejected.select_related("document__order"):
        yield problem_of(effect.problem), "effects", effect
    failed = InboxEvent.objects.filter(shop__company=company, state=InboxEvent.State.FAILED)
    for event in failed.select_related("shop").defer("body"):
        yield problem_of(event.problem), "events", event


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
    )
    return sum(counts.values())
