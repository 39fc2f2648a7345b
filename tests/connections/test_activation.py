"""Activation: row by row, nothing active unless it passed, new values tried before they replace."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest

from spojka.accounting import registry
from spojka.accounting.serving import Serving
from spojka.companies.models import AuditEntry, Company
from spojka.connections import activation, candidates, checks, managing, systems, vault
from spojka.connections.activation import Act
from spojka.connections.models import Call, Connection
from spojka.core.descriptor import CheckStatus
from spojka.engine import runner
from tests.connections.kasa.simulator import KasaSimulator

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("kasa")]


@pytest.fixture
def simulator() -> KasaSimulator:
    return KasaSimulator()


@pytest.fixture
def address(simulator: KasaSimulator) -> Iterator[str]:
    with Serving(simulator) as server:
        yield server.address


def fields(where: str, /, **changes: str) -> Mapping[str, str]:
    return {**KasaSimulator().credentials(where), **changes}


def make(company: Company, address: str, /, **changes: str) -> Connection:
    return activation.create(company, "kasa", "", fields(address, **changes), actor="jana")


def press(connection: Connection, act: Act = Act.ACTIVATE) -> Connection:
    activation.start(connection, act, actor="jana")
    runner.run_until_idle(20)
    connection.refresh_from_db()
    return connection


def states(connection: Connection) -> dict[str, str]:
    return {row.key: row.status.value for row in checks.loaded(connection.checks)}


def test_what_passes_is_active_and_its_data_are_loaded(company: Company, address: str) -> None:
    connection = make(company, address)
    assert not connection.active
    press(connection)
    assert connection.active and connection.verified_at and connection.checking_since is None
    assert states(connection) == dict.fromkeys(
        ("address", "tls", "login", "company", "rights"), "ok"
    )
    assert [row["name"] for row in connection.loaded["series"]] == ["Řada 1", "Řada 2"]
    assert connection.loaded_at is not None and connection.contacts.count() == 2
    assert connection.settings["account"] == "firma-1"  # the only one is chosen by itself


@pytest.mark.parametrize(
    ("account", "changes", "row", "code"),
    [
        ({}, {"api_key": "kasa-key-of-somebody-else"}, "login", "SPJ-KASA-KEY"),
        ({"plan": "free"}, {}, "plan", "SPJ-KASA-PLAN"),
        ({"right": False}, {}, "rights", "SPJ-KASA-RIGHTS"),
        ({}, {"address": "http://127.0.0.1:9"}, "address", "SPJ-NET-CONNECT"),
    ],
)
def test_what_fails_is_not_active_and_says_why(
    company: Company,
    address: str,
    simulator: KasaSimulator,
    account: dict[str, object],
    changes: dict[str, str],
    row: str,
    code: str,
) -> None:
    simulator.control({"account": account})
    connection = press(make(company, address, **changes))
    assert not connection.active and connection.verified_at is None
    failed = [one for one in checks.loaded(connection.checks) if one.status is CheckStatus.FAIL]
    assert [(one.key, one.problem.code) for one in failed if one.problem] == [(row, code)]


def test_rows_are_stored_one_by_one(
    company: Company, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = make(company, address)
    seen: list[int] = []
    keep = activation._keep_rows

    def note(connection: Connection, rows: object) -> None:
        keep(connection, rows)  # type: ignore[arg-type]
        seen.append(len(Connection.objects.get(pk=connection.pk).checks))

    monkeypatch.setattr(activation, "_keep_rows", note)
    press(connection)
    assert seen == [1, 2, 3, 4, 5]


def test_an_adapter_that_breaks_off_is_told_like_anything_else(
    company: Company, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_session: object) -> object:
        raise KeyError("company")

    monkeypatch.setattr(registry.system("kasa"), "verify", broken, raising=False)
    connection = press(make(company, address))
    assert not connection.active and connection.checking_since is None
    (row,) = checks.loaded(connection.checks)
    assert row.problem is not None and row.problem.code == "SPJ-CONNECTION-CHECK"


def test_mended_values_of_what_never_worked_replace_the_wrong_ones(
    company: Company, address: str
) -> None:
    connection = press(make(company, address, api_key="kasa-key-mistyped"))
    act = managing.update(connection, fields(address), actor="jana")
    assert act is Act.ACTIVATE and connection.candidate is None
    assert press(connection, act).active


def test_new_values_that_fail_leave_the_old_ones_in_use(
    company: Company, address: str, simulator: KasaSimulator
) -> None:
    connection = press(make(company, address))
    right = vault.get(systems.owner(connection), "api_key")
    act = managing.update(connection, fields(address, api_key="kasa-key-wrong-one"), actor="jana")
    assert act is Act.CANDIDATE
    press(connection, act)
    assert connection.active and connection.paused_problem is None
    assert vault.get(systems.owner(connection), "api_key") == right
    assert states(connection)["login"] == "ok"
    assert connection.candidate is not None and connection.candidate["state"] == "failed"
    assert candidates.shown_secrets(connection) == {"api_key": "-one"}
    managing.discard(connection, actor="jana")
    assert connection.candidate is None and vault.fields(candidates.owner_of(connection)) == []

    simulator.seed = 7  # the key was changed over there
    new = f"kasa-key-{7:012}"
    press(connection, managing.update(connection, fields(address, api_key=new), actor="jana"))
    assert connection.candidate is None and connection.active
    assert vault.get(systems.owner(connection), "api_key") == new
    assert vault.fields(candidates.owner_of(connection)) == []


def test_new_values_of_another_company_need_a_person(
    company: Company, address: str, simulator: KasaSimulator
) -> None:
    connection = press(make(company, address))
    simulator.control({"account": {"company_name": "Jiná s.r.o.", "company_id": "00000019"}})
    act = managing.update(connection, fields(address, email="petr@example.com"), actor="jana")
    press(connection, act)
    assert connection.candidate is not None
    assert connection.candidate["state"] == "other_company"
    assert connection.candidate["company"] == "Jiná s.r.o., 00000019"
    assert connection.settings["email"] == "jana@example.com"
    connection.contacts.create(name="own-x", external_id="999")
    managing.accept(connection, actor="jana")
    runner.run_until_idle(20)
    connection.refresh_from_db()
    assert connection.candidate is None and connection.settings["email"] == "petr@example.com"
    # What is known of the customers of another account would lead documents to strangers.
    assert not connection.contacts.filter(external_id="999").exists()
    assert connection.contacts.count() == 2 and connection.loaded_at is not None


def test_out_of_use_and_connected_again(company: Company, address: str) -> None:
    own = systems.own_connection(company)
    connection = press(make(company, address))
    managing.make_default(connection, actor="jana")
    assert systems.default_connection(company) == connection
    managing.deactivate(connection, actor="jana")
    assert systems.default_connection(company) == own
    with pytest.raises(managing.RefusedError, match="SPJ-CONNECTION-NOT-ACTIVE"):
        managing.make_default(connection, actor="jana")
    act = managing.update(connection, fields(address, api_key=""), actor="jana")
    assert press(connection, act).active


def test_the_default_chosen_beforehand_holds_from_activation_on(
    company: Company, address: str
) -> None:
    own = systems.own_connection(company)
    connection = activation.create(company, "kasa", "", fields(address), actor="jana", default=True)
    assert systems.default_connection(company) == own
    press(connection)
    own.refresh_from_db()
    assert systems.default_connection(company) == connection and not own.default


def test_one_of_several_accounts_is_chosen_by_a_person(
    company: Company, address: str, simulator: KasaSimulator
) -> None:
    simulator.control({"account": {"accounts": 3}})
    connection = press(make(company, address))
    assert not connection.active and candidates.is_undecided(connection)
    assert next(choice.name for choice in candidates.accounts_of(connection)) == "Firma 1"
    with pytest.raises(managing.RefusedError, match="SPJ-CONNECTION-ACCOUNT"):
        managing.choose_account(connection, "firma-9", actor="jana")
    managing.choose_account(connection, "firma-2", actor="jana")
    assert press(connection).active
    assert connection.settings["account"] == "firma-2"


def test_deleting_leaves_no_secret(company: Company, address: str) -> None:
    connection = press(make(company, address))
    managing.update(connection, fields(address, api_key="kasa-key-another"), actor="jana")
    owner, waiting = systems.owner(connection), candidates.owner_of(connection)
    assert vault.fields(owner) and vault.fields(waiting)
    managing.delete(connection, actor="jana")
    assert vault.fields(owner) == [] and vault.fields(waiting) == []
    assert not company.connections.filter(system="kasa").exists()


def test_the_history_says_who_did_what_and_no_value(company: Company, address: str) -> None:
    connection = press(make(company, address))
    act = managing.update(connection, fields(address, api_key="kasa-key-secret-1"), actor="petr")
    press(connection, act)
    entries = [(entry.actor, entry.action) for entry in managing.history(connection)]
    assert entries == [
        ("petr", "connection.proposed"),
        ("spojka", "connection.activated"),
        ("jana", "connection.activating"),
        ("jana", "connection.created"),
    ]
    assert "kasa-key" not in str([entry.facts for entry in AuditEntry.objects.all()])
    assert "kasa-key" not in str(list(Call.objects.values_list()))


def test_where_no_worker_is_a_thread_does_it(
    company: Company, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[tuple[str, str]] = []
    monkeypatch.setattr(activation, "_run_here", lambda *of: done.append(of))
    connection = make(company, address)
    monkeypatch.setattr("django.db.transaction.on_commit", lambda function: function())
    monkeypatch.setattr("threading.Thread", FakeThread)
    activation.start(connection, Act.ACTIVATE, actor="jana")
    assert done == [(f"{connection.pk}:activate", systems.owner(connection))]
    runner.beat()
    activation.start(connection, Act.VERIFY, actor="jana")
    assert len(done) == 1


class FakeThread:
    def __init__(self, target: object, args: tuple[str, ...]) -> None:
        self.target, self.args = target, args

    def start(self) -> None:
        assert callable(self.target)
        self.target(*self.args)
