"""Effects of a document: what follows when it is issued or paid, each once per key."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.utils import timezone

from spojka import engine
from spojka.accounting.contract import Capability
from spojka.core.outcome import EffectKind
from spojka.documents import doubt, performing, routing
from spojka.documents.models import Document, Effect, EmailTemplate

TRIAL = "trial"
"""Key in a document's actions: it is of a test order, and is read back once it is issued."""
SEQUENCE = {
    EffectKind.CREATE: 0,
    # Before the PDF, which some systems take a while to make: a payment must not wait for it.
    EffectKind.PAY: 5,
    EffectKind.UNPAY: 5,
    EffectKind.PDF: 10,
    EffectKind.WRITE_BACK: 30,
    EffectKind.CANCEL: 35,
    EffectKind.DELETE: 35,
    EffectKind.EMAIL: 40,
}


def add_effect(
    document: Document,
    kind: EffectKind,
    key: str,
    parameters: Mapping[str, Any] | None = None,
    due_at: datetime | None = None,
) -> None:
    """Plan an effect, once per key."""
    add_effects([_effect(document, kind, key, parameters, due_at)])


def add_effects(effects: Iterable[Effect]) -> None:
    """Plan effects in one statement, each once per key: what is there already stays as it is."""
    Effect.objects.bulk_create(
        effects, update_conflicts=True, unique_fields=["key"], update_fields=["key"]
    )


def _effect(
    document: Document,
    kind: EffectKind,
    key: str,
    parameters: Mapping[str, Any] | None = None,
    due_at: datetime | None = None,
) -> Effect:
    beginning = {"due_at": due_at or timezone.now(), **doubt.beginning(document, kind)}
    return Effect(
        document=document,
        kind=kind,
        key=key,
        sequence=SEQUENCE[kind],
        parameters=dict(parameters or {}),
        **beginning,
    )


def pay(document: Document, paid_on: date, amount: Decimal) -> None:
    """Plan that a payment is recorded."""
    ordinal = document.effects.filter(kind=EffectKind.PAY).count() + 1
    add_effect(
        document,
        EffectKind.PAY,
        f"{document.uuid}:pay:{ordinal}",
        {"paid_on": paid_on.isoformat(), "amount": str(amount)},
    )


def after_issue(document: Document, *, tell: bool = True) -> None:
    """Plan what follows a document that exists: PDF, and ``tell`` the shop and the customer."""
    due: list[Effect] = []
    if routing.cannot_do(document.connection, EffectKind.PDF) is None:
        due.append(_effect(document, EffectKind.PDF, f"{document.uuid}:pdf"))
    if document.actions.get(TRIAL):
        _read_back(document)
    if not tell:
        add_effects(due)
        return
    if performing.writes_back(document):
        due.append(_effect(document, EffectKind.WRITE_BACK, f"{document.uuid}:write_back"))
    wanted = document.actions.get("email")
    if wanted is None:
        wanted = document.company.email_after_issuing
    if wanted and not document.test:
        due.append(_email(document, email_template(document), f"{document.uuid}:email:1"))
    add_effects(due)


def after_pay(document: Document) -> None:
    """Plan the e-mail that thanks for a payment, where the company has switched its text on."""
    if not document.is_paid or document.test:
        return
    template = email_template(document, EmailTemplate.EventName.PAID)
    if template is not None:
        add_effects([_email(document, template, f"{document.uuid}:email-paid")])


def _read_back(document: Document) -> None:
    """Have a document read from its system, so that both sides can be compared."""
    connection = document.connection
    if connection is not None and Capability.CHANGES in routing.capabilities(connection):
        key = f"{connection.pk}:{document.kind}:{document.external_id}"
        engine.wake("changes", key, account=f"connection:{connection.pk}")


def tell_paid(document: Document) -> None:
    """Plan a note to the shop that a document was paid, which its accounting system found out."""
    if document.is_paid and document.order.paid_at is None and performing.writes_back(document):
        key = f"{document.uuid}:write_back:paid"
        add_effect(document, EffectKind.WRITE_BACK, key, {"what": "paid"})


def email_again(document: Document, *, to: str = "") -> None:
    """Plan an e-mail with the document now, besides one that was sent already."""
    ordinal = document.effects.filter(kind=EffectKind.EMAIL).count() + 1
    key = f"{document.uuid}:email:{ordinal}"
    add_effects([_email(document, email_template(document), key, to=to, at_once=True)])


def _email(
    document: Document,
    template: EmailTemplate | None,
    key: str,
    *,
    to: str = "",
    at_once: bool = False,
) -> Effect:
    delay = timedelta(minutes=template.delay_minutes if template and not at_once else 0)
    parameters = {"template": template.pk if template else None, "to": to or document.order.email}
    if routing.emails_itself(document.connection):
        parameters["by"] = routing.BY_SYSTEM
    return _effect(document, EffectKind.EMAIL, key, parameters, due_at=timezone.now() + delay)


def email_template(
    document: Document, event: str = EmailTemplate.EventName.ISSUED
) -> EmailTemplate | None:
    """Choose the template: of the kind and language first, then of all kinds, then any language."""
    language = document.core().language
    templates = EmailTemplate.objects.filter(
        company_id=document.company_id, event=event, enabled=True
    )
    ranked = sorted(
        (template for template in templates if template.kind in {"", document.kind}),
        key=lambda template: (template.language != language, template.kind == "", template.pk),
    )
    return next(iter(ranked), None)
