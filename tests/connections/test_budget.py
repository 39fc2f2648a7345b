"""R9: every call is counted, none is made after the budget is used up, hardly any is refused."""

from __future__ import annotations

import heapq
import math
import random
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from zoneinfo import ZoneInfo

import pytest
import time_machine
from hypothesis import given, settings
from hypothesis import strategies as st

from spojka.connections import budget as budgets
from spojka.connections.budget import AccountBudget, forecast, override, usage
from spojka.connections.models import Account
from spojka.core.catalogue import explain
from spojka.core.outcome import ThrottledError
from spojka.net.limits import DAY, HOUR, MONTH, Limit, allowance

pytestmark = pytest.mark.django_db
START = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
PRAGUE = ZoneInfo("Europe/Prague")
MINUTELY = Limit(400, 60)
DAILY = Limit(1000, DAY)
_names = count()


@dataclass
class Clock:
    """A clock that a test sets."""

    now: datetime = START

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **delta: float) -> None:
        self.now += timedelta(**delta)


def opener(
    clock: Clock, *limits: Limit, name: str = "", system: str = "Toy"
) -> Callable[..., AccountBudget]:
    """Return what opens budgets of one account, as each session does."""
    account = name or f"toy:{next(_names)}"

    def opened(lane: str = "shop:1") -> AccountBudget:
        return AccountBudget(lambda: account, limits, lane=lane, system=system, clock=clock)

    return opened


def refused(budget: AccountBudget, *, finishing: bool = False) -> ThrottledError:
    with pytest.raises(ThrottledError) as caught:
        budget.take(finishing=finishing)
    return caught.value


def taken(budget: AccountBudget, most: int = 10_000, *, finishing: bool = False) -> int:
    """Take calls until one is refused."""
    for number in range(most):
        try:
            budget.take(finishing=finishing)
        except ThrottledError:
            return number
    return most


def row(budget: AccountBudget) -> Account:
    return Account.objects.get(pk=budget.account.pk)


@pytest.fixture
def clock() -> Clock:
    return Clock()


# what limits come to


@given(calls=st.integers(1, 5000), seconds=st.integers(1, HOUR - 1))
def test_no_window_of_the_other_side_holds_more_than_the_limit(calls: int, seconds: int) -> None:
    plan = allowance([Limit(calls, seconds)])
    # A full bucket, and what comes back in a window that does not include its end.
    assert math.ceil(plan.capacity - 1 + plan.rate * seconds) <= calls
    assert plan.rate * seconds >= 0.95 * calls
    assert 1 + plan.reserve <= plan.capacity


def test_the_strictest_of_several_limits_holds() -> None:
    plan = allowance([Limit(100, 60), Limit(3, 1), Limit(900, DAY), DAILY, Limit(30_000, MONTH)])
    assert plan.rate == pytest.approx(100 / 60, rel=0.06)
    assert {limit.calls for limit in plan.windows} == {900, 30_000}
    assert not allowance([DAILY]).is_spread


# the bucket


@settings(max_examples=40, deadline=None)
@given(
    limit=st.builds(Limit, st.integers(1, 60), st.integers(1, 120)),
    pauses=st.lists(st.floats(0, 30), min_size=1, max_size=60),
    seed=st.integers(0, 2**16),
)
def test_whatever_the_pace_no_window_is_overdrawn(
    limit: Limit, pauses: list[float], seed: int
) -> None:
    clock, chance = Clock(), random.Random(seed)
    opened = opener(clock, limit)
    made: list[datetime] = []
    for pause in pauses:
        clock.forward(seconds=pause)
        one = opened()
        for _ in range(chance.randint(1, 5)):
            try:
                one.take(finishing=chance.random() < 0.3)
            except ThrottledError as error:
                assert error.until is not None and error.until >= clock.now
                break
            made.append(clock.now)
    window: deque[datetime] = deque()
    for at in made:
        window.append(at)
        while at - window[0] >= timedelta(seconds=limit.seconds):
            window.popleft()
        assert len(window) <= limit.calls
    assert row(opened()).calls == len(made)


def test_a_refusal_says_when_and_then_it_goes_on(clock: Clock) -> None:
    budget = opener(clock, MINUTELY)()
    assert taken(budget) > 1
    first = refused(budget)
    assert first.problem.code == "SPJ-BUDGET-RATE"
    assert first.until is not None
    assert timedelta() < first.until - clock.now < timedelta(seconds=2)
    clock.now = first.until
    budget.take()


def test_what_was_begun_may_use_what_is_kept_back(clock: Clock) -> None:
    budget = opener(clock, MINUTELY)()
    begun = taken(budget)
    finished = taken(budget, finishing=True)
    assert begun + finished == int(allowance([MINUTELY]).capacity)  # of these three are kept
    assert finished == 3


def test_a_clock_that_is_behind_gains_nothing(clock: Clock) -> None:
    opened = opener(clock, MINUTELY)
    taken(opened())
    clock.forward(seconds=-30)
    assert taken(opened()) == 0
    clock.forward(seconds=30)
    assert taken(opened()) == 0


def test_all_who_share_an_account_share_what_it_allows(clock: Clock) -> None:
    opened = opener(clock, DAILY, name="shared")
    other = opener(clock, DAILY, name="another")
    for _ in range(10):
        opened().take()
    assert row(opened()).day_calls == 10
    assert row(other()).day_calls == 0


# days and months


@pytest.mark.parametrize(
    ("now", "limit", "ends"),
    [
        ("2026-11-22T12:00+01:00", DAILY, "2026-11-23T00:00+01:00"),
        ("2026-11-22T23:59:59+01:00", DAILY, "2026-11-23T00:00+01:00"),
        ("2026-03-29T00:30+01:00", DAILY, "2026-03-30T00:00+02:00"),  # 23 hours long
        ("2026-10-25T00:30+02:00", DAILY, "2026-10-26T00:00+01:00"),  # 25 hours long
        ("2026-12-31T23:59+01:00", Limit(9, MONTH), "2027-01-01T00:00+01:00"),
        ("2028-02-29T12:00+01:00", Limit(9, MONTH), "2028-03-01T00:00+01:00"),
        ("2026-11-22T12:00+01:00", Limit(9, DAY, time_zone="UTC"), "2026-11-23T00:00+00:00"),
        ("2026-11-22T12:00+01:00", Limit(9, HOUR), "2026-11-22T13:00+01:00"),
    ],
)
def test_a_window_ends_where_the_vendor_s_does(
    clock: Clock, now: str, limit: Limit, ends: str
) -> None:
    clock.now = datetime.fromisoformat(now)
    budget = opener(clock, limit)()
    budget.take()
    (one,) = usage(row(budget), clock.now)
    assert (one.used, one.limit, one.resets_at) == (1, limit.calls, datetime.fromisoformat(ends))
    clock.now = one.resets_at
    budget.take()
    assert usage(row(budget), clock.now)[0].used == 1


def test_no_call_after_the_day_is_used_up_until_midnight(clock: Clock) -> None:
    midnight = datetime(2026, 11, 23, 0, 0, tzinfo=PRAGUE)
    budget = opener(clock, DAILY)()
    begun = taken(budget)
    finished = taken(budget, finishing=True)
    assert (begun, finished) == (995, 5)
    error = refused(budget, finishing=True)
    assert error.problem.code == "SPJ-BUDGET-USED-UP"
    assert error.until is not None
    assert timedelta() <= error.until - midnight < timedelta(seconds=2)
    assert "1000" in explain(error.problem, "en").cause
    clock.now = midnight - timedelta(milliseconds=1)
    assert taken(budget, finishing=True) == 0
    clock.now = midnight
    budget.take()


def test_a_limit_that_is_declared_later_does_not_find_a_window_without_end(clock: Clock) -> None:
    opener(clock, name="grown")().take()
    clock.forward(days=40)
    budget = opener(clock, Limit(3, DAY), name="grown")()
    assert taken(budget) == 3
    clock.forward(days=1)
    assert taken(budget) == 3


def test_an_account_may_have_limits_of_its_own(clock: Clock) -> None:
    opened = opener(clock, DAILY, name="bigger")
    override(opened().account, [Limit(10, DAY)])
    assert taken(opened()) == 10
    override(opened().account, None)
    assert taken(opened()) == 985


# pauses and what the other side says


def test_a_pause_stops_everybody_and_only_grows(clock: Clock) -> None:
    opened = opener(clock, MINUTELY)
    opened().pause(clock.now + timedelta(seconds=30))
    opened().pause(clock.now + timedelta(seconds=5))
    error = refused(opened("shop:2"), finishing=True)
    assert error.problem.code == "SPJ-BUDGET-PAUSED"
    assert error.until is not None and error.until >= clock.now + timedelta(seconds=30)
    clock.forward(seconds=29)
    assert taken(opened()) == 0
    clock.forward(seconds=3)
    assert 0 < taken(opened()) <= 13, "what was saved up before the pause does not count"


def test_an_absurd_pause_is_not_believed(clock: Clock) -> None:
    budget = opener(clock)()
    budget.pause(datetime(9999, 1, 1, tzinfo=UTC))
    clock.forward(days=33)
    budget.take()


def test_less_is_believed_and_more_is_not(clock: Clock) -> None:
    budget = opener(clock, DAILY)()
    for _ in range(10):
        budget.take()
    budget.observe(995, seconds=DAY)
    assert row(budget).day_calls == 10, "the answer may be older than calls made since"
    budget.observe(200, seconds=DAY)
    assert row(budget).day_calls == 800, "somebody else uses the account, too"


def test_the_vendor_knows_when_its_day_ends(clock: Clock) -> None:
    budget = opener(clock, DAILY)()
    budget.take()
    reset = clock.now + timedelta(hours=3)
    budget.observe(5, reset, seconds=DAY)
    assert taken(budget, finishing=True) == 5
    until = refused(budget, finishing=True).until
    assert until is not None
    assert timedelta() <= until - reset < timedelta(seconds=1)
    clock.now = reset
    budget.take()


def test_an_absurd_reset_is_not_believed(clock: Clock) -> None:
    budget = opener(clock, DAILY)()
    budget.take()
    for reset in (clock.now - timedelta(days=1), clock.now + timedelta(days=400)):
        budget.observe(500, reset, seconds=DAY)
    assert usage(row(budget), clock.now)[0].resets_at == datetime(2026, 11, 22, 23, tzinfo=UTC)


def test_an_answer_after_the_window_s_end_begins_the_next(clock: Clock) -> None:
    budget = opener(clock, DAILY)()
    taken(budget)
    clock.forward(days=1)
    budget.observe(990, seconds=DAY)
    assert row(budget).day_calls == 10


def test_a_nearly_empty_minute_is_waited_for(clock: Clock) -> None:
    budget = opener(clock, MINUTELY)()
    budget.observe(2, timedelta(seconds=40), seconds=60)
    assert refused(budget).problem.code == "SPJ-BUDGET-PAUSED"
    clock.forward(seconds=40)
    budget.take(finishing=True)


def test_a_short_limit_that_others_use_is_lowered(clock: Clock) -> None:
    budget = opener(clock, MINUTELY)()
    budget.observe(6, timedelta(seconds=40), seconds=60)
    assert taken(budget, finishing=True) == 6


def test_a_plan_that_allows_more_or_less_is_learned(clock: Clock) -> None:
    opened = opener(clock, DAILY, MINUTELY)
    opened().observe(4_000, seconds=DAY, limit=5_000)
    (one,) = usage(row(opened()), clock.now)
    assert (one.used, one.limit) == (1_000, 5_000)
    opened().observe(40, seconds=DAY, limit=50)
    assert usage(row(opened()), clock.now)[0].limit == 50
    assert allowance(budgets.limits_of(row(opened()))).rate < 7, "the other limit stays"


# forecast


def test_it_is_told_when_the_calls_run_out(clock: Clock) -> None:
    clock.now = datetime(2026, 11, 22, 6, 0, tzinfo=UTC)
    budget = opener(clock, DAILY, system="SuperFaktura")()
    assert forecast(budget.account, clock.now) is None
    for _ in range(240):  # two calls a minute for two hours
        budget.take()
        clock.forward(seconds=30)
    told = forecast(row(budget), clock.now)
    assert told is not None
    assert told.pace == pytest.approx(120, rel=0.15)
    # 760 left at 120 an hour or a little less: some six and a half hours.
    assert timedelta(hours=6) < told.at - clock.now < timedelta(hours=7.5)
    text = explain(told.problem("SuperFaktura", PRAGUE), "en").cause
    assert "SuperFaktura stops at 22.11. 1" in text
    assert "begins anew at 23.11. 00:00" in text
    clock.forward(hours=4)
    assert forecast(row(budget), clock.now) is None, "at the pace of now it lasts until midnight"


def test_no_forecast_where_nothing_is_limited(clock: Clock) -> None:
    budget = opener(clock)()
    budget.take()
    assert forecast(row(budget), clock.now) is None


# R9: a backlog against a limiter, in simulated time


@dataclass
class Limiter:
    """The other side: refuses what is more than its limit in any window that ends now."""

    limit: Limit
    served: list[datetime] = field(default_factory=list)
    refused: int = 0
    _window: deque[datetime] = field(default_factory=deque)

    def call(self, at: datetime) -> None:
        while self._window and at - self._window[0] >= timedelta(seconds=self.limit.seconds):
            self._window.popleft()
        if len(self._window) >= self.limit.calls:
            self.refused += 1
            return
        self._window.append(at)
        self.served.append(at)


@dataclass
class Run:
    """What became of a simulated backlog."""

    asked: int = 0
    done: dict[str, list[datetime]] = field(default_factory=dict)


def work_off(
    clock: Clock,
    opened: Callable[..., AccountBudget],
    limiter: Limiter,
    orders: list[tuple[datetime, str]],
    *,
    calls: int = 1,
    until: datetime | None = None,
) -> Run:
    """Have orders come at their times, and again when they are told to; each makes ``calls``.

    Requests are under way for some time, by up to 0.28 s or 4 % of the limit's window unevenly.
    """
    uneven = min(0.28, 0.04 * limiter.limit.seconds)
    run, chance, turn = Run(), random.Random(9), count()
    waiting = [(at, next(turn), lane, calls) for at, lane in orders]
    arriving: list[datetime] = []
    heapq.heapify(waiting)
    while waiting and (until is None or waiting[0][0] <= until):
        at, _, lane, left = heapq.heappop(waiting)
        clock.now = max(clock.now, at)
        run.asked += 1
        try:
            opened(lane).take()
        except ThrottledError as error:
            assert error.until is not None and error.until > clock.now
            heapq.heappush(waiting, (error.until, next(turn), lane, left))
            continue
        arriving.append(clock.now + timedelta(seconds=chance.uniform(0.02, 0.02 + uneven)))
        if left > 1:
            heapq.heappush(waiting, (arriving[-1], next(turn), lane, left - 1))
        else:
            run.done.setdefault(lane, []).append(clock.now)
    for at in sorted(arriving):
        limiter.call(at)
    return run


@pytest.mark.parametrize("limit", [MINUTELY, Limit(10, 1), Limit(60, 60), Limit(100, 10)])
def test_r9_a_backlog_uses_the_rate_and_is_not_refused(clock: Clock, limit: Limit) -> None:
    limiter = Limiter(limit)
    backlog = [(START, "shop:1")] * 600
    end = START + timedelta(seconds=450 * limit.seconds / limit.calls)
    run = work_off(clock, opener(clock, limit), limiter, backlog, until=end)
    seconds = (end - START).total_seconds()
    used = len([at for at in limiter.served if at <= end])
    assert used >= 0.95 * limit.calls * seconds / limit.seconds
    assert limiter.refused <= len(limiter.served) / 1_000
    assert run.asked < 4 * 600, "they come when they are told to, and do not ask again and again"


def test_r9_orders_of_several_calls_use_the_rate(clock: Clock) -> None:
    limiter = Limiter(MINUTELY)
    end = START + timedelta(minutes=1.5)
    run = work_off(
        clock, opener(clock, MINUTELY), limiter, [(START, "shop:1")] * 300, calls=3, until=end
    )
    assert len(limiter.served) >= 0.95 * 1.5 * MINUTELY.calls
    assert limiter.refused <= len(limiter.served) / 1_000
    assert run.asked < 5 * len(limiter.served)


def test_r9_no_call_after_the_day_s_calls_are_used_up(clock: Clock) -> None:
    clock.now = datetime(2026, 11, 22, 10, tzinfo=PRAGUE)
    midnight = datetime(2026, 11, 23, tzinfo=PRAGUE)
    limiter = Limiter(Limit(10**9, DAY))
    orders = [(clock.now, "shop:1")] * 1_200
    run = work_off(clock, opener(clock, DAILY), limiter, orders)
    today = [at for at in limiter.served if at < midnight]
    assert 0.95 * DAILY.calls <= len(today) <= DAILY.calls
    assert max(today) < datetime(2026, 11, 22, 11, tzinfo=PRAGUE)
    assert len(limiter.served) == 1_200, "the rest is done when the new day begins"
    assert run.asked <= 1_200 + 205, "nobody asks before it does"


def test_r9_a_shop_s_backlog_does_not_hold_up_another_shop(clock: Clock) -> None:
    limiter = Limiter(MINUTELY)
    backlog = [(START, "shop:1")] * 500
    later = START + timedelta(seconds=20)
    few = [(later + timedelta(seconds=second), "shop:2") for second in range(10)]
    run = work_off(clock, opener(clock, MINUTELY), limiter, backlog + few)
    waited = max(done - came for done, (came, _) in zip(run.done["shop:2"], few, strict=True))
    assert waited < timedelta(seconds=10)
    assert max(run.done["shop:1"]) > START + timedelta(minutes=1)
    assert limiter.refused == 0


def test_r9_two_backlogs_share_alike(clock: Clock) -> None:
    limiter = Limiter(MINUTELY)
    both = [(START, f"shop:{number % 2 + 1}") for number in range(400)]
    run = work_off(
        clock, opener(clock, MINUTELY), limiter, both, until=START + timedelta(seconds=45)
    )
    done = Counter({lane: len(times) for lane, times in run.done.items()})
    assert min(done.values()) > 0.4 * done.total()


def test_r9_accounts_do_not_wait_for_each_other(clock: Clock) -> None:
    busy, idle = opener(clock, MINUTELY), opener(clock, MINUTELY)
    taken(busy())
    for _ in range(50):
        refused(busy())
    idle().take()


def test_nobody_is_sent_away_for_longer_than_an_hour_after_the_next_call(clock: Clock) -> None:
    budget = opener(clock, Limit(1, 600))()
    budget.take()
    for _ in range(30):
        error = refused(budget)
        assert error.until is not None
        assert error.until - clock.now <= timedelta(seconds=HOUR + 605)


@pytest.fixture
def frozen() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(START, tick=False) as traveller:
        yield traveller
