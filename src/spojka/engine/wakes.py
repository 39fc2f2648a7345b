"""The table of wakes: putting in, claiming under a lease, giving back.

Two workers never hold one key at once. One statement each, because this is what everything else
waits for: a claim on PostgreSQL passes over rows that another worker is just taking.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from django.db import connection, transaction
from django.db.models import F, Min, Q, QuerySet
from django.utils import timezone

from spojka.core.outcome import Backoff
from spojka.core.trace import new as new_trace
from spojka.engine import carriers, leases
from spojka.engine.leases import LEASE, Lease, LeaseLostError
from spojka.engine.models import Wake

__all__ = [
    "LEASE",
    "Lease",
    "LeaseLostError",
    "claim",
    "claim_key",
    "due_accounts",
    "give_back",
    "give_back_failed",
    "insert_and_wake",
    "next_due",
    "read_time",
    "stuck",
    "waiting",
    "wake",
]

log = structlog.get_logger("spojka.engine")
_BACKOFF = Backoff(first=timedelta(seconds=5), longest=timedelta(minutes=15))
STUCK_AFTER = 2
"""Failures in a row after which people are told: one alone may be the database's, for a moment."""
WORKER_LOST = "WorkerLost"
"""Kind of error of what is taken over: whoever worked on it was killed, or hung."""

# What is leased and not over is woken again when its holder is done (``again``), at the time of the
# new wake; anything else only moves forward.
_WAKE = """
INSERT INTO engine_wake
    (handler, key, account, due_at, again, lease_token, failures, last_error)
VALUES (%(handler)s, %(key)s, %(account)s, %(at)s, %(no)s, '', 0, '')
ON CONFLICT (handler, key) DO UPDATE SET
    due_at = CASE
        WHEN engine_wake.lease_until > %(now)s AND NOT engine_wake.again THEN excluded.due_at
        WHEN excluded.due_at < engine_wake.due_at THEN excluded.due_at
        ELSE engine_wake.due_at END,
    again = engine_wake.lease_until IS NOT NULL AND engine_wake.lease_until > %(now)s,
    account = CASE excluded.account WHEN '' THEN engine_wake.account ELSE excluded.account END
RETURNING again
"""

# Of a row that is just being inserted: nobody can have woken anybody for it yet.
_WAKE_NEW = """
INSERT INTO engine_wake
    (handler, account, due_at, again, lease_token, failures, last_error, key)
VALUES (%s, %s, %s, %s, '', 0, '', %s)
"""
_INSERT_AND_WAKE = """
WITH added AS ({insert}), woken AS (
    INSERT INTO engine_wake
        (handler, account, due_at, again, lease_token, failures, last_error, key)
    SELECT %s, %s, %s, %s, '', 0, '', added.id::text FROM added
)
SELECT id FROM added
"""

# DISTINCT would read every waiting row; this goes from one account to the next through the index.
_DUE_ACCOUNTS = """
WITH RECURSIVE found(account) AS (
    SELECT min(account) FROM engine_wake
    UNION ALL
    SELECT (SELECT min(w.account) FROM engine_wake w WHERE w.account > found.account)
    FROM found WHERE found.account IS NOT NULL
)
SELECT account FROM found WHERE EXISTS (
    SELECT 1 FROM engine_wake w
    WHERE w.account = found.account AND w.due_at <= %(now)s
      AND (w.lease_until IS NULL OR w.lease_until <= %(now)s)
)
"""

# Who takes over what a worker has lost counts that as a failure, for it may be what killed it.
_CLAIM = """
UPDATE engine_wake SET
    lease_token = %(token)s, lease_until = %(until)s, again = %(no)s,
    failures = CASE WHEN lease_until IS NULL THEN failures ELSE failures + 1 END,
    last_error = CASE WHEN lease_until IS NULL THEN last_error ELSE %(lost)s END,
    trace = CASE WHEN lease_until IS NULL THEN trace ELSE %(trace)s END,
    failing_since = CASE
        WHEN lease_until IS NULL THEN failing_since ELSE coalesce(failing_since, %(now)s) END
WHERE id = (
    SELECT id FROM engine_wake
    WHERE account = %(account)s AND due_at <= %(now)s
      AND (lease_until IS NULL OR lease_until <= %(now)s)
    ORDER BY due_at, id LIMIT 1 {locking}
) {in_passing}
RETURNING id, handler, key, failures, trace
"""

_DONE = "DELETE FROM engine_wake WHERE id = %s AND lease_token = %s AND NOT again {in_passing}"

# What was woken meanwhile keeps the earlier of both times.
_REST = """
UPDATE engine_wake SET
    due_at = CASE
        WHEN again AND due_at < %(next)s THEN due_at ELSE coalesce(%(next)s, due_at) END,
    lease_until = NULL, lease_token = '', again = %(no)s,
    failures = 0, last_error = '', failing_since = NULL, trace = ''
WHERE id = %(id)s AND lease_token = %(token)s {in_passing}
RETURNING due_at
"""

# Of the transaction that the statement is in; always true.
_NO_WAIT = "AND set_config('synchronous_commit', 'off', true) IS NOT NULL"


def _time(value: datetime | None) -> str | datetime | None:
    """Return an aware time as the database's driver takes it in a statement of our own."""
    adapted: str | datetime | None = connection.ops.adapt_datetimefield_value(value)
    return adapted


def read_time(stored: datetime | str) -> datetime:
    """Return a time that a statement of our own read; SQLite keeps no time zone, it is UTC."""
    if isinstance(stored, str):
        stored = datetime.fromisoformat(stored)
    return stored if stored.tzinfo is not None else stored.replace(tzinfo=UTC)


def wake(handler: str, key: str, at: datetime | None = None, account: str = "") -> None:
    """Put a wake in, or move a waiting one forward; see :func:`spojka.engine.wake`."""
    now = timezone.now()
    at = at or now
    facts = {"handler": handler, "key": key, "account": account}
    with connection.cursor() as cursor:
        cursor.execute(_WAKE, {**facts, "at": _time(at), "now": _time(now), "no": False})
        (running,) = cursor.fetchone()
    if not running:  # else whoever works on it announces it when giving it back
        carriers.announce(handler, key, at)


def insert_and_wake(insert: str, values: Sequence[Any], handler: str, account: str) -> int:
    """Insert a row and wake a handler for it; see :func:`spojka.engine.insert_and_wake`."""
    now = timezone.now()
    wake_values = [handler, account, _time(now), False]
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(_INSERT_AND_WAKE.format(insert=insert), [*values, *wake_values])
            (key,) = cursor.fetchone()
        else:
            with transaction.atomic():
                cursor.execute(insert, values)
                (key,) = cursor.fetchone()
                cursor.execute(_WAKE_NEW, [*wake_values, key])
    carriers.announce_soon(handler, str(key), now)
    return int(key)


def due_accounts(now: datetime) -> list[str]:
    """Return the accounts that have something due and not leased."""
    with connection.cursor() as cursor:
        cursor.execute(_DUE_ACCOUNTS, {"now": _time(now)})
        return [account for (account,) in cursor.fetchall()]


def next_due(now: datetime) -> datetime | None:
    """Return when the next wake becomes due that is not due yet."""
    later: datetime | None = Wake.objects.filter(due_at__gt=now).aggregate(at=Min("due_at"))["at"]
    return later


def waiting(now: datetime) -> QuerySet[Wake]:
    """Return what is due and not leased, or whose lease is over."""
    free = Q(lease_until__isnull=True) | Q(lease_until__lte=now)
    return Wake.objects.filter(free, due_at__lte=now)


def stuck() -> QuerySet[Wake]:
    """Return what fails again and again by an error of our own; it is tried all the same."""
    return Wake.objects.filter(failing_since__isnull=False, failures__gte=STUCK_AFTER)


@contextmanager
def _in_passing() -> Iterator[str]:
    """Commit without waiting for the disk; what is committed next waits for this as well.

    A claim that a power cut takes back was not used for anything, and what was done stays done if
    its wake comes back. Gives the condition by which PostgreSQL is told so in the statement itself.
    """
    if connection.in_atomic_block:
        yield ""  # how that is committed is not ours to say
        return
    if connection.vendor != "sqlite":
        yield _NO_WAIT
        return
    # Of the driver's own: so little is not worth the way through Django's cursors.
    connection.ensure_connection()
    connection.connection.execute("PRAGMA synchronous=NORMAL")
    try:
        yield ""
    finally:
        connection.connection.execute("PRAGMA synchronous=FULL")


def claim(account: str, now: datetime | None = None) -> Lease | None:
    """Take the longest-waiting due wake of an account under a lease, if there is one."""
    now = now or timezone.now()
    token = secrets.token_hex(16)
    locking = "FOR UPDATE SKIP LOCKED" if connection.vendor == "postgresql" else ""
    mark = new_trace()
    times = {"now": _time(now), "until": _time(now + LEASE)}
    lost = {"lost": WORKER_LOST, "trace": mark}
    with _in_passing() as in_passing, connection.cursor() as cursor:
        cursor.execute(
            _CLAIM.format(locking=locking, in_passing=in_passing),
            {**times, **lost, "token": token, "account": account, "no": False},
        )
        row = cursor.fetchone()
    if row is None:
        return None
    wake_id, handler, key, failures, last = row
    lease = Lease(wake_id, handler, key, token)
    if last == mark:
        _taken_over(lease, failures, mark, now)
    return _begun(lease)


def _taken_over(lease: Lease, failures: int, mark: str, now: datetime) -> None:
    """Let the next one who has to take it over wait, each time a little longer.

    An order that kills whoever works on it must not keep the workers from all the others.
    """
    Wake.objects.filter(pk=lease.wake_id, lease_token=lease.token).update(
        due_at=now + _BACKOFF.delay(failures)
    )
    log.warning(
        "taken over from a lost worker",
        handler=lease.handler,
        key=lease.key,
        failures=failures,
        trace=mark,
    )


def claim_key(handler: str, key: str, account: str = "") -> Lease | None:
    """Take one key now, due or not, unless somebody works on it; made where it does not exist."""
    now = timezone.now()
    made = {"due_at": now, "account": account}
    row, _ = Wake.objects.get_or_create(handler=handler, key=key, defaults=made)
    token = secrets.token_hex(16)
    free = Q(lease_until__isnull=True) | Q(lease_until__lte=now)
    taken = Wake.objects.filter(free, pk=row.pk).update(
        lease_token=token, lease_until=now + LEASE, again=False
    )
    return _begun(Lease(row.pk, row.handler, row.key, token)) if taken else None


def _begun(lease: Lease) -> Lease:
    leases.begin(lease)
    return lease


def give_back(lease: Lease, next_at: datetime | None) -> None:
    """End a lease: wait until ``next_at``, or be gone. A wake that came meanwhile is kept."""
    leases.end(lease)
    with _in_passing() as in_passing, connection.cursor() as cursor:
        if next_at is None:
            cursor.execute(_DONE.format(in_passing=in_passing), [lease.wake_id, lease.token])
            if cursor.rowcount:
                return
        with transaction.atomic():
            at = _time(next_at)
            cursor.execute(
                _REST.format(in_passing=in_passing),
                {"id": lease.wake_id, "token": lease.token, "next": at, "no": False},
            )
            row = cursor.fetchone()
            if row is not None:
                carriers.announce(lease.handler, lease.key, read_time(row[0]))


def give_back_failed(lease: Lease, error: str, trace: str = "") -> None:
    """End a lease after the handler failed: it is tried again later, each time a little later.

    Args:
        lease: Under which it failed.
        error: What kind of error it was, in a word that people may see.
        trace: The mark of its line in the log.
    """
    leases.end(lease)
    with transaction.atomic():
        mine = Wake.objects.filter(pk=lease.wake_id, lease_token=lease.token)
        row = mine.select_for_update().first()
        if row is None:
            return
        now = timezone.now()
        due_at = now + _BACKOFF.delay(row.failures + 1)
        mine.update(
            lease_until=None,
            lease_token="",
            again=False,
            failures=F("failures") + 1,
            last_error=error[:2000],
            failing_since=row.failing_since if row.failures and row.failing_since else now,
            trace=trace,
            due_at=due_at,
        )
        carriers.announce(lease.handler, lease.key, due_at)
