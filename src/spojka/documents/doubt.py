"""Doubt after a restore: documents that only the other side may know.

A backup knows nothing of what was done after it. When it is restored, an order placed before that
moment may have a document in the accounting system, an e-mail in somebody's mailbox and a note in
the shop, all of which this database has never heard of. So for such orders nothing is done for the
first time without asking the other side first: the effect begins its life *uncertain*, with no
attempt of ours, and is looked up. The key it is looked up by is the same as before, because it is
made of the order and not of chance (:func:`spojka.documents.identity.document_uuid`).

The own issuer cannot be asked: its register went back in time together with this database. There a
person decides, document by document or all at once.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from spojka.connections import systems
from spojka.core.outcome import EffectKind, EffectState
from spojka.core.problem import Problem
from spojka.documents.models import Document, Effect

SETTLED_BY = "settled_by"
"""Key in a document's actions: the person who decided that it does not exist yet."""


def _until(document: Document) -> datetime | None:
    connection = document.connection
    if connection is None or connection.doubt_until is None:
        return None
    return connection.doubt_until if document.order.ordered_at <= connection.doubt_until else None


def to_settle(document: Document) -> Problem | None:
    """Return why a person has to decide before the own issuer makes the document, if so."""
    until = _until(document)
    if until is None or document.connection is None or document.actions.get(SETTLED_BY):
        return None
    if not systems.issues_here(document.connection):
        return None
    return Problem.of("SPJ-RESTORED", order=document.order.number, until=until.date())


def beginning(document: Document, kind: EffectKind) -> dict[str, Any]:
    """Return how a new effect begins where it may have been done before the restore.

    A document that is made has everything else made after it: only what follows one that was found
    is in doubt.
    """
    until = _until(document)
    if until is None or document.connection is None:
        return {}
    if kind is EffectKind.CREATE:
        system = systems.system_of(document.connection).descriptor
        if systems.issues_here(document.connection):
            return {}
        settled = until + timedelta(seconds=system.settle_seconds)
    elif kind in {EffectKind.EMAIL, EffectKind.WRITE_BACK} and was_found(document):
        settled = until
    else:
        return {}
    return {"state": EffectState.UNCERTAIN, "due_at": max(settled, timezone.now())}


def was_found(document: Document) -> bool:
    """Tell whether the document was not made by this database but found in its system."""
    return document.effects.filter(
        kind=EffectKind.CREATE, state=EffectState.CONFIRMED, attempt=0
    ).exists()


def is_old(effect: Effect, after: timedelta) -> bool:
    """Tell whether the restore is so long ago that one look-up that finds nothing is enough."""
    until = _until(effect.document)
    return effect.attempt == 0 and until is not None and timezone.now() >= until + after
