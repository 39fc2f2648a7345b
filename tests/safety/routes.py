"""Every address of the installation, read from the URL conf and from the API's description.

Nothing is listed by hand that could be forgotten: a new page whose address names a new kind of
thing fails the tests until :func:`things` knows one.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.apps import apps
from django.contrib.auth.models import User
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone

from spojka.api.v1 import api
from spojka.archive.models import Entry
from spojka.companies.models import ApiToken, BankAccount, Company, Membership, Role
from spojka.connections import activation
from spojka.connections.models import MailAccount
from spojka.documents import stuck
from spojka.documents.models import (
    Document,
    EmailTemplate,
    ForeignDocument,
    RateOfDay,
    RuleRow,
    Series,
)
from spojka.orders.models import InboxEvent, Order
from tests.web.conftest import make_stuck

METHODS = ("get", "head", "options", "post", "put", "patch", "delete")
OF_MACHINES = {"healthz", "readyz", "metrics"}
PARAMETER = re.compile(r"<(?:(\w+):)?(\w+)>")


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the URL conf, as a pattern such as ``c/<int:company>/orders/<int:pk>/``."""

    name: str
    route: str

    @property
    def of_company(self) -> bool:
        return self.route.startswith("c/<int:company>/")

    def address(self, company: Company | int, named: dict[str, Any]) -> str:
        """Fill the pattern in: ``company`` in front, what it names from ``named``."""
        number = company if isinstance(company, int) else company.pk
        route = self.route.replace("<int:company>", str(number), 1)
        place = self.route.removeprefix("c/<int:company>/").partition("<")[0]

        def fill(found: re.Match[str]) -> str:
            if found[2] == "pk":
                return str(named[place])
            return str(named[found[2]])

        return "/" + PARAMETER.sub(fill, route)


def pages() -> list[Page]:
    """Return every page."""
    return [
        page
        for page in _walk(get_resolver("spojka.site.urls").url_patterns, "")
        if page.name not in OF_MACHINES and not page.route.startswith(("api/", "hooks/"))
    ]


def _walk(patterns: list[URLPattern | URLResolver], before: str) -> Iterator[Page]:
    for pattern in patterns:
        route = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _walk(pattern.url_patterns, route)
        else:
            yield Page(str(pattern.name), route)


@dataclass(frozen=True, slots=True)
class Call:
    """An operation of the API, as its own description has it."""

    method: str
    path: str
    operation: dict[str, Any]

    def address(self, named: dict[str, Any]) -> str:
        """Fill in the ids of the path, and those query parameters that name a thing."""
        path = re.sub(r"{(\w+)_id}", lambda found: str(named[f"{found[1]}s/"]), self.path)
        if any(found["name"] == "shop" for found in self.operation.get("parameters", ())):
            path += f"?shop={named['shops/']}"
        return path

    @property
    def names_something(self) -> bool:
        return "{" in self.path or any(
            found["name"] == "shop" for found in self.operation.get("parameters", ())
        )


def calls() -> list[Call]:
    """Return every operation of the API."""
    paths = api.get_openapi_schema()["paths"]
    return [
        Call(method, path, operation)
        for path, operations in paths.items()
        for method, operation in operations.items()
    ]


# What a call of the API sends, so that it would be carried out if it were allowed.
BODIES: dict[str, Any] = {
    "/issue": {"kind": "invoice"},
    "/pay": {"paid_on": "2026-11-20"},
    "/credit": {"reason": "returned"},
    "/email": {"to": "a@example.com"},
}


def furnish(company: Company) -> None:
    """Give a company one of everything that an address can name."""
    BankAccount.objects.get_or_create(
        company=company, currency="EUR", defaults={"iban": "CZ6508000000192000145399"}
    )
    ApiToken.make(company, "furnished")
    RateOfDay.objects.create(
        company=company,
        home=company.currency,
        currency="EUR",
        valid_on=date(2026, 11, 20),
        source="manual",
        rate=Decimal("24.5"),
        amount=1,
    )
    colleague = User.objects.create_user(f"colleague{company.pk}@example.com")
    Membership.objects.create(user=colleague, company=company, role=Role.VIEWER)
    connection = activation.simulate(company, "fakturoid", actor="furnished")
    ForeignDocument.objects.create(
        company=company,
        connection=connection,
        external_id="foreign",
        facts={"state": "open"},
        seen_at=timezone.now(),
    )
    order = company.orders.order_by("pk").last()
    if order is not None:
        make_stuck("order", order.pk, f"shop:{order.shop_id}")
    else:
        make_stuck("changes", connection.pk, f"connection:{connection.pk}")
    MailAccount.objects.get_or_create(
        company=company,
        defaults={"host": "mail.example.com", "sender_address": "a@example.com"},
    )


def things(company: Company) -> dict[str, Any]:
    """Return the key of one thing of the company for each place where an address names one."""
    invoice = Document.objects.filter(company=company, state="issued", kind="invoice").first()
    assert invoice is not None
    entry = Entry.objects.filter(company=company).exclude(sha256="").first()
    assert entry is not None
    shop = company.shops.get(platform="woocommerce")
    return {
        "orders/": Order.objects.filter(company=company).latest("pk").pk,
        "documents/": invoice.pk,
        "taken-in/": ForeignDocument.objects.filter(company=company).latest("pk").pk,
        "attention/stuck/": stuck.wakes_of(company)[0].pk,
        "events/": InboxEvent.objects.filter(shop__company=company).latest("pk").pk,
        "rules/": RuleRow.objects.filter(company=company).latest("pk").pk,
        "series/": Series.objects.filter(company=company).latest("pk").pk,
        "archive/files/": entry.pk,
        "shops/": shop.pk,
        "settings/shops/": shop.pk,
        "connections/": company.connections.latest("pk").pk,
        "settings/accounting/": company.connections.latest("pk").pk,
        "settings/accounts/": company.bank_accounts.latest("pk").pk,
        "settings/email/": EmailTemplate.objects.filter(company=company).latest("pk").pk,
        "settings/users/": company.memberships.latest("pk").pk,
        "settings/rates/": RateOfDay.objects.filter(company=company).latest("pk").pk,
        "settings/tokens/": company.api_tokens.filter(revoked_at=None).latest("pk").pk,
        "subject": entry.subject,
        "platform": "woocommerce",
        "system": "fakturoid",
        "name": "regular",
        "code": "SPJ-INTERNAL",
        "key": "fakturoid",
    }


# Sessions and the note of a token's last use are kept by looking at pages as well.
_NOTES = {"usersession", "session", "apitoken"}


def contents() -> dict[str, str]:
    """Return a digest of every table that looking must not change."""
    return {
        model._meta.label: hashlib.sha256(
            repr(sorted(map(repr, model._default_manager.values_list()))).encode()
        ).hexdigest()
        for model in apps.get_models()
        if model._meta.managed and model._meta.model_name not in _NOTES
    }
