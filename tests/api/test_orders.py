"""Orders sent by the API: stored first, handled once, seen only by their company."""

from __future__ import annotations

import io
import json
from urllib.parse import quote

import pytest

from spojka import engine
from spojka.api import orders
from spojka.api.models import KeyedAnswer
from spojka.connections.models import Shop
from spojka.documents.models import Document
from spojka.engine import runner, wakes
from spojka.orders.models import InboxEvent, Order, OrderVersion
from tests.api.conftest import Caller, MakeCompany, call_as, canonical, send

pytestmark = pytest.mark.urls("tests.api.urls")


def test_an_order_is_stored_before_it_is_answered_and_becomes_an_issued_document(
    caller: Caller,
) -> None:
    answer = caller.post("/orders", canonical())

    assert answer.status_code == 202
    event = InboxEvent.objects.get(pk=answer.json()["event"])
    assert json.loads(bytes(event.body)) == canonical()
    runner.run_until_idle(20)
    state = caller.get(answer.json()["event_url"].removeprefix("/api/v1")).json()
    assert (state["state"], state["outcome"]) == ("done", "created")
    [order] = caller.get(answer.json()["order_url"].removeprefix("/api/v1")).json()["items"]
    [document] = order["documents"]
    assert (document["state"], document["total"], document["exists"]) == (
        "issued",
        "121.00",
        "yes",
    )
    assert document["number"]


def test_waiting_returns_the_order_with_its_document_and_the_why(caller: Caller) -> None:
    answer = caller.post("/orders?wait=true", canonical())

    assert answer.status_code == 200
    order = answer.json()
    assert order["content"]["total"] == "121.00"
    assert order["decision"]
    assert order["events"][0]["name"] == "order.received"
    assert [document["kind"] for document in order["documents"]] == ["invoice"]


def test_waiting_ends_where_a_worker_is_at_the_order_for_long(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(orders, "LONGEST_WAIT", 0.0)
    monkeypatch.setattr(wakes, "claim_key", lambda *_: None)
    answer = caller.post("/orders?wait=true", canonical())

    assert answer.status_code == 202
    assert InboxEvent.objects.get().state == "new"


def test_the_same_order_again_makes_no_second_document(caller: Caller) -> None:
    first = send(caller)
    second = send(caller)

    assert first["id"] == second["id"]
    assert Document.objects.count() == 1
    assert Shop.objects.count() == 1


def test_an_order_that_contradicts_itself_is_held_with_its_reason(caller: Caller) -> None:
    order = send(caller, total="500.00")

    [document] = order["documents"]
    assert (document["state"], document["number"]) == ("held", None)
    [problem] = document["problems"]
    assert problem["code"] == "SPJ-ORDER-SUM"
    assert "500.00" in problem["cause"]


def test_wrong_fields_are_named_with_their_place(caller: Caller) -> None:
    answer = caller.post("/orders", {**canonical(), "currency": "koruna", "total": 121.5})

    assert answer.status_code == 422
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem = answer.json()
    assert problem["code"] == "SPJ-API-INPUT"
    assert {error["field"] for error in problem["errors"]} >= {"order.currency", "order.total"}
    assert not InboxEvent.objects.exists()


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"])
def test_a_time_that_no_calendar_has_is_refused(caller: Caller, at: str) -> None:
    for name in ("created_at", "paid_at", "modified_at"):
        assert caller.post("/orders", canonical(**{name: at})).status_code == 422
    assert caller.get(f"/orders?ordered_since={quote(at)}").status_code == 422
    assert not InboxEvent.objects.exists()


def test_a_time_with_an_odd_offset_is_the_moment_that_it_is(caller: Caller) -> None:
    """PostgreSQL takes no offset of sixteen hours and more."""
    at = quote("2026-11-20T10:00:00+23:59")
    order = send(caller, created_at="2026-11-20T10:00:00-22:13")
    assert order["ordered_at"] == "2026-11-21T08:13:00Z"
    assert len(caller.get(f"/orders?ordered_since={at}").json()["items"]) == 1


def test_orders_are_read_page_by_page_without_gaps(caller: Caller) -> None:
    for number in range(5):
        caller.post("/orders?wait=true", canonical(f"A{number}"))
    seen: list[str] = []
    cursor = ""
    while True:
        body = caller.get(f"/orders?limit=2&cursor={cursor}").json()
        seen += [order["number"] for order in body["items"]]
        if body["next"] is None:
            break
        cursor = body["next"]
    assert seen == ["A4", "A3", "A2", "A1", "A0"]


def test_orders_are_filtered(caller: Caller) -> None:
    send(caller, "1")
    send(caller, "2", status="on-hold", paid_at=None)

    def numbers(query: str) -> list[str]:
        return [order["number"] for order in caller.get(f"/orders?{query}").json()["items"]]

    assert numbers("status=on-hold") == ["2"]
    assert numbers("search=jana") == ["2", "1"]
    assert numbers("ordered_since=2026-12-01T00:00:00Z") == []
    assert caller.get("/orders?ordered_since=2026-12-01T00:00:00").status_code == 422
    assert caller.get("/orders?cursor=nonsense").status_code == 422


def test_no_company_sees_or_touches_what_is_anothers(
    caller: Caller, make_company: MakeCompany
) -> None:
    order = send(caller)
    document = order["documents"][0]["id"]
    stranger = call_as(make_company("Jiná firma"))

    assert stranger.get("/orders").json()["items"] == []
    assert stranger.get("/documents").json()["items"] == []
    assert stranger.get("/shops").json() == []
    for path in (f"/orders/{order['id']}", f"/documents/{document}", f"/documents/{document}/pdf"):
        assert stranger.get(path).status_code == 404, path
    for path, data in (
        (f"/documents/{document}/pay", {}),
        (f"/documents/{document}/credit", {"reason": "x"}),
        (f"/documents/{document}/cancel", None),
        (f"/orders/{order['id']}/issue", {"kind": "proforma"}),
        (f"/orders?shop={order['shop']}", canonical("77")),
    ):
        assert stranger.post(path, data).status_code == 404, path
    events = InboxEvent.objects.values_list("pk", flat=True)
    assert stranger.get(f"/events/{events[0]}").status_code == 404


def test_one_key_and_one_body_are_carried_out_once(caller: Caller) -> None:
    first = caller.post("/orders?wait=true", canonical(), Idempotency_Key="k1")
    again = caller.post("/orders?wait=true", canonical(), Idempotency_Key="k1")

    assert again.status_code == first.status_code == 200
    assert again.content == first.content
    assert again.headers["Idempotency-Replayed"] == "true"
    assert InboxEvent.objects.count() == 1


def test_one_key_with_another_body_is_refused(caller: Caller) -> None:
    caller.post("/orders", canonical(), Idempotency_Key="k1")
    other = caller.post("/orders", canonical("other"), Idempotency_Key="k1")

    assert (other.status_code, other.json()["code"]) == (422, "SPJ-API-KEY-REUSED")
    assert InboxEvent.objects.count() == 1


def test_a_key_whose_call_is_in_flight_is_refused_until_it_is_over(caller: Caller) -> None:
    caller.post("/orders", canonical(), Idempotency_Key="k1")
    KeyedAnswer.objects.update(status=None)

    running = caller.post("/orders", canonical(), Idempotency_Key="k1")
    assert (running.status_code, running.json()["code"]) == (409, "SPJ-API-IN-FLIGHT")


def test_a_key_belongs_to_its_company(caller: Caller, make_company: MakeCompany) -> None:
    caller.post("/orders", canonical(), Idempotency_Key="k1")
    stranger = call_as(make_company("Jiná firma"))

    answer = stranger.post("/orders", canonical("x"), Idempotency_Key="k1")
    assert answer.status_code == 202
    assert "Idempotency-Replayed" not in answer.headers


def test_an_endless_key_is_refused(caller: Caller) -> None:
    assert caller.post("/orders", canonical(), Idempotency_Key="k" * 256).status_code == 422
    assert caller.post("/orders", canonical(), Idempotency_Key="k" * 255).status_code == 202


def test_a_file_is_imported_once_whatever_boundary_the_form_has(caller: Caller) -> None:
    shop = send(caller)["shop"]

    def upload() -> object:
        file = io.BytesIO(json.dumps([canonical("7"), {"id": "8"}]).encode())
        file.name = "orders.json"
        return caller.upload(f"/import?shop={shop}", file, Idempotency_Key="i1").json()

    first = upload()
    assert isinstance(first, dict)
    assert (first["created"], len(first["failed"])) == (1, 1)
    assert first["failed"][0]["code"].startswith("SPJ-")
    assert upload() == first
    assert Order.objects.filter(number="7").count() == 1


def test_a_document_is_issued_by_hand_once(caller: Caller) -> None:
    order = send(caller)

    proforma = caller.post(f"/orders/{order['id']}/issue", {"kind": "proforma"})
    assert (proforma.status_code, proforma.json()["kind"]) == (200, "proforma")
    again = caller.post(f"/orders/{order['id']}/issue", {"kind": "invoice"})
    assert (again.status_code, again.json()["code"]) == (409, "SPJ-DOCUMENT-EXISTS")


def test_an_order_that_spojka_fails_at_says_so_and_is_tried_again(caller: Caller) -> None:
    order = send(caller)
    assert order["stuck"] is None
    assert caller.post(f"/orders/{order['id']}/retry").json()["code"] == "SPJ-NOTHING-TO-RETRY"
    stored = Order.objects.get()
    content = OrderVersion.objects.get(order=stored).content
    OrderVersion.objects.update(content={**content, "total": "hunter2"})
    for _ in range(2):
        engine.wake("order", stored.pk, account=f"shop:{stored.shop_id}")
        runner.run_until_idle(20)

    [group] = caller.get("/attention").json()
    [stuck] = group["stuck"]
    assert (group["code"], stuck["order"], stuck["failures"]) == ("SPJ-STUCK", stored.pk, 2)
    assert (stuck["error"], stuck["trace"]) == ("InvalidOperation", group["facts"]["reference"])
    assert "hunter2" not in str(group)
    assert caller.get(f"/orders/{order['id']}").json()["stuck"] == stuck

    OrderVersion.objects.update(content=content)
    assert caller.post(f"/orders/{order['id']}/retry").status_code == 200
    runner.run_until_idle(20)
    assert caller.get("/attention").json() == []
    assert caller.get(f"/orders/{order['id']}").json()["stuck"] is None
