"""What each kind of effect does to the outside world, and how its outcome is looked up.

A performer never touches the effect's own row: :mod:`spojka.documents.advance` commits the intent
before and the outcome after. ``confirm`` runs in the same transaction as the outcome.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from spojka.accounting.contract import Capability, Issued, Session, System
from spojka.archive import store as archive
from spojka.connections import shops, systems
from spojka.connections.models import Connection
from spojka.core.outcome import EffectKind, RejectedError, Rejection
from spojka.core.problem import Problem, problem_json
from spojka.documents import emailing
from spojka.documents.models import Document, Effect, EmailTemplate
from spojka.shops.contract import Ability

Result = dict[str, Any]
_ISSUED = (
    "external_id",
    "number",
    "variable_symbol",
    "issued_on",
    "url",
    "state",
    "issued_at",
    "problems",
    "paid_amount",
    "paid_on",
)


@dataclass(frozen=True, slots=True)
class Performer:
    """The three parts of an effect. ``look_up`` returns ``None`` where nothing was done."""

    perform: Callable[[Effect], Any]
    look_up: Callable[[Effect], Any | None]
    confirm: Callable[[Effect, Any], Result]


def connection_of(document: Document) -> Connection:
    """Return the connection that the document belongs to."""
    assert document.connection is not None
    return document.connection


@contextmanager
def _opened(document: Document) -> Iterator[tuple[System, Session]]:
    connection = connection_of(document)
    with systems.open_session(connection, lane=f"shop:{document.order.shop_id}") as session:
        yield systems.system_of(connection), session


def issued_of(document: Document) -> Issued:
    """Return the document as its system knows it."""
    return Issued(
        external_id=document.external_id,
        number=document.number,
        variable_symbol=document.variable_symbol,
        issued_on=document.issued_on,
        url=document.url,
    )


# create


def _create(effect: Effect) -> Issued:
    core = effect.document.core()
    with _opened(effect.document) as (system, session):
        predicted = system.predict(session, core)
        if predicted.total != core.total:
            raise RejectedError(
                Problem.of("SPJ-TOTAL-PREDICTED", total=core.total, predicted=predicted.total),
                Rejection.DATA,
            )
        return system.create(session, core, effect.key)


def _find_created(effect: Effect) -> Issued | None:
    with _opened(effect.document) as (system, session):
        return system.look_up(session, effect.document.core(), effect.key)


def _created(effect: Effect, issued: Issued) -> Result:
    document = effect.document
    core = document.core()
    document.external_id = issued.external_id
    document.number = issued.number
    document.variable_symbol = issued.variable_symbol
    document.issued_on = issued.issued_on or core.issued_on
    document.url = issued.url
    document.state = Document.State.ISSUED
    document.issued_at = effect.done_at
    document.problems = []
    if core.amount_due <= 0 and core.total > 0:
        document.paid_amount = core.total
        document.paid_on = core.paid_on or core.issued_on
    if issued.paid_amount > document.paid_amount:
        # One that was found may have been paid there; it is not paid a second time.
        document.paid_amount = issued.paid_amount
        document.paid_on = core.paid_on or document.issued_on
    if issued.total is not None and issued.total != core.total:
        # The document exists and says something else than the order: never silent.
        problem = Problem.of("SPJ-TOTAL-DIFFERS", total=core.total, found=issued.total)
        document.problems = [problem_json(problem)]
    document.save(update_fields=_ISSUED)
    return {"number": issued.number}


# pdf


@dataclass(frozen=True, slots=True)
class _Files:
    pdf: Any
    isdoc: Any | None
    no_isdoc: str = ""
    """Code of why there is no ISDOC."""


def _fetch_files(effect: Effect) -> _Files:
    core = effect.document.core()
    issued = issued_of(effect.document)
    with _opened(effect.document) as (system, session):
        isdoc, why_not = None, ""
        if Capability.ISDOC in system.descriptor.capabilities:
            try:
                isdoc = system.isdoc(session, core, issued)
            except RejectedError as error:
                why_not = error.problem.code  # the PDF stands without it
        return _Files(system.pdf(session, core, issued), isdoc, why_not)


def _filed(effect: Effect, files: _Files) -> Result:
    document = effect.document
    for kind, file in (("pdf", files.pdf), ("isdoc", files.isdoc)):
        if file is None:
            continue
        entry = archive.append(
            document.company,
            kind=kind,
            subject=str(document.uuid),
            number=document.number,
            name=file.name,
            media_type=file.media_type,
            content=file.content,
        )
        setattr(document, f"{kind}_sha256", entry.sha256)
    document.save(update_fields=["pdf_sha256", "isdoc_sha256"])
    result = {"pdf": document.pdf_sha256, "isdoc": document.isdoc_sha256}
    return {**result, "no_isdoc": files.no_isdoc} if files.no_isdoc else result


# pay and un-pay


def _pay(effect: Effect) -> Any:
    document = effect.document
    with _opened(document) as (system, session):
        return system.pay(
            session,
            document.core(),
            issued_of(document),
            effect.key,
            date.fromisoformat(effect.parameters["paid_on"]),
            Decimal(effect.parameters["amount"]),
        )


def _paid(effect: Effect, payment: Any) -> Result:
    document = effect.document
    document.paid_amount += payment.amount
    document.paid_on = payment.paid_on
    document.save(update_fields=["paid_amount", "paid_on"])
    _archive_fact(document, "paid", {"amount": payment.amount, "paid_on": payment.paid_on})
    return {"amount": str(payment.amount), "paid_on": payment.paid_on.isoformat()}


def _unpay(effect: Effect) -> bool:
    document = effect.document
    with _opened(document) as (system, session):
        system.unpay(
            session,
            document.core(),
            issued_of(document),
            effect.parameters["pay_key"],
            effect.parameters.get("payment_id", ""),
        )
    return True


def _unpaid(effect: Effect, _done: object) -> Result:
    document = effect.document
    document.paid_amount = Decimal(0)
    document.paid_on = None
    document.save(update_fields=["paid_amount", "paid_on"])
    _archive_fact(document, "unpaid", {})
    return {}


# cancel


def _cancel(effect: Effect) -> bool:
    document = effect.document
    with _opened(document) as (system, session):
        system.cancel(session, document.core(), issued_of(document), effect.key)
    return True


def _cancelled(effect: Effect, _done: object) -> Result:
    document = effect.document
    document.state = Document.State.CANCELLED
    document.save(update_fields=["state"])
    document.effects.filter(kind__in=[EffectKind.EMAIL, EffectKind.PAY], state="planned").update(
        state="skipped"
    )
    _archive_fact(document, "cancelled", {})
    return {}


def _archive_fact(document: Document, kind: str, facts: Mapping[str, object]) -> None:
    archive.append(
        document.company,
        kind=kind,
        subject=str(document.uuid),
        number=document.number,
        facts={name: str(value) for name, value in facts.items()},
    )


# e-mail


def message_id(effect: Effect) -> str:
    """Return the Message-ID of an effect's e-mail: the same on every attempt."""
    domain = "spojka.invalid"
    account = getattr(effect.document.company, "mail_account", None)
    if account is not None and "@" in account.sender_address:
        domain = account.sender_address.rpartition("@")[2]
    return f"<{effect.key.replace(':', '.')}@{domain}>"


def _email(effect: Effect) -> str:
    document = effect.document
    template = EmailTemplate.objects.filter(
        pk=effect.parameters.get("template"), company=document.company
    ).first()
    if template is None:
        raise RejectedError(Problem.of("SPJ-EMAIL-NO-TEMPLATE"), Rejection.DATA)
    to = str(effect.parameters.get("to") or document.order.email)
    if not to:
        raise RejectedError(
            Problem.of("SPJ-EMAIL-NO-ADDRESS", order=document.order.number), Rejection.DATA
        )
    emailing.send(document, template, to, message_id(effect))
    return to


def _email_unknowable(effect: Effect) -> None:
    # A mail server cannot be asked what it accepted. A person decides; it is never sent twice
    # by itself.
    raise RejectedError(
        Problem.of("SPJ-EMAIL-UNCERTAIN", to=effect.parameters.get("to", "")), Rejection.DATA
    )


def _emailed(effect: Effect, to: str) -> Result:
    _archive_fact(effect.document, "email", {"to": to, "message_id": message_id(effect)})
    return {"to": to}


# write back


def note_text(document: Document) -> str:
    """Return the note that is written to the shop's order."""
    words = {
        "cs": {
            "invoice": "Faktura {number} vystavena",
            "proforma": "Zálohová faktura {number} vystavena",
            "tax_document": "Daňový doklad k přijaté platbě {number} vystaven",
            "credit_note": "Dobropis {number} vystaven",
        },
        "sk": {
            "invoice": "Faktúra {number} vystavená",
            "proforma": "Zálohová faktúra {number} vystavená",
            "tax_document": "Daňový doklad k prijatej platbe {number} vystavený",
            "credit_note": "Dobropis {number} vystavený",
        },
        "en": {
            "invoice": "Invoice {number} issued",
            "proforma": "Proforma {number} issued",
            "tax_document": "Tax document on payment {number} issued",
            "credit_note": "Credit note {number} issued",
        },
    }
    by_kind = words.get(document.company.language, words["en"])
    return f"{by_kind[document.kind].format(number=document.number)} (Spojka)"


def _write_back(effect: Effect) -> str:
    order = effect.document.order
    if order.deleted_at is not None:
        raise RejectedError(
            Problem.of("SPJ-ORDER-DELETED", order=order.number), Rejection.PERMANENT
        )
    with shops.open_session(order.shop) as session:
        return shops.source_of(order.shop).write_note(
            session, order.external_id, note_text(effect.document)
        )


def _find_note(effect: Effect) -> str | None:
    order = effect.document.order
    with shops.open_session(order.shop) as session:
        return shops.source_of(order.shop).find_note(
            session, order.external_id, note_text(effect.document)
        )


def _written_back(effect: Effect, note_id: str) -> Result:
    _archive_fact(effect.document, "write_back", {"note": note_id})
    return {"note": note_id}


def writes_back(document: Document) -> bool:
    """Tell whether the document's number is to be written to the shop."""
    shop = document.order.shop
    return shop.write_back and not document.test and shops.can(shop, Ability.WRITE_NOTE)


def _nothing(_effect: Effect) -> None:
    """Look up an effect that is idempotent by its key: it may simply be done again."""
    return


PERFORMERS: Mapping[EffectKind, Performer] = {
    EffectKind.CREATE: Performer(_create, _find_created, _created),
    EffectKind.PDF: Performer(_fetch_files, _nothing, _filed),
    EffectKind.PAY: Performer(_pay, _nothing, _paid),
    EffectKind.UNPAY: Performer(_unpay, _nothing, _unpaid),
    EffectKind.CANCEL: Performer(_cancel, _nothing, _cancelled),
    EffectKind.EMAIL: Performer(_email, _email_unknowable, _emailed),
    EffectKind.WRITE_BACK: Performer(_write_back, _find_note, _written_back),
}
