"""What a person decides about documents that exist already and seem to be an order's."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import transaction

from spojka.companies.models import AuditEntry
from spojka.core.problem import Problem
from spojka.documents import foreign
from spojka.documents.actions import ActionRefused, retry, wake
from spojka.documents.lifeline import note
from spojka.documents.models import Document, ForeignDocument
from spojka.orders.models import Order

Decision = ForeignDocument.Decision
MAYBE_EXISTS = "SPJ-DOCUMENT-MAYBE-EXISTS"


@transaction.atomic
def link(row: ForeignDocument, order: Order, *, actor: str) -> None:
    """Take a document that exists as the order's own; it is linked when the order is planned.

    Raises:
        ActionRefused: it is linked already, or the order is another company's.
    """
    _demand_free(row)
    if order.company_id != row.company_id:
        raise ActionRefused(Problem.of("SPJ-API-NOT-FOUND", what=order.number))
    row.order, row.decision, row.pending = order, Decision.SAME, True
    row.save(update_fields=["order", "decision", "pending"])
    _write("linked", row, order, actor)
    wake(order)


@transaction.atomic
def set_apart(row: ForeignDocument, *, actor: str) -> None:
    """Say that a document has nothing to do with the order: what waited for it is issued.

    Raises:
        ActionRefused: it is linked already.
    """
    _demand_free(row)
    row.decision, row.pending = Decision.OTHER, False
    row.save(update_fields=["decision", "pending"])
    for document in _waiting(row):
        retry(document, actor=actor)
    if row.order is not None:
        _write("set_apart", row, row.order, actor)


def _demand_free(row: ForeignDocument) -> None:
    if row.document is not None:
        number = row.document.number or row.number
        raise ActionRefused(
            Problem.of("SPJ-DOCUMENT-EXISTS", number=number, kind=f"@{row.document.kind}")
        )


def _waiting(row: ForeignDocument) -> Iterable[Document]:
    """Return the documents that are held because of this one."""
    held = Document.objects.filter(company=row.company_id, state=Document.State.HELD)
    if row.order_number:
        held = held.filter(order__number=row.order_number)
    elif row.order_id is not None:
        held = held.filter(order=row.order_id)
    else:
        return []
    held = held.select_related("order__company", "order__current", "order__shop", "company")
    return [
        document
        for document in held
        if any(problem["code"] == MAYBE_EXISTS for problem in document.problems)
    ]


def of_held(document: Document) -> ForeignDocument | None:
    """Return the document because of which this one is held, if it is."""
    if not any(problem["code"] == MAYBE_EXISTS for problem in document.problems):
        return None
    return foreign.suspect(document)


def _write(what: str, row: ForeignDocument, order: Order, actor: str) -> None:
    AuditEntry.write(
        f"document.{what}",
        company=row.company,
        actor=actor,
        subject=row.number or row.external_id,
        order=order.number,
    )
    note(order, f"person.{what}", actor=actor, number=row.number or row.external_id)
