"""The table of wakes: putting in, claiming under a lease, giving back.

Two workers never hold one key at once. A worker that was frozen longer than its lease finds its
token gone and must not act any more: that is what :meth:`Lease.check` is for, called before every
byte that leaves the house.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from spojka.core.outcome import Backoff
from spojka.engine.models import Wake

LEASE = timedelta(seconds=settings.LEASE_SECONDS)
_BACKOFF = Backoff(first=timedelta(seconds=5), longest=timedelta(minutes=15))


class LeaseLostError(Exception):
    """Another worker has taken over; nothing more may be done under this lease."""


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to work on one key for a while."""

    wake_id: int
    handler: str
    key: str
    token: str

    def check(self) -> None:
        """Prove that the lease is still ours, and prolong it.

        Raises:
            LeaseLostError: it is not.
        """
        now = timezone.now()
        held = Wake.objects.filter(
            pk=self.wake_id, lease_token=self.token, lease_until__gt=now
        ).update(lease_until=now + LEASE)
        if not held:
            raise LeaseLostError(f"{self.handler}:{self.key}")


def wake(handler: str, key: str, at: datetime | None = None, account: str = "") -> None:
    """Put a wake in, or move a waiting one forward; see :func:`spojka.engine.wake`."""
    at = at or timezone.now()
    with transaction.atomic():
        row, made = Wake.objects.select_for_update().get_or_create(
            handler=handler, key=key, defaults={"due_at": at, "account": account}
        )
        if made:
            return
        row.due_at = min(row.due_at, at) if row.lease_until is None else at
        row.again = row.lease_until is not None
        row.account = account or row.account
        row.save(update_fields=["due_at", "again", "account"])


def due_accounts(now: datetime) -> list[str]:
    """Return the accounts that have something due and not leased."""
    return list(_due(now).order_by().values_list("account", flat=True).distinct())


def _due(now: datetime) -> QuerySet[Wake]:
    free = Q(lease_until__isnull=True) | Q(lease_until__lte=now)
    return Wake.objects.filter(free, due_at__lte=now)


def claim(account: str, now: datetime | None = None) -> Lease | None:
    """Take the longest-waiting due wake of an account under a lease, if there is one."""
    now = now or timezone.now()
    for row in _due(now).filter(account=account).order_by("due_at", "id")[:5]:
        lease = _take(row, now)
        if lease is not None:
            return lease
    return None


def claim_key(handler: str, key: str) -> Lease | None:
    """Take one key now, due or not, unless somebody works on it; made where it does not exist."""
    now = timezone.now()
    row, _ = Wake.objects.get_or_create(handler=handler, key=key, defaults={"due_at": now})
    return _take(row, now)


def _take(row: Wake, now: datetime) -> Lease | None:
    token = secrets.token_hex(16)
    free = Q(lease_until__isnull=True) | Q(lease_until__lte=now)
    taken = Wake.objects.filter(free, pk=row.pk).update(
        lease_token=token, lease_until=now + LEASE, again=False
    )
    return Lease(row.pk, row.handler, row.key, token) if taken else None


def give_back(lease: Lease, next_at: datetime | None) -> None:
    """End a lease: wait until ``next_at``, or be gone. A wake that came meanwhile is kept."""
    with transaction.atomic():
        row = (
            Wake.objects.select_for_update()
            .filter(pk=lease.wake_id, lease_token=lease.token)
            .first()
        )
        if row is None:
            return
        if next_at is None and not row.again:
            row.delete()
            return
        if next_at is not None:
            row.due_at = min(row.due_at, next_at) if row.again else next_at
        row.lease_until = None
        row.lease_token = ""
        row.again = False
        row.failures = 0
        row.last_error = ""
        row.save()


def give_back_failed(lease: Lease, error: str) -> None:
    """End a lease after the handler failed: it is tried again later, each time a little later."""
    row = Wake.objects.filter(pk=lease.wake_id, lease_token=lease.token).first()
    if row is None:
        return
    Wake.objects.filter(pk=row.pk, lease_token=lease.token).update(
        lease_until=None,
        lease_token="",
        again=False,
        failures=F("failures") + 1,
        last_error=error[:2000],
        due_at=timezone.now() + _BACKOFF.delay(row.failures + 1),
    )
