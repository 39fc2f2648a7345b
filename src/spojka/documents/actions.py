"""What a person can do with orders and documents; the same for pages, API and command line.

Every action is refused with a catalogue code where it makes no sense, is written to the audit log
with its actor, and shows on the order's life line. Actions plan; :func:`advance` does.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from spojka import engine
from spojka.companies.models import AuditEntry, Company
from spojka.connections import systems
from spojka.connections.models import Connection
from spojka.core.document import Kind
from spojka.core.outcome import EffectKind, EffectState
from spojka.core.problem import Problem
from spojka.documents import doubt, followups, planning, routing, rulebook, stuck
from spojka.documents.identity import create_key, document_uuid
from spojka.documents.lifeline import note
from spojka.documents.models import GONE, Document, Effect
from spojka.orders.models import InboxEvent, Order

State = Document.State


class ActionRefused(Exception):  # noqa: N818 - reads as what it is
    """The action makes no sense now; carries the reason."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.code)
        self.problem = problem


def _refuse(code: str, **facts: object) -> ActionRefused:
    return ActionRefused(Problem.of(code, **facts))


def done(action: str, document: Document, actor: str, **facts: object) -> None:
    """Write the audit log and the life line, and have the order looked at."""
    texts: dict[str, Any] = {name: str(value) for name, value in facts.items()}
    AuditEntry.write(
        f"document.{action}",
        company=document.company,
        actor=actor,
        subject=document.number or f"{document.kind} {document.order.number}",
        **texts,
    )
    note(document.order, f"person.{action}", document=document, actor=actor, **texts)
    wake(document.order)


def wake(order: Order) -> None:
    """Have an order looked at now."""
    engine.wake("order", order.pk, account=f"shop:{order.shop_id}")


@transaction.atomic
def issue(order: Order, kind: Kind, *, actor: str) -> Document:
    """Issue a document by hand, whatever the rules and the mode say.

    Raises:
        ActionRefused: one exists already (``SPJ-DOCUMENT-EXISTS``).
    """
    existing = list(order.documents.filter(kind=kind, refund_id="").order_by("-ordinal"))
    living = [row for row in existing if row.state not in GONE]
    ordinal = 1
    revived = next((row for row in existing if row.state == State.DROPPED), None)
    if living:
        if kind is Kind.INVOICE and _is_credited(living[0]):
            ordinal, revived = living[0].ordinal + 1, None
        else:
            raise _refuse(
                "SPJ-DOCUMENT-EXISTS", number=living[0].number or "-", kind=f"@{kind.value}"
            )
    elif existing and revived is None:
        ordinal = existing[0].ordinal + 1
    if revived is not None:
        ordinal = revived.ordinal
        revived.actions.pop("dropped_by", None)
    document = planning.create(
        order, order.content(), planning.Due(kind, None, ordinal=ordinal), revived
    )
    document.actions = {**document.actions, "by_hand": actor}
    document.save(update_fields=["actions"])
    done("issue", document, actor)
    return document


def issuable(order: Order) -> list[Kind]:
    """Return the kinds that make sense to be issued by hand for an order now."""
    living = order.documents.exclude(state__in=GONE)
    invoice = living.filter(kind=Kind.INVOICE).order_by("-ordinal").first()
    if invoice is not None:
        return [Kind.INVOICE] if _is_credited(invoice) else []
    has_proforma = living.filter(kind=Kind.PROFORMA).exists()
    return [Kind.INVOICE] if has_proforma else [Kind.INVOICE, Kind.PROFORMA]


def _is_credited(invoice: Document) -> bool:
    """Tell whether credit notes gave the whole invoice back."""
    notes = invoice.corrections.filter(state=State.ISSUED)
    given = sum((row.total or Decimal(0) for row in notes), Decimal(0))
    return bool(notes) and (invoice.total or Decimal(0)) + given <= 0


@transaction.atomic
def retry(document: Document, *, actor: str) -> Document:
    """Try again: build a held document anew from the order as it is now, or send what failed.

    Raises:
        ActionRefused: nothing of it failed or waits (``SPJ-NOTHING-TO-RETRY``).
    """
    if document.state == State.HELD:
        order = document.order
        if not planning.was_sent(document):
            if doubt.to_settle(document) is not None:
                document.actions = {**document.actions, doubt.SETTLED_BY: actor}
            planning.build(document, order, order.content(), rulebook.rule_of(document))
        else:
            document.state = State.UNCERTAIN
            document.problems = []
            document.save(update_fields=["state", "problems"])
        _release(document)
    elif not _release(document):
        raise _refuse("SPJ-NOTHING-TO-RETRY", number=document.number or document.order.number)
    done("retry", document, actor)
    return document


def _release(document: Document, code: str = "") -> int:
    """Make failed effects (of one cause) and waiting ones due now; return how many.

    What is in doubt is looked up, never sent again, and not before what was cut off can no longer
    be under way: its time stays.
    """
    now = timezone.now()
    rejected = document.effects.filter(state=EffectState.REJECTED)
    if code:
        rejected = rejected.filter(problem__code=code)
    failed = rejected.update(state=EffectState.PLANNED, due_at=now, problem=None, done_at=None)
    waiting = document.effects.filter(
        state__in=[EffectState.PLANNED, EffectState.THROTTLED, EffectState.UNAVAILABLE],
        due_at__gt=now,
    ).update(due_at=now)
    return failed + waiting


def retry_all(company: Company, code: str, *, actor: str) -> int:
    """Try everything of a company again that waits for a person because of one cause."""
    count = 0
    of_code = Q(paused_problem__code=code) | Q(health_problem__code=code)
    connections = Connection.objects.filter(of_code, company=company)
    for connection in connections:
        systems.verify(connection)
        count += connection.paused_problem is None and connection.health_problem is None
    held = company.documents.filter(state=State.HELD)
    for document in held.select_related("order__company", "order__current", "company"):
        if any(problem["code"] == code for problem in document.problems):
            retry(document, actor=actor)
            count += 1
    for effect in Effect.objects.filter(
        document__company=company, state=EffectState.REJECTED, problem__code=code
    ).select_related("document__order", "document__company"):
        if _release(effect.document, code):
            done("retry", effect.document, actor)
            count += 1
    failed = InboxEvent.objects.filter(
        shop__company=company, state=InboxEvent.State.FAILED, problem__code=code
    )
    for event in failed:
        event.state, event.attempts = InboxEvent.State.NEW, 0
        event.save(update_fields=["state", "attempts"])
        engine.wake("event", event.pk, account=f"shop:{event.shop_id}")
        count += 1
    if code == stuck.CODE:
        count += stuck.try_all_again(company, actor=actor)
    if connections:
        rulebook.wake_orders(company)
    return count


@transaction.atomic
def drop(document: Document, *, actor: str) -> None:
    """Take back a document that was never sent; it is not planned again by itself.

    Raises:
        ActionRefused: it was sent (``SPJ-DOCUMENT-SENT``).
    """
    if document.state not in {State.HELD, State.PLANNED} or planning.was_sent(document):
        raise _refuse("SPJ-DOCUMENT-SENT", number=document.number or "-")
    document.actions = {**document.actions, "dropped_by": actor}
    planning.drop(document)
    done("drop", document, actor)


def _demand_issued(document: Document) -> None:
    if document.state != State.ISSUED:
        raise _refuse("SPJ-NOT-ISSUED", order=document.order.number)


def _demand_able(document: Document, kind: EffectKind) -> None:
    """Demand that the document's system can do something, and that its connection is in use."""
    connection = document.connection
    if connection is not None and not connection.active:
        raise _refuse("SPJ-CONNECTION-OFF", name=connection.name)
    problem = routing.cannot_do(connection, kind)
    if problem is not None:
        raise ActionRefused(problem)


@transaction.atomic
def mark_paid(
    document: Document, *, paid_on: date, amount: Decimal | None = None, actor: str
) -> Document:
    """Record a payment (``None``: all that is left), in the accounting system, too.

    Raises:
        ActionRefused: it is not issued, is paid, or less is left than ``amount``; payments that
            are still being recorded count.
    """
    document = _locked(document)
    _demand_issued(document)
    _demand_able(document, EffectKind.PAY)
    left = (document.total or Decimal(0)) - document.paid_amount - _being_recorded(document)
    if left <= 0:
        raise _refuse("SPJ-ALREADY-PAID", number=document.number)
    amount = left if amount is None else amount
    if amount <= 0 or amount > left:
        raise _refuse("SPJ-PAYMENT-AMOUNT", amount=amount, total=left)
    followups.pay(document, paid_on, amount)
    done("pay", document, actor, amount=amount, paid_on=paid_on)
    return document


def _locked(document: Document) -> Document:
    """Return the document as it stands; whoever acts on it meanwhile waits, and sees this act."""
    return Document.objects.select_for_update(of=("self",)).get(pk=document.pk)


def _being_recorded(document: Document) -> Decimal:
    """Return the sum of the payments that are planned or in doubt."""
    amounts = _open(document, EffectKind.PAY).values_list("parameters__amount", flat=True)
    return sum(map(Decimal, amounts), Decimal(0))


def _open(document: Document, kind: EffectKind) -> QuerySet[Effect]:
    done = [EffectState.CONFIRMED, EffectState.REJECTED, EffectState.SKIPPED]
    return document.effects.filter(kind=kind).exclude(state__in=done)


@transaction.atomic
def unpay(document: Document, *, actor: str) -> Document:
    """Take the recorded payments back.

    Raises:
        ActionRefused: none was recorded, or all are being taken back (``SPJ-NOT-PAID``).
    """
    document = _locked(document)
    _demand_issued(document)
    _demand_able(document, EffectKind.UNPAY)
    if not document.paid_amount or _open(document, EffectKind.UNPAY).exists():
        raise _refuse("SPJ-NOT-PAID", number=document.number)
    taken_back = document.effects.filter(kind=EffectKind.UNPAY).values_list(
        "parameters__pay_key", flat=True
    )
    payments = document.effects.filter(kind=EffectKind.PAY, state=EffectState.CONFIRMED).exclude(
        key__in=list(taken_back)
    )
    recorded = [(payment.key, payment.result.get("payment_id", "")) for payment in payments]
    ordinal = document.effects.filter(kind=EffectKind.UNPAY).count()
    for at, (key, payment_id) in enumerate(
        recorded or [(create_key(document.uuid), "")], start=ordinal + 1
    ):
        followups.add_effect(
            document,
            EffectKind.UNPAY,
            f"{document.uuid}:unpay:{at}",
            {"pay_key": key, "payment_id": payment_id},
        )
    done("unpay", document, actor)
    return document


@transaction.atomic
def credit(
    document: Document,
    *,
    items: Mapping[str, Decimal] | None = None,
    amount: Decimal | None = None,
    reason: str,
    actor: str,
) -> Document:
    """Make a credit note to an invoice: whole, of items (line key to quantity), or of an amount.

    Raises:
        ActionRefused: the document is no issued invoice.
    """
    _demand_issued(document)
    if document.kind != Kind.INVOICE:
        raise _refuse("SPJ-NO-INVOICE-TO-CREDIT", order=document.order.number)
    order = document.order
    ordinal = order.documents.filter(kind=Kind.CREDIT_NOTE, refund_id="").count() + 1
    draft = Document(
        uuid=document_uuid(order, Kind.CREDIT_NOTE, ordinal),
        company=order.company,
        order=order,
        kind=Kind.CREDIT_NOTE.value,
        ordinal=ordinal,
        original=document,
        actions={
            "by_hand": actor,
            "items": {key: str(quantity) for key, quantity in items.items()} if items else None,
            "amount": str(amount) if amount is not None else None,
        },
    )
    made = planning.create(
        order,
        order.content(),
        planning.Due(Kind.CREDIT_NOTE, None, ordinal=ordinal, reason=reason),
        draft,
    )
    done("credit", made, actor, invoice=document.number, reason=reason)
    return made


@transaction.atomic
def cancel(document: Document, *, actor: str) -> None:
    """Cancel an issued document in its system; the number stays taken.

    Raises:
        ActionRefused: it is not issued, its system cannot cancel, or a credit note refers to it
            (``SPJ-HAS-CREDIT-NOTE``).
    """
    _demand_issued(document)
    _demand_able(document, EffectKind.CANCEL)
    _demand_uncredited(document)
    followups.add_effect(document, EffectKind.CANCEL, f"{document.uuid}:cancel")
    done("cancel", document, actor)


def _demand_uncredited(document: Document) -> None:
    living = document.corrections.exclude(state__in=GONE).first()
    if living is not None:
        raise _refuse("SPJ-HAS-CREDIT-NOTE", number=document.number, credit=living.number or "-")


@transaction.atomic
def delete(document: Document, *, actor: str) -> None:
    """Delete an issued document in its system; its number stays in our books.

    Raises:
        ActionRefused: it is not issued, its system cannot delete, or a credit note refers to it.
    """
    _demand_issued(document)
    _demand_able(document, EffectKind.DELETE)
    _demand_uncredited(document)
    gap = leaves_gap(document)
    followups.add_effect(document, EffectKind.DELETE, f"{document.uuid}:delete")
    done("delete", document, actor, gap=gap.code if gap else "")


def leaves_gap(document: Document) -> Problem | None:
    """Return what deleting a document does to its number series, if it is not the last of it.

    Where documents of the kind were issued after it on the same connection, its number is missing
    between theirs; else its system gives the number to the next document.
    """
    if document.connection is None or document.issued_at is None:
        return None
    later = (
        Document.objects.filter(connection=document.connection, kind=document.kind)
        .filter(issued_at__gte=document.issued_at, state=State.ISSUED)
        .exclude(pk=document.pk)
        .order_by("issued_at", "pk")
        .first()
    )
    if later is None:
        return None
    return Problem.of("SPJ-DELETE-GAP", number=document.number, later=later.number)


@transaction.atomic
def send_email(document: Document, *, to: str = "", actor: str) -> None:
    """Send the document by e-mail now, also where it was sent before.

    Raises:
        ActionRefused: it is not issued, or is a test (``SPJ-TEST-NOT-SENT``).
    """
    _demand_issued(document)
    if document.test:
        raise _refuse("SPJ-TEST-NOT-SENT", number=document.number)
    followups.email_again(document, to=to)
    done("email", document, actor, to=to or document.order.email)


@transaction.atomic
def accept_change(document: Document, *, actor: str) -> None:
    """Accept that the order says something else now than the issued document."""
    fingerprint = planning.fingerprint(document.order.content())
    document.actions = {**document.actions, "accepted": fingerprint}
    document.changed_problem = None
    document.save(update_fields=["actions", "changed_problem"])
    done("accept", document, actor)


@transaction.atomic
def ignore_order(order: Order, reason: str, *, actor: str) -> None:
    """Decide that an order needs no document; what waits unsent is dropped."""
    order.ignored_reason = reason[:300] or "-"
    order.save(update_fields=["ignored_reason"])
    for document in order.documents.filter(state__in=[State.HELD, State.PLANNED]):
        if not planning.was_sent(document):
            planning.drop(document)
    AuditEntry.write(
        "order.ignored", company=order.company, actor=actor, subject=order.number, reason=reason
    )
    note(order, "person.ignore", actor=actor, reason=reason)


@transaction.atomic
def unignore_order(order: Order, *, actor: str) -> None:
    """Let the rules decide about an order again."""
    order.ignored_reason = ""
    order.save(update_fields=["ignored_reason"])
    AuditEntry.write("order.unignored", company=order.company, actor=actor, subject=order.number)
    note(order, "person.unignore", actor=actor)
    wake(order)
