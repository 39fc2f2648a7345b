"""Connections by the API: seen without their credentials, verified, loaded, their calls."""

from __future__ import annotations

from typing import Any

import pytest

from spojka.companies.models import Company
from spojka.connections import activation, simulated, systems
from spojka.connections.models import Connection
from tests.api.conftest import Caller

pytestmark = pytest.mark.urls("tests.api.urls")


@pytest.fixture
def connection(caller: Caller) -> Connection:
    company = Company.objects.get()
    systems.own_connection(company)
    return activation.simulate(company, "fakturoid", actor="test")


def test_one_is_verified_loaded_and_seen(caller: Caller, connection: Connection) -> None:
    address = f"/connections/{connection.pk}"
    before = caller.get(address).json()
    assert (before["state"], before["checks"], before["simulated"]) == ("inactive", [], True)
    verified = caller.post(f"{address}/verify").json()
    assert {row["status"] for row in verified["checks"]} == {"ok"}
    loaded = caller.post(f"{address}/load").json()["loaded"]
    assert loaded["series"][0]["name"] and loaded["vat_mode"] == "payer"
    assert "invoice" in verified["capabilities"]
    own, other = caller.get("/connections").json()
    assert (own["system"], own["state"], own["default"]) == ("own", "ok", True)
    assert other["loaded_at"] is not None


def test_nothing_of_it_is_a_secret(caller: Caller, connection: Connection) -> None:
    secret = simulated.look(connection).credentials("")["client_secret"]
    address = f"/connections/{connection.pk}"
    answers: list[Any] = [caller.post(f"{address}/verify"), caller.get(address)]
    page = caller.get(f"{address}/calls?limit=2")
    answers.append(page)
    assert len(page.json()["items"]) == 2 and page.json()["next"]
    assert all(secret not in answer.content.decode() for answer in answers)


def test_what_failed_is_told_with_its_code(caller: Caller, connection: Connection) -> None:
    Connection.objects.filter(pk=connection.pk).update(active=True)
    simulated.control(connection, {"account": {"blocked": True}})
    address = f"/connections/{connection.pk}"
    refused = caller.post(f"{address}/load")
    assert (refused.status_code, refused.json()["code"]) == (409, "SPJ-FAKTUROID-BLOCKED")
    verified = caller.post(f"{address}/verify").json()
    assert verified["state"] == "paused"
    assert verified["problems"][0]["code"] == "SPJ-FAKTUROID-BLOCKED"
    failed = caller.get(f"{address}/calls?failed=true").json()["items"]
    assert failed and {call["status"] for call in failed} == {402}
    assert caller.get(f"{address}/calls?trace=nothing").json()["items"] == []
    assert caller.get("/connections/999999").status_code == 404
