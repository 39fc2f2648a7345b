"""What happens in accounting systems is read back: on a schedule, and where they hint at it.

Paid by their bank matching, edited, cancelled, sent, a final invoice that the system made by
itself: each document that changed is kept (:mod:`spojka.documents.foreign`) and has its order
planned. A hint of a webhook has one document read again; nothing is taken from the hint itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from spojka import engine
from spojka.accounting.contract import Capability, WebhookHint
from spojka.companies.models import AuditEntry
from spojka.connections import loading, systems
from spojka.connections.budget import limits_of
from spojka.connections.models import Connection
from spojka.core.document import Kind
from spojka.core.outcome import Backoff, OutcomeError, ThrottledError, UnavailableError
from spojka.core.problem import problem_json
from spojka.documents import foreign
from spojka.documents.models import Document, ForeignDocument
from spojka.documents.routing import capabilities
from spojka.engine.registry import handler, periodic
from spojka.engine.wakes import Lease
from spojka.net.limits import DAY

log = structlog.get_logger("spojka.documents")
OVERLAP = timedelta(minutes=15)
"""So much of the time before the last reading is read again: clocks differ, and some systems show
a change only after a while."""
HINT_DELAY = timedelta(seconds=5)
"""Hints of one change come in bunches, and often while we are still at the document ourselves."""
CALLS_OF_A_READING = 3
"""Of the systems in the box, one kind of document after the other."""
SHARE = 0.2
"""Part of an account's calls that readings may take."""
ALL = "all"
"""Second half of the key of a reading of everything."""
_BACKOFF = Backoff(first=timedelta(seconds=settings.RETRY_SECONDS))


@dataclass(frozen=True, slots=True)
class Seen:
    """How many documents a reading saw, and of how many of them an order is known."""

    read: int
    known: int


def can_be_read(connection: Connection) -> bool:
    """Tell whether the connection's documents can be read back now."""
    if not connection.active or connection.paused_problem is not None:
        return False
    return Capability.CHANGES in capabilities(connection)


def read(connection: Connection, *, everything: bool = False) -> Seen:
    """Read what changed since the last time, or everything that there is.

    Raises:
        OutcomeError: the system does not answer as it should. What was read until then is kept; the
            cursor stays.
    """
    began = timezone.now()
    since = None if everything else (connection.changes_cursor or connection.created_at) - OVERLAP
    count = known = 0
    # A reading that a limit broke off would begin anew, each time: it waits for each page.
    with systems.open_session(connection, patience=systems.LONG_PATIENCE_SECONDS) as session:
        for issued in systems.system_of(connection).changes(session, since):
            row = foreign.saw(connection, issued, began)
            count += 1
            known += row.order_id is not None
    Connection.objects.filter(pk=connection.pk).update(changes_cursor=began, changes_problem=None)
    return Seen(count, known)


def take_in(connection: Connection, *, actor: str) -> None:
    """Have all documents read that exist in the system, so that none is issued a second time.

    Those that carry our own key are linked. Those that only have an order's number on them become
    suggestions (:func:`spojka.documents.foreign.suggestions`).
    """
    AuditEntry.write(
        "connection.taken_in",
        company=connection.company,
        actor=actor,
        subject=connection.name,
        connection=connection.pk,
    )
    _wake(connection, ALL)


def _wake(connection: Connection, what: str = "", at: datetime | None = None) -> None:
    key = f"{connection.pk}:{what}" if what else str(connection.pk)
    engine.wake("changes", key, at, account=systems.owner(connection))


def hinted(connection: Connection, hint: WebhookHint) -> None:
    """Have read again what a delivery hints at: one document, or whatever changed."""
    kind = hint.kind or _kind_of(connection, hint.external_id)
    at = timezone.now() + HINT_DELAY
    if kind is None or len(hint.external_id) > 60:
        _wake(connection, at=at)
    else:
        _wake(connection, f"{kind.value}:{hint.external_id}", at)


def _kind_of(connection: Connection, external_id: str) -> Kind | None:
    if not external_id:
        return None
    same = Q(connection=connection, external_id=external_id)
    kind = Document.objects.filter(same).values_list("kind", flat=True).first()
    kind = kind or ForeignDocument.objects.filter(same).values_list("kind", flat=True).first()
    return Kind(kind) if kind else None


@handler("changes")
def on_changes(key: str, lease: Lease) -> datetime | None:
    """Read what is due; where the system or a limit does not let us, again later.

    Keys: ``<connection>``, ``<connection>:all``, ``<connection>:<kind>:<external id>``.
    """
    number, _, what = key.partition(":")
    connection = Connection.objects.select_related("company").filter(pk=number).first()
    if connection is None or not can_be_read(connection):
        return None
    try:
        if what in {"", ALL}:
            read(connection, everything=what == ALL)
        else:
            kind, _, external_id = what.partition(":")
            read_one(connection, Kind(kind), external_id)
    except ThrottledError as error:
        return error.until or timezone.now() + _BACKOFF.delay(1)
    except UnavailableError as error:
        _note(connection, error)
        return timezone.now() + _BACKOFF.longest
    except OutcomeError as error:
        _note(connection, error)
    return None


def read_one(connection: Connection, kind: Kind, external_id: str) -> None:
    """Read one document again.

    Raises:
        OutcomeError: the system does not answer as it should.
    """
    began = timezone.now()
    with systems.open_session(connection) as session:
        issued = systems.system_of(connection).read(session, external_id, kind)
    if issued is None:
        foreign.is_gone(connection, kind, external_id, began)
    else:
        foreign.saw(connection, issued, began)


def _note(connection: Connection, error: OutcomeError) -> None:
    log.warning("reading changes failed", connection=connection.pk, code=error.problem.code)
    stored = problem_json(error.problem)
    Connection.objects.filter(pk=connection.pk).update(changes_problem=stored)


@periodic("systems.changes", timedelta(minutes=settings.CHANGES_MINUTES))
def read_all() -> None:
    """Have the changes of every connection read whose turn it is, and that has calls to spare."""
    for connection in Connection.objects.filter(active=True, paused_problem__isnull=True):
        if can_be_read(connection) and is_time(connection) and loading.is_affordable(connection):
            _wake(connection)


def is_time(connection: Connection) -> bool:
    """Tell whether enough time went by since the last reading.

    Readings take at most a fifth of what the account may call in a day or a month: the rest is for
    issuing. Where a plan allows little, changes are therefore read more seldom.
    """
    last, account = connection.changes_cursor, systems.account_of(connection)
    if last is None or account is None:
        return True
    counted = [limit for limit in limits_of(account) if limit.seconds >= DAY]
    gaps = [limit.seconds / limit.calls * CALLS_OF_A_READING / SHARE for limit in counted]
    return timezone.now() - last >= timedelta(seconds=max(gaps, default=0.0))
