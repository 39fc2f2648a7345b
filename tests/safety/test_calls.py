"""The API under repetition, death in the middle, and bodies that are too large."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core.files.base import ContentFile
from django.test import Client
from django.utils import timezone

from spojka.api import hooks, v1
from spojka.api.idempotency import ABANDONED
from spojka.api.models import KeyedAnswer
from spojka.companies.models import Company
from spojka.orders import intake
from spojka.orders.models import InboxEvent
from tests.api.conftest import canonical

Header = Callable[..., dict[str, Any]]


def send(client: Client, headers: dict[str, Any], number: str = "k-1", key: str = "key-1") -> Any:
    return client.post(
        "/api/v1/orders",
        json.dumps(canonical(number)).encode(),
        content_type="application/json",
        headers={**headers, "Idempotency-Key": key},
    )


def test_a_repeated_call_is_carried_out_once(empty: Company, bearer: Header) -> None:
    client, headers = Client(), bearer(empty)
    first, second = send(client, headers), send(client, headers)
    assert first.status_code == second.status_code == 202
    assert first.content == second.content and second["Idempotency-Replayed"] == "true"
    assert InboxEvent.objects.count() == 1
    other = send(client, headers, number="k-2")
    assert (other.status_code, other.json()["code"]) == (422, "SPJ-API-KEY-REUSED")
    assert InboxEvent.objects.count() == 1


def test_a_key_belongs_to_one_company(empty: Company, full: Company, bearer: Header) -> None:
    client = Client()
    assert send(client, bearer(empty)).status_code == 202
    answer = send(client, bearer(full), number="k-2")
    assert answer.status_code == 202 and "Idempotency-Replayed" not in answer.headers


def test_an_answer_is_kept_for_two_days(empty: Company, bearer: Header) -> None:
    headers = bearer(empty)
    with time_machine.travel(timezone.now(), tick=False) as clock:
        send(Client(), headers)
        clock.shift(timedelta(days=2) - timedelta(seconds=1))
        assert "Idempotency-Replayed" in send(Client(), headers).headers
        clock.shift(timedelta(seconds=2))
        assert "Idempotency-Replayed" not in send(Client(), headers, number="k-2").headers
        assert KeyedAnswer.objects.count() == 1


def test_a_call_that_died_is_in_flight_and_then_may_run_again(
    empty: Company, bearer: Header, monkeypatch: pytest.MonkeyPatch
) -> None:
    headers = bearer(empty)

    def killed(*_: Any, **__: Any) -> Any:
        raise SystemExit  # nothing of ours runs after it, as after kill -9

    with time_machine.travel(timezone.now(), tick=False) as clock:
        with monkeypatch.context() as patch:
            patch.setattr(intake, "receive", killed)
            with pytest.raises(SystemExit):
                send(Client(), headers)
        assert KeyedAnswer.objects.get().status is None
        assert not InboxEvent.objects.exists()
        again = send(Client(), headers)
        assert (again.status_code, again.json()["code"]) == (409, "SPJ-API-IN-FLIGHT")
        other = send(Client(), headers, number="k-2")
        assert other.status_code == 422
        clock.shift(ABANDONED + timedelta(seconds=1))
        assert send(Client(), headers).status_code == 202
        assert InboxEvent.objects.count() == 1


def test_a_refused_call_is_answered_alike_and_not_left_in_flight(
    empty: Company, bearer: Header
) -> None:
    client, headers = Client(), {**bearer(empty), "Idempotency-Key": "k"}
    answers = [
        client.post("/api/v1/orders", b"{}", content_type="application/json", headers=headers)
        for _ in range(2)
    ]
    assert [answer.status_code for answer in answers] == [422, 422]
    assert answers[0].content == answers[1].content


def test_what_is_too_large_is_a_problem_and_stores_nothing(
    full: Company, bearer: Header, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(v1, "MOST_BYTES", 1000)
    monkeypatch.setattr(hooks, "MOST_BYTES", 1000)
    client, headers = Client(), bearer(full)
    shop = full.shops.get(platform="woocommerce")
    events = InboxEvent.objects.count()
    big = b"[" + b" " * 2000 + b"]"
    answers = [
        client.post("/api/v1/orders", big, content_type="application/json", headers=headers),
        client.post(
            f"/api/v1/import?shop={shop.pk}", {"file": ContentFile(big, "a.json")}, headers=headers
        ),
        client.post(f"/hooks/{shop.path_token}/", big, content_type="application/json"),
    ]
    for answer in answers:
        assert (answer.status_code, answer.json()["code"]) == (413, "SPJ-API-TOO-LARGE")
        assert answer["Content-Type"] == "application/problem+json"
    assert InboxEvent.objects.count() == events


@pytest.mark.parametrize("length", ["abc", "-1", "²", "1e9", ""])
def test_an_odd_length_is_not_our_error(empty: Company, bearer: Header, length: str) -> None:
    client = Client(raise_request_exception=False)
    for path, headers in (("/api/v1/orders", bearer(empty)), ("/hooks/x/", {}), ("/login/", {})):
        answer = client.post(
            path, b"{}", content_type="application/json", headers=headers, CONTENT_LENGTH=length
        )
        assert answer.status_code < 500, path
