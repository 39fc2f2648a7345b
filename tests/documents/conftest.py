"""A live company with a shop, and the ways an order comes to it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from spojka.accounting import registry
from spojka.companies.models import Company
from spojka.connections import shops
from spojka.connections.models import Connection, Shop
from spojka.core.document import Kind
from spojka.core.rules import Conditions, Rule
from spojka.documents import rulebook
from spojka.documents.models import Document
from spojka.documents.series import add_default_series
from spojka.engine import runner
from spojka.orders import intake
from spojka.orders.models import Order
from tests.documents.toy import BusyToy, ToySystem

ORDERS = Path(__file__).parent.parent / "fixtures" / "woocommerce" / "orders"


def captured(name: str, **changes: Any) -> dict[str, Any]:
    """Return a captured order, changed."""
    payload: dict[str, Any] = json.loads((ORDERS / f"{name}.json").read_text(encoding="utf-8"))
    return {**payload, **changes}


@dataclass
class House:
    """A company in which things happen."""

    company: Company
    shop: Shop

    def take(self, payload: dict[str, Any]) -> Order:
        """Take an order in and work until nothing is due."""
        order, _ = intake.store(self.shop, payload)
        self.work()
        return Order.objects.get(pk=order.pk)

    def work(self) -> None:
        runner.run_until_idle(30)

    def rules(self, *rules: Rule) -> None:
        rulebook.replace_rules(self.company, rules, actor="test")
        self.work()

    def documents(self, order: Order) -> list[tuple[str, str, str]]:
        return [
            (document.kind, document.state, document.number)
            for document in order.documents.order_by("id")
        ]

    def only(self, order: Order, kind: Kind) -> Document:
        return order.documents.get(kind=kind)


def rule(kind: Kind, name: str = "", **conditions: Any) -> Rule:
    """Return a rule."""
    return Rule(id="x", name=name or kind.value, kind=kind, conditions=Conditions(**conditions))


ON_PAYMENT = rule(Kind.INVOICE, paid=True)
PROFORMA = rule(Kind.PROFORMA, paid=False, statuses=("pending", "on-hold"))
CREDIT = rule(Kind.CREDIT_NOTE)


@pytest.fixture
def house(db: None) -> House:
    """Return a live Czech VAT payer with the own issuer, whose shop takes no notes."""
    company = Company.objects.create(
        name="Testovací s.r.o.",
        street="Krátká 1",
        city="Brno",
        postcode="602 00",
        company_id="27082440",
        tax_id="CZ27082440",
        vat_id="CZ27082440",
        oss=True,
        mode=Company.Mode.LIVE,
    )
    add_default_series(company)
    shop = shops.create(
        company, "woocommerce", "Shop", {"url": "https://shop.example"}, actor="test"
    )
    shop.write_back = False
    shop.save()
    made = House(company, shop)
    made.rules(PROFORMA, ON_PAYMENT, CREDIT)
    return made


@pytest.fixture
def toy(house: House, monkeypatch: pytest.MonkeyPatch) -> ToySystem:
    """Make a toy system the company's accounting system."""
    system = ToySystem()
    systems = {**registry.systems(), "toy": system}
    monkeypatch.setattr(registry, "systems", lambda: systems)
    Connection.objects.create(
        company=house.company, system="toy", name="Toy", active=True, default=True
    )
    house.company.connections.filter(system="own").update(default=False)
    return system


@pytest.fixture
def busy(house: House, monkeypatch: pytest.MonkeyPatch) -> BusyToy:
    """Make a toy with books of its own the company's accounting system."""
    system = BusyToy()
    systems = {**registry.systems(), "busy": system}
    monkeypatch.setattr(registry, "systems", lambda: systems)
    Connection.objects.create(
        company=house.company, system="busy", name="Busy", active=True, default=True
    )
    house.company.connections.filter(system="own").update(default=False)
    return system
