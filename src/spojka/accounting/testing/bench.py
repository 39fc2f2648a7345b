"""A system on the bench: its simulator behind a real socket, and sessions as the ledger opens them.

The ledger's way with an effect is walked here without a database: what may be sent again is sent
again later, what is uncertain is looked up before (``docs/architecture.md``, *Effects*).
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from ipaddress import ip_network
from typing import Any, Generic, TypeVar
from urllib.parse import urlsplit

from spojka.accounting.contract import LoadedData, Session, System
from spojka.accounting.samples import Samples
from spojka.accounting.serving import Serving
from spojka.accounting.simulator import Fault, Simulator
from spojka.accounting.testing.doubles import (
    MemoryBudget,
    MemoryContacts,
    MemoryReservations,
    MemoryTokens,
)
from spojka.core.outcome import (
    OutcomeError,
    RejectedError,
    ThrottledError,
    UnavailableError,
    UncertainError,
)
from spojka.net.client import Client, Exchange, Response

T = TypeVar("T")

LOOK_UPS = (timedelta(seconds=5), timedelta(seconds=30), timedelta(minutes=5))
"""Waits before the look-ups after *uncertain*; then what was sent is taken to be absent."""
_TURNS = 12
_SILENT = {Fault.SILENCE_COMMITTED, Fault.SILENCE_NOT_COMMITTED}


class Gate:
    """Counts requests as an installation does: each one is taken from the budget before it goes."""

    def __init__(self, budget: MemoryBudget) -> None:
        self._budget = budget
        self.wrote = False

    def before(self) -> None:
        self._budget.take()

    def after(self, response: Response, write: bool) -> None:
        self.wrote = self.wrote or (write and response.status < 400)


@dataclass
class Bench:
    """One connection of one company."""

    system: System
    simulator: Simulator
    serving: Serving
    samples: Samples
    settings: dict[str, str] = field(default_factory=dict)
    loaded: LoadedData = field(default_factory=LoadedData)
    recorded: list[Exchange] = field(default_factory=list)
    credentials: dict[str, str] = field(default_factory=dict)
    """Changes to what the simulator says is to be filled in."""
    read_seconds: float = 20.0

    def __post_init__(self) -> None:
        self.tokens = MemoryTokens(lambda: self.simulator.now)
        self.budget = MemoryBudget()
        self.contacts = MemoryContacts()
        self.reservations = MemoryReservations()

    @property
    def filled(self) -> dict[str, str]:
        """What stands in the connection's form."""
        return {**self.simulator.credentials(self.serving.address), **self.credentials}

    @property
    def secrets(self) -> set[str]:
        """Everything that must never be recorded."""
        keys = {spec.key for spec in self.system.descriptor.fields if spec.is_secret}
        return {self.filled[key] for key in keys if self.filled.get(key)} | self.tokens.seen

    @contextmanager
    def session(self, attempt: int = 0, address: str = "") -> Iterator[Session]:
        """Open a session; ``address`` is another one than the simulator's."""
        filled = {**self.filled, **({"address": address} if address else {})}
        gate = Gate(self.budget)
        with Client(
            secrets=self.secrets,
            allow=[ip_network("127.0.0.0/8")],
            recorder=self.recorded.append,
            before=gate.before,
            after=gate.after,
            connect_seconds=5.0,
            read_seconds=self.read_seconds,
            total_seconds=self.read_seconds + 20,
        ) as client:
            self.tokens.hide = client.hide
            yield Session(
                credentials=filled,
                settings={**filled, **self.settings},
                now=self.simulator.now,
                http=client,
                tokens=self.tokens,
                budget=self.budget,
                loaded=self.loaded,
                contacts=self.contacts,
                reservations=self.reservations,
                webhook_address="https://spojka.example/hooks/systems/token/",
                webhook_secret="webhook-secret-of-the-bench",  # noqa: S106 - a made-up one
                time_zone="Europe/Prague",
                seller=self.samples.seller,
                attempt=attempt,
            )

    def load(self) -> None:
        """*Load data*: what the account knows is kept, as after activation."""
        with self.session() as s:
            self.loaded = self.system.load(s)
        self.contacts.complete = self.loaded.contacts_complete
        for name, external_id in self.loaded.contacts:
            self.contacts.put([name], external_id)

    def wait(self, time: timedelta) -> None:
        """Let time pass."""
        self.simulator.shift += time

    def calls(self, done: Callable[[], Any]) -> int:
        """Do something and return how many requests it took."""
        before = len(self.simulator.requests)
        done()
        return len(self.simulator.requests) - before

    def do(self, operation: Callable[[Session], T]) -> T:
        """Do one operation in a session of its own."""
        with self.session() as s:
            return operation(s)


@dataclass
class Story(Generic[T]):
    """How an effect went: its errors in their order, and what it came to."""

    errors: list[OutcomeError]
    result: T | None
    resent_after: list[type[OutcomeError]] = field(default_factory=list)
    """Of each time that it was sent again: the error before."""


def walk(
    bench: Bench,
    perform: Callable[[Session], T],
    look_up: Callable[[Session], T | None],
    *,
    first_address: str = "",
) -> Story[T]:
    """Have an effect done as the ledger has it done, until it is, or is refused twice.

    ``first_address`` is where the first attempt goes (nowhere, for some faults).
    """
    story: Story[T] = Story([], None)
    refused = 0
    settle = timedelta(seconds=bench.system.descriptor.settle_seconds)
    for attempt in range(_TURNS):
        try:
            with bench.session(attempt, first_address if attempt == 0 else "") as s:
                story.result = perform(s)
                return story
        except UncertainError as error:
            story.errors.append(error)
            found = _looked_up(bench, look_up, settle, attempt + 1)
            if found is not None:
                story.result = found
                return story
        except RejectedError as error:
            story.errors.append(error)
            refused += 1
            if refused > 1:  # a person tries again once
                return story
            bench.wait(timedelta(minutes=1))
        except (UnavailableError, ThrottledError) as error:
            story.errors.append(error)
            until = error.until if isinstance(error, ThrottledError) else None
            later = until - bench.simulator.now if until is not None else timedelta(seconds=30)
            bench.wait(max(later, timedelta(seconds=1)))
            bench.budget.exhausted_until = None
        story.resent_after.append(type(story.errors[-1]))
    return story


def _looked_up(
    bench: Bench, look_up: Callable[[Session], T | None], settle: timedelta, attempt: int
) -> T | None:
    bench.wait(settle)
    absent = 0
    for _ in range(_TURNS):
        bench.wait(LOOK_UPS[min(absent, len(LOOK_UPS) - 1)])
        try:
            with bench.session(attempt) as s:
                found = look_up(s)
        except OutcomeError:
            continue  # nothing is known yet
        if found is not None:
            return found
        absent += 1
        if absent == len(LOOK_UPS):
            return None
    raise AssertionError("nothing could be looked up")


def address_of(fault: Fault, bench: Bench) -> str:
    """Return an address at which a fault of the way there happens; empty for all others."""
    if fault is Fault.NAME:
        return "http://nobody.invalid"
    if fault is Fault.REFUSED:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            return f"http://127.0.0.1:{listener.getsockname()[1]}"
    if fault is Fault.TLS:
        return f"https://{urlsplit(bench.serving.address).netloc}"
    return ""


def patience(fault: Fault) -> float:
    """Return for how many seconds an answer is waited for."""
    return 0.6 if fault in _SILENT else 20.0
