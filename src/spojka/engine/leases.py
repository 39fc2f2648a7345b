"""The right to work on one key for a while, kept alive while somebody works.

A lease is short, so that the work of a dead machine is taken over soon; a thread of the holder
renews it, so that a slow answer of the other side does not lose it. Whoever was frozen longer than
its lease finds it gone and must not act any more: :meth:`Lease.check` says so, before every byte
that leaves the house and in every transaction that stores an outcome.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import timedelta

import structlog
from django.conf import settings
from django.db import DatabaseError, connection, connections
from django.db.models import QuerySet
from django.utils import timezone

from spojka.engine.models import Wake

log = structlog.get_logger("spojka.engine")

LEASE = timedelta(seconds=settings.LEASE_SECONDS)
"""How long after its holder's last sign of life a key is taken over."""
RENEW_SECONDS = settings.LEASE_SECONDS / 4
"""How often leases are renewed: three times may fail before one is lost."""
HOLD_SECONDS = 300.0
"""How long a lease is renewed without a :meth:`Lease.check`: whatever hangs longer is given up.
More than the longest request may take (120 s)."""
given_up = threading.Event()
"""Set once something in this process has hung that long: its thread does not come back."""

# By the key of the row: there may be very many, and this runs before every byte that is sent.
# One that is over and that nobody has taken goes on: its row still holds the token.
_PROLONG = "UPDATE engine_wake SET lease_until = %s WHERE id = %s AND lease_token = %s"

_current: ContextVar[Lease | None] = ContextVar("lease", default=None)


class LeaseLostError(Exception):
    """Another worker has taken over; nothing more may be done under this lease."""


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to work on one key; ``token`` fences it against every other holder."""

    wake_id: int
    handler: str
    key: str
    token: str

    def check(self) -> None:
        """Prove that nobody has taken over, and prolong the lease.

        As the last thing of a transaction it fences what was written: the row stays locked until
        the commit.

        Raises:
            LeaseLostError: it is not.
        """
        with connection.cursor() as cursor:
            until = connection.ops.adapt_datetimefield_value(timezone.now() + LEASE)
            cursor.execute(_PROLONG, [until, self.wake_id, self.token])
            if cursor.rowcount != 1:
                raise LeaseLostError(f"{self.handler}:{self.key}")
        _keeper.hold(self)


def begin(lease: Lease) -> None:
    """Keep a lease alive from now on, as the one that this thread works under."""
    _keeper.hold(lease)
    _current.set(lease)


def end(lease: Lease) -> None:
    """Stop keeping a lease alive; its row is the caller's to change."""
    _keeper.drop(lease)
    if _current.get() == lease:
        _current.set(None)


def check_current() -> None:
    """Prove that what this thread works on is still ours; nothing where it holds no lease.

    Raises:
        LeaseLostError: another worker has taken it over.
    """
    lease = _current.get()
    if lease is not None:
        lease.check()


def hand_back_all() -> int:
    """Give everything that this process works on to others at once; return how many keys.

    For the end of a process whose threads did not finish in time. They may run on for a moment,
    and find their leases gone.
    """
    now = timezone.now()
    return _rows(_keeper.release()).update(
        lease_until=None, lease_token="", again=False, due_at=now
    )


def _rows(held: Mapping[str, int]) -> QuerySet[Wake]:
    """Return the rows that are still held under these tokens (token: id of the row)."""
    return Wake.objects.filter(pk__in=held.values(), lease_token__in=held)


class _Keeper:
    """Renews the leases of this process in a thread that lives while there are any."""

    def __init__(self) -> None:
        self._held: dict[Lease, float] = {}
        """When the holder was last known to get on (monotonic seconds)."""
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def hold(self, lease: Lease) -> None:
        with self._lock:
            self._held[lease] = time.monotonic()
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._keep, name="leases", daemon=True)
                self._thread.start()

    def drop(self, lease: Lease) -> None:
        with self._lock:
            self._held.pop(lease, None)

    def release(self) -> dict[str, int]:
        """Forget all leases; return the id of the row by token."""
        with self._lock:
            held = {lease.token: lease.wake_id for lease in self._held}
            self._held.clear()
        return held

    def _due(self) -> dict[str, int]:
        """Return what to renew, as :meth:`release` does; the thread ends where there is nothing."""
        with self._lock:
            oldest = time.monotonic() - HOLD_SECONDS
            for lease in [lease for lease, at in self._held.items() if at <= oldest]:
                del self._held[lease]
                log.error("handler hangs", handler=lease.handler, key=lease.key)
                given_up.set()
            if not self._held:
                self._thread = None
            return {lease.token: lease.wake_id for lease in self._held}

    def _keep(self) -> None:
        pause = threading.Event()
        while True:
            pause.wait(RENEW_SECONDS)
            held = self._due()
            if not held:
                return
            try:
                _rows(held).update(lease_until=timezone.now() + LEASE)
            except Exception as error:  # the database may be away; tried again before they end
                expected = isinstance(error, DatabaseError)
                log.warning("leases not renewed", count=len(held), exc_info=not expected)
            finally:
                # Work that takes this long is rare: better than one more idle connection each.
                connections.close_all()


_keeper = _Keeper()
