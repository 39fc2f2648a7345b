"""What is done by itself: the data read again, and the look that warns before a document fails."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from spojka.accounting import checklist, registry
from spojka.companies.models import Company
from spojka.connections import activation, budget, health, loading, simulated, systems
from spojka.connections.activation import Act
from spojka.connections.models import Connection
from spojka.core import catalogue
from spojka.core.outcome import OutcomeError, ThrottledError
from spojka.core.problem import Problem
from spojka.engine import runner
from spojka.engine.models import Wake

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("kasa")]


@pytest.fixture
def connection(company: Company) -> Connection:
    made = activation.simulate(company, "kasa", actor="jana")
    return press(made, Act.ACTIVATE)


def press(connection: Connection, act: Act) -> Connection:
    activation.start(connection, act, actor="jana")
    runner.run_until_idle(20)
    connection.refresh_from_db()
    return connection


def code(problem: dict[str, Any] | None) -> str:
    return str(problem["code"]) if problem else ""


def look(connection: Connection) -> Connection:
    health.look(connection)
    connection.refresh_from_db()
    return connection


@pytest.fixture
def account(connection: Connection) -> Callable[..., None]:
    def change(**settings: Any) -> None:
        simulated.control(connection, {"account": settings})

    return change


def test_what_is_gone_there_is_forgotten_and_what_was_put_meanwhile_stays(
    connection: Connection, account: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    account(contacts=1)
    kept = loading.keep

    def while_it_is_read(connection: Connection, fetched: loading.Fetched) -> None:
        connection.contacts.create(name="data:new", external_id="77")
        kept(connection, fetched)

    monkeypatch.setattr(loading, "keep", while_it_is_read)
    loading.load(connection)
    assert set(connection.contacts.values_list("name", "external_id")) == {
        ("own-0", "0"),
        ("data:new", "77"),
    }


def test_data_that_cannot_be_read_leave_those_of_before(
    connection: Connection, account: Callable[..., None]
) -> None:
    account(plan="free")
    with pytest.raises(OutcomeError):
        loading.load(connection)
    connection.refresh_from_db()
    assert code(connection.load_problem) == "SPJ-KASA-PLAN"
    assert loading.loaded(connection).series
    account(plan="full")
    loading.load(connection)
    assert connection.load_problem is None


def test_an_adapter_that_breaks_off_while_loading_is_told(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_session: object) -> None:
        raise KeyError("series")

    monkeypatch.setattr(registry.system("kasa"), "load", broken, raising=False)
    press(connection, Act.LOAD)
    assert code(connection.load_problem) == "SPJ-CONNECTION-LOAD"
    assert not activation.is_loading(connection)


def test_both_are_done_for_active_connections_several_times_a_day(connection: Connection) -> None:
    systems.own_connection(connection.company)
    loading.load_all()
    health.look_at_all()
    assert set(Wake.objects.values_list("handler", "key")) == {
        ("connection", f"{connection.pk}:refresh"),
        ("connection", f"{connection.pk}:look"),
    }
    assert timedelta(days=1) / loading.EVERY >= 4
    before = connection.loaded_at
    runner.run_until_idle(20)
    connection.refresh_from_db()
    assert connection.loaded_at > before and connection.health_at is not None  # type: ignore[operator]


def test_nothing_is_read_by_itself_when_calls_are_short(connection: Connection) -> None:
    account = systems.account_of(connection)
    assert account is not None
    account.day_calls, account.day_until = 900, (timezone.now() + timedelta(hours=5)).timestamp()
    account.save()
    before = account.calls
    assert loading.refresh(connection) is None and health.look(connection) is None
    account.refresh_from_db()
    assert account.calls == before
    loading.load(connection)  # a person may
    assert budget.usage(account, timezone.now())


def test_what_a_person_must_mend_pauses_before_a_document_fails(
    connection: Connection, account: Callable[..., None]
) -> None:
    account(plan="free")
    assert code(look(connection).paused_problem) == "SPJ-KASA-PLAN"
    assert connection.active
    account(plan="full")
    assert look(connection).paused_problem is None


def test_a_pause_that_the_look_cannot_see_through_stays(connection: Connection) -> None:
    connection.paused_problem = {"code": "SPJ-RESTORED", "facts": {}}
    connection.save()
    assert look(connection).paused_problem is not None
    assert press(connection, Act.VERIFY).paused_problem is None  # a person looked


def test_trouble_that_passes_is_told_only_if_it_stays(connection: Connection) -> None:
    fail = {"fail": [{"fault": "refused", "match": "/me", "times": 2}]}
    simulated.control(connection, fail)
    again = health.look(connection)
    assert again is not None and again - timezone.now() <= health.AGAIN
    connection.refresh_from_db()
    assert connection.health_problem is None and connection.paused_problem is None
    assert code(look(connection).health_problem) == "SPJ-NET-CONNECT"
    assert connection.paused_problem is None
    assert look(connection).health_problem is None


def test_words_that_nobody_knows_pause_nothing_and_are_told_if_they_stay(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is not in the catalogue may pass by itself: it must not stop all documents."""
    strange = Problem.of(catalogue.UNMAPPED, technical="429 slow down")
    with monkeypatch.context() as odd:
        rows = [checklist.fail("login", strange, strange.facts["technical"])]
        odd.setattr(registry.system("kasa"), "verify", lambda _session: rows, raising=False)
        assert look(connection).paused_problem is None
        assert connection.health_problem is None
        assert code(look(connection).health_problem) == catalogue.UNMAPPED
        assert connection.paused_problem is None
        press(connection, Act.VERIFY)
        assert connection.paused_problem is None
    assert look(connection).health_problem is None


def test_a_new_warning_is_told_until_somebody_looks(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    adapter = registry.system("kasa")
    usual = adapter.verify

    def with_a_warning(session: Any) -> Any:

        yield from usual(session)
        yield checklist.warn("plan", Problem.of("SPJ-KASA-PLAN"))

    monkeypatch.setattr(adapter, "verify", with_a_warning, raising=False)
    assert look(connection).health_problem is not None
    assert look(connection).health_problem is not None
    assert press(connection, Act.VERIFY).health_problem is None
    assert look(connection).health_problem is None


def test_verifying_what_does_not_work_pauses_it(
    connection: Connection, account: Callable[..., None]
) -> None:
    account(right=False)
    assert press(connection, Act.VERIFY).paused_problem is not None
    account(right=True)
    assert press(connection, Act.VERIFY).paused_problem is None


def test_calls_are_waited_for_while_somebody_looks_on(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    patience: list[float] = []
    begin = budget.AccountBudget.__init__

    def noted(self: Any, *given: Any, **named: Any) -> None:
        patience.append(named["patience"])
        begin(self, *given, **named)

    monkeypatch.setattr(budget.AccountBudget, "__init__", noted)
    loading.load(connection)
    assert patience == [systems.LONG_PATIENCE_SECONDS]
    with systems.open_session(connection) as session:
        assert isinstance(session.budget, budget.AccountBudget)
        session.budget.pause(timezone.now() + timedelta(hours=2))
    with pytest.raises(ThrottledError):
        loading.load(connection)
