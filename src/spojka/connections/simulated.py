"""Simulators in the box: a connection whose other side is not the vendor, but its simulator.

The simulator's state is kept in the database. A request is answered under the lock of its row, and
what was changed is committed before the answer is given: as with the vendor, an answer that is lost
on its way changes nothing of what was done.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator
from dataclasses import asdict
from datetime import timedelta

import httpx2
from django.db import transaction

from spojka.accounting import registry
from spojka.accounting.simulator import OUTSIDE, Answer, Asked, Fault, Json, Simulator, Trouble
from spojka.connections.models import Connection, SimulatorState
from spojka.net.guard import NameUnknownError

KEPT_REQUESTS = 200
"""How many of the requests that it was asked a simulator remembers."""


class NoSimulatorError(LookupError):
    """The system has no simulator, or the connection is a real one."""


def begin(connection: Connection, *, seed: int) -> Simulator:
    """Open an account at the simulator of the connection's system, as if it were the company's.

    Raises:
        NoSimulatorError: the system has none.
    """
    made = _kind_of(connection)
    simulator = made(seed=seed, **made.fitting(connection.company.seller()))
    SimulatorState.objects.update_or_create(
        connection=connection, defaults={"content": _dump(simulator)}
    )
    return simulator


def look(connection: Connection) -> Simulator:
    """Return the simulator as it stands; what is done with it is not kept.

    Raises:
        NoSimulatorError: the connection is not simulated.
    """
    state = SimulatorState.objects.filter(connection=connection).first()
    if state is None:
        raise NoSimulatorError(connection.system)
    return _restore(connection, state.content)


@transaction.atomic
def control(connection: Connection, order: Json) -> Json:
    """Have something happen at the simulator; see ``Simulator.control``.

    Raises:
        NoSimulatorError: the connection is not simulated.
        ValueError: nothing of the kind can happen there.
    """
    state = _locked(connection)
    simulator = _restore(connection, state.content)
    told = simulator.control(order)
    _keep(state, simulator)
    return told


class Transport(httpx2.BaseTransport):
    """Answers the requests of a connection from its simulator, whatever their host is."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        asked = Asked.of(
            request.method,
            request.url.raw_path.decode("ascii"),
            dict(request.headers.items()),
            request.read(),
        )
        with transaction.atomic():
            state = _locked(self._connection)
            simulator = _restore(self._connection, state.content)
            trouble = _outside(simulator, asked)
            answer = Answer()
            if trouble is None:
                answer, trouble = simulator.handle(asked)
            _keep(state, simulator)
        return _carry(request, answer, trouble.fault if trouble else None)


def _outside(simulator: Simulator, asked: Asked) -> Trouble | None:
    """Return the next trouble that keeps the request from ever arriving."""
    for trouble in simulator.troubles:
        if trouble.fault in OUTSIDE and trouble.times > 0 and re.search(trouble.match, asked.line):
            trouble.times -= 1
            return trouble
    return None


def _carry(request: httpx2.Request, answer: Answer, fault: Fault | None) -> httpx2.Response:
    """Bring the answer back, or let the connection fail as the fault says."""
    match fault:
        case Fault.NAME:
            raise NameUnknownError(request.url.host, "no such name")
        case Fault.REFUSED:
            raise httpx2.ConnectError("connection refused", request=request)
        case Fault.TLS:
            reason = ssl.SSLError(1, "certificate verify failed")
            reason.reason = "CERTIFICATE_VERIFY_FAILED"
            raise httpx2.ConnectError("certificate verify failed", request=request) from reason
        case Fault.RESET_BEFORE | Fault.RESET_AFTER | Fault.STALE:
            raise httpx2.ReadError("connection reset", request=request)
        case Fault.SILENCE_COMMITTED | Fault.SILENCE_NOT_COMMITTED:
            raise httpx2.ReadTimeout("no answer", request=request)
        case _:
            body = _Body(answer.body, cut=fault is Fault.TRUNCATED)
            return httpx2.Response(answer.status, headers=answer.headers, stream=body)


class _Body(httpx2.SyncByteStream):
    """A body as it comes over a connection; ``cut``: half of it, and then the connection drops."""

    def __init__(self, content: bytes, *, cut: bool) -> None:
        self._content = content
        self._cut = cut

    def __iter__(self) -> Iterator[bytes]:
        if not self._cut:
            yield self._content
            return
        yield self._content[: len(self._content) // 2]
        raise httpx2.RemoteProtocolError("peer closed connection without sending complete body")


def _locked(connection: Connection) -> SimulatorState:
    state = SimulatorState.objects.select_for_update().filter(connection=connection).first()
    if state is None:
        raise NoSimulatorError(connection.system)
    return state


def _keep(state: SimulatorState, simulator: Simulator) -> None:
    state.content = _dump(simulator)
    state.save(update_fields=["content"])


def _dump(simulator: Simulator) -> Json:
    return {
        **simulator.dump(),
        "troubles": [asdict(trouble) for trouble in simulator.troubles if trouble.times > 0],
        "ahead": int(simulator.shift.total_seconds()),
        "requests": simulator.requests[-KEPT_REQUESTS:],
    }


def _restore(connection: Connection, kept: Json) -> Simulator:
    simulator = _kind_of(connection).restore(kept)
    simulator.troubles = [
        Trouble(**{**row, "fault": Fault(row["fault"])}) for row in kept.get("troubles", [])
    ]
    simulator.shift = timedelta(seconds=kept.get("ahead", 0))
    simulator.requests = list(kept.get("requests", []))
    return simulator


def _kind_of(connection: Connection) -> type[Simulator]:
    found = registry.simulator(connection.system)
    if found is None:
        raise NoSimulatorError(connection.system)
    return found
