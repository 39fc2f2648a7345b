from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from spojka.companies.models import Company, Membership, Role
from spojka.documents.demo import create_demo
from spojka.documents.emailing import default_templates
from spojka.documents.series import add_default_series
from spojka.engine import runner
from spojka.engine.models import Wake

CAPTURED = Path(__file__).parent.parent / "fixtures" / "woocommerce" / "orders"
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de"
    "0000000c49444154789c636060600000000400012734270a0000000049454e44ae426082"
)
"""A picture of one pixel."""

BACKEND = "django.contrib.auth.backends.ModelBackend"


@pytest.fixture(autouse=True)
def plain_static_files(settings: Any, tmp_path: Path) -> None:
    """Pages are rendered without collecting static files first."""
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
    settings.STATIC_ROOT = tmp_path
    settings.KEY_FILE = tmp_path / "keys.json"


def log_in(company: Company, role: str = Role.OWNER) -> Client:
    """Return the client of a new member of the company, who reads English."""
    user = User.objects.create_user(f"{role}{company.pk}@example.com")
    Membership.objects.create(user=user, company=company, role=role)
    client = Client()
    client.force_login(user, backend=BACKEND)
    client.cookies["django_language"] = "en"
    return client


@pytest.fixture
def make_company(db: None) -> Callable[..., Company]:
    def make(name: str = "Firma s.r.o.", **fields: Any) -> Company:
        company = Company.objects.create(name=name, company_id="27082440", **fields)
        add_default_series(company)
        default_templates(company)
        return company

    return make


@pytest.fixture
def empty(make_company: Callable[..., Company]) -> Company:
    """A company without shops, orders and rules."""
    return make_company("Prázdná s.r.o.")


@pytest.fixture
def full(db: None) -> Company:
    """The sample company with its documents issued."""
    company = create_demo(actor="test")
    runner.run_until_idle(60)
    company.logo = PNG
    company.save(update_fields=["logo"])
    return company


def make_stuck(handler: str, key: int, account: str) -> Wake:
    """Leave something as it is after its handler failed twice."""
    wake, _ = Wake.objects.update_or_create(
        handler=handler,
        key=str(key),
        defaults={
            "account": account,
            "due_at": timezone.now() + timedelta(minutes=10),
            "failures": 2,
            "failing_since": timezone.now() - timedelta(minutes=3),
            "last_error": "InvalidOperation",
            "trace": "c0ffee" + "0" * 26,
        },
    )
    return wake


@pytest.fixture
def client(full: Company) -> Client:
    """An owner of the full company."""
    return log_in(full)
