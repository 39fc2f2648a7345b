"""What machines that watch are told, and what they are not."""

from __future__ import annotations

import time
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.db import DatabaseError
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from spojka.companies.models import ApiToken
from spojka.connections import shops, vault
from spojka.connections.models import Account, Call
from spojka.core import trace
from spojka.core.catalogue import explain
from spojka.core.document import Kind
from spojka.documents import planning, rulebook
from spojka.documents.models import Effect
from spojka.engine import registry, runner
from spojka.net.limits import DAY, Limit
from spojka.operations import health
from spojka.orders import intake
from spojka.orders.models import InboxEvent, Order
from spojka.shops.woocommerce.simulator import KEY, SECRET, Simulator
from tests.documents.conftest import House, captured
from tests.documents.toy import ToySystem

pytestmark = pytest.mark.django_db
Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


@pytest.fixture(autouse=True)
def data(tmp_path: Path, settings: Any) -> None:
    settings.DATA_DIR = tmp_path
    settings.KEY_FILE = tmp_path / "keys.json"


def samples(client: Client, **headers: str) -> Samples:
    answer = client.get("/metrics", headers=headers)
    assert answer.status_code == 200
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.content.decode())
        for sample in family.samples
    }


def value(found: Samples, name: str, **labels: str) -> float:
    return found[name, tuple(sorted(labels.items()))]


def test_alive_does_not_ask_the_database(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spojka.operations.health.connection.cursor", _away)
    assert client.get("/healthz").json()["status"] == "ok"


def test_ready_needs_the_database_and_a_worker(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["worker"]) == (503, False)
    runner.beat()
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["status"]) == (200, "ok")
    with monkeypatch.context() as away:
        away.setattr("spojka.operations.health.connection.cursor", _away)
        answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["database"]) == (503, False)


def _away(*_args: object) -> None:
    raise DatabaseError("away")


def test_metrics_count_what_is_in_the_ledger(client: Client, house: House, toy: ToySystem) -> None:
    intake.receive(house.shop, via="api", body=intake.raw(captured("rest-20b-set-paid")))
    house.work()
    order = InboxEvent.objects.get().versions.get().order
    assert house.only(order, Kind.INVOICE).number
    Call.objects.create(owner='shop:"1"\n', method="GET", url="x", status=503)
    Effect.objects.filter(kind="pdf").update(
        state="planned", due_at=timezone.now() - timedelta(hours=1)
    )
    daily = [asdict(Limit(1000, DAY))]
    Account.objects.create(
        name="toy:1", limits=daily, calls=7, day_calls=7, day_until=time.time() + 3600
    )
    found = samples(client)
    assert value(found, "spojka_account_calls_total", account="toy:1") == 7
    assert value(found, "spojka_budget_left", account="toy:1", window="day") == 993
    assert value(found, "spojka_events_total", via="api", state="done") == 1
    assert value(found, "spojka_documents", kind="invoice", state="issued") == 1
    assert value(found, "spojka_effects", kind="create", state="confirmed") == 1
    assert value(found, "spojka_orders_total") == 1
    assert value(found, "spojka_calls_total", owner='shop:"1"\n', status="503") == 1
    assert 3600 <= value(found, "spojka_oldest_waiting_seconds") < 3700
    assert value(found, "spojka_worker_up") == 0


def test_metrics_are_for_this_machine_or_for_the_bearer_of_the_token(
    client: Client, settings: Any
) -> None:
    assert client.get("/metrics").status_code == 200
    assert client.get("/metrics", REMOTE_ADDR="192.0.2.1").status_code == 404
    assert client.get("/metrics", headers={"X-Forwarded-For": "127.0.0.1"}).status_code == 404
    settings.METRICS_TOKEN = "right"
    assert client.get("/metrics").status_code == 404
    wrong = {"Authorization": "Bearer wrong"}
    assert client.get("/metrics", headers=wrong).status_code == 404
    right = {"Authorization": "Bearer right"}
    assert client.get("/metrics", headers=right, REMOTE_ADDR="192.0.2.1").status_code == 200
    assert client.post("/metrics").status_code == 405


def test_one_trace_leads_from_the_call_to_the_effect(
    client: Client, house: House, toy: ToySystem
) -> None:
    came = "4bf92f3577b34da6a3ce929d0e0e4736"
    answer = client.get("/healthz", headers={"traceparent": f"00-{came}-00f067aa0ba902b7-01"})
    assert answer["X-Trace-Id"] == came
    with trace.bound(came):
        intake.receive(house.shop, via="api", body=intake.raw(captured("rest-20b-set-paid")))
    house.work()
    event = InboxEvent.objects.get()
    order = event.versions.get().order
    traces = set(order.events.values_list("trace", flat=True))
    assert (event.trace, event.versions.get().trace, traces) == (came, came, {came})
    assert order.events.filter(name="create.confirmed").exists()
    _, token = ApiToken.make(house.company, "reader")
    shown = client.get(
        f"/api/v1/orders/{order.pk}", headers={"Authorization": f"Bearer {token}"}
    ).json()
    assert {row["trace"] for row in shown["events"]} == {came}


def test_one_trace_leads_from_a_webhook_over_its_requests_to_the_effect(
    client: Client, house: House, settings: Any
) -> None:
    settings.ALLOWED_NETWORKS = ["127.0.0.0/8"]
    came = "4bf92f3577b34da6a3ce929d0e0e4736"
    with Simulator() as woo:
        fields = {"url": woo.url, "consumer_key": KEY, "consumer_secret": SECRET}
        shop = shops.create(house.company, "woocommerce", "Woo", fields, actor="test")
        number = woo.add(captured("rest-20b-set-paid"))
        delivery = woo.delivery("order.updated", {"id": number}, shops.webhook_secret(shop))
        answer = client.post(
            f"/hooks/{shop.path_token}/",
            delivery.body,
            content_type="application/json",
            headers={**delivery.headers, "traceparent": f"00-{came}-00f067aa0ba902b7-01"},
        )
        house.work()
    assert (answer.status_code, answer["X-Trace-Id"]) == (200, came)
    order = Order.objects.get(shop=shop)
    assert order.documents.get().state == "issued"
    assert set(order.events.values_list("trace", flat=True)) == {came}
    # Read from the shop, and written back to it once the invoice was issued.
    calls = set(Call.objects.values_list("owner", "method", "trace"))
    assert {(shops.owner(shop), "GET", came), (shops.owner(shop), "POST", came)} <= calls


def test_the_log_of_a_failure_has_the_trace_of_what_failed(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_args: object) -> None:
        raise KeyError("not there")

    monkeypatch.setattr(rulebook, "decide", fail)
    traces: list[str] = []
    monkeypatch.setattr(
        runner.log, "exception", lambda *_words, **_facts: traces.append(trace.current())
    )
    with trace.bound(trace.new()) as came:
        intake.store(house.shop, captured("rest-20b-set-paid"))
    house.work()
    assert traces == [came]


@pytest.mark.parametrize(
    "header", ["", "00-xyz-00f067aa0ba902b7-01", "a\nb", f"00-{'0' * 32}-00f067aa0ba902b7-01"]
)
def test_what_a_stranger_calls_a_trace_does_not_stand_in_the_log(header: str) -> None:
    assert trace.from_header(header) == ""


def test_each_arrival_has_a_trace_of_its_own(house: House) -> None:
    for number in (1, 2):
        intake.store(house.shop, captured("rest-20b-set-paid", id=number, number=str(number)))
    house.work()
    traces = set(house.company.events.values_list("trace", flat=True))
    assert len(traces) == 2
    assert all(len(one) == trace.LENGTH for one in traces)


def test_an_error_of_our_own_that_comes_again_and_again_is_seen(
    house: House, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_order: int) -> None:
        raise KeyError("secret words")

    def seen() -> tuple[float, str]:
        [check] = [check for check in health.checks(chains=False) if check.key == "failing"]
        told = explain(check.problem, "en").cause if check.problem else ""
        return value(samples(client), "spojka_failing"), told

    vault.ensure_key_file()
    order, _ = intake.store(house.shop, captured("rest-20b-set-paid"))
    with time_machine.travel(timezone.now(), tick=False) as clock:
        with monkeypatch.context() as patch:
            patch.setattr(planning, "plan", fail)
            for _ in range(health.FAILURES):
                assert seen() == (0, "")
                clock.shift(timedelta(hours=1))
                house.work()
            failing, told = seen()
        assert failing == 1
        assert f"order {order.pk} (KeyError)" in told and "secret" not in told
        clock.shift(timedelta(hours=1))
        house.work()
        assert seen() == (0, "")

        broken = registry.Periodic("broken", timedelta(hours=1), _away)
        monkeypatch.setattr(registry, "periodic_tasks", lambda: (broken,))
        runner.run_periodic()
        failing, told = seen()
        assert (failing, "broken (DatabaseError)" in told) == (1, True)


def test_the_doctor_sees_what_goes_wrong_slowly(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def codes(**options: bool) -> dict[str, str]:
        return {
            check.key: check.problem.code
            for check in health.checks(**options)
            if check.problem is not None
        }

    vault.ensure_key_file()
    assert codes() == {"backup": "SPJ-DOCTOR-NO-BACKUP"}
    monkeypatch.setattr(health, "FREE_BYTES", 1 << 60)
    Effect.objects.all().delete()
    intake.receive(house.shop, via="api", body=b"{}")
    with time_machine.travel(datetime.now(UTC) + timedelta(days=400), tick=False):
        assert codes(chains=False) == {
            "backup": "SPJ-DOCTOR-NO-BACKUP",
            "key_age": "SPJ-DOCTOR-KEY-AGE",
            "backlog": "SPJ-DOCTOR-BACKLOG",
            "disk": "SPJ-DOCTOR-DISK",
        }
