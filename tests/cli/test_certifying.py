"""``spojka certify``: to a simulator through a real connection; what it finds and leaves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from spojka.accounting import registry
from spojka.accounting.contract import Capability, Issued
from spojka.accounting.serving import Serving
from spojka.companies.models import Company
from spojka.connections import activation, simulated
from spojka.connections.models import Connection
from tests.accounting.conftest import denik as denik
from tests.accounting.denik.simulator import DenikSimulator
from tests.accounting.denik.system import Denik
from tests.accounting.test_serving import DOCUMENT
from tests.cli.conftest import Run

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("denik")]


@pytest.fixture(autouse=True)
def data(tmp_path: Path, settings: Settings) -> None:
    settings.DATA_DIR = tmp_path
    settings.KEY_FILE = tmp_path / "keys.json"
    settings.ALLOWED_NETWORKS = ["127.0.0.0/8"]


@pytest.fixture
def company(db: None) -> Company:
    return Company.objects.create(
        name="Vzorová firma s.r.o.", company_id="27074358", vat_id="CZ27074358", street="Dlouhá 1",
        city="Praha", postcode="110 00",
    )  # fmt: skip


@pytest.fixture
def simulator() -> DenikSimulator:
    return DenikSimulator()


@pytest.fixture
def connection(company: Company, simulator: DenikSimulator) -> Iterator[Connection]:
    """A connection over a real socket."""
    with Serving(simulator) as server:
        fields = simulator.credentials(server.address)
        yield activation.create(company, "denik", "Účetní", fields, actor="test")


def report(run: Run, *arguments: str) -> tuple[int, dict[str, Any]]:
    done = run("certify", "Účetní", *arguments, "--json")
    (told,) = done.lines
    return done.code, told


def verdicts(told: dict[str, Any]) -> dict[str, str]:
    return {proof["name"]: proof["verdict"] for proof in told["proofs"]}


def codes(told: dict[str, Any], name: str) -> list[str]:
    (found,) = [proof for proof in told["proofs"] if proof["name"] == name]
    return [problem["code"] for problem in found["problems"]]


WRITTEN = ("invoice", "proforma", "final", "credit_note", "pay", "unpay", "email", "pdf", "cancel",
           "delete")  # fmt: skip


def test_the_harmless_half_only_reads(
    run: Run, connection: Connection, simulator: DenikSimulator
) -> None:
    code, told = report(run)
    assert (code, told["passed"], told["wrote"], told["left_behind"]) == (0, True, False, [])
    found = verdicts(told)
    for name in ("verify", "load", "predict", "look_up_nothing", "changes"):
        assert found[name] == "works", name
    assert {name: found[name] for name in WRITTEN} == dict.fromkeys(WRITTEN, "untried")
    assert (found["webhook"], found["isdoc"]) == ("absent", "absent")
    assert simulator.books() == []
    assert {line for line in simulator.requests if not line.startswith("GET")} == {"POST /token"}


def test_the_writing_half_proves_what_is_declared_and_takes_it_back(
    run: Run, connection: Connection, simulator: DenikSimulator
) -> None:
    code, told = report(run, "--write", "--yes", "--email", "ja@example.com")
    assert code == 0, told
    found = verdicts(told)
    for name in (*WRITTEN, "look_up", "read", "clean_up"):
        assert found[name] == "works", (name, told)
    assert set(found) >= {capability.value for capability in Capability} - {"own_numbers"}
    assert (simulator.books(), told["left_behind"]) == ([], [])
    asked = simulator.requests
    assert sum(line == "POST /documents" for line in asked) == 5
    assert sum(line.endswith("/emails") for line in asked) == 1


def test_without_an_address_nothing_is_sent_to_anybody(
    run: Run, connection: Connection, simulator: DenikSimulator
) -> None:
    _, told = report(run, "--write", "--yes")
    assert verdicts(told)["email"] == "untried"
    assert not [line for line in simulator.requests if line.endswith("/emails")]


@pytest.mark.parametrize("typed", ["", "ano", "Ucetni"])
def test_nothing_is_issued_before_the_name_is_typed(
    run: Run,
    connection: Connection,
    simulator: DenikSimulator,
    monkeypatch: pytest.MonkeyPatch,
    typed: str,
) -> None:
    monkeypatch.setattr("click.prompt", lambda *_args, **_kwargs: typed)
    assert run("certify", "Účetní", "--write").code == 130
    assert simulator.requests == []
    monkeypatch.setattr("click.prompt", lambda *_args, **_kwargs: "Účetní")
    done = run("certify", "Účetní", "--write")
    assert done.code == 0 and "✓ works      invoice" in done.out
    assert "a real account" in done.err


def test_what_the_other_side_refuses_is_explained_and_is_no_failure(
    run: Run, connection: Connection, simulator: DenikSimulator
) -> None:
    simulator.account["right"] = False
    code, told = report(run, "--write", "--yes")
    assert (code, verdicts(told)["verify"], verdicts(told)["invoice"]) == (0, "refused", "refused")
    assert codes(told, "invoice") == ["SPJ-DENIK-RIGHT"]
    assert verdicts(told)["pay"] == "untried"
    text = run("certify", "Účetní")
    assert "SPJ-DENIK-RIGHT  The user of Deník may not issue documents. Give the user" in text.out


def test_what_became_of_a_lost_answer_is_looked_up_and_nothing_is_sent_twice(
    run: Run,
    connection: Connection,
    simulator: DenikSimulator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Denik, "descriptor", replace(Denik.descriptor, settle_seconds=0))
    simulator.fail("reset_after", "POST /documents$")
    simulator.fail("reset_after", "POST .*/payments$")
    code, told = report(run, "--write", "--yes")
    assert code == 0, told
    (invoice,) = [proof for proof in told["proofs"] if proof["name"] == "invoice"]
    assert invoice["detail"] == "D00001, found after SPJ-NET-RESET"
    assert (verdicts(told)["pay"], simulator.books()) == ("works", [])


def test_what_is_wrong_is_found(
    run: Run,
    connection: Connection,
    simulator: DenikSimulator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    create = Denik.create

    def adds_one(self: Denik, s: Any, d: Any, key: str) -> Issued:
        made = create(self, s, d, key)
        return replace(made, total=(made.total or Decimal(0)) + 1)

    def finds_the_first(self: Denik, s: Any, d: Any, key: str) -> Issued | None:
        return next(iter(self._listed(s)), None)

    def breaks_off(self: Denik, s: Any, since: Any) -> Any:
        raise KeyError("secret-of-somebody")

    monkeypatch.setattr(Denik, "create", adds_one)
    monkeypatch.setattr(Denik, "look_up", finds_the_first)
    monkeypatch.setattr(Denik, "changes", breaks_off)
    simulator._make(DOCUMENT)
    code, told = report(run, "--write", "--yes")
    assert (code, told["passed"]) == (1, False)
    assert codes(told, "look_up_nothing") == codes(told, "look_up") == ["SPJ-CERTIFY-FOUND"]
    assert codes(told, "invoice") == ["SPJ-TOTAL-DIFFERS"]
    (changes,) = [proof for proof in told["proofs"] if proof["name"] == "changes"]
    assert (changes["verdict"], changes["detail"]) == ("failed", "KeyError")


def test_what_cannot_be_taken_back_is_told(
    run: Run,
    connection: Connection,
    simulator: DenikSimulator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    simulator.fail("error_in_success", "DELETE", times=100)
    simulator.fail("error_in_success", "POST .*/cancel", times=100)
    done = run("certify", "Účetní", "--write", "--yes")
    assert "Still there: D00001, D00002, D00003" in done.out
    assert len(simulator.books()) == 5


def test_a_simulated_connection_can_be_certified_as_well(run: Run, company: Company) -> None:
    made = activation.simulate(company, "denik", actor="test")
    done = run("certify", made.pk, "--write", "--yes", "--json")
    (told,) = done.lines
    assert (done.code, told["simulated"], told["passed"]) == (0, True, True)
    assert simulated.look(made).books() == []


BUILT_IN = [key for key, of in registry.systems().items() if registry.simulator(key) is not None]


@pytest.mark.parametrize("key", BUILT_IN)
def test_every_system_in_the_box_is_certified_on_its_simulator(
    run: Run, company: Company, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = activation.simulate(company, key, actor="test")
    activation.activate(made)
    assert made.active
    waited: list[float] = []
    monkeypatch.setattr("time.sleep", waited.append)
    done = run("certify", made.pk, "--write", "--yes", "--email", "ja@example.com", "--json")
    (told,) = done.lines
    declared = {one.value for one in registry.system(key).descriptor.capabilities}
    found = verdicts(told)
    assert (done.code, told["passed"]) == (0, True), told
    tried = declared - {"webhook", "tax_document", "changes", "own_numbers"}
    assert {name: found[name] for name in tried} == dict.fromkeys(tried, "works"), told


def test_the_own_issuer_has_nothing_to_prove(run: Run, company: Company) -> None:
    done = run("certify", "own", "--json")
    assert (done.code, done.lines[0]["error"]["code"]) == (1, "SPJ-CERTIFY-OWN")
    done = run("certify", "nothing", "--json")
    assert (done.code, done.lines[0]["error"]["code"]) == (1, "SPJ-CONNECTION-UNKNOWN")
