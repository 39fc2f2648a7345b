"""Leases: one worker at a key, a lost lease is noticed, nothing that was woken is forgotten."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine
from django.db import connection, connections, transaction
from django.utils import timezone

from spojka import engine
from spojka.engine import leases, registry, runner, wakes
from spojka.engine.models import PeriodicTask, Wake

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    keys: list[str] = []

    def handle(key: str, _lease: wakes.Lease) -> datetime | None:
        keys.append(key)
        if key == "bad":
            raise ValueError("broken row")
        return timezone.now() + timedelta(hours=1) if key == "again" else None

    monkeypatch.setitem(registry._handlers, "probe", handle)
    return keys


def test_waking_twice_is_one_wake(seen: list[str]) -> None:
    engine.wake("probe", 1)
    engine.wake("probe", 1)
    assert runner.run_until_idle() == 1
    assert seen == ["1"]
    assert not Wake.objects.exists()


def test_a_rolled_back_wake_wakes_nobody(seen: list[str]) -> None:
    with pytest.raises(RuntimeError), transaction.atomic():
        engine.wake("probe", 1)
        raise RuntimeError
    assert runner.run_until_idle() == 0


def test_a_wake_waits_for_its_time(seen: list[str], clock: time_machine.Traveller) -> None:
    engine.wake("probe", 1, at=NOW + timedelta(minutes=5))
    assert runner.run_until_idle() == 0
    clock.shift(timedelta(minutes=5))
    assert runner.run_until_idle() == 1


def test_an_earlier_wake_wins(seen: list[str]) -> None:
    engine.wake("probe", 1, at=NOW + timedelta(minutes=5))
    engine.wake("probe", 1)
    engine.wake("probe", 1, at=NOW + timedelta(minutes=9))
    assert runner.run_until_idle() == 1


def test_an_idle_worker_knows_when_the_next_wake_is_due() -> None:
    assert wakes.next_due(NOW) is None
    engine.wake("probe", 1, at=NOW + timedelta(seconds=40))
    engine.wake("probe", 2, at=NOW + timedelta(seconds=20))
    engine.wake("probe", 3)
    assert wakes.next_due(NOW) == NOW + timedelta(seconds=20)


def test_what_was_woken_meanwhile_keeps_the_earlier_time() -> None:
    engine.wake("probe", 1)
    for woken, again, due in ((10, 20, 10), (20, 10, 10), (10, None, 10)):
        lease = wakes.claim_key("probe", "1")
        assert lease is not None
        engine.wake("probe", 1, at=NOW + timedelta(seconds=woken))
        wakes.give_back(lease, None if again is None else NOW + timedelta(seconds=again))
        row = Wake.objects.get()
        assert (row.due_at, row.again) == (NOW + timedelta(seconds=due), False)


def test_whoever_lost_a_lease_does_not_end_its_heir_s(clock: time_machine.Traveller) -> None:
    engine.wake("probe", 1)
    frozen = wakes.claim("")
    clock.shift(wakes.LEASE)
    heir = wakes.claim("")
    assert frozen is not None
    assert heir is not None
    for next_at in (None, timezone.now()):
        wakes.give_back(frozen, next_at)
        assert Wake.objects.get().lease_token == heir.token
    heir.check()


def test_a_handler_says_when_it_wants_to_look_again(seen: list[str]) -> None:
    engine.wake("probe", "again")
    runner.run_until_idle()
    assert Wake.objects.get().due_at == NOW + timedelta(hours=1)


def test_two_workers_never_hold_one_key() -> None:
    engine.wake("probe", 1, account="a")
    first = wakes.claim("a")
    assert first is not None
    assert wakes.claim("a") is None
    assert wakes.claim_key("probe", "1") is None
    wakes.give_back(first, None)
    assert wakes.claim_key("probe", "1") is not None


def test_a_frozen_worker_loses_its_lease(clock: time_machine.Traveller) -> None:
    engine.wake("probe", 1)
    zombie = wakes.claim("")
    assert zombie is not None
    clock.shift(wakes.LEASE + timedelta(seconds=1))
    heir = wakes.claim("")
    assert heir is not None
    with pytest.raises(wakes.LeaseLostError):
        zombie.check()
    wakes.give_back(zombie, None)
    heir.check()


def test_a_check_prolongs_the_lease(clock: time_machine.Traveller) -> None:
    engine.wake("probe", 1)
    lease = wakes.claim("")
    assert lease is not None
    for _ in range(3):
        clock.shift(wakes.LEASE * 0.9)
        lease.check()


def test_what_is_woken_while_it_runs_runs_again() -> None:
    engine.wake("probe", 1)
    lease = wakes.claim("")
    assert lease is not None
    engine.wake("probe", 1)
    wakes.give_back(lease, NOW + timedelta(hours=1))
    assert wakes.claim("") is not None


def test_a_failing_handler_is_tried_later_and_stops_nobody(
    seen: list[str], clock: time_machine.Traveller
) -> None:
    engine.wake("probe", "bad")
    engine.wake("probe", "good")
    runner.run_until_idle()
    assert sorted(seen) == ["bad", "good"]
    row = Wake.objects.get()
    assert (row.failures, row.last_error) == (1, "ValueError")
    assert row.due_at > NOW
    clock.shift(timedelta(minutes=1))
    runner.run_until_idle()
    row.refresh_from_db()
    assert row.failures == 2


def test_a_panic_of_a_library_stops_nobody(
    seen: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class PanicError(BaseException):
        """As those raise that are written in Rust."""

    def panic(_key: str, _lease: wakes.Lease) -> datetime | None:
        raise PanicError

    monkeypatch.setitem(registry._handlers, "panics", panic)
    engine.wake("panics", 1)
    engine.wake("probe", 1)
    runner.run_until_idle()
    assert seen == ["1"]
    row = Wake.objects.get()
    assert (row.failures, row.last_error, row.lease_token) == (1, "PanicError", "")


def test_what_kills_its_workers_waits_longer_each_time(clock: time_machine.Traveller) -> None:
    engine.wake("probe", 1, account="shop:1")
    assert wakes.claim("shop:1") is not None
    clock.shift(wakes.LEASE)  # whoever had it is gone
    assert wakes.claim("shop:1") is not None
    assert not wakes.stuck().exists()  # once is nothing: somebody may have pulled a plug
    clock.shift(wakes.LEASE)
    assert wakes.claim("shop:1") is not None
    row = wakes.stuck().get()
    assert (row.failures, row.last_error) == (2, wakes.WORKER_LOST)
    assert row.failing_since == NOW + wakes.LEASE
    assert row.trace
    clock.shift(wakes.LEASE)
    assert wakes.claim("shop:1") is not None
    clock.shift(wakes.LEASE)
    engine.wake("probe", 2, account="shop:1")
    other = wakes.claim("shop:1")  # it still waits, and nobody for it
    assert other is not None
    assert other.key == "2"
    assert wakes.claim("shop:1") is None
    clock.shift(timedelta(seconds=15))
    survivor = wakes.claim("shop:1")
    assert survivor is not None
    assert survivor.key == "1"
    wakes.give_back(survivor, NOW + timedelta(hours=1))
    row = Wake.objects.get(key="1")
    assert (row.failures, row.last_error, row.failing_since) == (0, "", None)


def test_what_a_stopping_worker_hands_back_did_not_fail(clock: time_machine.Traveller) -> None:
    engine.wake("probe", 1, account="shop:1")
    lease = wakes.claim("shop:1")
    assert lease is not None
    leases.hand_back_all()
    assert wakes.claim("shop:1") is not None
    assert Wake.objects.get().failures == 0


def test_a_full_account_does_not_starve_the_others(seen: list[str]) -> None:
    for key in range(50):
        engine.wake("probe", f"full-{key}", account="full")
    engine.wake("probe", "small", account="small")
    fair = runner.Fair()
    for _ in range(3):
        runner.run_once(fair)
    assert "small" in seen


def test_periodic_tasks_run_when_due_and_survive_a_failure(
    monkeypatch: pytest.MonkeyPatch, clock: time_machine.Traveller
) -> None:
    runs: list[str] = []

    def fail() -> None:
        runs.append("fail")
        raise ValueError("no")

    tasks = {
        "fail": registry.Periodic("fail", timedelta(minutes=5), fail),
        "work": registry.Periodic("work", timedelta(minutes=5), lambda: runs.append("work")),
    }
    monkeypatch.setattr(registry, "_periodic", tasks)
    runner.run_periodic()
    runner.run_periodic()
    assert runs == ["fail", "work"]
    assert PeriodicTask.objects.get(name="fail").last_error == "ValueError"
    clock.shift(timedelta(minutes=6))
    runner.run_periodic()
    assert runs == ["fail", "work", "fail", "work"]


def test_the_heartbeat_tells_whether_a_worker_lives(clock: time_machine.Traveller) -> None:
    assert not runner.is_alive()
    runner.beat()
    assert runner.is_alive()
    clock.shift(timedelta(minutes=2))
    assert not runner.is_alive()


def test_a_second_worker_on_one_machine_is_refused(tmp_path: Path) -> None:
    lock = tmp_path / "worker.lock"
    with (
        runner.single(lock),
        pytest.raises(runner.AlreadyRunningError),
        runner.single(lock),
    ):
        pass


@pytest.fixture
def own_commits() -> Iterator[None]:
    """Work by a connection that the test's transaction does not surround."""
    real = connections["default"]
    connections["default"] = real.copy()
    yield
    connections["default"].close()
    connections["default"] = real


@pytest.mark.skipif(not os.environ.get("DATABASE_URL"), reason="SQLite is told otherwise")
def test_only_a_claim_s_own_commit_does_not_wait_for_the_disk(own_commits: None) -> None:
    def waits() -> bool:
        with connection.cursor() as cursor:
            cursor.execute("SHOW synchronous_commit")
            return bool(cursor.fetchone() == ("on",))

    Wake.objects.create(handler="probe", key="1", account="shop:1", due_at=NOW)
    with transaction.atomic():  # whose commit is not the claim's to decide on
        assert wakes.claim("shop:1") is not None
        assert waits()
        transaction.set_rollback(True)
    lease = wakes.claim("shop:1")
    assert lease is not None
    assert waits()
    wakes.give_back(lease, None)
    assert waits()
    assert not Wake.objects.exists()
