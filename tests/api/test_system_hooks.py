"""Webhooks of accounting systems: believed by their secret, only hints, harmless when repeated."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client

from spojka.connections import systems, vault, webhooks
from spojka.connections.models import Connection
from spojka.core.document import Kind
from spojka.engine.models import Wake
from tests.documents.conftest import House, captured
from tests.documents.conftest import busy as busy
from tests.documents.conftest import house as house
from tests.documents.toy import BusyToy

pytestmark = pytest.mark.django_db
START = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.fixture
def connection(house: House, busy: BusyToy) -> Connection:
    found = Connection.objects.select_related("company").get(system="busy")
    systems.register_webhook(found, actor="Jana")
    return found


def deliver(connection: Connection, *ids: str, kind: str = "", secret: str | None = None) -> Any:
    told = webhooks.secret(connection) if secret is None else secret
    return Client().post(
        f"/hooks/systems/{connection.path_token}/",
        data=json.dumps({"ids": ids, "kind": kind}),
        content_type="application/json",
        headers={"X-Secret": told},
    )


def waiting() -> list[str]:
    return sorted(Wake.objects.filter(handler="changes").values_list("key", flat=True))


def test_the_system_is_told_an_address_and_a_secret_once(
    connection: Connection, busy: BusyToy
) -> None:
    systems.register_webhook(connection, actor="Jana")
    first, second = busy.registered
    assert first == second
    assert first[0].endswith(f"/hooks/systems/{connection.path_token}/")
    assert len(first[1]) >= 20


def test_a_secret_that_somebody_entered_stays(house: House, busy: BusyToy) -> None:
    found = Connection.objects.select_related("company").get(system="busy")
    vault.put(f"connection:{found.pk}", "webhook_secret", "a-key-that-was-made-up-by-jana")
    systems.register_webhook(found, actor="Jana")
    assert busy.registered[0][1] == "a-key-that-was-made-up-by-jana"


def test_a_hint_has_the_document_read_again_once(
    house: House, connection: Connection, busy: BusyToy
) -> None:
    with time_machine.travel(START, tick=False) as clock:
        order = house.take(captured("rest-20b-set-paid"))
        invoice = house.only(order, Kind.INVOICE)
        for _ in range(3):
            assert deliver(connection, invoice.external_id).status_code == 200
        assert waiting() == [f"{connection.pk}:invoice:{invoice.external_id}"]
        del busy.books[invoice.external_id]
        clock.shift(timedelta(seconds=10))
        house.work()
    invoice.refresh_from_db()
    connection.refresh_from_db()
    assert (invoice.state, connection.webhook_seen_at) == ("deleted", START)
    assert busy.calls.count(f"read {invoice.external_id}") == 1


def test_an_unknown_document_and_an_empty_hint_have_all_changes_read(
    connection: Connection,
) -> None:
    assert deliver(connection, "", "unknown", "x" * 300).status_code == 200
    assert waiting() == [str(connection.pk)]
    assert deliver(connection, "7", kind="proforma").status_code == 200
    assert waiting() == [str(connection.pk), f"{connection.pk}:proforma:7"]


@pytest.mark.parametrize("secret", ["", "wrong"])
def test_what_is_not_signed_is_refused_and_changes_nothing(
    connection: Connection, secret: str
) -> None:
    answer = deliver(connection, "7", secret=secret)
    assert (answer.status_code, answer.json()["code"]) == (401, "SPJ-WEBHOOK-SIGNATURE")
    assert waiting() == []


@pytest.mark.parametrize("token", ["unknown", "None", "%00"])
def test_an_unknown_address_is_not_found(connection: Connection, token: str) -> None:
    assert Client().post(f"/hooks/systems/{token}/").status_code == 404


def test_other_methods_are_refused(connection: Connection) -> None:
    assert Client().put(f"/hooks/systems/{connection.path_token}/").status_code == 405
