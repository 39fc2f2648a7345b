from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.test import Client

from spojka.companies.models import ApiToken, Company, Role
from spojka.documents import rulebook
from spojka.documents.series import add_default_series
from spojka.engine import runner

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse as Answer

CAPTURED = Path(__file__).parent.parent / "fixtures" / "woocommerce"


def canonical(number: str = "2026-1", **changes: Any) -> dict[str, Any]:
    """Return an order as a sender of our API writes it."""
    return {
        "id": number,
        "number": number,
        "status": "processing",
        "currency": "CZK",
        "total": "121.00",
        "total_tax": "21.00",
        "created_at": "2026-11-20T10:00:00+01:00",
        "paid_at": "2026-11-20T10:05:00+01:00",
        "customer": {
            "address": {"name": "Jana Nová", "city": "Praha", "country": "CZ"},
            "email": "jana@example.com",
        },
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
        **changes,
    }


@dataclass
class Caller:
    """A client of the API with a token."""

    client: Client
    token: str

    def get(self, path: str, **headers: str) -> Answer:
        return self.client.get(f"/api/v1{path}", headers=self._headers(headers))

    def post(self, path: str, data: Any = None, **headers: str) -> Answer:
        return self.client.post(
            f"/api/v1{path}",
            data=b"" if data is None else json.dumps(data).encode(),
            content_type="application/json",
            headers=self._headers(headers),
        )

    def upload(self, path: str, file: Any, **headers: str) -> Answer:
        return self.client.post(
            f"/api/v1{path}", data={"file": file}, headers=self._headers(headers)
        )

    def _headers(self, headers: dict[str, str]) -> dict[str, str]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return {"Authorization": f"Bearer {self.token}", **named}


MakeCompany = Callable[..., Company]


@pytest.fixture
def make_company(db: None) -> MakeCompany:
    def make(name: str = "Firma s.r.o.", **fields: Any) -> Company:
        values = {
            "country": "CZ",
            "company_id": "27082440",
            "vat_id": "CZ27082440",
            "street": "Vodičkova 12",
            "city": "Praha",
            "postcode": "110 00",
            "mode": Company.Mode.LIVE,
            **fields,
        }
        company = Company.objects.create(name=name, **values)
        add_default_series(company)
        rulebook.apply_template(company, "prepaid", actor="test")
        return company

    return make


@pytest.fixture
def firm(make_company: MakeCompany) -> Company:
    return make_company()


@pytest.fixture
def caller(firm: Company) -> Caller:
    return call_as(firm)


def call_as(company: Company, role: str = Role.ACCOUNTANT) -> Caller:
    """Return a caller with a new token of the company."""
    return Caller(Client(raise_request_exception=False), ApiToken.make(company, "e-shop", role)[1])


def send(caller: Caller, number: str = "2026-1", **changes: Any) -> dict[str, Any]:
    """Send an order and have everything done that it leads to; return it as it is then."""
    answer = caller.post("/orders?wait=true", canonical(number, **changes))
    assert answer.status_code == 200, answer.content
    runner.run_until_idle(20)
    found: dict[str, Any] = caller.get(f"/orders/{answer.json()['id']}").json()
    return found
