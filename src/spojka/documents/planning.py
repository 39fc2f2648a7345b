"""What is due for an order: documents from rules, refunds and payments; and their effects.

Planning is idempotent. It only ever adds what is missing, or rebuilds what was never sent; what is
issued stays as it is, and a later change of the order becomes a task for a person.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from spojka.companies.models import Company
from spojka.connections.models import Connection
from spojka.connections.reservations import StoredReservations
from spojka.core import codec, trace
from spojka.core.dates import local_date
from spojka.core.document import Document as CoreDocument
from spojka.core.document import Kind
from spojka.core.order import Order as CoreOrder
from spojka.core.outcome import EffectKind, EffectState
from spojka.core.problem import Held, Problem, problem_json
from spojka.core.rules import Decision, Rule
from spojka.database.prepared import Prepared
from spojka.documents import composing, doubt, followups, news, routing, rulebook
from spojka.documents.identity import create_key, current_version, document_uuid
from spojka.documents.lifeline import note
from spojka.documents.models import GONE, Document, Effect
from spojka.documents.models import Decision as DecisionRow
from spojka.documents.reading import Reading, read
from spojka.documents.routing import Route
from spojka.orders.models import InboxEvent, Order

State = Document.State


@dataclass(frozen=True, slots=True)
class Due:
    """A document that is due. ``rule`` is ``None`` where a refund or a payment made it due."""

    kind: Kind
    rule: Rule | None
    refund_id: str = ""
    ordinal: int = 1
    reason: str = ""


@transaction.atomic
def plan(order_id: int, before: Reading | None = None) -> Reading:
    """Plan what is due for an order and rebuild what waits; see the module's words.

    Returns the order as it was planned. ``before`` is what the last planning returned, where the
    order was in the same hands since.
    """
    reading = read(order_id, before)
    if reading.order.current is not None:
        with traced(reading.order):
            reading.core = reading.core or reading.order.content()
            _plan(reading, reading.core)
    return reading


@contextmanager
def traced(order: Order) -> Iterator[None]:
    """Do something that follows from the order as it came last, whoever woke it."""
    came = order.current.trace if order.current is not None else ""
    with trace.bound(came or trace.current() or trace.new()):
        yield


def _plan(reading: Reading, core: CoreOrder) -> None:
    order, documents = reading.order, reading.documents
    if reading.has_news:
        news.apply(order, core, documents)
    decision = reading.decision
    if decision is None:
        decision = reading.decision = rulebook.decide(order, core)
        _remember(order, decision)
    _task_for_changes(order, core, documents)
    _plan_payments(order, core, documents)
    if order.company.mode == Company.Mode.OBSERVE or order.ignored_reason or order.deleted_at:
        return
    _cancel_unpaid_proforma(order, documents)
    due = list(due_documents(order, core, decision, documents))
    _drop_not_due(order, decision, documents, due)
    for one in due:
        _plan_document(order, core, one, documents)
    _rebuild_waiting(order, core, documents)


_EVENT = Prepared(lambda event_id: InboxEvent.objects.filter(pk=event_id).only("via"), int)
_DECISION = Prepared(lambda order_id: DecisionRow.objects.filter(order_id=order_id), int)


def _remember(order: Order, decision: Decision) -> None:
    """Store the why; a new version of the order and a new decision go to the life line."""
    row = _DECISION.first(order.pk)
    content = decision.to_json()
    if row is None or row.version_id != order.current_id:
        version = current_version(order)
        event = None if version.event_id is None else _EVENT.first(version.event_id)
        note(
            order,
            "order.received" if row is None else "order.changed",
            version=version.ordinal,
            status=order.status,
            via=event.via if event else "",
        )
    if row is None:
        row = DecisionRow(order=order, version=current_version(order), content=content)
    elif row.content == content and row.version_id == order.current_id:
        return
    fired = [kind.value for kind in Kind if rulebook.fired(decision, kind)]
    row.version = current_version(order)
    row.content = content
    row.at = timezone.now()
    row.observed = observe(order, decision) if order.company.mode == Company.Mode.OBSERVE else []
    row.save()
    note(order, "decided", kinds=", ".join(fired))


def observe(order: Order, decision: Decision) -> list[dict[str, Any]]:
    """Return what would be issued if the company were live."""
    core = order.content()
    documents = list(order.documents.all())
    rows: list[dict[str, Any]] = []
    for due in due_documents(order, core, decision, documents):
        row: dict[str, Any] = {"kind": due.kind.value, "total": None, "problems": []}
        try:
            document = composing.compose(order, core, due.kind, rule=due.rule)
            row["total"] = str(document.total)
        except Held as held:
            row["problems"] = [problem_json(problem) for problem in held.problems]
        rows.append(row)
    return rows


# which documents are due


def due_documents(
    order: Order, core: CoreOrder, decision: Decision, documents: Iterable[Document]
) -> Iterable[Due]:
    """Yield the documents that are due and do not exist yet, in the order of issuing."""
    have = [document for document in documents if document.state != State.DROPPED]
    by_kind = {kind: [document for document in have if document.kind == kind] for kind in Kind}
    invoice_rule = rulebook.fired(decision, Kind.INVOICE)
    proforma_rule = rulebook.fired(decision, Kind.PROFORMA)
    tax_rule = rulebook.fired(decision, Kind.TAX_DOCUMENT)
    invoices = by_kind[Kind.INVOICE]
    proforma = next((row for row in by_kind[Kind.PROFORMA] if row.state not in GONE), None)
    final_due = (
        order.company.final_after_proforma
        and proforma is not None
        and proforma.state == State.ISSUED
        and (core.is_paid or proforma.is_paid)
    )
    invoice_due = not invoices and (invoice_rule is not None or final_due)
    invoice_due = invoice_due and not _is_closed(order, invoice_rule)
    proforma_due = proforma_rule is not None and not _is_closed(order, proforma_rule)
    if proforma_due and not by_kind[Kind.PROFORMA] and not invoices and not invoice_due:
        yield Due(Kind.PROFORMA, proforma_rule)
    paid_proforma = proforma is not None and proforma.number and (core.is_paid or proforma.is_paid)
    tax_document = next(iter(by_kind[Kind.TAX_DOCUMENT]), None)
    if tax_rule and paid_proforma and tax_document is None and not invoices:
        yield Due(Kind.TAX_DOCUMENT, tax_rule)
        return
    if tax_document is not None and tax_document.state != State.ISSUED and not invoices:
        return  # the final invoice deducts it, and needs its number
    if invoice_due and not (proforma is not None and _is_under_way(proforma)):
        yield Due(Kind.INVOICE, invoice_rule or rulebook.rule_of(proforma))
    yield from _due_credit_notes(order, core, decision, invoices, by_kind[Kind.CREDIT_NOTE])


def _is_closed(order: Order, rule: Rule | None) -> bool:
    """Tell whether the order is closed, and no rule says by name that this status is invoiced."""
    named = rule is not None and order.status in rule.conditions.statuses
    return order.status in composing.CLOSED_STATUSES and not named


def _is_under_way(document: Document) -> bool:
    """Tell whether the document may already exist on the other side without a number here.

    A person may have to settle that, where the other side does not say: it is held then.
    """
    if document.state == State.HELD:
        return document.pk is not None and not document.number and was_sent(document)
    return document.state in {State.ISSUING, State.UNCERTAIN}


def _due_credit_notes(
    order: Order,
    core: CoreOrder,
    decision: Decision,
    invoices: list[Document],
    notes: list[Document],
) -> Iterable[Due]:
    rule = rulebook.fired(decision, Kind.CREDIT_NOTE)
    issued = [invoice for invoice in invoices if invoice.state == State.ISSUED]
    if rule is None or not issued:
        return
    have = {document.refund_id for document in notes}
    refunds = sorted(core.refunds, key=lambda refund: (refund.created_at, refund.external_id))
    for refund in refunds:
        if refund.amount > 0 and refund.external_id not in have:
            yield Due(Kind.CREDIT_NOTE, rule, refund.external_id, reason=refund.reason)
    if not core.refunds and not notes and order.status in composing.CLOSED_STATUSES:
        yield Due(Kind.CREDIT_NOTE, rule)


# making and rebuilding

PINNED = "pinned"
"""Key in a document's actions: the connection that a person wants it in."""
_KEPT_ACTIONS = {"by_hand", "items", "amount", PINNED, doubt.SETTLED_BY}
"""What people decided about a document, whatever rule it is built by."""


def _plan_document(order: Order, core: CoreOrder, due: Due, documents: list[Document]) -> None:
    existing = next(
        (
            document
            for document in documents
            if (document.kind, document.ordinal, document.refund_id)
            == (due.kind, due.ordinal, due.refund_id)
        ),
        None,
    )
    if existing is not None and existing.actions.get("dropped_by"):
        return  # a person decided that this document is not wanted
    document = create(order, core, due, existing)
    if existing is None:
        documents.append(document)


def create(
    order: Order,
    core: CoreOrder,
    due: Due,
    existing: Document | None = None,
    connection: Connection | None = None,
) -> Document:
    """Make (or revive a dropped) document row with its content, and its first effect.

    ``connection`` is where a person wants it; by default it goes where the rules of routing say.
    """
    document = existing or Document(
        uuid=document_uuid(order, due.kind, due.ordinal, due.refund_id),
        company=order.company,
        order=order,
        kind=due.kind.value,
        ordinal=due.ordinal,
        refund_id=due.refund_id,
    )
    document.version = current_version(order)
    given = None if document.pk else document.original
    document.original = given or _original(order, due.kind)
    document.actions = {
        **(rulebook.actions_json(due.rule) if due.rule else {}),
        "reason": due.reason,
        **{name: value for name, value in document.actions.items() if name in _KEPT_ACTIONS},
    }
    if connection is not None:
        document.actions[PINNED] = connection.pk
        document.connection = connection
    document.why = {"rule": due.rule.name, "rule_id": due.rule.id} if due.rule else {}
    build(document, order, core, rule=due.rule)
    return document


def _original(order: Order, kind: Kind) -> Document | None:
    wanted = {Kind.CREDIT_NOTE: Kind.INVOICE, Kind.TAX_DOCUMENT: Kind.PROFORMA}.get(kind)
    if wanted is None:
        return None
    return order.documents.filter(kind=wanted, state=State.ISSUED).order_by("-ordinal").first()


def build(document: Document, order: Order, core: CoreOrder, rule: Rule | None = None) -> None:
    """(Re)build a document that was never sent, and its route; hold it where that fails."""
    document.version = current_version(order)
    way = _route(order, core, document, rule)
    if document.connection is not None and document.connection != way.connection:
        # Whatever number was reserved for it there is free again: nothing was made under it.
        StoredReservations(document.connection).give_back(create_key(document.uuid))
    document.connection = way.connection
    document.test = core.test or way.connection.simulated
    try:
        content = composing.compose(order, core, Kind(document.kind), rule=rule, document=document)
    except Held as held:
        if document.kind in {Kind.INVOICE, Kind.PROFORMA}:
            document.currency, document.total = core.currency, core.total
        _hold(document, held.problems)
        return
    content = replace(content, test=document.test)
    document.content = codec.dump(content)
    copy_content(document, content)
    unfit = way.problem or routing.cannot_make(way.connection, content)
    if (problem := doubt.to_settle(document) or unfit) is not None:
        _hold(document, [problem])
        return
    key = create_key(document.uuid)
    effect = Effect.objects.filter(key=key).first() if document.pk else None
    made = effect is None
    if effect is None:
        beginning = doubt.beginning(document, EffectKind.CREATE)
        effect = Effect(document=document, kind=EffectKind.CREATE, key=key, **beginning)
    uncertain = effect.state == EffectState.UNCERTAIN
    document.state = State.UNCERTAIN if uncertain else State.PLANNED
    document.problems = []
    document.save()
    if made:
        effect.save(force_insert=True)
        note(order, "planned", document=document, kind=document.kind, total=content.total)


def _route(order: Order, core: CoreOrder, document: Document, rule: Rule | None) -> Route:
    """Return where a document goes: where a person wants it, or where the one is that it follows,
    or where rules and conditions say."""
    if document.actions.get(PINNED) and document.connection is not None:
        return routing.checked(document.connection)
    followed = document.original
    if document.kind == Kind.INVOICE:
        followed = composing.issued(order, Kind.PROFORMA)
    return routing.route(order, core, rule, followed)


def _hold(document: Document, problems: Sequence[Problem]) -> None:
    """Store that a document waits for a person; news of it go to the life line."""
    stored = [problem_json(problem) for problem in problems]
    news = document.state != State.HELD or document.problems != stored
    document.state = State.HELD
    document.problems = stored
    document.save()
    if news:
        note(document.order, "held", document=document, problem=problems[0])


def copy_content(document: Document, content: CoreDocument) -> None:
    """Copy what lists and filters need out of the content."""
    document.currency = content.currency
    document.total = content.total
    document.issued_on = content.issued_on
    document.taxable_on = content.taxable_on
    document.due_on = content.due_on


def was_sent(document: Document) -> bool:
    """Tell whether the document exists on the other side, or may.

    What was refused, or looked for and not found, does not: it may be built anew, or dropped.
    """
    return (
        bool(document.number)
        or document.effects.filter(
            kind=EffectKind.CREATE,
            state__in=[
                EffectState.SENDING,
                EffectState.UNCERTAIN,
                EffectState.LOOKING_UP,
                EffectState.CONFIRMED,
            ],
        ).exists()
    )


def _rebuild_waiting(order: Order, core: CoreOrder, documents: Iterable[Document]) -> None:
    """Build again what waits unsent: held, or made of an older version of the order.

    What held it may be mended by now: in the order, or in the company's settings.
    """
    for document in documents:
        if document.state not in {State.HELD, State.PLANNED}:
            continue
        outdated = document.version_id != order.current_id
        closed = document.connection is not None and not document.connection.active
        if (outdated or closed or _held_here(document)) and not was_sent(document):
            build(document, order, core, rulebook.rule_of(document))


def _held_here(document: Document) -> bool:
    """Tell whether the document is held by us: the other side was never asked.

    What the other side refused would be refused again, until the order changes or a person says so.
    """
    tried = document.effects.filter(kind=EffectKind.CREATE, attempt__gt=0)
    return document.state == State.HELD and not tried.exists()


def _drop_not_due(
    order: Order, decision: Decision, documents: Iterable[Document], due: Iterable[Due]
) -> None:
    """Drop what waits unsent and is no longer wanted: the order was cancelled, or paid at once."""
    invoice_due = any(one.kind is Kind.INVOICE for one in due)
    for document in documents:
        if document.state not in {State.HELD, State.PLANNED} or document.actions.get("by_hand"):
            continue
        superseded = document.kind == Kind.PROFORMA and invoice_due
        kind = Kind(document.kind)
        obsolete = kind in {Kind.PROFORMA, Kind.INVOICE} and _is_closed(
            order, rulebook.fired(decision, kind)
        )
        if (superseded or obsolete) and not was_sent(document):
            drop(document)


def drop(document: Document) -> None:
    """Take a document back that was never sent."""
    document.effects.all().delete()
    document.state = State.DROPPED
    document.problems = []
    document.save()
    note(document.order, "dropped", document=document)


# changes and payments after issuing


def fingerprint(core: CoreOrder) -> dict[str, str]:
    """Return digests of the parts of an order that stand on its documents."""
    parts: Mapping[str, Any] = {
        "lines": [codec.dump(line) for line in core.lines],
        "total": [str(core.total), core.currency],
        "customer": codec.dump(core.customer),
        "delivery": codec.dump(core.delivery),
    }
    return {
        name: hashlib.sha256(json.dumps(part, sort_keys=True).encode()).hexdigest()[:16]
        for name, part in parts.items()
    }


def _task_for_changes(order: Order, core: CoreOrder, documents: Iterable[Document]) -> None:
    """Raise a task on documents whose order says something else now than when they were issued."""
    for document in documents:
        if document.state != State.ISSUED or document.kind not in {Kind.INVOICE, Kind.PROFORMA}:
            continue
        as_issued = document.version_id == order.current_id and order.deleted_at is None
        if as_issued and document.changed_problem is None:
            continue
        now = fingerprint(core)
        then = fingerprint(document.version.order_content())
        changed = [name for name in now if now[name] != then[name]]
        problem: Problem | None = None
        if order.deleted_at is not None:
            problem = Problem.of("SPJ-ORDER-DELETED", order=order.number)
        elif changed and document.actions.get("accepted") != now:
            problem = Problem.of("SPJ-ORDER-CHANGED", fields=", ".join(changed), order=order.number)
        stored = problem_json(problem) if problem else None
        if stored != document.changed_problem:
            document.changed_problem = stored
            document.save(update_fields=["changed_problem"])
            if problem is not None:
                note(order, "changed_after_issue", document=document, problem=problem)


def _plan_payments(order: Order, core: CoreOrder, documents: Iterable[Document]) -> None:
    """Record the order's payment on documents that were issued unpaid, or what is left of it.

    A payment under way or refused is not recorded again, and none where a person took one back.
    """
    if core.paid_at is None:
        return
    for document in documents:
        payable = document.kind in {Kind.INVOICE, Kind.PROFORMA} and document.total
        if document.state != State.ISSUED or not payable or document.is_paid:
            continue
        if document.actions.get(news.UNPAID_THERE):
            continue  # somebody took the payment back in the system, and had a reason
        if routing.cannot_do(document.connection, EffectKind.PAY) is not None:
            continue
        taken_back = Q(kind=EffectKind.UNPAY)
        unfinished = Q(kind=EffectKind.PAY) & ~Q(state=EffectState.CONFIRMED)
        if not document.effects.filter(taken_back | unfinished).exists():
            paid_on = local_date(core.paid_at, order.company.zone)
            followups.pay(document, paid_on, (document.total or Decimal(0)) - document.paid_amount)


def _cancel_unpaid_proforma(order: Order, documents: Iterable[Document]) -> None:
    """Cancel the unpaid proforma of an order that was cancelled."""
    if order.status not in composing.CLOSED_STATUSES:
        return
    if any(row.kind == Kind.INVOICE and row.state != State.DROPPED for row in documents):
        return
    for document in documents:
        unpaid = document.kind == Kind.PROFORMA and not document.paid_amount
        if document.state != State.ISSUED or not unpaid:
            continue
        if routing.cannot_do(document.connection, EffectKind.CANCEL) is None:
            followups.add_effect(document, EffectKind.CANCEL, f"{document.uuid}:cancel")
