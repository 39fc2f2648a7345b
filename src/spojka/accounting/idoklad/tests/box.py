"""What the tests of iDoklad stand on: the simulator behind a socket, and a session in memory."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from ipaddress import ip_network
from typing import Any

from spojka.accounting.contract import Issued, LoadedData, Session
from spojka.accounting.idoklad.simulator import IdokladSimulator
from spojka.accounting.idoklad.system import SYSTEM
from spojka.accounting.serving import Serving
from spojka.accounting.simulator import Answer, Asked
from spojka.accounting.testing import (
    MemoryBudget,
    MemoryContacts,
    MemoryReservations,
    MemoryTokens,
)
from spojka.core.document import (
    Document,
    DocumentLine,
    Kind,
    Original,
    Seller,
    Treatment,
    VatMode,
)
from spojka.core.order import Address, Customer, LineKind
from spojka.net.client import Client, Exchange

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
TODAY = date(2026, 3, 2)
WEBHOOK_SECRET = "signed-with-this"


@dataclass
class Box:
    """A simulator, and the session that asks it."""

    simulator: IdokladSimulator
    session: Session
    exchanges: list[Exchange] = field(default_factory=list)

    def asked(self) -> list[str]:
        """Return what was asked since the last time, logins left out."""
        found = [line for line in self.simulator.requests if "/connect/token" not in line]
        self.simulator.requests.clear()
        return found

    def with_(self, **changes: Any) -> Session:
        """Return the session with other values."""
        return replace(self.session, **changes)

    def answer(self, answer: Callable[[Asked], Answer]) -> None:
        """Have requests answered by something else than the simulator."""
        self.simulator.__dict__["answer"] = answer

    def create(self, d: Document, **changes: Any) -> Issued:
        """Make a document under its usual key."""
        return SYSTEM.create(self.with_(**changes), d, key_of(d))


@contextmanager
def box(
    *, loaded: bool = True, settings: dict[str, str] | None = None, **account: Any
) -> Iterator[Box]:
    """Serve an agenda, and open a session that has loaded it."""
    simulator = IdokladSimulator(clock=lambda: NOW, **account)
    contacts = MemoryContacts()
    contacts.complete = True
    exchanges: list[Exchange] = []
    with (
        Serving(simulator, silence_seconds=2) as server,
        Client(
            allow=[ip_network("127.0.0.0/8")],
            recorder=exchanges.append,
            secrets=[simulator.account["client_secret"]],
            read_seconds=1,
        ) as client,
    ):
        session = Session(
            credentials=simulator.credentials(server.address),
            settings=settings or {},
            now=NOW,
            http=client,
            tokens=MemoryTokens(lambda: NOW),
            budget=MemoryBudget(),
            contacts=contacts,
            reservations=MemoryReservations(),
            seller=seller(simulator.account["country"]),
            webhook_address="https://eshop.example/hooks/1",
            webhook_secret=WEBHOOK_SECRET,
        )
        if loaded:
            session = replace(session, loaded=SYSTEM.load(session))
        found = Box(simulator, session, exchanges)
        found.asked()
        yield found


def reload(box_: Box) -> LoadedData:
    """Load data again and give them to the session."""
    box_.session = replace(box_.session, loaded=SYSTEM.load(box_.session))
    return box_.session.loaded


def seller(country: str = "CZ", vat_mode: VatMode = VatMode.PAYER) -> Seller:
    return Seller(
        name="Ukázkový e-shop s.r.o.",
        address=Address(street="Ukázková 1", city="Praha", postcode="11000", country=country),
        country=country,
        company_id="27082440",
        vat_mode=vat_mode,
    )


def customer(**changes: Any) -> Customer:
    usual = Customer(
        address=Address(
            name="Jana Nováková",
            street="Dlouhá 12",
            city="Brno",
            postcode="60200",
            country="CZ",
            phone="+420600100200",
        ),
        email="jana@example.com",
    )
    return replace(usual, **changes)


def line(
    name: str = "Hrnek",
    net: str = "100.00",
    tax: str = "21.00",
    rate: str = "21",
    quantity: str = "1",
    treatment: Treatment = Treatment.STANDARD,
    **changes: Any,
) -> DocumentLine:
    amount, count = Decimal(net), Decimal(quantity)
    usual = DocumentLine(
        key=name,
        kind=LineKind.PRODUCT,
        name=name,
        quantity=count,
        unit_price=amount / count,
        net=amount,
        tax=Decimal(tax),
        rate=Decimal(rate),
        treatment=treatment,
        sku="HR-1",
        unit="ks",
    )
    return replace(usual, **changes)


def document(kind: Kind = Kind.INVOICE, number: str = "1001", **changes: Any) -> Document:
    """Return a document of one line, worth 121."""
    usual = Document(
        uuid=f"00000000-0000-4000-8000-{kind.value[:4].encode().hex()}{number[-4:].zfill(4)}",
        kind=kind,
        currency="CZK",
        language="cs",
        seller=seller(),
        customer=customer(),
        issued_on=TODAY,
        due_on=TODAY + timedelta(days=14),
        taxable_on=None if kind is Kind.PROFORMA else TODAY,
        order_number=number,
        order_external_id=number,
        lines=(line(),),
        payment_method="bacs",
        payment_title="Převodem",
    )
    return replace(usual, **changes)


def credit_note(invoice: Issued, *lines: DocumentLine, number: str = "1001") -> Document:
    """Return a credit note of an invoice; amounts of the lines are negative."""
    return document(
        Kind.CREDIT_NOTE,
        number,
        lines=lines or (line(net="-100.00", tax="-21.00", quantity="-1"),),
        original=Original(invoice.number, TODAY, external_id=invoice.external_id),
        reason="Vrácené zboží",
    )


def key_of(d: Document) -> str:
    return f"{d.uuid}:create"


def sent(b: Box, path: str = "IssuedInvoices") -> Any:
    """Return the body that was posted last."""
    bodies = [e.request_body for e in b.exchanges if e.method != "GET" and e.url.endswith(path)]
    return json.loads(bodies[-1])


def by_hand(b: Box, serial: int, **fields: Any) -> None:
    """Have a person issue an invoice in iDoklad itself."""
    partner = b.simulator.state["contacts"][0]["Id"]
    item = {
        "Name": "Ručně", "Amount": 1, "UnitPrice": 50, "PriceType": 0, "VatRateType": 1,
        "IsTaxMovement": False, "DiscountPercentage": 0,
    }  # fmt: skip
    body = {
        "PartnerId": partner, "CurrencyId": 1, "DateOfIssue": "2026-03-02",
        "DateOfTaxing": "2026-03-02", "DateOfMaturity": "2026-03-02", "Description": "ručně",
        "DocumentSerialNumber": serial, "NumericSequenceId": 5, "PaymentOptionId": 1,
        "IsEet": False, "IsIncomeTax": True, "Items": [item], **fields,
    }  # fmt: skip
    b.simulator.act("issue", body=body)
