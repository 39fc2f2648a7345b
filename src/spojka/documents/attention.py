"""What needs a person, grouped by cause: one fix clears many."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from spojka.companies.models import Company
from spojka.connections.models import Connection, Shop
from spojka.core.catalogue import Explained, explain
from spojka.core.outcome import EffectState
from spojka.core.problem import Problem
from spojka.documents.lifeline import problem_of
from spojka.documents.models import Document, Effect
from spojka.orders.models import InboxEvent


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
    for connection in company.connections.exclude(paused_problem=None):
        yield problem_of(connection.paused_problem), "connections", connection
    for shop in company.shops.filter(active=True):
        for problem in (shop.poll_problem, shop.webhook_problem):
            if problem:
                yield problem_of(problem), "shops", shop
    held = company.documents.filter(state=Document.State.HELD).select_related("order")
    for document in held:
        yield problem_of(document.problems[0]), "documents", document
    differing = company.documents.filter(state=Document.State.ISSUED).exclude(problems=[])
    for document in differing.select_related("order"):
        yield problem_of(document.problems[0]), "documents", document
    changed = company.documents.exclude(changed_problem=None).select_related("order")
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
    """Return how many things need a person."""
    totals: dict[str, int] = defaultdict(int)
    documents = company.documents
    totals["held"] = documents.filter(state=Document.State.HELD).count()
    totals["differing"] = documents.filter(state=Document.State.ISSUED).exclude(problems=[]).count()
    totals["changed"] = documents.exclude(changed_problem=None).count()
    totals["rejected"] = Effect.objects.filter(
        document__company=company, state=EffectState.REJECTED
    ).count()
    totals["failed"] = InboxEvent.objects.filter(
        shop__company=company, state=InboxEvent.State.FAILED
    ).count()
    totals["paused"] = company.connections.exclude(paused_problem=None).count()
    for shop in company.shops.filter(active=True):
        totals["shops"] += bool(shop.poll_problem) + bool(shop.webhook_problem)
    return sum(totals.values())
