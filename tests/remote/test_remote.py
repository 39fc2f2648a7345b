"""The remote system does what its plan says, and its connector calls each outcome by its name."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import entry_points
from ipaddress import ip_network
from pathlib import Path
from threading import Thread

import pytest

from spojka.accounting.contract import Issued, Session, System
from spojka.accounting.registry import GROUP
from spojka.core.outcome import OutcomeError, ThrottledError, UncertainError
from spojka.net.client import Client
from tests.documents.test_register import document
from tests.remote.faults import COMMITTED, WRITES, Fault, Plan
from tests.remote.running import PACKAGE
from tests.remote.server import API_KEY, LATE_SECONDS, Server, Store

KEY = "one:create"
DOCUMENT = document()


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch) -> System:
    """Return the connector as Spojka finds it: by the entry point of a package on the path."""
    monkeypatch.syspath_prepend(str(PACKAGE))
    (point,) = (point for point in entry_points(group=GROUP) if point.name == "remote")
    found: System = point.load()
    return found


@contextmanager
def serving(store: Store, plan: Plan) -> Iterator[Session]:
    """Serve a store; give a session that reaches it."""
    with Server(store, plan, silence_seconds=0.1) as server:
        thread = Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        address = f"http://127.0.0.1:{server.server_address[1]}"
        with Client(allow=[ip_network("127.0.0.0/8")]) as http:
            credentials = {"address": address, "api_key": API_KEY}
            yield Session(credentials, {}, datetime.now(UTC), http)
        server.shutdown()
        thread.join()


def plan_with(fault: Fault) -> Plan:
    """Return a plan whose first creation ends in this fault."""
    what = f"POST /documents {KEY}"
    plans = (Plan(seed, share=1.0, most=1) for seed in range(10_000))
    return next(plan for plan in plans if plan.fate(what, 1, writes=True) is fault)


def looked_up(system: System, session: Session) -> Issued | None:
    """Look the document up; a look-up that goes wrong itself is repeated."""
    try:
        return system.look_up(session, DOCUMENT, KEY)
    except OutcomeError:
        return system.look_up(session, DOCUMENT, KEY)


@pytest.mark.parametrize("fault", WRITES)
def test_each_fault_has_the_outcome_that_it_deserves(
    system: System, tmp_path: Path, fault: Fault
) -> None:
    throttled = fault in {Fault.THROTTLED, Fault.THROTTLED_UNTIL}
    store = Store(tmp_path / "remote.sqlite3")
    with serving(store, plan_with(fault)) as session:
        with pytest.raises(ThrottledError if throttled else UncertainError) as caught:
            system.create(session, DOCUMENT, KEY)
        if isinstance(caught.value, ThrottledError):
            assert (caught.value.until is not None) == (fault is Fault.THROTTLED_UNTIL)
        found = looked_up(system, session)
        if fault is Fault.COMMIT_LATE:
            assert found is None, "it is done only after the connection broke"
            time.sleep(LATE_SECONDS * 2)
            found = looked_up(system, session)
        made = store.rows("SELECT * FROM document")
        assert len(made) == (fault in COMMITTED)
        shown = fault in COMMITTED - {Fault.STALE}
        assert (found is not None) == shown
        if found is not None:
            assert (found.number, found.total) == (made[0]["number"], DOCUMENT.total)


def test_who_asks_twice_gets_two(system: System, tmp_path: Path) -> None:
    store = Store(tmp_path / "remote.sqlite3")
    with serving(store, Plan()) as session:
        first, second = (system.create(session, DOCUMENT, KEY) for _ in range(2))
    assert first.number != second.number
    assert len(store.rows("SELECT * FROM document WHERE reference = ?", KEY)) == 2


def test_the_same_seed_has_the_same_faults_in_any_order() -> None:
    names = [f"POST /documents {number}" for number in range(200)]
    there = {name: Plan(7, 0.3).fate(name, 1, writes=True) for name in names}
    back = {name: Plan(7, 0.3).fate(name, 1, writes=True) for name in reversed(names)}
    assert there == back
    assert 30 <= sum(fault is not Fault.NONE for fault in there.values()) <= 90
    assert all(Plan(7, 1.0).fate(name, 4, writes=True) is Fault.NONE for name in names)
