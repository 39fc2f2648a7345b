"""What is done with a connection: test orders, links, deletion, rules, set-up, overview, help."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from spojka.accounting.contract import Capability
from spojka.companies.models import Company
from spojka.connections import activation, systems
from spojka.connections.activation import Act
from spojka.connections.models import Connection
from spojka.documents import rulebook, trial
from spojka.documents.models import Document, ForeignDocument
from spojka.engine import runner
from tests.connections.kasa.system import SYSTEM
from tests.web.test_connections import at, kasa, owner, simulator, text, there, tried, work

__all__ = ["kasa", "owner", "simulator", "there", "tried"]


def test_a_test_order_is_issued_and_compared(
    owner: Client, empty: Company, tried: Connection
) -> None:
    page = at(empty, "test", tried.pk)
    assert "Issue a test order" in text(owner.get(page))
    owner.post(page, {"act": "start"})
    assert "working" in text(owner.get(page))
    runner.run_until_idle(30)
    shown = text(owner.get(page))
    assert "K0001" in shown and "working" not in shown
    assert "What was sent and answered" in shown and "POST /invoices" in shown
    document = Document.objects.get(connection=tried)
    assert document.test and document.state == "issued"
    owner.post(page, {"act": "undo"})
    runner.run_until_idle(30)
    assert document.corrections.count() == 1
    stopped = activation.simulate(empty, "kasa", actor="jana")
    refused = text(owner.post(at(empty, "test", stopped.pk), {"act": "start"}, follow=True))
    assert "SPJ-CONNECTION-OFF" in refused


def test_a_document_that_exists_is_linked_or_set_apart(client: Client, full: Company) -> None:
    order = full.orders.filter(documents=None).first() or full.orders.first()
    assert order is not None
    connection = systems.own_connection(full)
    rows = [
        ForeignDocument.objects.create(
            company=full, connection=connection, kind="invoice", external_id=str(n),
            number=f"X{n}", order=order, order_number=order.number, currency="CZK",
            facts={"state": "open"}, seen_at=timezone.now(),
        )
        for n in (1, 2)
    ]  # fmt: skip
    data = text(client.get(reverse("web:settings_connection_data", args=[full.pk, connection.pk])))
    assert "X1" in data and "seems to belong to the order" in data
    for row, act, decision in zip(rows, ("link", "apart"), ("same", "other"), strict=True):
        client.post(reverse("web:taken_in", args=[full.pk, row.pk]), {"act": act})
        row.refresh_from_db()
        assert row.decision == decision


def test_deleting_names_the_gap_in_the_series(
    owner: Client, empty: Company, tried: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    able = SYSTEM.descriptor.capabilities | {Capability.DELETE}
    monkeypatch.setattr(SYSTEM, "descriptor", replace(SYSTEM.descriptor, capabilities=able))
    for _ in range(2):
        trial.start(tried, actor="jana")
        runner.run_until_idle(20)
    first, last = Document.objects.filter(connection=tried).order_by("issued_at")
    assert "Delete the document" in text(owner.get(f"/c/{empty.pk}/documents/{last.pk}/"))
    page = reverse("web:delete", args=[empty.pk, first.pk])
    assert f"{last.number} was issued after it" in text(owner.get(page))
    assert "not the number of the document" in text(owner.post(page, {"typed": "K"}))
    assert "its number will be given to the next one" in text(
        owner.get(reverse("web:delete", args=[empty.pk, last.pk]))
    )


def test_a_rule_chooses_connection_and_series(
    owner: Client, empty: Company, tried: Connection
) -> None:
    page = reverse("web:rule_new", args=[empty.pk])
    html = owner.get(page).content.decode()
    assert f'<optgroup label="{tried.name}">' in html and "Řada 2" in html
    rule = {"name": "SK", "kind": "invoice", "enabled": "on", "prefill": ""}
    owner.post(page, {**rule, "connection": "", "series": f"{tried.pk}:2"})
    row = empty.rules.get()
    made = rulebook.rule_from_row(row)
    assert (made.connection, made.series) == (str(tried.pk), "2")
    edit = owner.get(reverse("web:rule", args=[empty.pk, row.pk])).content.decode()
    assert f'value="{tried.pk}:2" selected' in edit
    assert f"in {tried.name}" in text(owner.get(reverse("web:rules", args=[empty.pk])))
    wrong = text(
        owner.post(
            page,
            {**rule, "connection": systems.own_connection(empty).pk, "series": f"{tried.pk}:2"},
        )
    )
    assert "This series belongs to another connection." in wrong


def test_the_setup_offers_systems_and_leads_back(owner: Client, empty: Company) -> None:
    page = owner.get(reverse("web:setup_accounting", args=[empty.pk]))
    assert "Or issue them in your accounting system" in text(page)
    answer = owner.post(reverse("web:connection_try", args=[empty.pk, "kasa"]), {"setup": "1"})
    work(empty.connections.get(system="kasa"))
    assert answer["Location"].endswith("?setup=1")
    assert "Continue with the set-up" in text(owner.get(answer["Location"]))


def test_the_overview_shows_each_connection(client: Client, full: Company) -> None:
    connection = work(activation.simulate(full, "kasa", actor="jana"), Act.ACTIVATE)
    shown = text(client.get(reverse("web:overview", args=[full.pk])))
    assert connection.name in shown and re.search(r"\d of 1000 requests today", shown)


def test_the_help_explains_a_system(client: Client) -> None:
    shown = text(client.get(reverse("web:help_system", args=["kasa"])))
    for words in ("api.kasa.example", "credit notes", "SPJ-KASA-PLAN", "Kasa › Settings › API"):
        assert words in shown, words
    assert client.get("/help/systems/nothing/").status_code == 404
    error = client.get(reverse("web:help_error", args=["SPJ-KASA-KEY"])).content.decode()
    assert 'href="https://kasa.example/keys"' in error
