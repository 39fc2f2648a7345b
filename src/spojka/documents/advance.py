"""The one driver of effects.

``advance(order)`` reads the ledger, plans what is due, runs what is due, stores each outcome, and
says when to be woken next. It is idempotent: it may be called at any time, any number of times, and
be killed anywhere. What it had begun to send is then *uncertain* and looked up before anything is
sent again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

from spojka import engine
from spojka.connections import systems
from spojka.core.document import Kind
from spojka.core.outcome import (
    Backoff,
    EffectKind,
    EffectState,
    OutcomeError,
    RejectedError,
    Rejection,
    ThrottledError,
)
from spojka.core.problem import Problem, problem_json
from spojka.database.prepared import Prepared
from spojka.documents import doubt, followups, planning
from spojka.documents.lifeline import note
from spojka.documents.models import Document, Effect
from spojka.documents.performing import PERFORMERS
from spojka.documents.reading import Reading
from spojka.documents.routing import BY_SYSTEM
from spojka.engine import wakes
from spojka.engine.registry import handler, periodic
from spojka.engine.wakes import Lease

log = structlog.get_logger("spojka.documents")
_BACKOFF = Backoff(first=timedelta(seconds=settings.RETRY_SECONDS))
# How long to wait before each look-up after *uncertain*; then the effect is *absent*.
LOOK_UP_DELAYS = tuple(timedelta(seconds=seconds) for seconds in settings.LOOK_UP_SECONDS)
_DONE = (EffectState.CONFIRMED, EffectState.REJECTED, EffectState.SKIPPED)
_IN_DOUBT = {EffectState.SENDING, EffectState.UNCERTAIN, EffectState.LOOKING_UP}
_PLAINLY_LAST = {EffectKind.PDF, EffectKind.EMAIL, EffectKind.WRITE_BACK}
"""Nothing more becomes due by these; what else happened meanwhile wakes the order once more."""
_ATTEMPT = ("attempt", "sent_at", "body_hash")
_OUTCOME = ("state", "done_at", "problem", "technical", "result", *_ATTEMPT)
_FAILURE = (
    *("state", "problem", "technical", "rejection", "look_ups", "due_at", "done_at"),
    *_ATTEMPT,
)
_NOT_BEGUN = ~Q(state__in=_IN_DOUBT)
"""A connection that was switched off ends what it has begun; nothing else is done there."""
QUIET_ATTEMPTS = 20
"""So often a PDF that is not made yet is asked for again without a word about it."""
MOST_STEPS = 100
_NONE = timedelta(0)


@handler("order")
def on_order(key: str, lease: Lease) -> datetime | None:
    """Advance one order; see :func:`advance`."""
    return _advance(int(key), lease)


def advance(order_id: int) -> datetime | None:
    """Advance an order now, unless a worker is at it; return when it wants to be woken next."""
    lease = wakes.claim_key("order", str(order_id))
    if lease is None:
        return None
    try:
        next_at = _advance(order_id, lease)
    except BaseException:
        wakes.give_back(lease, timezone.now())
        raise
    wakes.give_back(lease, next_at)
    return next_at


def _advance(order_id: int, lease: Lease) -> datetime | None:
    reading = planning.plan(order_id)
    with planning.traced(reading.order):
        for _ in range(MOST_STEPS):
            waiting = _open(order_id)
            found = _first_due(waiting)
            if found is None:
                return min((due_at for _, due_at in waiting), default=None)
            effect = reading.of(_effect(found, reading))
            run(effect, lease)
            if _changes_what_is_due(effect):
                reading = planning.plan(order_id, reading)
            else:
                reading.documents = []  # they may change before the next one is done
    return timezone.now()


def _changes_what_is_due(effect: Effect) -> bool:
    """Tell whether other documents may be due by what became of an effect.

    The final invoice follows a proforma, and waits no longer for one that was refused.
    """
    if effect.state == EffectState.CONFIRMED:
        return effect.kind not in _PLAINLY_LAST
    return effect.kind == EffectKind.CREATE and effect.document.state == Document.State.HELD


# Asked again and again: of the open effects of an order, those that may go on. What is paused or
# switched off ends what it has begun; what is held or dropped waits.
_OPEN = """
SELECT e.document_id, e.id, e.due_at, e.kind, e.state, d.kind
FROM documents_effect e
JOIN documents_document d ON d.id = e.document_id
LEFT JOIN connections_connection c ON c.id = d.connection_id
WHERE d.order_id = %s
  AND e.state NOT IN ('confirmed', 'rejected', 'skipped')
  AND d.state NOT IN ('held', 'dropped')
  AND c.paused_problem IS NULL
  AND (c.active IS NOT FALSE OR e.state IN ('sending', 'uncertain', 'looking_up'))
ORDER BY e.document_id, e.sequence, e.id
"""


def _open(order_id: int) -> list[tuple[int, datetime]]:
    """Return id and due time of the first open effect of each document that may go on.

    Later effects of a document wait for its first one. And a document is not made before the
    payment of the proforma is known in the system: some make the final invoice themselves then.
    """
    with connection.cursor() as cursor:
        cursor.execute(_OPEN, [order_id])
        rows = cursor.fetchall()
    settling = any(kind == EffectKind.PAY and of == Kind.PROFORMA for *_, kind, _, of in rows)
    first: dict[int, tuple[int, datetime]] = {}
    for document_id, pk, due_at, kind, state, _ in rows:
        if not (settling and kind == EffectKind.CREATE and state not in _IN_DOUBT):
            first.setdefault(document_id, (pk, wakes.read_time(due_at)))
    return list(first.values())


def _first_due(waiting: Iterable[tuple[int, datetime]]) -> int | None:
    now = timezone.now()
    return next((pk for pk, due_at in waiting if due_at <= now), None)


_EFFECT = Prepared(lambda pk: Effect.objects.filter(pk=pk), int)
_EFFECT_AND_DOCUMENT = Prepared(
    lambda pk: Effect.objects.filter(pk=pk).select_related("document__connection"), int
)


def _effect(pk: int, reading: Reading | None = None) -> Effect:
    """Read an effect, and its document where that was not read just now."""
    alone = reading is not None and bool(reading.documents)
    return (_EFFECT if alone else _EFFECT_AND_DOCUMENT).get(pk)


def next_due(order_id: int) -> Effect | None:
    """Return the effect to run now, if there is one."""
    found = _first_due(_open(order_id))
    return None if found is None else _effect(found)


def run(effect: Effect, lease: Lease) -> None:
    """Run one effect, or look its outcome up where it is in doubt."""
    if effect.state in _IN_DOUBT:
        _look_up(effect, lease)
    else:
        _perform(effect, lease)


def _perform(effect: Effect, lease: Lease) -> None:
    performer = PERFORMERS[EffectKind(effect.kind)]
    try:
        if not _is_in_house(effect):
            _begin(effect, lease)
            _confirm(effect, performer.perform(effect), lease)
        elif effect.kind == EffectKind.PDF:  # changes nothing, but takes a while
            _count(effect)
            _confirm(effect, performer.perform(effect), lease)
        else:
            with transaction.atomic():
                _count(effect)
                if effect.kind == EffectKind.CREATE:
                    # The document's row is locked before the archive's chain, as everywhere.
                    _set_state(effect.document, Document.State.ISSUING)
                _confirmed(effect, performer.perform(effect), lease)
    except OutcomeError as error:
        _failed(effect, error, lease)


def _is_in_house(effect: Effect) -> bool:
    """Tell whether all of it is done in Spojka's own database: by the own issuer.

    It is committed together with its outcome, so that nothing can be in doubt, and no intent has to
    be on the disk first.
    """
    if effect.kind in {EffectKind.EMAIL, EffectKind.WRITE_BACK}:
        return False
    own = effect.document.connection
    return own is not None and systems.issues_here(own)


def _count(effect: Effect) -> None:
    """Note in the effect that it is tried now; not stored yet."""
    effect.attempt += 1
    effect.sent_at = timezone.now()
    effect.body_hash = _body_hash(effect)


def _begin(effect: Effect, lease: Lease) -> None:
    """Commit the intent, under the lease. Whoever is killed later leaves the effect in doubt."""
    with transaction.atomic():
        _count(effect)
        effect.state = EffectState.SENDING
        effect.save(update_fields=["state", *_ATTEMPT])
        if effect.kind == EffectKind.CREATE:
            _set_state(effect.document, Document.State.ISSUING)
        lease.check()


def _body_hash(effect: Effect) -> str:
    body = [effect.kind, effect.key, effect.document.content, effect.parameters]
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def _confirm(effect: Effect, result: object, lease: Lease) -> None:
    with transaction.atomic():
        _confirmed(effect, result, lease)


def _confirmed(effect: Effect, result: object, lease: Lease) -> None:
    """Store the outcome, and what follows it, in the transaction of whoever calls."""
    performer = PERFORMERS[EffectKind(effect.kind)]
    effect.state = EffectState.CONFIRMED
    effect.done_at = timezone.now()
    effect.problem = None
    effect.technical = ""
    effect.result = performer.confirm(effect, result)
    effect.save(update_fields=_OUTCOME)
    note(
        effect.document.order,
        f"{effect.kind}.confirmed",
        document=effect.document,
        **effect.result,
    )
    if effect.kind == EffectKind.CREATE:
        followups.after_issue(effect.document)
    elif effect.kind == EffectKind.PAY:
        followups.after_pay(effect.document)
    lease.check()


def _failed(effect: Effect, error: OutcomeError, lease: Lease, *, in_doubt: bool = False) -> None:
    now = timezone.now()
    with transaction.atomic():
        effect.problem = problem_json(error.problem)
        effect.technical = error.technical
        effect.state = error.state
        if isinstance(error, RejectedError):
            _rejected(effect, error, in_doubt=in_doubt)
        elif error.state is EffectState.UNCERTAIN:
            effect.look_ups = 0
            effect.due_at = now + max(LOOK_UP_DELAYS[0], _settle(effect))
            if effect.kind == EffectKind.CREATE:
                _set_state(effect.document, Document.State.UNCERTAIN)
        else:
            until = error.until if isinstance(error, ThrottledError) else None
            effect.due_at = until or now + _BACKOFF.delay(effect.attempt)
            if effect.kind == EffectKind.CREATE:
                _set_state(effect.document, Document.State.PLANNED)
        effect.save(update_fields=_FAILURE)
        if not _is_usual(effect, error):
            note(
                effect.document.order,
                f"{effect.kind}.{error.state.value}",
                document=effect.document,
                problem=error.problem,
                next_at=effect.due_at.isoformat() if effect.is_open else "",
            )
        lease.check()


def _is_usual(effect: Effect, error: OutcomeError) -> bool:
    """Tell whether it is a PDF that the system has not made yet: nothing to be told of."""
    waits = effect.kind == EffectKind.PDF and isinstance(error, ThrottledError)
    return waits and effect.attempt < QUIET_ATTEMPTS


def _rejected(effect: Effect, error: RejectedError, *, in_doubt: bool) -> None:
    document = effect.document
    effect.rejection = error.rejection
    if effect.kind != EffectKind.CREATE:
        effect.done_at = timezone.now()
        return
    # A look-up that was refused has told nothing: it is looked up again, never sent again.
    effect.state = EffectState.UNCERTAIN if in_doubt else EffectState.PLANNED
    if error.rejection is Rejection.CONFIG:
        # The connection has to be mended once, not each of its orders.
        paused = document.connection
        assert paused is not None
        paused.paused_problem = problem_json(error.problem)
        paused.save(update_fields=["paused_problem"])
        _set_state(document, Document.State.UNCERTAIN if in_doubt else Document.State.PLANNED)
        return
    document.state = Document.State.HELD
    document.problems = [problem_json(error.problem)]
    document.save(update_fields=["state", "problems"])


def _set_state(document: Document, state: str) -> None:
    document.state = state
    document.save(update_fields=["state"])


def _settle(effect: Effect) -> timedelta:
    """Return how long a cut-off request may still be under way on the other side."""
    by_us = effect.kind == EffectKind.EMAIL and effect.parameters.get("by") != BY_SYSTEM
    if by_us or effect.kind == EffectKind.WRITE_BACK:
        return timedelta(seconds=settings.SETTLE_SECONDS)
    of = effect.document.connection
    assert of is not None
    return timedelta(seconds=systems.system_of(of).descriptor.settle_seconds)


def _look_up(effect: Effect, lease: Lease) -> None:
    """Find out what became of an effect in doubt. Nothing is sent again before it is *absent*."""
    now = timezone.now()
    settle = _settle(effect)
    if effect.state == EffectState.SENDING:
        # Whoever sent it is gone: we hold its lease.
        ready = (effect.sent_at or now) + settle
        effect.state = EffectState.UNCERTAIN
        effect.problem = problem_json(Problem.of("SPJ-UNCERTAIN"))
        effect.look_ups = 0
        effect.due_at = max(ready, now)
        with transaction.atomic():
            if effect.kind == EffectKind.CREATE:
                _set_state(effect.document, Document.State.UNCERTAIN)
            _store(effect, lease, "state", "problem", "look_ups", "due_at")
        if effect.due_at > now:
            return
    effect.state = EffectState.LOOKING_UP
    _store(effect, lease, "state")
    try:
        found = PERFORMERS[EffectKind(effect.kind)].look_up(effect)
    except RejectedError as error:
        _failed(effect, error, lease, in_doubt=True)
        return
    except OutcomeError as error:
        # The look-up itself did not succeed: nothing is known yet, so it is looked up again.
        effect.state = EffectState.UNCERTAIN
        effect.technical = error.technical
        effect.due_at = now + LOOK_UP_DELAYS[min(effect.look_ups, len(LOOK_UP_DELAYS) - 1)]
        if isinstance(error, ThrottledError) and error.until is not None:
            effect.due_at = max(effect.due_at, error.until)
        _store(effect, lease, "state", "technical", "due_at")
        return
    if found is not None:
        _confirm(effect, found, lease)
        return
    _not_found(effect, lease, conclusive=settle == _NONE, now=now)


def _store(effect: Effect, lease: Lease, *fields: str) -> None:
    with transaction.atomic():
        effect.save(update_fields=fields)
        lease.check()


def _not_found(effect: Effect, lease: Lease, *, conclusive: bool, now: datetime) -> None:
    effect.look_ups += 1
    conclusive = conclusive or doubt.is_old(effect, _settle(effect) + sum(LOOK_UP_DELAYS, _NONE))
    with transaction.atomic():
        if conclusive or effect.look_ups >= len(LOOK_UP_DELAYS):
            note(effect.document.order, f"{effect.kind}.absent", document=effect.document)
            if effect.kind == EffectKind.CREATE and not effect.attempt:
                _set_state(effect.document, Document.State.PLANNED)  # nothing was ever sent
            effect.state = EffectState.PLANNED
            effect.problem = None
            effect.due_at = now
        else:
            effect.state = EffectState.UNCERTAIN
            effect.due_at = now + LOOK_UP_DELAYS[effect.look_ups]
        _store(effect, lease, "state", "look_ups", "due_at", "problem")


@periodic("orders.sweep", timedelta(minutes=1))
def sweep() -> None:
    """Wake what is due and was forgotten: a lost wake costs a minute, not a document."""
    forgotten = (
        Effect.objects.filter(due_at__lte=timezone.now() - timedelta(seconds=30))
        .exclude(state__in=_DONE)
        .exclude(document__state__in=[Document.State.HELD, Document.State.DROPPED])
        .exclude(document__connection__paused_problem__isnull=False)
        .exclude(_NOT_BEGUN, ~Q(kind=EffectKind.CREATE), document__connection__active=False)
        .values_list("document__order_id", "document__order__shop_id")
        .distinct()
    )
    for order_id, shop_id in forgotten[:1000]:
        engine.wake("order", order_id, account=f"shop:{shop_id}")
