"""The budget of an account: what may still be called, counted by one statement per call.

All who use the same credentials share one row (:class:`~spojka.connections.models.Account`). Taking
a call is one conditional update of it: a bucket that fills evenly for limits of less than an hour,
counters for hours, days and months, and a pause that the other side asked for.

Whoever gets none is told when to come again. The first one refused is promised the very next call;
the others get times of their own, one by one, so that ten thousand waiting orders do not all come
in the moment a call is free. Each shop has a lane of its own: lanes that wait take turns at the
promised calls, so that a shop with ten thousand orders does not hold up another that uses the same
account.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, time, timedelta
from functools import cached_property
from time import sleep
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection
from django.db.models import F, FloatField, Value
from django.db.models.functions import Greatest, Least
from django.utils import timezone

from spojka.connections.models import Account
from spojka.core.outcome import ThrottledError
from spojka.core.problem import Problem
from spojka.database.prepared import Prepared
from spojka.net.limits import DAY, HOUR, MONTH, Allowance, Limit, allowance, window_name

LONGEST_PAUSE = timedelta(days=32)
"""A time to come again that is further away is not believed."""
PACE_SECONDS = 3_600.0
"""The pace of a forecast is an average in which calls so long ago weigh about a third."""
HORIZON_SECONDS = 3_600.0
"""Nobody is told to come later than so long after the next call is free."""
NOMINAL_RATE = 5.0
"""Calls a second by which waiting ones come again where only days or months are limited."""
PROMISE_SECONDS = 1.0
"""How long a promised call is kept for its lane."""
SOON_SECONDS = 5.0
"""A call that comes back later than this is not promised: much may change until then."""
SLACK = 0.001
"""Part of a call by which a bucket may be short: times are rounded to microseconds."""
CROWD = 0.9
"""Waiting ones come again this much closer than calls come back: one that does not come, because
its order needs nothing any more, shall not leave a call unused."""
PATIENCE_SECONDS = 0.3
"""How long a thread of a worker may stand idle for a call; less than a second in all."""
NEVER = 2**53
_UNLIMITED = tuple(Limit(NEVER, seconds) for seconds in (HOUR, DAY, MONTH))
"""What is not limited is counted all the same: a plan may change."""
LOW_PART = 100
"""Where the other side says that less than this part of a short limit is left, calls pause: those
under way use it up."""

Clock = Callable[[], datetime]

_FILLED = "{least}(%(capacity)s, level + {greatest}(0.0, %(now)s - filled_at) * %(rate)s)"

# Each call that anybody makes waits for this: one statement, one row, no lock held besides.
_TAKE = """
UPDATE connections_account SET
    level = {filled} - 1,
    pace = pace * EXP(-{least}(100.0, {greatest}(0.0, %(now)s - filled_at) / %(memory)s))
        + 1 / %(memory)s,
    filled_at = {greatest}(filled_at, %(now)s),
    lane = %(lane)s,
    claimed_by = '',
    calls = calls + 1,
    hour_calls = CASE WHEN hour_until <= %(now)s THEN 1 ELSE hour_calls + 1 END,
    hour_until = CASE WHEN hour_until <= %(now)s THEN %(hour_until)s ELSE hour_until END,
    day_calls = CASE WHEN day_until <= %(now)s THEN 1 ELSE day_calls + 1 END,
    day_until = CASE WHEN day_until <= %(now)s THEN %(day_until)s ELSE day_until END,
    month_calls = CASE WHEN month_until <= %(now)s THEN 1 ELSE month_calls + 1 END,
    month_until = CASE WHEN month_until <= %(now)s THEN %(month_until)s ELSE month_until END
WHERE id = %(id)s
  AND paused_until <= %(now)s
  AND (claimed_by IN ('', %(lane)s) OR claimed_at <= %(stale)s)
  AND {filled} >= %(least_level)s
  AND (hour_until <= %(now)s OR hour_calls < %(hour_limit)s)
  AND (day_until <= %(now)s OR day_calls < %(day_limit)s)
  AND (month_until <= %(now)s OR month_calls < %(month_limit)s)
RETURNING calls
"""

# A lane that had the last call leaves the next one to those that wait, too.
_CLAIM = """
UPDATE connections_account SET claimed_by = %(lane)s, claimed_at = %(free)s
WHERE id = %(account)s
  AND (claimed_by = '' OR claimed_at <= %(stale)s)
  AND (lane <> %(lane)s OR NOT EXISTS (
    SELECT 1 FROM connections_lane other
    WHERE other.account_id = %(account)s AND other.name <> %(lane)s AND other.next_at > %(now)s))
"""

_QUEUE = """
INSERT INTO connections_lane (account_id, name, next_at)
VALUES (%(account)s, %(lane)s, %(free)s + %(step)s)
ON CONFLICT (account_id, name) DO UPDATE SET
    next_at = {greatest}(connections_lane.next_at, %(free)s) + %(step)s
RETURNING next_at - %(step)s
"""


@dataclass(frozen=True, slots=True)
class Usage:
    """What was used of one limit that is counted."""

    window: str
    """``hour``, ``day`` or ``month``."""
    used: int
    limit: int
    resets_at: datetime

    @property
    def left(self) -> int:
        """Calls that are left."""
        return max(0, self.limit - self.used)


@dataclass(frozen=True, slots=True)
class Forecast:
    """When an account runs out of calls at the pace of about the last hour."""

    usage: Usage
    at: datetime
    """When the last call of the window is made; it starts anew only later."""
    pace: float
    """Calls an hour."""

    def problem(self, system: str, zone: ZoneInfo) -> Problem:
        """Say it, with the times of a zone (``SPJ-BUDGET-FORECAST``)."""
        return Problem.of(
            "SPJ-BUDGET-FORECAST",
            system=system,
            at=_hour(self.at, zone),
            pace=round(self.pace),
            used=self.usage.used,
            limit=self.usage.limit,
            resets=_hour(self.usage.resets_at, zone),
        )


def _hour(at: datetime, zone: ZoneInfo) -> str:
    local = at.astimezone(zone)
    return f"{local.day}.{local.month}. {local:%H:%M}"


_ACCOUNT = Prepared(lambda name: Account.objects.filter(name=name), str)


class AccountBudget:
    """The budget of one account, for one session; see ``Budget``.

    Args:
        name: Finds the account's name; called when the first call is made.
        limits: What the system's descriptor declares.
        lane: Whose queue is waited in; ``shop:1``, for example.
        system: The other side's name, for people.
        clock: Returns the time.
        patience: For how many seconds a call that is about to be free is waited for on the spot.
            Whoever has to come again comes a little late, and where calls are spread evenly that
            is lost.
        sleep: Waits.
    """

    def __init__(
        self,
        name: Callable[[], str],
        limits: Sequence[Limit],
        *,
        lane: str = "",
        system: str = "",
        clock: Clock = timezone.now,
        patience: float = 0.0,
        sleep: Callable[[float], None] = sleep,
    ) -> None:
        self._find_name = name
        self._declared = tuple(limits)
        self._lane = lane
        self._system = system
        self._clock = clock
        self._patience = patience
        self._sleep = sleep

    @cached_property
    def account(self) -> Account:
        """The row, as it was when it was first needed; made where there is none."""
        declared = [asdict(limit) for limit in self._declared]
        name = self._find_name()
        row = _ACCOUNT.first(name)
        if row is None:
            row, _ = Account.objects.get_or_create(name=name, defaults={"limits": declared})
        if row.limits != declared:  # another version of Spojka knows better
            row.limits = declared
            row.save(update_fields=["limits"])
        return row

    @cached_property
    def _allowance(self) -> Allowance:
        return allowance(limits_of(self.account))

    def take(self, *, finishing: bool = False) -> None:
        """Count one call.

        Args:
            finishing: It belongs to something that was already begun on the other side; it may use
                what is kept back for this.

        Raises:
            ThrottledError: no call is allowed now; ``until`` says when to come again.
        """
        for _ in range(3):  # between the two statements of a refusal a call may have come back
            now = self._clock().timestamp()
            if self._count(now, finishing):
                return
            free, problem = self._free_at(now, finishing)
            if free > now + self._patience:
                break
            if free > now:
                self._sleep(free - now)
        raise ThrottledError(problem, self._promise(max(free, now), now))

    def pause(self, until: datetime) -> None:
        """Stop all calls of the account until an aware time; a longer pause stays."""
        at = min(until, self._clock() + LONGEST_PAUSE).timestamp()
        rows = Account.objects.filter(pk=self.account.pk)
        # What was saved up does not count after it: the other side has just said that it was wrong.
        rows.filter(paused_until__lt=at).update(paused_until=at)
        rows.update(level=Least(F("level"), 1.0), filled_at=Greatest(F("filled_at"), at))

    def observe(
        self,
        remaining: int,
        reset: datetime | timedelta | None = None,
        *,
        seconds: int,
        limit: int | None = None,
    ) -> None:
        """Learn what the other side says is left; see ``Budget``."""
        now = self._clock()
        if isinstance(reset, timedelta):
            reset = now + reset
        declared = next((one for one in limits_of(self.account) if one.seconds == seconds), None)
        if declared is None:
            declared = Limit(limit or max(remaining, 1), seconds)
        if limit is not None and limit > 0 and limit != declared.calls:
            self._correct_limit(declared, limit)
            declared = Limit(limit, seconds, declared.burst, declared.time_zone)
        if seconds < HOUR:
            self._observe_short(remaining, reset or now + timedelta(seconds=seconds), now, declared)
        else:
            self._observe_window(remaining, reset, now, declared)

    def _observe_short(self, remaining: int, reset: datetime, now: datetime, limit: Limit) -> None:
        if remaining <= min(3, limit.calls // LOW_PART):
            self.pause(reset)
            return
        plan, seconds = self._allowance, now.timestamp()
        idle = Greatest(Value(seconds) - F("filled_at"), 0.0, output_field=FloatField())
        filled = Least(Value(plan.capacity), F("level") + idle * Value(plan.rate))
        Account.objects.filter(pk=self.account.pk).update(
            level=Least(filled, float(remaining), output_field=FloatField()),
            filled_at=Greatest(F("filled_at"), seconds),
        )

    def _observe_window(
        self, remaining: int, reset: datetime | None, now: datetime, limit: Limit
    ) -> None:
        name, used = window_name(limit), max(0, limit.calls - remaining)
        calls, until = f"{name}_calls", f"{name}_until"
        at = now.timestamp()
        believed = reset is not None and now < reset <= now + LONGEST_PAUSE
        end = reset.timestamp() if reset is not None and believed else _end(limit, now)
        rows = Account.objects.filter(pk=self.account.pk)
        over = rows.filter(**{f"{until}__lte": at}).update(**{calls: used, until: end})
        if not over:
            corrected: dict[str, Any] = {calls: Greatest(F(calls), used)}
            if believed:
                corrected[until] = end
            rows.update(**corrected)

    def _correct_limit(self, declared: Limit, calls: int) -> None:
        others = [one for one in limits_of(self.account) if one.seconds != declared.seconds]
        burst = declared.burst and max(1, declared.burst * calls // declared.calls)
        override(self.account, [*others, Limit(calls, declared.seconds, burst, declared.time_zone)])
        self.__dict__.pop("_allowance", None)

    def _count(self, now: float, finishing: bool) -> bool:
        plan = self._allowance
        facts: dict[str, Any] = {
            "id": self.account.pk,
            "now": now,
            "memory": PACE_SECONDS,
            "capacity": plan.capacity,
            "rate": plan.rate,
            "least_level": 1.0 - SLACK if finishing else 1.0 + plan.reserve - SLACK,
            "lane": self._lane,
            "stale": NEVER if finishing else now - PROMISE_SECONDS,
        }
        at = datetime.fromtimestamp(now, UTC)
        for limit in (*_UNLIMITED, *plan.windows):
            name = window_name(limit)
            facts[f"{name}_limit"] = limit.calls - (0 if finishing else _kept(limit))
            facts[f"{name}_until"] = _end(limit, at)
        with connection.cursor() as cursor:
            cursor.execute(_sql(_TAKE), facts)
            return cursor.fetchone() is not None

    def _free_at(self, now: float, finishing: bool) -> tuple[float, Problem]:
        """Return when the next call is free, and what keeps it until then."""
        row = Account.objects.get(pk=self.account.pk)
        plan = self._allowance
        wanted = 1.0 if finishing else 1.0 + plan.reserve
        level = min(plan.capacity, row.level + max(0.0, now - row.filled_at) * plan.rate)
        free = max(now, row.filled_at) + (wanted - level) / plan.rate if level < wanted else 0.0
        promised = row.claimed_by not in ("", self._lane) and not finishing
        if promised and row.claimed_at > now - PROMISE_SECONDS:
            free = max(free, row.claimed_at + 1 / plan.rate)
        problem = Problem.of("SPJ-BUDGET-RATE", system=self._system)
        for limit in plan.windows:
            usage = _usage(row, limit, datetime.fromtimestamp(now, UTC))
            end = usage.resets_at.timestamp()
            if usage.left <= (0 if finishing else _kept(limit)) and end > free:
                free = end
                problem = Problem.of(
                    "SPJ-BUDGET-USED-UP",
                    system=self._system,
                    window=f"@budget-{usage.window}",
                    limit=usage.limit,
                )
        if row.paused_until > now and row.paused_until >= free - 1:
            free = max(free, row.paused_until)
            problem = Problem.of("SPJ-BUDGET-PAUSED", system=self._system)
        return free, problem

    def _promise(self, free: float, now: float) -> datetime:
        """Return when to come again: for the next call, or at a time of one's own after it."""
        facts: dict[str, Any] = {
            "account": self.account.pk,
            "lane": self._lane,
            "free": free,
            "now": now,
            "stale": now - PROMISE_SECONDS,
        }
        if free - now <= SOON_SECONDS:
            with connection.cursor() as cursor:
                cursor.execute(_CLAIM, facts)
                if cursor.rowcount:
                    return datetime.fromtimestamp(free, UTC)
        return self._queue(free)

    def _queue(self, free: float) -> datetime:
        """Return when this lane may come again: each that asks gets a time of its own."""
        plan = self._allowance
        step = CROWD / (plan.rate if plan.is_spread else NOMINAL_RATE)
        others = self.account.lanes.filter(next_at__gt=free).exclude(name=self._lane).count()
        facts: dict[str, Any] = {
            "account": self.account.pk,
            "lane": self._lane,
            "free": free,
            "step": step * (1 + others),
        }
        with connection.cursor() as cursor:
            cursor.execute(_sql(_QUEUE), facts)
            (slot,) = cursor.fetchone()
        # PostgreSQL adds decimal literals: the sum, rounded, may lie a hair before ``free``.
        return datetime.fromtimestamp(free + max(0.0, slot - free) % HORIZON_SECONDS, UTC)


def limits_of(account: Account) -> tuple[Limit, ...]:
    """Return the limits that hold for an account."""
    rows: Sequence[Mapping[str, Any]] = (
        account.limits if account.override is None else account.override
    )
    return tuple(Limit(**row) for row in rows)


def override(account: Account, limits: Sequence[Limit] | None) -> None:
    """Give an account limits of its own, because its plan differs; ``None``: the declared ones."""
    account.override = None if limits is None else [asdict(limit) for limit in limits]
    account.save(update_fields=["override"])


def usage(account: Account, now: datetime) -> list[Usage]:
    """Return what was used of each limit that is counted."""
    return [_usage(account, limit, now) for limit in allowance(limits_of(account)).windows]


def forecast(account: Account, now: datetime) -> Forecast | None:
    """Tell when the account runs out of calls; ``None`` where it does not before they come back.

    Args:
        account: The row, freshly read.
        now: An aware time.
    """
    idle = max(0.0, now.timestamp() - account.filled_at)
    pace = account.pace * math.exp(-idle / PACE_SECONDS)
    found: list[Forecast] = []
    for one in usage(account, now):
        if pace <= 0 or one.left / pace > LONGEST_PAUSE.total_seconds():
            continue
        at = now + timedelta(seconds=one.left / pace)
        if at < one.resets_at:
            found.append(Forecast(one, at, pace * HOUR))
    return min(found, key=lambda one: one.at, default=None)


def _usage(account: Account, limit: Limit, now: datetime) -> Usage:
    name = window_name(limit)
    until: float = getattr(account, f"{name}_until")
    used: int = getattr(account, f"{name}_calls")
    if until <= now.timestamp():
        used, until = 0, _end(limit, now)
    return Usage(name, used, limit.calls, datetime.fromtimestamp(until, UTC))


def _end(limit: Limit, now: datetime) -> float:
    """Return when a window that begins now ends."""
    name = window_name(limit)
    if name == "hour" or (name == "day" and limit.seconds != DAY):
        return now.timestamp() + limit.seconds
    zone = ZoneInfo(limit.time_zone)
    today = now.astimezone(zone).date()
    if name == "day":
        first = today + timedelta(days=1)
    else:
        first = (today.replace(day=1) + timedelta(days=32)).replace(day=1)
    return datetime.combine(first, time.min, zone).timestamp()


def _kept(limit: Limit) -> int:
    """Return how many calls of a window are kept for finishing what was begun."""
    return min(5, limit.calls // 50)


def _sql(statement: str) -> str:
    """Fill in what the databases call differently."""
    names = {"least": "MIN", "greatest": "MAX"}
    if connection.vendor == "postgresql":
        names = {"least": "LEAST", "greatest": "GREATEST"}
    return statement.format(filled=_FILLED.format(**names), **names)
