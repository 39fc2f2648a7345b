"""A session with a simulated account behind a real socket, and documents to send there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from ipaddress import ip_network
from typing import Any

from spojka.accounting.contract import LoadedData, Session
from spojka.accounting.fakturoid.simulator import FakturoidSimulator
from spojka.accounting.fakturoid.system import SYSTEM
from spojka.accounting.serving import Serving
from spojka.accounting.testing import MemoryBudget, MemoryContacts, MemoryTokens
from spojka.core.document import (
    Deduction,
    Document,
    DocumentLine,
    Kind,
    Original,
    Seller,
    Treatment,
)
from spojka.core.order import Address, Customer, LineKind
from spojka.net.client import Client, Exchange

NOW = datetime(2026, 11, 26, 10, 0, tzinfo=UTC)
TODAY = date(2026, 11, 26)
KEY = "7d3f6d0e-6a51-4a68-8f0b-9a1c8d2e4b10:create"
SELLER = Seller(
    name="Zkušební s.r.o.",
    address=Address(street="Zkušební 1", city="Praha", postcode="11000", country="CZ"),
    company_id="27082440",
    email="fakturace@zkusebni.example",
)
CUSTOMER = Customer(
    address=Address(
        name="Jana Nováková", street="Dlouhá 5", city="Brno", postcode="60200", country="CZ"
    ),
    email="jana.novakova@example.com",
)
COMPANY = Customer(
    address=Address(
        name="Petr Malý", company="Malý a syn s.r.o.", street="Krátká 1", city="Zlín",
        postcode="76001", country="CZ",
    ),
    email="ucetni@maly.example",
    company_id="25596641",
    vat_id="CZ25596641",
)  # fmt: skip


SESSION = Session(
    credentials={},
    settings={},
    now=NOW,
    seller=SELLER,
    loaded=LoadedData(facts={"slug": "zkusebni", "currency": "CZK"}),
)
"""A session that nothing can be sent by."""


def line(
    gross: str = "121.00",
    rate: str = "21",
    quantity: str = "1",
    name: str = "Hrnek",
    treatment: Treatment = Treatment.STANDARD,
    net: str = "",
) -> DocumentLine:
    """A line by its amount with VAT, which is split as the law has it, unless ``net`` is given."""
    amount, percent = Decimal(gross), Decimal(rate)
    tax = (amount * percent / (100 + percent)).quantize(Decimal("0.01"))
    base = Decimal(net) if net else amount - tax
    return DocumentLine(
        key=name,
        kind=LineKind.PRODUCT,
        name=name,
        quantity=Decimal(quantity),
        unit_price=base,
        net=base,
        tax=amount - base,
        rate=percent,
        treatment=treatment,
        unit="ks",
    )


def document(kind: Kind = Kind.INVOICE, *lines: DocumentLine, **more: Any) -> Document:
    """A document of a private customer from today."""
    made = Document(
        uuid="7d3f6d0e-6a51-4a68-8f0b-9a1c8d2e4b10",
        kind=kind,
        currency="CZK",
        language="cs",
        seller=SELLER,
        customer=CUSTOMER,
        issued_on=TODAY,
        due_on=TODAY + timedelta(days=14),
        taxable_on=None if kind is Kind.PROFORMA else TODAY,
        order_number="2026-1017",
        order_external_id="1017",
        lines=lines or (line(), line("56.00", "12", "2", "Kniha")),
        payment_method="bacs",
        payment_title="Bankovní převod",
    )
    return replace(made, **more)


def credit(original: Any, *lines: DocumentLine, **more: Any) -> Document:
    """A credit note over the lines of an issued invoice."""
    given = lines or document().lines
    back = tuple(replace(x, quantity=-x.quantity, net=-x.net, tax=-x.tax) for x in given)
    of = Original(number=original.number, issued_on=TODAY, external_id=original.external_id)
    return document(Kind.CREDIT_NOTE, *back, original=of, reason="Vrácené zboží", **more)


def final(proforma: Any, amount: Decimal, *lines: DocumentLine, **more: Any) -> Document:
    """An invoice that deducts a paid proforma."""
    deducted = Deduction(
        number=proforma.number,
        variable_symbol=proforma.variable_symbol,
        issued_on=TODAY,
        amount=amount,
        external_id=proforma.external_id,
    )
    return document(Kind.INVOICE, *lines, deductions=(deducted,), **more)


@dataclass
class World:
    """An account, and what a session on it needs."""

    simulator: FakturoidSimulator
    address: str
    client: Client
    exchanges: list[Exchange]
    tokens: MemoryTokens = field(default_factory=lambda: MemoryTokens(lambda: NOW))
    contacts: MemoryContacts = field(default_factory=MemoryContacts)
    budget: MemoryBudget = field(default_factory=MemoryBudget)
    settings: dict[str, str] = field(default_factory=dict)
    loaded: LoadedData = SESSION.loaded

    def session(self, **more: Any) -> Session:
        made = Session(
            credentials=self.simulator.credentials(self.address),
            settings=self.settings,
            now=self.simulator.now,
            http=self.client,
            tokens=self.tokens,
            budget=self.budget,
            loaded=self.loaded,
            contacts=self.contacts,
            seller=SELLER,
        )
        return replace(made, **more)

    def load(self) -> LoadedData:
        """Load data, and let later sessions know them."""
        data = SYSTEM.load(self.session())
        self.loaded = replace(data, contacts=())
        for name, external_id in data.contacts:
            self.contacts.put([name], external_id)
        self.contacts.complete = data.contacts_complete
        return data

    @contextmanager
    def counted(self) -> Iterator[list[str]]:
        """Collect the requests that are made meanwhile."""
        made: list[str] = []
        before = len(self.simulator.requests)
        yield made
        made += self.simulator.requests[before:]

    def create(self, d: Document, key: str = KEY, **more: Any) -> Any:
        return SYSTEM.create(self.session(**more), d, key)


@contextmanager
def world(read_seconds: float = 5.0, **account: Any) -> Iterator[World]:
    """Serve an account; its clock stands at ``NOW``."""
    simulator = FakturoidSimulator(seed=7, clock=lambda: NOW, **account)
    exchanges: list[Exchange] = []
    with (
        Serving(simulator, silence_seconds=read_seconds + 1) as server,
        Client(
            allow=[ip_network("127.0.0.0/8")],
            recorder=exchanges.append,
            read_seconds=read_seconds,
            secrets=[simulator.account["client_secret"]],
        ) as client,
    ):
        made = World(simulator, server.address, client, exchanges)
        made.contacts.complete = True
        yield made


def per_rate(rows: Any) -> Mapping[Decimal, tuple[Decimal, Decimal]]:
    """Net and VAT by rate, rows of nothing left out."""
    sums: dict[Decimal, tuple[Decimal, Decimal]] = {}
    for row in rows:
        net, tax = sums.get(row.rate, (Decimal(0), Decimal(0)))
        sums[row.rate] = (net + row.net, tax + row.tax)
    return {rate: both for rate, both in sums.items() if any(both)}
