"""What must hold, whatever happened."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from spojka.archive import store as archive
from spojka.companies.models import Company
from spojka.connections.models import Shop
from spojka.core.document import Kind
from spojka.core.outcome import EffectState
from spojka.core.rules import Rule, decide
from spojka.documents import planning, rulebook
from spojka.documents.models import Document, Effect, RegisterEntry
from spojka.engine.models import Wake
from spojka.orders.intake import digest
from spojka.orders.models import InboxEvent, Order
from tests.simulation.chaos import ViolationError
from tests.simulation.world import OWN, World

if TYPE_CHECKING:
    from tests.simulation.simulator import Report

State = Document.State
_DONE = [EffectState.CONFIRMED, EffectState.REJECTED, EffectState.SKIPPED]


def _demand(holds: bool, words: str) -> None:
    if not holds:
        raise ViolationError(words)


def settled(world: World) -> None:
    """Nothing is lost: each order is here as it is in its shop, and done or blocked by a name."""
    _demand(not Wake.objects.filter(failures__gt=0).exists(), "a handler failed")
    events = InboxEvent.objects.filter(state=InboxEvent.State.NEW).count()
    _demand(not events, f"{events} events were not handled")
    stored = Order.objects.select_related("current").prefetch_related("documents")
    for row in Shop.objects.select_related("company"):
        shop = world.shops[row.platform]
        rules = rulebook.rules_of(row.company)
        orders = {order.external_id: order for order in stored.filter(shop=row)}
        for external_id in shop.orders:
            order = orders.get(external_id)
            if order is None or order.current is None:
                raise ViolationError(f"order {external_id} of {row.platform} was lost")
            core = shop.order(external_id)
            assert core is not None
            _demand(
                order.current.digest == digest(core),
                f"order {external_id} of {row.platform} is not what the shop says",
            )
            _demand(
                order.deleted_at is None,
                f"order {external_id} of {row.platform} is there, and deleted here",
            )
            order.shop, order.company = row, row.company
            _complete(order, rules)
        noticed = InboxEvent.objects.filter(shop=row, outcome="deleted").exclude(
            external_id__in=shop.orders
        )
        for external_id in noticed.values_list("external_id", flat=True):
            _demand(
                not Order.objects.filter(
                    shop=row, external_id=external_id, deleted_at=None
                ).exists(),
                f"order {external_id} of {row.platform} was deleted, and came back",
            )
    waiting = Effect.objects.exclude(state__in=_DONE).exclude(
        document__state__in=[State.HELD, State.DROPPED]
    )
    for effect in waiting.select_related("document__connection"):
        connection = effect.document.connection
        assert connection is not None
        _demand(
            connection.paused_problem is not None,
            f"{effect.key} waits in state {effect.state} with no name for it",
        )
    for document in Document.objects.all():
        _demand(
            document.state != State.HELD or bool(document.problems),
            f"{document.uuid} is held with no name for it",
        )
    for effect in Effect.objects.filter(state=EffectState.REJECTED):
        _demand(bool(effect.problem), f"{effect.key} was rejected with no name for it")


def _complete(order: Order, rules: Sequence[Rule]) -> None:
    """What the rules select exists, or a person decided against it."""
    if order.deleted_at is not None or order.ignored_reason:
        return
    core = order.content()
    documents = list(order.documents.all())
    facts, switches = rulebook.facts_of(order, core), rulebook.switches_of(order.company)
    decision = decide(facts, rules, switches)
    for due in planning.due_documents(order, core, decision, documents):
        dropped = [row for row in documents if row.kind == due.kind and row.state == State.DROPPED]
        _demand(
            any(row.actions.get("dropped_by") for row in dropped),
            f"{due.kind.value} of order {order.external_id} ({order.shop}) was never planned",
        )
    if core.is_paid and order.status != "cancelled":
        rows = [row for row in documents if row.kind == Kind.INVOICE]
        # Its proforma may be in doubt in a system that cannot be asked until somebody mends it, or
        # that refuses to say: a person decides.
        waits = any(
            row.connection is not None
            and (row.state == State.HELD or row.connection.paused_problem is not None)
            and not row.number
            and planning.was_sent(row)
            for row in documents
        )
        _demand(
            len(rows) == 1 or (waits and not rows),
            f"paid order {order.external_id} has {len(rows)} invoices",
        )


def finished(seed: int, world: World) -> Report:
    """Prove what the other sides, the numbers and the archive say; return what was done."""
    from tests.simulation.simulator import Report

    documents = {
        f"{document.uuid}:create": document
        for document in Document.objects.select_related("connection")
    }
    for system in world.systems.values():
        for key, made in system.made.items():
            _demand(len(made) <= 1, f"{key} exists {len(made)} times in {system.descriptor.key}")
            document = documents[key]
            for kept in made:
                _demand(
                    document.number == kept.issued.number,
                    f"{key} exists as {kept.issued.number}, and here as {document.number!r}",
                )
                _demand(
                    kept.cancelled == (document.state == State.CANCELLED),
                    f"{key} is {document.state} here and not there",
                )
    for document in documents.values():
        assert document.connection is not None
        if document.number and document.connection.system != OWN:
            made = world.systems[document.connection.system].made[f"{document.uuid}:create"]
            _demand(len(made) == 1, f"{document.number} does not exist on the other side")
        if document.state == State.ISSUED and not document.problems:
            pdf = archive.read(document.pdf_sha256) if document.pdf_sha256 else None
            refused = document.effects.filter(kind="pdf", state=EffectState.REJECTED).exists()
            _demand(pdf is not None or refused, f"{document.number} has no PDF")
    twice = [key for key, count in world.mail.accepted.items() if count > 1]
    _demand(
        all(world.mail.accepted[key] <= 1 + world.mail.allowed[key] for key in twice),
        f"sent twice: {twice}",
    )
    _numbers()
    for company in Company.objects.all():
        verification = archive.verify(company)
        _demand(verification.ok, f"the archive is broken: {verification.problems}")
    return Report(
        seed,
        Effect.objects.filter(attempt__gt=0).count(),
        len(documents),
        world.chaos.happened,
    )


def _numbers() -> None:
    """The own issuer's numbers have no gap and no double, and each has its document."""
    taken: Counter[tuple[int, str]] = Counter()
    entries = RegisterEntry.objects.order_by("series_id", "period", "counter")
    for entry in entries:
        taken[entry.series_id, entry.period] += 1
        _demand(
            entry.counter == taken[entry.series_id, entry.period],
            f"before {entry.number} a number is missing",
        )
        document = Document.objects.filter(uuid=entry.uuid).first()
        _demand(
            document is not None and document.number == entry.number,
            f"{entry.number} was taken and its document does not know it",
        )
