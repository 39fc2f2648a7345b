"""A toy accounting system with faults, to drive effects through every outcome."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal

from spojka.accounting.contract import (
    Capability,
    Descriptor,
    File,
    Issued,
    LoadedData,
    Payment,
    PlannedRequest,
    Recovery,
    Session,
    Totals,
)
from spojka.core.descriptor import Check, CheckStatus
from spojka.core.document import Document
from spojka.core.problem import Problem

Fault = Callable[[], None]


class ToySystem:
    """Keeps documents in memory; ``faults`` are raised one a call, before or after committing."""

    descriptor = Descriptor(
        key="toy",
        name="Toy",
        markets=("CZ",),
        summary={"en": "A toy."},
        fields=(),
        capabilities=frozenset(
            {
                Capability.INVOICE,
                Capability.PROFORMA,
                Capability.FINAL,
                Capability.CREDIT_NOTE,
                Capability.PAY,
                Capability.UNPAY,
                Capability.PDF,
                Capability.CANCEL,
            }
        ),
        recovery=Recovery.SEARCH,
        settle_seconds=45,
    )

    def __init__(self) -> None:
        self.documents: dict[str, Issued] = {}
        self.created: list[str] = []
        """Every document that was really made, in order; a key twice is a duplicate."""
        self.calls: list[str] = []
        self.before: list[Exception] = []
        """Raised one a create, before anything is made."""
        self.after: list[Exception] = []
        """Raised one a create, after the document was made."""
        self.healthy = True

    def verify(self, s: Session) -> list[Check]:
        self.calls.append("verify")
        status = CheckStatus.OK if self.healthy else CheckStatus.FAIL
        problem = None if self.healthy else Problem.of("SPJ-SHOP-KEY", shop="toy")
        return [Check("login", {"en": "Login"}, status, problem=problem)]

    def load(self, s: Session) -> LoadedData:
        return LoadedData()

    def predict(self, s: Session, d: Document) -> Totals:
        return Totals(d.total, d.vat)

    def requests(self, s: Session, d: Document, key: str) -> list[PlannedRequest]:
        return []

    def create(self, s: Session, d: Document, key: str) -> Issued:
        self.calls.append("create")
        if self.before:
            raise self.before.pop(0)
        self.created.append(key)
        number = f"TOY{len(self.created):04}"
        self.documents[key] = Issued(number, number, issued_on=d.issued_on, total=d.total)
        if self.after:
            raise self.after.pop(0)
        return self.documents[key]

    def look_up(self, s: Session, d: Document, key: str) -> Issued | None:
        self.calls.append("look_up")
        return self.documents.get(key)

    def pay(
        self, s: Session, d: Document, issued: Issued, key: str, paid_on: date, amount: Decimal
    ) -> Payment:
        self.calls.append("pay")
        return Payment(key, paid_on, amount)

    def find_payment(
        self, s: Session, d: Document, issued: Issued, key: str, paid_on: date, amount: Decimal
    ) -> Payment | None:
        """Leave it to ``pay``, which records nothing twice under one key."""
        return None

    def unpay(self, s: Session, d: Document, issued: Issued, key: str, payment_id: str) -> None:
        self.calls.append("unpay")

    def pdf(self, s: Session, d: Document, issued: Issued) -> File:
        self.calls.append("pdf")
        return File(f"{issued.number}.pdf", "application/pdf", b"%PDF-toy")

    def cancel(self, s: Session, d: Document, issued: Issued, key: str) -> None:
        self.calls.append("cancel")
