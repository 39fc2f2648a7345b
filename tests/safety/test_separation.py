"""No company sees or touches another's data, and no role does more than it may.

Every page of the URL conf and every operation of the API is tried with every method.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from spojka.companies.models import Company, Role
from tests.safety.routes import BODIES, METHODS, Call, Page, calls, contents, pages, things
from tests.web.conftest import log_in

REFUSED = {403, 404, 405}
READS = {"get", "head", "options"}

# What a role may do besides looking. Everything that is not named here is the owner's alone, so
# that a new page is refused to the others until somebody has thought about it.
VIEWER_SENDS = {"archive_verify", "bulk"}
VIEWER_DOES_NOT_SEE = {"rule", "rule_new", "mode", "series_edit", "series_new"}
ACCOUNTANT_SENDS = VIEWER_SENDS | {
    "accept",
    "bulk_issue",
    "cancel",
    "credit",
    "delete",
    "drop",
    "email",
    "ignore",
    "issue",
    "pay",
    "read_again",
    "retry",
    "retry_event",
    "retry_group",
    "retry_stuck",
    "shop_import",
    "taken_in",
    "unignore",
    "unpay",
}
ACCOUNTANT_SEES = {"cancel", "credit", "delete", "email", "order_import", "pay", "unpay"}


def company_pages() -> list[Page]:
    return [page for page in pages() if page.of_company]


def test_the_walk_sees_everything() -> None:
    assert len(company_pages()) >= 73
    assert len(calls()) >= 19
    assert {page.name for page in pages()} >= {"login", "setup", "order", "settings_tokens"}


def test_nothing_of_a_company_exists_for_a_user_of_another(
    furnished: Company, empty: Company
) -> None:
    stranger = log_in(empty)
    named = things(furnished)
    before = contents()
    for page in company_pages():
        for method in METHODS:
            address = page.address(furnished, named)
            answer = getattr(stranger, method)(address)
            assert answer.status_code in REFUSED, f"{method} {address}: {answer.status_code}"
            # The same thing under one's own company: the number in front does not help either.
            if "<int:pk>" in page.route or "<str:subject>" in page.route:
                address = page.address(empty, named)
                answer = getattr(stranger, method)(address)
                assert answer.status_code in REFUSED, f"{method} {address}: {answer.status_code}"
    assert contents() == before


def test_nothing_of_a_company_exists_for_a_token_of_another(
    furnished: Company, empty: Company, bearer: Callable[..., dict[str, Any]]
) -> None:
    named = things(furnished)
    client = Client()
    headers = bearer(empty, Role.OWNER)
    before = contents()
    for call in calls():
        if call.names_something:
            answer = _call(client, call, named, headers)
            listed = call.method == "get" and "{" not in call.path
            assert answer.status_code == (200 if listed else 404), f"{call.path} {answer.content!r}"
            if listed:
                assert answer.json()["items"] == []
        elif call.method == "get":
            answer = _call(client, call, named, headers)
            assert answer.status_code == 200
            assert furnished.name not in answer.content.decode()
    assert contents() == before


def _call(client: Client, call: Call, named: dict[str, Any], headers: dict[str, str]) -> Any:
    address = call.address(named)
    if call.method == "get":
        return client.get(address, headers=headers)
    if call.path.endswith("/import"):
        from django.core.files.base import ContentFile

        return client.post(address, {"file": ContentFile(b"[]", "a.json")}, headers=headers)
    body: Any = next((body for end, body in BODIES.items() if call.path.endswith(end)), ORDER)
    return client.post(
        address, json.dumps(body).encode(), content_type="application/json", headers=headers
    )


ORDER = {
    "id": "x-1",
    "number": "x-1",
    "status": "processing",
    "currency": "CZK",
    "total": "121.00",
    "total_tax": "21.00",
    "created_at": "2026-11-20T10:00:00+01:00",
    "lines": [
        {
            "key": "1",
            "kind": "product",
            "name": "Hrnek",
            "quantity": "1",
            "net": "100.00",
            "tax": "21.00",
            "rate": "21",
        }
    ],
}


@pytest.mark.parametrize("role", [Role.VIEWER, Role.ACCOUNTANT])
def test_no_role_does_more_than_it_may(furnished: Company, role: str) -> None:
    client = log_in(furnished, role)
    named = things(furnished)
    before = contents()
    for page in company_pages():
        address = page.address(furnished, named)
        sees = client.get(address).status_code
        hidden = page.name.startswith(("settings", "setup")) or page.name in VIEWER_DOES_NOT_SEE
        shown = role == Role.ACCOUNTANT or page.name not in ACCOUNTANT_SEES
        assert (sees == 403) == (hidden or not shown) or sees == 405, f"{page.name}: {sees}"
        may_send = VIEWER_SENDS if role == Role.VIEWER else ACCOUNTANT_SENDS
        if page.name not in may_send:
            for method in ("post", "put", "patch", "delete"):
                sent = getattr(client, method)(address)
                # Where a page takes no form, a sent one is answered like one that is only asked.
                looks = sent.status_code == sees == 200
                assert sent.status_code in REFUSED or looks, f"{method} {page.name}"
    assert contents() == before


def test_an_accountant_works_with_documents(furnished: Company) -> None:
    """The other half: what is refused to all would be refused rightly, and of no use."""
    client = log_in(furnished, Role.ACCOUNTANT)
    named = things(furnished)
    for page in company_pages():
        if page.name in ACCOUNTANT_SENDS:
            answer = client.post(page.address(furnished, named))
            assert answer.status_code in {200, 302}, f"{page.name}: {answer.status_code}"


@pytest.mark.parametrize("role", [Role.VIEWER, Role.ACCOUNTANT, Role.OWNER])
def test_a_token_does_what_its_role_may(
    furnished: Company, role: str, bearer: Callable[..., dict[str, Any]]
) -> None:
    named = things(furnished)
    client = Client()
    headers = bearer(furnished, role)
    before = contents()
    for call in calls():
        if call.method != "get" and role != Role.VIEWER:
            continue
        answer = _call(client, call, named, headers)
        if call.method == "get":
            assert answer.status_code in {200, 404}, call.path  # 404: no ISDOC of this one
        else:
            assert (answer.status_code, answer.json()["code"]) == (403, "SPJ-API-ROLE"), call.path
    if role == Role.VIEWER:
        assert contents() == before


def test_no_operation_answers_without_a_token_or_with_a_cookie(
    furnished: Company,
) -> None:
    """The API has no form tokens: a session, which browsers send by themselves, is worth none."""
    named = things(furnished)
    before = contents()
    for client in (Client(), log_in(furnished)):
        before = contents()
        for call in calls():
            assert _call(client, call, named, {}).status_code == 401, call.path
        assert contents() == before
