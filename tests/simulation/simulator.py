"""One simulated afternoon of an installation, decided by a seed.

Spojka is real from the inbox to the ledger; the clock, the shops, the accounting systems, the mail
server and the lives of the processes are simulated. Workers are what
:func:`spojka.engine.runner.work` is, without threads: whatever would happen at the same time
happens at a boundary, one after the other, and so the same each time.
"""

from __future__ import annotations

import heapq
import itertools
import json
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import time_machine
from django.conf import settings
from django.utils import timezone

from spojka.connections.models import Shop
from spojka.documents import advance
from spojka.engine import registry, wakes
from spojka.engine.models import Wake
from spojka.orders import intake, polling
from tests.simulation import invariants, lives, people
from tests.simulation.chaos import Chaos, Rates
from tests.simulation.database import Snapshot
from tests.simulation.shop import SimulatedShop
from tests.simulation.world import World, shop_row

START = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
CHAOS = timedelta(minutes=60)
LIVENESS = timedelta(minutes=15)
"""So long after the faults stop, everything is done or waits for a person by name."""
ORDERS = 40
"""Per shop."""
RATES = Rates()


@dataclass(frozen=True, slots=True)
class Report:
    """What a simulation went through."""

    seed: int
    effects: int
    """Effects that were sent at least once."""
    documents: int
    happened: Counter[str]

    def __str__(self) -> str:
        return f"seed {self.seed}: {self.effects} effects, {self.documents} documents"


@dataclass(order=True)
class _Planned:
    at: datetime
    ordinal: int
    what: Callable[[], object] = field(compare=False)


class Simulation:
    """A run of one seed; use :func:`simulate`."""

    def __init__(self, chaos: Chaos, world: World) -> None:
        self.chaos = chaos
        self.world = world
        self._agenda: list[_Planned] = []
        self._ordinals = itertools.count()
        self._periodic = chaos.now
        self._polled = chaos.now
        self._rows: dict[str, Shop] = {}
        chaos.others = self._everybody_else
        chaos.later = self.later

    def later(self, delay: timedelta, what: Callable[[], object]) -> None:
        """Have something happen after a while."""
        at = timezone.now() + delay
        heapq.heappush(self._agenda, _Planned(at, next(self._ordinals), what))

    # the shop tells

    def announce(self, shop: SimulatedShop, external_id: str) -> None:
        """Deliver the webhook of a change: late, twice, three times, or never."""
        rng = self.chaos.rng
        if self.chaos.chance(self.chaos.rates.webhook_lost):
            self.chaos.happened["webhook lost"] += 1
            return
        for _ in range(rng.choice((1, 1, 2, 3))):
            late = self.chaos.chance(self.chaos.rates.webhook_late)
            delay = timedelta(seconds=rng.uniform(0, 900 if late else 20))
            self.later(delay, lambda: self._deliver(shop, external_id))

    def _deliver(self, shop: SimulatedShop, external_id: str) -> None:
        body = json.dumps({"id": external_id}).encode()
        row = self._rows.get(shop.descriptor.key)
        if row is None:
            row = self._rows[shop.descriptor.key] = shop_row(shop)
        self.chaos.run(lambda: intake.receive(row, via="webhook", body=body))

    # time goes on

    def play(self, until: datetime) -> None:
        """Let everything happen that happens until a moment."""
        while True:
            at = self._next_time()
            if at > until:
                break
            if at > timezone.now():
                self.chaos.clock.move_to(at)
            self._happen()
            self._run_periodic()
            self.work()
        self.chaos.clock.move_to(max(until, timezone.now()))

    def _next_time(self) -> datetime:
        times = [self._periodic]
        if self._agenda:
            times.append(self._agenda[0].at)
        for due, leased in Wake.objects.values_list("due_at", "lease_until"):
            times.append(max(due, leased) if leased else due)
        return min(times)

    def _happen(self) -> None:
        while self._agenda and self._agenda[0].at <= timezone.now():
            heapq.heappop(self._agenda).what()

    def _run_periodic(self) -> None:
        now = timezone.now()
        if now < self._periodic:
            return
        self._periodic = now + timedelta(minutes=1)
        self.chaos.run(advance.sweep)
        if now >= self._polled + timedelta(minutes=settings.POLL_MINUTES):
            self._polled = now
            self.chaos.run(polling.poll_all)

    def work(self) -> None:
        """Have workers work until nothing is due."""
        while self._work_once():
            pass

    def _work_once(self) -> bool:
        accounts = sorted(wakes.due_accounts(timezone.now()))
        if not accounts:
            return False
        account = self.chaos.rng.choice(accounts)
        self.chaos.run(lambda: _work(account))
        return True

    def _everybody_else(self) -> None:
        """What the others do while a process is frozen."""
        self._happen()
        self.work()


def _work(account: str) -> None:
    """Do what :func:`spojka.engine.runner.work` does; an unexpected error is a finding here."""
    lease = wakes.claim(account)
    if lease is None:
        return
    try:
        next_at = registry.handler_named(lease.handler)(lease.key, lease)
    except wakes.LeaseLostError:
        return
    wakes.give_back(lease, next_at)


def simulate(
    seed: int, snapshot: Snapshot, *, orders: int = ORDERS, rates: Rates = RATES
) -> Report:
    """Run one seed from a furnished snapshot and prove the invariants.

    Raises:
        ViolationError: what must never happen has happened.
    """
    snapshot.restore()
    with time_machine.travel(START, tick=False) as clock:
        chaos = Chaos(random.Random(seed), clock, rates)
        world = World.of(chaos)
        with world.connected(), chaos.commits():
            simulation = Simulation(chaos, world)
            for shop in world.shops.values():
                lives.begin(simulation, shop, orders)
            people.begin(simulation)
            simulation.play(START + CHAOS)
            chaos.active = False
            simulation.play(timezone.now() + LIVENESS)
            invariants.settled(world)
            people.mend_everything()
            simulation.play(timezone.now() + LIVENESS)
            invariants.settled(world)
            return invariants.finished(seed, world)
