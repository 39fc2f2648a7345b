"""What systems say of an order's documents, brought into the ledger.

Called while the order is planned, which only one worker at a time does: so nothing of this happens
between the sending of an effect and its outcome. What was read before an effect of ours ended does
not know of it, and is left alone; what is in doubt is looked up first.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

from django.utils import timezone

from spojka.accounting.contract import Issued, IssuedState
from spojka.core import codec
from spojka.core.dates import local_date
from spojka.core.document import Document as CoreDocument
from spojka.core.document import Kind
from spojka.core.order import Order as CoreOrder
from spojka.core.outcome import EffectKind, EffectState
from spojka.core.problem import Held, Problem, problem_json
from spojka.documents import comparison, composing, followups, foreign, recording
from spojka.documents.identity import create_key, current_version, document_uuid, is_key
from spojka.documents.lifeline import note, problem_of
from spojka.documents.models import GONE, Document, Effect, ForeignDocument
from spojka.orders.models import Order

State = Document.State
UNPAID_THERE = "unpaid_there"
"""Key in a document's actions: somebody took the payment back in the system. It is not recorded
again by itself."""
_TOUCHING = (
    EffectKind.CREATE,
    EffectKind.PAY,
    EffectKind.UNPAY,
    EffectKind.CANCEL,
    EffectKind.DELETE,
)
_IN_DOUBT = (EffectState.SENDING, EffectState.UNCERTAIN, EffectState.LOOKING_UP)
_CLOCKS = timedelta(seconds=2)
"""An effect that ended so shortly before a reading began may not be in it yet."""


def apply(order: Order, core: CoreOrder, documents: list[Document]) -> None:
    """Bring news about an order's documents in; those that the system made are added to the list.

    What has to wait for the outcome of an effect stays for the next time.
    """
    rows = ForeignDocument.objects.filter(order=order, pending=True).select_related("connection")
    for row in rows.order_by("pk"):
        if _apply(order, core, documents, row):
            row.pending = False
            row.save(update_fields=["pending", "document", "facts"])


def _apply(order: Order, core: CoreOrder, documents: list[Document], row: ForeignDocument) -> bool:
    """Bring one row in; ``False``: not now."""
    issued = row.issued()
    document = _known(row, documents)
    if document is not None:
        row.document = document
        document.company = order.company
        return _update(document, issued, row)
    if issued.state in {IssuedState.CANCELLED, IssuedState.DELETED}:
        return True
    kind = Kind(row.kind or Kind.INVOICE)
    rivals = [one for one in documents if one.kind == kind and one.state not in GONE]
    place = _place(row, rivals)
    if place is not None and _is_in_doubt(place):
        return False
    if place is None:
        twin = next((one for one in rivals if kind is not Kind.CREDIT_NOTE), None)
        if twin is not None:
            _tell_twin(twin, row)
            return True
        place = _made_room(order, kind, documents)
    _link(order, core, place, issued, row)
    row.document = place
    return True


def _known(row: ForeignDocument, documents: Iterable[Document]) -> Document | None:
    """Return the document that has this id in that system already."""
    return next(
        (
            one
            for one in documents
            if one.external_id == row.external_id
            and one.connection_id == row.connection_id
            and row.kind in {"", one.kind}
        ),
        None,
    )


def _place(row: ForeignDocument, rivals: Iterable[Document]) -> Document | None:
    """Return the document not issued yet that this one is, or takes the place of."""
    waiting = [one for one in rivals if not one.number]
    by_key = next((one for one in waiting if is_key(row.key, create_key(one.uuid))), None)
    if by_key is not None or row.kind != Kind.CREDIT_NOTE:
        return by_key or next(iter(waiting), None)
    return next((one for one in waiting if one.total == row.total), None)


def _is_in_doubt(document: Document) -> bool:
    return document.effects.filter(kind__in=_TOUCHING, state__in=_IN_DOUBT).exists()


def _tell_twin(document: Document, row: ForeignDocument) -> None:
    """Say that the system made a document of its own beside the one that we issued."""
    problem = Problem.of("SPJ-DOCUMENT-TWICE", number=document.number, other=row.number)
    stored = problem_json(problem)
    if stored not in document.problems:
        document.problems = [*document.problems, stored]
        document.save(update_fields=["problems"])
        note(document.order, "system.twin", document=document, problem=problem)


# documents that are linked


def _made_room(order: Order, kind: Kind, documents: list[Document]) -> Document:
    """Return a row for a document that was not planned here: a dropped one, or the next one."""
    same = [one for one in documents if one.kind == kind and not one.refund_id]
    dropped = next((one for one in same if one.state == State.DROPPED), None)
    if dropped is not None:
        return dropped
    ordinal = max((one.ordinal for one in same), default=0) + 1
    made = Document(
        uuid=document_uuid(order, kind, ordinal),
        company=order.company,
        order=order,
        kind=kind.value,
        ordinal=ordinal,
    )
    documents.append(made)
    return made


def _link(
    order: Order, core: CoreOrder, document: Document, issued: Issued, row: ForeignDocument
) -> None:
    """Take a document that exists as the order's own, with content made here and compared."""
    document.connection = row.connection
    document.test = core.test or row.connection.simulated
    document.version = current_version(order)
    if document.kind == Kind.CREDIT_NOTE and document.original is None:
        document.original = composing.issued(order, Kind.INVOICE)
    content, problem = _content(order, core, document, issued)
    document.content = codec.dump(replace(content, test=document.test))
    document.currency, document.total = content.currency, content.total
    document.taxable_on, document.due_on = content.taxable_on, content.due_on
    document.save()
    effect, _ = Effect.objects.update_or_create(
        key=create_key(document.uuid),
        defaults={
            "document": document,
            "kind": EffectKind.CREATE,
            "state": EffectState.CONFIRMED,
            "done_at": timezone.now(),
            "problem": None,
            "technical": "",
        },
    )
    effect.document = document
    effect.result = recording.created(effect, issued)
    effect.save(update_fields=["result"])
    if problem is not None:
        document.problems = [*document.problems, problem_json(problem)]
        document.save(update_fields=["problems"])
    name = "system.produced" if row.produced else "system.linked"
    note(order, name, document=document, number=issued.number)
    # Customers and shops were told of old documents long ago, or by whoever made them.
    followups.after_issue(document, tell=row.produced and not issued.sent)


def _content(
    order: Order, core: CoreOrder, document: Document, issued: Issued
) -> tuple[CoreDocument, Problem | None]:
    """Return what the document should say; where it cannot be made, what its proforma said."""
    if document.content is not None:
        return recording.of_days(codec.load(CoreDocument, document.content), issued), None
    try:
        made = composing.compose(order, core, Kind(document.kind), document=document)
    except Held as held:
        proforma = composing.issued(order, Kind.PROFORMA)
        if proforma is None:
            return _bare(order, core, document, issued), held.problems[0]
        copy = replace(proforma.core(), kind=Kind(document.kind), uuid=str(document.uuid))
        return recording.of_days(copy, issued), held.problems[0]
    return recording.of_days(made, issued), None


def _bare(order: Order, core: CoreOrder, document: Document, issued: Issued) -> CoreDocument:
    """Return the content of a document that exists although none could be made here."""
    today = local_date(timezone.now(), order.company.zone)
    on = issued.issued_on or today
    return CoreDocument(
        uuid=str(document.uuid),
        kind=Kind(document.kind),
        currency=issued.currency or core.currency,
        language=order.company.language,
        seller=order.company.seller(),
        customer=core.customer,
        issued_on=on,
        due_on=issued.due_on or on,
        taxable_on=issued.taxable_on,
        order_number=core.number,
        order_external_id=core.external_id,
        lines=(),
    )


# documents that are known


def _update(document: Document, issued: Issued, row: ForeignDocument) -> bool:
    """Bring in what happened to a document of ours; ``False``: not before a doubt is settled."""
    effects = list(document.effects.filter(kind__in=_TOUCHING))
    if any(effect.state in _IN_DOUBT for effect in effects):
        return False
    since = row.seen_at - _CLOCKS
    if any(at and at >= since for one in effects for at in (one.sent_at, one.done_at)):
        row.facts = {**row.facts, foreign.TOO_EARLY: True}
        return True  # what we did makes it be read again
    _state(document, issued)
    if document.state == State.ISSUED:
        _agreement(document, issued)
        _payment(document, issued, effects)
        _sent(document, issued)
    return True


def _state(document: Document, issued: Issued) -> None:
    gone = {IssuedState.CANCELLED: State.CANCELLED, IssuedState.DELETED: State.DELETED}
    there = gone.get(IssuedState(issued.state)) if issued.state in gone else None
    if there is not None and document.state == State.ISSUED:
        recording.take_away(document, there)
        problem = Problem.of(
            "SPJ-CANCELLED-THERE" if there is State.CANCELLED else "SPJ-DELETED-THERE",
            number=document.number,
            order=document.order.number,
        )
        closed = document.order.status in composing.CLOSED_STATUSES
        if not closed and document.kind != Kind.CREDIT_NOTE:
            document.changed_problem = problem_json(problem)
            document.save(update_fields=["changed_problem"])
        note(document.order, f"system.{there.value}", document=document, problem=problem)
    elif (
        document.state in {State.CANCELLED, State.DELETED}
        and issued.state in recording.TELLS_PAYMENT
    ):
        document.state = State.ISSUED
        document.changed_problem = None
        document.save(update_fields=["state", "changed_problem"])
        note(document.order, "system.restored", document=document)


def _agreement(document: Document, issued: Issued) -> None:
    """Compare both sides anew; what the answer does not tell stays as it was found."""
    found = comparison.differences(document.core(), issued, document.number)
    told = comparison.told(issued)
    kept = [
        stored
        for stored in document.problems
        if comparison.field_of(problem_of(stored)) not in told
    ]
    problems = [*kept, *(problem_json(one.problem()) for one in found)]
    fresh = [one for one in found if problem_json(one.problem()) not in document.problems]
    if not fresh and len(problems) == len(document.problems):
        return
    document.problems = problems
    document.save(update_fields=["problems"])
    if fresh:
        note(document.order, "system.edited", document=document, problem=fresh[0].problem())
    else:
        note(document.order, "system.agrees", document=document)


def _payment(document: Document, issued: Issued, effects: Iterable[Effect]) -> None:
    paid = recording.paid_there(document.core(), issued)
    if paid is None or paid == document.paid_amount or document.kind == Kind.CREDIT_NOTE:
        return
    more = paid > document.paid_amount
    document.paid_amount = paid
    if more:
        document.paid_on = issued.paid_on or local_date(timezone.now(), document.company.zone)
        document.actions.pop(UNPAID_THERE, None)
    else:
        document.paid_on = document.paid_on if paid else None
        document.actions = {**document.actions, UNPAID_THERE: True}
    document.save(update_fields=["paid_amount", "paid_on", "actions"])
    waiting = [one for one in effects if one.kind == EffectKind.PAY and one.is_open]
    if more and waiting:
        Effect.objects.filter(pk__in=[one.pk for one in waiting]).update(state=EffectState.SKIPPED)
    day = document.paid_on or ""
    what = "paid" if more else "unpaid"
    recording.archive_fact(document, what, {"amount": paid, "paid_on": day})
    note(document.order, f"system.{what}", document=document, amount=paid, paid_on=day)
    if more:
        followups.after_pay(document)
        followups.tell_paid(document)


def _sent(document: Document, issued: Issued) -> None:
    """Note once that the system says it was sent to the customer."""
    if not issued.sent or document.actions.get("sent_there"):
        return
    document.actions = {**document.actions, "sent_there": True}
    document.save(update_fields=["actions"])
    sent_by_us = document.effects.filter(kind=EffectKind.EMAIL, state=EffectState.CONFIRMED)
    if not sent_by_us.exists():
        note(document.order, "system.sent", document=document)
