"""What the other side allows: how many calls in which time, and the tokens that it gives.

Adapters declare a :class:`Limit` and use the protocols; :mod:`spojka.connections` keeps the counts
and the tokens, shared by all workers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

MINUTE = 60
HOUR = 3_600
DAY = 86_400
MONTH = 2_592_000
"""Thirty days: how a limit per calendar month is declared."""


@dataclass(frozen=True, slots=True)
class Limit:
    """At most ``calls`` in ``seconds`` per account.

    Below an hour the calls are spread evenly. From an hour on they are counted: from the first call
    on, and where ``seconds`` is a day or a month, from midnight to midnight, or from the first of
    one month to the first of the next, in ``time_zone``.
    """

    calls: int
    seconds: int
    burst: int | None = None
    """How many calls the other side takes at once (a leaky bucket). ``None``: it counts windows of
    ``seconds``, and no window, wherever it begins, may hold more than ``calls``."""
    time_zone: str = "Europe/Prague"
    """Where midnight is."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What limits come to: a bucket for the short ones, and windows that are counted."""

    capacity: float
    """Calls that may be made at once."""
    rate: float
    """Calls a second that come back."""
    reserve: float
    """Calls of the bucket kept for finishing what was begun."""
    windows: tuple[Limit, ...]
    """At most one of each of hour, day and month."""

    @property
    def is_spread(self) -> bool:
        """Tell whether there is a limit of less than an hour."""
        return self.rate < _UNLIMITED


_UNLIMITED = 1e9
_MOST_JITTER = 0.5
_JITTER = 0.04
"""Requests do not arrive as evenly as they are sent: windows are taken to be longer by this part,
at most by half a second, so that what left in two windows does not arrive in one."""
_USED = 0.955
"""What is used of a limit in the long run; what is left of it is the burst."""
_BURST_USED = 0.96
_MOST_RESERVE = 3.0


def allowance(limits: Sequence[Limit]) -> Allowance:
    """Return the strictest bucket and windows that obey all limits."""
    capacity, rate = _UNLIMITED, _UNLIMITED
    windows: dict[str, Limit] = {}
    for limit in limits:
        if limit.seconds >= HOUR:
            name = window_name(limit)
            if name not in windows or limit.calls < windows[name].calls:
                windows[name] = limit
            continue
        limit_capacity, limit_rate = _bucket(limit)
        capacity, rate = min(capacity, limit_capacity), min(rate, limit_rate)
    reserve = min(_MOST_RESERVE, (capacity - 1) / 2) if rate < _UNLIMITED else 0.0
    return Allowance(capacity, rate, reserve, tuple(windows.values()))


def _bucket(limit: Limit) -> tuple[float, float]:
    """Return capacity and rate. Without a stated burst both together obey every window.

    A full bucket of ``c`` and ``r`` a second give at most ``c - 1 + r * w`` calls, rounded up, in a
    window of ``w`` seconds that does not include its end.
    """
    jitter = min(limit.seconds * _JITTER, _MOST_JITTER)
    if limit.burst is not None:
        return max(1.0, limit.burst * _BURST_USED), limit.calls / limit.seconds * _BURST_USED
    window = limit.seconds + jitter
    spare = max(0.0, 1 - _USED * window / limit.seconds)
    saved = limit.calls * spare
    return 1 + saved, (limit.calls - saved) / window


def window_name(limit: Limit) -> str:
    """Return ``hour``, ``day`` or ``month``: which counter a limit of an hour or more uses."""
    if limit.seconds >= 28 * DAY:
        return "month"
    return "day" if limit.seconds >= DAY else "hour"


class TokenCache(Protocol):
    """Access tokens shared by all workers, one per credential.

    Ask by :meth:`get`; only where it returns ``None``, fetch one and :meth:`put` it at once. Nobody
    else fetches meanwhile: at some systems a new token ends the old one.
    """

    def get(self) -> str | None:
        """Return a token that is still valid; ``None``: this session is the one to fetch it.

        Raises:
            ThrottledError: another worker is fetching one just now, and it takes long.
        """

    def put(self, token: str, expires_at: datetime) -> None:
        """Store a token for all workers, until an aware time."""

    def forget(self, token: str | None = None) -> None:
        """Drop a token that the other side no longer accepts, unless there is a newer one.

        ``None``: the one that this session got or stored last.
        """


class Budget(Protocol):
    """Calls that the account still allows. Requests of ``Session.http`` count by themselves."""

    def take(self) -> None:
        """Count one call that is made in another way than by ``Session.http``.

        Raises:
            ThrottledError: the account allows no call now; ``until`` says when to come again.
        """

    def pause(self, until: datetime) -> None:
        """Stop all calls of the account until an aware time.

        ``Retry-After`` of an answer with status 429 or 503 is obeyed without this.
        """

    def observe(
        self,
        remaining: int,
        reset: datetime | timedelta | None = None,
        *,
        seconds: int,
        limit: int | None = None,
    ) -> None:
        """Learn from the other side's headers what is left of the limit of ``seconds``.

        Less than was counted here is believed (somebody else uses the account, too); more is not.

        Args:
            remaining: Calls left.
            reset: When the count begins anew: an aware time, or how long until then.
            seconds: Which of the declared limits it is about.
            limit: The limit as the other side states it, where it does (plans differ).
        """
