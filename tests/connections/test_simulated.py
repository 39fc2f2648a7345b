"""A connection without an account: the simulator in the box, with its state and its faults."""

from __future__ import annotations

import pytest

from spojka.accounting.simulator import Fault
from spojka.companies.models import Company
from spojka.connections import activation, simulated, systems
from spojka.connections.activation import Act
from spojka.connections.models import Account, Connection, SimulatorState
from spojka.core.outcome import OutcomeError, UncertainError
from spojka.engine import runner

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("kasa")]
BODY = {"key": "k", "kind": "invoice", "order": "1", "currency": "CZK", "total": "121.00"}


@pytest.fixture
def connection(company: Company) -> Connection:
    made = activation.simulate(company, "kasa", actor="jana")
    activation.start(made, Act.ACTIVATE, actor="jana")
    runner.run_until_idle(20)
    made.refresh_from_db()
    return made


def post(connection: Connection) -> int:
    with systems.open_session(connection) as session:
        headers = {"X-Key": session.credentials["api_key"]}
        url = "https://api.kasa.example/invoices"
        return session.client.request("POST", url, headers=headers, json=BODY).status


def test_it_is_activated_without_any_network(connection: Connection) -> None:
    assert connection.active and connection.simulated
    assert connection.loaded_at is not None


def test_what_was_done_there_is_kept(connection: Connection) -> None:
    assert post(connection) == 201
    told = simulated.control(connection, {"act": {"what": "pay", "external_id": "K0001"}})
    assert told["documents"][0]["paid"] == 121
    assert [kept.number for kept in simulated.look(connection).books()] == ["K0001"]
    with pytest.raises(ValueError, match="no such"):
        simulated.control(connection, {"act": {"what": "pay", "external_id": "K0009"}})


@pytest.mark.parametrize("fault", list(Fault))
def test_every_fault_can_be_ordered(connection: Connection, fault: Fault) -> None:
    simulated.control(connection, {"fail": [{"fault": fault.value, "match": "POST"}]})
    made = {
        Fault.RESET_AFTER, Fault.SILENCE_COMMITTED, Fault.TRUNCATED, Fault.ERROR_AFTER,
        Fault.EMPTY_SUCCESS, Fault.STALE,
    }  # fmt: skip
    unsent = {Fault.NAME, Fault.REFUSED, Fault.TLS}
    cut = {
        Fault.RESET_BEFORE, Fault.RESET_AFTER, Fault.SILENCE_COMMITTED, Fault.TRUNCATED,
        Fault.SILENCE_NOT_COMMITTED, Fault.STALE,
    }  # fmt: skip
    if fault in unsent | cut:
        with pytest.raises(OutcomeError) as caught:
            post(connection)
        assert isinstance(caught.value, UncertainError) == (fault in cut)
    else:
        post(connection)
    assert len(simulated.look(connection).books()) == (fault in made)
    if fault is Fault.LIMIT:
        return  # the account rests now
    assert post(connection) == 201  # it went wrong once


def test_two_of_them_are_two_accounts(company: Company, connection: Connection) -> None:
    other = activation.simulate(company, "kasa", actor="jana")
    state = SimulatorState.objects.get(connection=connection)
    SimulatorState.objects.filter(connection=other).update(content=state.content)
    post(connection)
    with systems.open_session(other) as session:
        assert session.budget is not None
        session.budget.take()
    assert Account.objects.filter(name__startswith="kasa:").count() == 2


def test_only_what_has_a_simulator_can_be_tried(company: Company) -> None:
    with pytest.raises(simulated.NoSimulatorError):
        activation.simulate(company, "own", actor="jana")
    with pytest.raises(simulated.NoSimulatorError):
        simulated.control(systems.own_connection(company), {})
