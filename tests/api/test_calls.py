"""Who may call, and how every refusal reads."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from spojka.api import v1
from spojka.archive import store
from spojka.companies.models import ApiToken, Company, Role
from tests.api.conftest import Caller, call_as, canonical

pytestmark = pytest.mark.urls("tests.api.urls")

MEMBERS = {"type", "title", "status", "detail", "code", "cause", "fix", "document_exists"}


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer wrong-token", "Basic YTpi", "Bearer \x00"]
)
def test_without_a_valid_token_nothing_is_told(db: None, header: str) -> None:
    answer = Client().get("/api/v1/orders", headers={"Authorization": header} if header else {})

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert answer.json()["code"] == "SPJ-API-TOKEN"


def test_a_revoked_token_is_no_token(firm: Company) -> None:
    caller = call_as(firm)
    assert caller.get("/orders").status_code == 200
    ApiToken.objects.update(revoked_at=timezone.now())
    assert caller.get("/orders").status_code == 401


def test_a_viewer_reads_and_changes_nothing(firm: Company) -> None:
    caller = call_as(firm, Role.VIEWER)

    assert caller.get("/orders").status_code == 200
    for headers in ({}, {"Idempotency_Key": "k"}):
        answer = caller.post("/orders", canonical(), **headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "SPJ-API-ROLE")


def test_the_use_of_a_token_is_noted_at_most_once_a_minute(firm: Company) -> None:
    caller = call_as(firm)
    caller.get("/orders")
    first = ApiToken.objects.get().last_used_at
    assert first is not None
    caller.get("/orders")
    assert ApiToken.objects.get().last_used_at == first
    ApiToken.objects.update(last_used_at=first - timedelta(minutes=2))
    caller.get("/orders")
    noted = ApiToken.objects.get().last_used_at
    assert noted is not None and noted >= first


def test_every_refusal_is_a_problem_with_a_code(caller: Caller) -> None:
    answers = {
        404: caller.get("/orders/999999"),
        405: caller.client.delete("/api/v1/orders"),
        422: caller.get("/orders?limit=0"),
    }
    answers_at_large = [
        (404, caller.get("/nowhere/at/all")),
        (404, caller.get("/orders/")),
        (422, caller.get("/orders/abc")),
        (422, caller.get(f"/orders/{10**30}")),
        (422, caller.get("/orders?search=a%00b")),
        (
            400,
            caller.client.post(
                "/api/v1/orders",
                data=b"{not json",
                content_type="application/json",
                headers={"Authorization": f"Bearer {caller.token}"},
            ),
        ),
    ]
    for status, answer in [*answers.items(), *answers_at_large]:
        assert answer.status_code == status
        assert answer.headers["Content-Type"] == "application/problem+json"
        body = answer.json()
        assert body.keys() >= MEMBERS
        assert body["status"] == status
        assert body["code"].startswith("SPJ-API-")
    assert answers[405].headers["Allow"] == "GET, POST"


@pytest.mark.parametrize(
    ("accepted", "language"),
    [("", "en"), ("cs", "cs"), ("sk-SK,cs;q=0.5", "sk"), ("de", "en"), ("de, cs;q=0.3", "cs")],
)
def test_a_problem_speaks_the_callers_language(
    caller: Caller, accepted: str, language: str
) -> None:
    answer = caller.client.get(
        "/api/v1/orders", headers={"Accept-Language": accepted} if accepted else {}
    )
    sentence = {"en": "The API token", "cs": "nemá oprávnění", "sk": "nemá oprávnenie"}[language]
    assert answer.headers["Content-Language"] == language
    assert sentence in answer.json()["cause"]


def test_an_error_of_our_own_leaves_a_mark_and_tells_nothing(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("password=hunter2")

    monkeypatch.setattr(store, "verify", broken)
    answer = caller.get("/archive/verify")

    assert (answer.status_code, answer.json()["code"]) == (500, "SPJ-INTERNAL")
    assert len(answer.json()["facts"]["reference"]) == 8
    assert b"hunter2" not in answer.content


def test_the_description_of_the_api_is_public_and_names_the_token(db: None) -> None:
    schema = Client().get("/api/v1/openapi.json").json()

    assert schema["components"]["securitySchemes"]["TokenAuth"]["scheme"] == "bearer"
    assert "/api/v1/orders" in schema["paths"]


def test_what_is_too_large_is_refused_before_it_is_read(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(v1, "MOST_BYTES", 100)
    answer = caller.post("/orders", canonical(), Idempotency_Key="k")
    assert (answer.status_code, answer.json()["code"]) == (413, "SPJ-API-TOO-LARGE")


@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "k"}])
def test_a_broken_form_is_a_problem_too(caller: Caller, headers: dict[str, str]) -> None:
    answer = caller.client.post(
        "/api/v1/import?shop=1",
        data=b"no form at all",
        content_type="multipart/form-data; boundary=",
        headers={"Authorization": f"Bearer {caller.token}", **headers},
    )
    assert answer.status_code in {400, 422}
    assert answer.headers["Content-Type"] == "application/problem+json"
