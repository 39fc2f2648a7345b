"""What an outcome changes in the ledger and in the archive, however it came to be known.

Everything here runs in the transaction of whoever calls it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from django.utils import timezone

from spojka.accounting.contract import Issued, IssuedState
from spojka.archive import store as archive
from spojka.connections import systems
from spojka.core import codec
from spojka.core.document import Document as CoreDocument
from spojka.core.money import ZERO
from spojka.core.outcome import EffectKind, EffectState
from spojka.core.problem import problem_json
from spojka.documents import comparison
from spojka.documents.identity import is_key
from spojka.documents.models import Document, Effect

TELLS_PAYMENT = frozenset({IssuedState.OPEN, IssuedState.PARTLY_PAID, IssuedState.PAID})
"""States of a document in its system that tell how much of it is paid."""
_DAYS = ("content", "taxable_on", "due_on")
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


def created(effect: Effect, issued: Issued) -> dict[str, Any]:
    """Take over what the system says of a document that exists now; return the effect's result.

    Whatever it says otherwise than we do becomes a problem of the document: never silent.
    """
    document = effect.document
    core = document.core()
    fields = list(_ISSUED)
    if _is_made_by_itself(core, issued, effect.key):
        fields += _DAYS
        core = of_days(core, issued)
        document.content = codec.dump(core)
        document.taxable_on, document.due_on = core.taxable_on, core.due_on
    document.external_id = issued.external_id
    document.number = issued.number
    document.variable_symbol = issued.variable_symbol
    document.issued_on = issued.issued_on or core.issued_on
    document.url = issued.url
    document.state = Document.State.ISSUED
    document.issued_at = effect.done_at or timezone.now()
    document.paid_amount, document.paid_on = _paid_in_creating(core, issued)
    different = comparison.differences(core, issued)
    document.problems = [problem_json(one.problem()) for one in different]
    document.save(update_fields=fields)
    _archive_issued(document, core, issued)
    return {"number": issued.number}


def _is_made_by_itself(core: CoreDocument, issued: Issued, key: str) -> bool:
    """Tell whether the final invoice was there already: the system, or somebody, had made it."""
    proformas = {deduction.external_id for deduction in core.deductions}
    return bool(issued.made_from) and issued.made_from in proformas and not is_key(issued.key, key)


def of_days(content: CoreDocument, issued: Issued) -> CoreDocument:
    """Take the days of a document over from the system, which chose them when it made it."""
    return replace(
        content,
        issued_on=issued.issued_on or content.issued_on,
        taxable_on=issued.taxable_on or content.taxable_on,
        due_on=issued.due_on or content.due_on,
    )


def _paid_in_creating(core: CoreDocument, issued: Issued) -> tuple[Decimal, Any]:
    """Return what is paid of a new document, and since when.

    Where the system does not tell, it is paid as it was sent. One that was found may have been paid
    there since; it is not paid a second time.
    """
    paid = paid_there(core, issued) or ZERO
    if issued.state not in TELLS_PAYMENT and core.amount_due <= 0:
        paid = max(paid, core.total)
    if paid <= 0:
        return ZERO, None
    return paid, issued.paid_on or core.paid_on or issued.issued_on or core.issued_on


def paid_there(content: CoreDocument, issued: Issued) -> Decimal | None:
    """Return how much of a document is paid, what it deducts included; ``None``: it is not told."""
    if issued.state == IssuedState.PAID:
        return content.total
    if issued.state in TELLS_PAYMENT or issued.paid_amount > ZERO:
        return min(content.total, content.deducted + issued.paid_amount)
    return None


def _archive_issued(document: Document, core: CoreDocument, issued: Issued) -> None:
    """Keep what was issued and what was answered; the own issuer's register has done so."""
    connection = document.connection
    assert connection is not None
    if systems.issues_here(connection):
        return
    content = {"document": codec.dump(core), "answer": codec.dump(replace(issued, raw={}))}
    text = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    archive.append(
        document.company,
        kind="issued",
        subject=str(document.uuid),
        number=document.number,
        name=f"{document.number}.json",
        media_type="application/json",
        content=text.encode(),
        facts={"external_id": issued.external_id, "total": str(core.total)},
    )


def take_away(document: Document, state: str) -> None:
    """Note that a document is cancelled or deleted in its system: nothing more is done with it."""
    document.state = state
    document.save(update_fields=["state"])
    document.effects.filter(
        kind__in=[EffectKind.EMAIL, EffectKind.PAY],
        state__in=[EffectState.PLANNED, EffectState.THROTTLED, EffectState.UNAVAILABLE],
    ).update(state=EffectState.SKIPPED)
    archive_fact(document, state, {})


def archive_fact(document: Document, kind: str, facts: Mapping[str, object]) -> None:
    """Append to the archive that something was done with a document."""
    archive.append(
        document.company,
        kind=kind,
        subject=str(document.uuid),
        number=document.number,
        facts={name: str(value) for name, value in facts.items()},
    )
