"""A simulated account behind a socket, sessions that reach it, and documents to be sent."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs

from spojka.accounting.contract import Issued, LoadedData, Session
from spojka.accounting.serving import Serving
from spojka.accounting.superfaktura.simulator import SuperFakturaSimulator
from spojka.accounting.superfaktura.system import SYSTEM
from spojka.core.document import (
    Document,
    DocumentLine,
    Kind,
    Seller,
    Treatment,
    VatMode,
)
from spojka.core.money import ZERO
from spojka.core.order import Address, Customer, LineKind
from spojka.net.client import Client, Exchange
from spojka.net.limits import DAY

NOW = datetime(2026, 10, 5, 10, 0, tzinfo=UTC)
TODAY = date(2026, 10, 5)
SELLER = Seller(
    name="Skúšobná firma, s.r.o.",
    address=Address(company="Skúšobná firma, s.r.o.", city="Bratislava", country="SK"),
    country="SK",
    company_id="12345678",
)
CUSTOMER = Customer(
    address=Address(
        name="Jana Nováková",
        street="Dlhá 7",
        city="Košice",
        postcode="040 01",
        country="SK",
    ),
    email="jana@example.com",
)


@dataclass
class Remembered:
    """A budget that only remembers what it was told."""

    observed: list[tuple[int, datetime | timedelta | None, int, int | None]] = field(
        default_factory=list
    )
    paused: list[datetime] = field(default_factory=list)

    def take(self) -> None:
        """Allow everything."""

    def pause(self, until: datetime) -> None:
        self.paused.append(until)

    def observe(
        self,
        remaining: int,
        reset: datetime | timedelta | None = None,
        *,
        seconds: int,
        limit: int | None = None,
    ) -> None:
        self.observed.append((remaining, reset, seconds, limit))

    def left_today(self) -> int:
        return [remaining for remaining, _, seconds, _ in self.observed if seconds == DAY][-1]


@dataclass
class Account:
    """A simulated account, how to reach it, and what went over the line."""

    simulator: SuperFakturaSimulator
    address: str
    client: Client
    exchanges: list[Exchange]
    budget: Remembered

    @property
    def calls(self) -> list[str]:
        return self.simulator.requests

    def session(self, **changes: Any) -> Session:
        credentials = {**self.simulator.credentials(self.address), **changes.pop("login", {})}
        return replace(
            Session(
                credentials=credentials,
                settings={},
                now=self.simulator.now,
                http=self.client,
                budget=self.budget,
                seller=SELLER,
                loaded=LoadedData(facts={"tags": {"1": "e-shop"}}),
            ),
            **changes,
        )

    def last(self) -> dict[str, Any]:
        """Return the document made last, as the simulator keeps it."""
        found: dict[str, Any] = self.simulator.state["documents"][-1]
        return found


@contextmanager
def account(now: datetime = NOW, read_seconds: float = 2.0, **settings: Any) -> Iterator[Account]:
    """Open an account behind a socket."""
    simulator = SuperFakturaSimulator(clock=lambda: now, **settings)
    exchanges: list[Exchange] = []
    with (
        Serving(simulator, silence_seconds=read_seconds + 1) as server,
        Client(
            secrets=[simulator.credentials("")["api_key"]],
            allow=[ipaddress.ip_network("127.0.0.0/8")],
            recorder=exchanges.append,
            read_seconds=read_seconds,
        ) as client,
    ):
        yield Account(simulator, server.address, client, exchanges, Remembered())


def line(
    net: str,
    tax: str,
    rate: str = "23",
    quantity: str = "1",
    name: str = "Tričko",
    treatment: Treatment = Treatment.STANDARD,
) -> DocumentLine:
    """Return a line; amounts of the whole line."""
    return DocumentLine(
        key=name,
        kind=LineKind.PRODUCT,
        name=name,
        quantity=Decimal(quantity),
        unit_price=Decimal(net) / Decimal(quantity),
        net=Decimal(net),
        tax=Decimal(tax),
        rate=Decimal(rate),
        treatment=treatment,
        sku="T-1",
        unit="ks",
    )


def document(kind: Kind = Kind.INVOICE, *lines: DocumentLine, **changes: Any) -> Document:
    """Return a document of 24.60 EUR, or of other lines."""
    return replace(
        Document(
            uuid="7d1f0e34-5a3c-4a52-9d0e-0b6f6a7d8c11",
            kind=kind,
            currency="EUR",
            language="sk",
            seller=SELLER,
            customer=CUSTOMER,
            issued_on=TODAY,
            due_on=TODAY + timedelta(days=14),
            taxable_on=None if kind is Kind.PROFORMA else TODAY,
            order_number="SHOP-1001",
            order_external_id="1001",
            lines=lines or (line("20.00", "4.60", quantity="2"),),
            variable_symbol="1001",
            payment_method="bacs",
        ),
        **changes,
    )


def paid(d: Document, on: date = TODAY) -> Document:
    """Return the document as one that is paid."""
    return replace(d, paid_on=on, paid_amount=d.total)


def non_payer(d: Document) -> Document:
    """Return the document as one of a company that does not pay VAT."""
    lines = tuple(
        replace(row, net=row.gross, tax=ZERO, rate=ZERO, treatment=Treatment.NOT_A_PAYER)
        for row in d.lines
    )
    return replace(d, lines=lines, seller=replace(d.seller, vat_mode=VatMode.NON_PAYER))


def key(d: Document) -> str:
    return f"{d.uuid}:create"


def issue(to: Account, d: Document) -> Issued:
    """Make a document in a session of its own."""
    return SYSTEM.create(to.session(), d, key(d))


def sent(to: Account) -> dict[str, object]:
    """Return the body of the last creation."""
    exchange = [e for e in to.exchanges if e.url.endswith("/invoices/create")][-1]
    found: dict[str, object] = json.loads(parse_qs(exchange.request_body)["data"][0])
    return found
