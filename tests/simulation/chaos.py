"""Everything that goes wrong, decided by one seed: kills, frozen processes, a bad network.

A simulated process is a call of :meth:`Chaos.run`. At each boundary of a commit or of a socket it
may die (:class:`Killed` passes through everything, as SIGKILL does: no clean-up of the product
runs but the database's rollback), or be frozen while the rest of the house goes on.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import time_machine
from django.db import connection
from django.utils import timezone

from spojka.core.outcome import (
    OutcomeError,
    RejectedError,
    Rejection,
    ThrottledError,
    UnavailableError,
    UncertainError,
)
from spojka.core.problem import Problem

_WRITES = ("INSERT", "UPDATE", "DELETE")


class Killed(BaseException):
    """Stands for SIGKILL at a boundary."""


class ViolationError(AssertionError):
    """Something happened that must never happen; the seed replays it."""


@dataclass(frozen=True, slots=True)
class Rates:
    """How often things go wrong, each a probability per opportunity."""

    kill: float = 0.004
    freeze: float = 0.006
    fault: float = 0.25
    webhook_lost: float = 0.2
    webhook_late: float = 0.1


@dataclass(frozen=True, slots=True)
class Fault:
    """One of the sixteen ways in which a call fails.

    ``committed`` says whether a write took effect all the same; ``None``: a coin decides, and a
    write that did not take effect at once may still do so while the request is under way.
    """

    name: str
    error: Callable[[], OutcomeError]
    committed: bool | None = False
    seconds: float = 0.1
    stale: bool = False
    """A write is not seen by searches for a while afterwards."""


def _problem(code: str) -> Problem:
    return Problem.of(code, host="remote", url="https://remote", seconds="30", shop="remote")


def _unavailable(code: str) -> Callable[[], OutcomeError]:
    return lambda: UnavailableError(_problem(code))


def _uncertain(code: str) -> Callable[[], OutcomeError]:
    return lambda: UncertainError(_problem(code))


def _throttled(seconds: float | None) -> Callable[[], OutcomeError]:
    def make() -> OutcomeError:
        until = None if seconds is None else timezone.now() + timedelta(seconds=seconds)
        return ThrottledError(_problem("SPJ-SHOP-THROTTLED"), until)

    return make


FAULTS = (
    Fault("DNS fails", _unavailable("SPJ-NET-NAME")),
    Fault("connection refused", _unavailable("SPJ-NET-CONNECT")),
    Fault("TLS fails", _unavailable("SPJ-NET-TLS")),
    Fault("reset before send", _unavailable("SPJ-NET-RESET")),
    Fault("reset after send", _uncertain("SPJ-NET-RESET"), committed=None),
    Fault("time-out, committed", _uncertain("SPJ-NET-TIMEOUT"), committed=True, seconds=30),
    Fault("time-out, not committed", _uncertain("SPJ-NET-TIMEOUT"), seconds=30),
    Fault("truncated body", _uncertain("SPJ-NET-RESET"), committed=True),
    Fault("5xx before commit", _uncertain("SPJ-SHOP-DOWN")),
    Fault("5xx after commit", _uncertain("SPJ-SHOP-DOWN"), committed=True),
    Fault("429 with Retry-After", _throttled(40)),
    Fault("429 without Retry-After", _throttled(None)),
    Fault("401", lambda: RejectedError(_problem("SPJ-SHOP-LOGIN"), Rejection.CONFIG)),
    Fault(
        "200 with an error body",
        lambda: RejectedError(_problem("SPJ-SHOP-REFUSED"), Rejection.DATA),
    ),
    Fault("200 with an empty document", _uncertain("SPJ-SHOP-NOT-JSON"), committed=None),
    Fault("stale read after write", _uncertain("SPJ-NET-TIMEOUT"), committed=True, stale=True),
    Fault("maintenance page", _uncertain("SPJ-SHOP-HTML"), committed=None),
)
"""The sixteen of the reliability goals; 429 counts as one with its two forms."""


@dataclass
class Chaos:
    """The one source of chance of a simulation, and its clock."""

    rng: random.Random
    clock: time_machine.Traveller
    rates: Rates = Rates()
    active: bool = True
    happened: Counter[str] = field(default_factory=Counter)
    others: Callable[[], None] = lambda: None
    """What the rest of the house does while a process is frozen."""
    later: Callable[[timedelta, Callable[[], None]], None] = lambda _delay, _what: None
    """Have something happen on the other side after a while."""
    _processes: int = 0

    @property
    def now(self) -> datetime:
        return timezone.now()

    def chance(self, probability: float) -> bool:
        return self.active and self.rng.random() < probability

    def run(self, work: Callable[[], Any]) -> bool:
        """Run ``work`` as a process that may die; return whether it lived."""
        self._processes += 1
        try:
            copy_context().run(work)  # a process knows nothing of another's lease
        except Killed:
            return False
        finally:
            self._processes -= 1
        return True

    # boundaries

    def at(self, boundary: str) -> None:
        """Pass a boundary of a commit or a socket: here a process may die."""
        self.happened["boundaries"] += 1
        if self._processes and self.chance(self.rates.kill):
            self.happened[f"killed {boundary}"] += 1
            raise Killed(boundary)

    def freeze(self, longest: float) -> None:
        """Maybe stop this process for up to ``longest`` seconds, while all others go on."""
        if self._processes != 1 or not self.chance(self.rates.freeze):
            return
        self.happened["frozen"] += 1
        until = self.now + timedelta(seconds=self.rng.uniform(1, longest))
        # Others begin at once, and again when the leases of the frozen one have run out.
        self.others()
        if self.now < until:
            self.clock.move_to(until)
        self.others()

    def pass_time(self, longest: float) -> None:
        """Let up to ``longest`` seconds pass."""
        self.clock.shift(timedelta(seconds=round(self.rng.uniform(0.01, longest), 3)))

    @contextmanager
    def commits(self) -> Iterator[None]:
        """Make boundaries of every commit of the database connection, and of every single write."""
        commit = connection.commit

        def committing() -> None:
            try:
                self.at("before a commit")
            except Killed:
                connection.rollback()
                raise
            commit()
            self.at("after a commit")

        def executing(
            execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any
        ) -> Any:
            alone = sql.startswith(_WRITES) and not connection.in_atomic_block
            if alone:
                self.freeze(600)
                self.at("before a write")
            result = execute(sql, params, many, context)
            if alone:
                self.at("after a write")
            return result

        connection.commit = committing  # type: ignore[method-assign]
        try:
            with connection.execute_wrapper(executing):
                yield
        finally:
            del connection.commit

    # the network

    def call(
        self,
        commit: Callable[[], Any],
        *,
        write: bool,
        doubt: Callable[[bool], None] = lambda _stale: None,
    ) -> Any:
        """Make a call to the other side, which ``commit`` does.

        ``doubt`` is told when the caller cannot know the outcome, and whether searches are stale.
        """
        # A request that left the house is under way for the settling time at the most.
        self.freeze(40)
        self.at("before sending")
        self.pass_time(0.8)
        if not self.chance(self.rates.fault):
            return self._deliver(commit, doubt)
        fault = self.rng.choice(FAULTS)
        self.happened[fault.name] += 1
        error = fault.error()
        if isinstance(error, UncertainError):
            if not write:
                error = UnavailableError(error.problem)
            else:
                doubt(fault.stale)
                self._perhaps(commit, fault)
        self.clock.shift(timedelta(seconds=fault.seconds))
        raise error

    def _deliver(self, commit: Callable[[], Any], doubt: Callable[[bool], None]) -> Any:
        result = commit()
        try:
            self.freeze(900)
            self.at("after sending")
        except Killed:
            doubt(False)
            raise
        return result

    def _perhaps(self, commit: Callable[[], Any], fault: Fault) -> None:
        if fault.committed:
            commit()
        elif fault.committed is None:
            fate = self.rng.randrange(3)
            if fate == 0:
                commit()
            elif fate == 1:
                self.later(timedelta(seconds=self.rng.uniform(1, 30)), commit)
