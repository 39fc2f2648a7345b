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

from django.utils import timezone

from spojka.accounting.contract import Capability, Email, Issued, Payment, Session, System
from spojka.archive import store as archive
from spojka.connections import shops, systems
from spojka.connections.models import Connection
from spojka.core.outcome import EffectKind, RejectedError, Rejection
from spojka.core.problem import Held, Problem
from spojka.documents import comparison, emailing, foreign, recording
from spojka.documents.models import Document, Effect, EmailTemplate
from spojka.documents.routing import BY_SYSTEM
from spojka.shops.contract import Ability

Result = dict[str, Any]


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
def _opened(effect: Effect) -> Iterator[tuple[System, Session]]:
    document = effect.document
    connection = connection_of(document)
    # The attempt under way is counted already; what is looked up after a restore was tried, too.
    before = max(effect.attempt - 1, min(effect.look_ups, 1))
    lane = f"shop:{document.order.shop_id}"
    with systems.open_session(connection, lane=lane, attempt=before) as session:
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
    document = effect.document
    core = document.core()
    made_already = foreign.suspect(document)
    if made_already is not None:
        raise RejectedError(foreign.maybe_exists(made_already, document), Rejection.DATA)
    with _opened(effect) as (system, session):
        try:
            different = comparison.predicted(system.predict(session, core), core)
        except Held as held:
            raise RejectedError(held.problems[0], Rejection.DATA) from held
        if different is not None:
            raise RejectedError(different, Rejection.DATA)
        return system.create(session, core, effect.key)


def _find_created(effect: Effect) -> Issued | None:
    with _opened(effect) as (system, session):
        return system.look_up(session, effect.document.core(), effect.key)


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
    with _opened(effect) as (system, session):
        isdoc, why_not = None, ""
        if Capability.ISDOC in system.descriptor.capabilities:
            try:
                isdoc = system.isdoc(session, core, issued)
            except RejectedError as error:
                why_not = error.problem.code  # the PDF stands without it
        return _Files(system.pdf(session, core, issued), isdoc, why_not)


def _filed(effect: Effect, files: _Files) -> Result:
    document = effect.document
    kept = {kind: file for kind, file in (("pdf", files.pdf), ("isdoc", files.isdoc)) if file}
    records = [
        archive.Record(
            kind=kind,
            subject=str(document.uuid),
            number=document.number,
            name=file.name,
            media_type=file.media_type,
            content=file.content,
        )
        for kind, file in kept.items()
    ]
    for entry in archive.append_all(document.company, records):
        setattr(document, f"{entry.kind}_sha256", entry.sha256)
    document.save(update_fields=["pdf_sha256", "isdoc_sha256"])
    result = {"pdf": document.pdf_sha256, "isdoc": document.isdoc_sha256}
    return {**result, "no_isdoc": files.no_isdoc} if files.no_isdoc else result


# pay and un-pay


def _payment(effect: Effect) -> tuple[date, Decimal]:
    return date.fromisoformat(effect.parameters["paid_on"]), Decimal(effect.parameters["amount"])


def _pay(effect: Effect) -> Payment:
    document = effect.document
    with _opened(effect) as (system, session):
        return system.pay(
            session, document.core(), issued_of(document), effect.key, *_payment(effect)
        )


def _find_payment(effect: Effect) -> Payment | None:
    document = effect.document
    with _opened(effect) as (system, session):
        return system.find_payment(
            session, document.core(), issued_of(document), effect.key, *_payment(effect)
        )


def _paid(effect: Effect, payment: Payment) -> Result:
    document = effect.document
    document.paid_amount += payment.amount
    document.paid_on = payment.paid_on
    document.save(update_fields=["paid_amount", "paid_on"])
    for made in payment.produced:
        # Linked when the order is planned next, which is at once.
        foreign.saw(connection_of(document), made, timezone.now(), produced_from=document)
    facts = {"amount": str(payment.amount), "paid_on": payment.paid_on.isoformat()}
    recording.archive_fact(document, "paid", facts)
    return {**facts, "payment_id": payment.external_id}


def _unpay(effect: Effect) -> bool:
    document = effect.document
    with _opened(effect) as (system, session):
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
    recording.archive_fact(document, "unpaid", {})
    return {}


# cancel and delete


def _cancel(effect: Effect) -> bool:
    document = effect.document
    with _opened(effect) as (system, session):
        system.cancel(session, document.core(), issued_of(document), effect.key)
    return True


def _cancelled(effect: Effect, _done: object) -> Result:
    recording.take_away(effect.document, Document.State.CANCELLED)
    return {}


def _delete(effect: Effect) -> bool:
    document = effect.document
    with _opened(effect) as (system, session):
        system.delete(session, document.core(), issued_of(document), effect.key)
    return True


def _deleted(effect: Effect, _done: object) -> Result:
    recording.take_away(effect.document, Document.State.DELETED)
    return {}


# e-mail


def message_id(effect: Effect) -> str:
    """Return the Message-ID of an effect's e-mail: the same on every attempt."""
    domain = "spojka.invalid"
    account = getattr(effect.document.company, "mail_account", None)
    if account is not None and "@" in account.sender_address:
        domain = account.sender_address.rpartition("@")[2]
    return f"<{effect.key.replace(':', '.')}@{domain}>"


def _recipient(effect: Effect) -> str:
    order = effect.document.order
    to = str(effect.parameters.get("to") or order.email)
    if not to:
        raise RejectedError(Problem.of("SPJ-EMAIL-NO-ADDRESS", order=order.number), Rejection.DATA)
    return to


def _template(effect: Effect) -> EmailTemplate | None:
    return EmailTemplate.objects.filter(
        pk=effect.parameters.get("template"), company=effect.document.company
    ).first()


def _is_by_system(effect: Effect) -> bool:
    return bool(effect.parameters.get("by") == BY_SYSTEM)


def _message(effect: Effect) -> Email:
    """Return what the system is to send: the company's own words, or else the system's."""
    to, template = _recipient(effect), _template(effect)
    subject, body = ("", "") if template is None else emailing.preview(effect.document, template)
    return Email(to, subject, body, effect.document.core().language)


def _email(effect: Effect) -> str:
    document = effect.document
    if _is_by_system(effect):
        message = _message(effect)
        with _opened(effect) as (system, session):
            issued = issued_of(document)
            system.email(session, document.core(), issued, effect.key, message)
        return message.to
    template = _template(effect)
    if template is None:
        raise RejectedError(Problem.of("SPJ-EMAIL-NO-TEMPLATE"), Rejection.DATA)
    to = _recipient(effect)
    emailing.send(document, template, to, message_id(effect))
    return to


def _find_email(effect: Effect) -> str | None:
    """Find out whether an e-mail was sent. Where that cannot be known, a person decides."""
    to = effect.parameters.get("to", "")
    if _is_by_system(effect):
        document, message = effect.document, _message(effect)
        with _opened(effect) as (system, session):
            issued = issued_of(document)
            sent = system.find_email(session, document.core(), issued, effect.key, message)
        if sent is not None:
            return message.to if sent else None
    # A mail server cannot be asked what it accepted; it is never sent twice by itself.
    raise RejectedError(Problem.of("SPJ-EMAIL-UNCERTAIN", to=to), Rejection.DATA)


def _emailed(effect: Effect, to: str) -> Result:
    facts = {"to": to}
    if not _is_by_system(effect):
        facts["message_id"] = message_id(effect)
    recording.archive_fact(effect.document, "email", facts)
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


def _note(effect: Effect) -> str:
    if effect.parameters.get("what") == "paid":
        return paid_text(effect.document)
    return note_text(effect.document)


def paid_text(document: Document) -> str:
    """Return the note that a document was paid, as its accounting system knows it."""
    words = {
        "cs": "Doklad {number} je podle účetnictví zaplacený ({day})",
        "sk": "Doklad {number} je podľa účtovníctva zaplatený ({day})",
        "en": "Document {number} is paid according to the accounting ({day})",
    }
    text = words.get(document.company.language, words["en"])
    day = document.paid_on.isoformat() if document.paid_on else "–"
    return f"{text.format(number=document.number, day=day)} (Spojka)"


def _write_back(effect: Effect) -> str:
    order = effect.document.order
    if order.deleted_at is not None:
        raise RejectedError(
            Problem.of("SPJ-ORDER-DELETED", order=order.number), Rejection.PERMANENT
        )
    with shops.open_session(order.shop) as session:
        return shops.source_of(order.shop).write_note(session, order.external_id, _note(effect))


def _find_note(effect: Effect) -> str | None:
    order = effect.document.order
    with shops.open_session(order.shop) as session:
        return shops.source_of(order.shop).find_note(session, order.external_id, _note(effect))


def _written_back(effect: Effect, note_id: str) -> Result:
    recording.archive_fact(effect.document, "write_back", {"note": note_id})
    return {"note": note_id}


def writes_back(document: Document) -> bool:
    """Tell whether the document's number is to be written to the shop."""
    shop = document.order.shop
    return shop.write_back and not document.test and shops.can(shop, Ability.WRITE_NOTE)


def _nothing(_effect: Effect) -> None:
    """Look up an effect that is idempotent by its key: it may simply be done again."""
    return


PERFORMERS: Mapping[EffectKind, Performer] = {
    EffectKind.CREATE: Performer(_create, _find_created, recording.created),
    EffectKind.PDF: Performer(_fetch_files, _nothing, _filed),
    EffectKind.PAY: Performer(_pay, _find_payment, _paid),
    EffectKind.UNPAY: Performer(_unpay, _nothing, _unpaid),
    EffectKind.CANCEL: Performer(_cancel, _nothing, _cancelled),
    EffectKind.DELETE: Performer(_delete, _nothing, _deleted),
    EffectKind.EMAIL: Performer(_email, _find_email, _emailed),
    EffectKind.WRITE_BACK: Performer(_write_back, _find_note, _written_back),
}
