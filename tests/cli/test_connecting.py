"""``spojka connections``: what is connected, verified and loaded from the command line."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_django import Settings

from spojka.companies.models import Company
from spojka.connections import activation, simulated, systems
from spojka.connections.models import Connection
from tests.cli.conftest import Run


@pytest.fixture
def connection(db: None, settings: Settings, tmp_path: Path) -> Connection:
    settings.KEY_FILE = tmp_path / "keys.json"
    company = Company.objects.create(name="Firma", company_id="27082440", vat_id="CZ27082440")
    systems.own_connection(company)
    return activation.simulate(company, "fakturoid", actor="test")


def test_they_are_listed_verified_and_loaded(run: Run, connection: Connection) -> None:
    verified = run("connections", "verify", connection.name, "--json")
    assert verified.code == 0
    [rows] = verified.lines
    assert {row["status"] for row in rows} == {"ok"}
    assert "Number series" in run("verify", "connection", connection.pk).out
    [data] = run("connections", "load", connection.pk, "--json").lines
    assert data["series"] and data["vat_mode"] == "payer"
    assert "bank_accounts" in run("connections", "load", connection.pk).out
    [listed] = run("connections", "list", "--json").lines
    assert [(row["system"], row["state"]) for row in listed] == [
        ("own", "ok"),
        ("fakturoid", "inactive"),
    ]
    assert connection.name in run("connections", "list").out


def test_what_does_not_work_ends_with_one(run: Run, connection: Connection) -> None:
    Connection.objects.filter(pk=connection.pk).update(active=True)
    simulated.control(connection, {"account": {"blocked": True}})
    refused = run("connections", "verify", connection.pk)
    assert refused.code == 1 and "Log in to Fakturoid and pay them" in refused.out
    [listed] = run("connections", "list", "--json").lines
    assert listed[1]["state"] == "paused"
    assert listed[1]["problems"][0]["code"] == "SPJ-FAKTUROID-BLOCKED"
    assert run("connections", "load", connection.pk).code == 1
    assert "SPJ-CONNECTION-UNKNOWN" in run("connections", "load", "nothing").err
