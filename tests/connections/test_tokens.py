"""Access tokens: one for all workers, fetched by one of them, sealed, and never lost to a race."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from spojka.connections import tokens as module
from spojka.connections.models import AccessToken, Secret
from spojka.connections.tokens import SharedTokens
from spojka.core.outcome import ThrottledError

START = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


@dataclass
class Clock:
    """A clock that a test sets; sleeping moves it."""

    now: datetime = START
    slept: list[float] = field(default_factory=list)

    def __call__(self) -> datetime:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def opened(db: None, clock: Clock) -> Callable[..., SharedTokens]:
    """Open the cache of one set of credentials, as each session does."""

    def opener(name: str = "toy:1", seen: Callable[[str], None] | None = None) -> SharedTokens:
        return SharedTokens(
            lambda: name, seen=seen or (lambda _: None), clock=clock, sleep=clock.sleep
        )

    return opener


Opened = Callable[..., SharedTokens]


def test_one_token_for_all_sessions(opened: Opened) -> None:
    first = opened()
    assert first.get() is None
    first.put("tajny-token", START + HOUR)
    assert opened().get() == "tajny-token"
    assert opened("toy:2").get() is None


def test_a_token_is_sealed(opened: Opened) -> None:
    one = opened()
    one.get()
    one.put("tajny-token", START + HOUR)
    rows = repr(list(AccessToken.objects.values())) + repr(list(Secret.objects.values()))
    assert "tajny-token" not in rows


def test_a_token_is_not_used_in_its_last_moments(opened: Opened, clock: Clock) -> None:
    one = opened()
    one.get()
    one.put("a", START + HOUR)
    clock.now = START + HOUR - module.MARGIN
    assert opened().get() is None


def test_while_one_fetches_the_others_wait_for_its_token(opened: Opened, clock: Clock) -> None:
    fetching = opened()
    assert fetching.get() is None

    def sleep(seconds: float) -> None:
        clock.sleep(seconds)
        if len(clock.slept) == 3:
            fetching.put("fetched", START + HOUR)

    waiting = SharedTokens(lambda: "toy:1", clock=clock, sleep=sleep)
    assert waiting.get() == "fetched"
    assert len(clock.slept) == 3


def test_a_wait_ends(opened: Opened, clock: Clock) -> None:
    assert opened().get() is None
    with pytest.raises(ThrottledError) as caught:
        opened().get()
    assert caught.value.problem.code == "SPJ-BUDGET-TOKEN"
    assert caught.value.until is not None and caught.value.until > clock.now
    assert sum(clock.slept) < 10


def test_who_failed_to_fetch_gives_the_right_back(opened: Opened, clock: Clock) -> None:
    with pytest.raises(RuntimeError), opened() as one:
        assert one.get() is None
        raise RuntimeError("refused")
    assert opened().get() is None
    assert clock.slept == []


def test_who_was_killed_loses_the_right(opened: Opened, clock: Clock) -> None:
    assert opened().get() is None
    clock.now += module.CLAIM
    assert opened().get() is None


def test_a_token_that_comes_late_does_not_replace_the_newer_one(
    opened: Opened, clock: Clock
) -> None:
    frozen, heir = opened(), opened()
    frozen.get()
    clock.now += module.CLAIM
    assert heir.get() is None
    heir.put("newer", clock.now + HOUR)
    frozen.put("older", clock.now + HOUR)
    assert opened().get() == "newer"


def test_a_token_that_comes_late_does_not_take_the_heir_s_turn(
    opened: Opened, clock: Clock
) -> None:
    frozen, heir = opened(), opened()
    frozen.get()
    clock.now += module.CLAIM
    heir.get()
    frozen.put("older", clock.now + HOUR)
    heir.put("newer", clock.now + HOUR)
    assert opened().get() == "newer"


def test_only_the_token_that_was_refused_is_forgotten(opened: Opened) -> None:
    first = opened()
    first.get()
    first.put("one", START + HOUR)
    slow, quick = opened(), opened()
    assert slow.get() == quick.get() == "one"
    quick.forget()
    assert quick.get() is None
    quick.put("two", START + HOUR)
    slow.forget()
    slow.forget("one")
    assert slow.get() == "two"
    slow.forget("two")
    assert slow.get() is None


def test_forgetting_without_having_seen_any_changes_nothing(opened: Opened) -> None:
    one = opened()
    one.get()
    one.put("one", START + HOUR)
    opened().forget()
    assert opened().get() == "one"


def test_every_token_is_made_known_to_be_hidden(opened: Opened) -> None:
    seen: list[str] = []
    one = opened(seen=seen.append)
    one.get()
    one.put("one", START + HOUR)
    opened(seen=seen.append).get()
    assert seen == ["one", "one"]
