"""A toy accounting system with faults, to drive effects through every outcome."""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from spojka.accounting.contract import (
    Capability,
    Delivery,
    Descriptor,
    Email,
    File,
    Issued,
    IssuedLine,
    IssuedState,
    LoadedData,
    Payment,
    PlannedRequest,
    Recovery,
    Session,
    Totals,
    WebhookError,
    WebhookHint,
)
from spojka.core.descriptor import Check, CheckStatus
from spojka.core.document import Document, Kind
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


class BusyToy(ToySystem):
    """A toy with books of its own, in which people and the system itself do things as well."""

    descriptor = replace(
        ToySystem.descriptor,
        key="busy",
        name="Busy",
        capabilities=ToySystem.descriptor.capabilities
        | {Capability.CHANGES, Capability.EMAIL, Capability.DELETE, Capability.WEBHOOK},
    )

    def __init__(self) -> None:
        super().__init__()
        self.books: dict[str, Issued] = {}
        """By external id; what is deleted is not there."""
        self.keeps_keys = True
        self.makes_final = False
        """A paid proforma makes the final invoice by itself."""
        self.sent: list[Email] = []
        self.knows_emails: bool | None = None
        self.payments: dict[str, Payment] = {}
        self.fails: dict[str, list[Exception]] = {}
        """Raised one a call, after the call was done, by the name of the operation."""
        self.registered: list[tuple[str, str]] = []

    def enter(self, key: str, **facts: Any) -> Issued:
        """Put a document into the books."""
        number = f"B{len(self.books) + 1:04}"
        issued = Issued(external_id=number.lower(), number=number, **facts)
        if self.keeps_keys:
            issued = replace(issued, key=key)
        self.books[issued.external_id] = issued
        return issued

    def change(self, external_id: str, **facts: Any) -> None:
        """Have somebody change a document there."""
        self.books[external_id] = replace(self.books[external_id], **facts)

    def _done(self, operation: str) -> None:
        self.calls.append(operation)
        if self.fails.get(operation):
            raise self.fails[operation].pop(0)

    def create(self, s: Session, d: Document, key: str) -> Issued:
        if self.before:
            self.calls.append("create")
            raise self.before.pop(0)
        self.created.append(key)
        issued = self.enter(
            key,
            kind=d.kind,
            issued_on=d.issued_on,
            total=d.total,
            vat=d.vat,
            currency=d.currency,
            order_number=d.order_number,
            state=IssuedState.PAID if d.amount_due <= 0 else IssuedState.OPEN,
            lines=tuple(
                IssuedLine(line.name, line.quantity, line.gross, line.rate) for line in d.lines
            ),
            made_from=d.deductions[0].external_id if d.deductions else "",
        )
        self.documents[key] = issued
        self._done("create")
        return issued

    def pay(
        self, s: Session, d: Document, issued: Issued, key: str, paid_on: date, amount: Decimal
    ) -> Payment:
        produced: tuple[Issued, ...] = ()
        self.change(issued.external_id, state=IssuedState.PAID, paid_amount=d.total)
        if self.makes_final and d.kind is Kind.PROFORMA:
            produced = (self.make_final(issued.external_id, d),)
        self.payments[key] = Payment(f"payment-{len(self.payments) + 1}", paid_on, amount, produced)
        self._done("pay")
        return self.payments[key]

    def make_final(self, proforma: str, d: Document, **facts: Any) -> Issued:
        """Make the final invoice of a proforma by itself."""
        told = {"total": d.total, "vat": d.vat, "order_number": d.order_number, **facts}
        return self.enter(
            "",
            kind=Kind.INVOICE,
            issued_on=d.issued_on,
            currency=d.currency,
            state=IssuedState.PAID,
            made_from=proforma,
            **told,
        )

    def find_payment(
        self, s: Session, d: Document, issued: Issued, key: str, paid_on: date, amount: Decimal
    ) -> Payment | None:
        self.calls.append("find_payment")
        return self.payments.get(key)

    def unpay(self, s: Session, d: Document, issued: Issued, key: str, payment_id: str) -> None:
        self.calls.append(f"unpay {payment_id}")
        self.change(issued.external_id, state=IssuedState.OPEN, paid_amount=Decimal(0))

    def email(self, s: Session, d: Document, issued: Issued, key: str, message: Email) -> None:
        self.sent.append(message)
        self._done("email")

    def find_email(
        self, s: Session, d: Document, issued: Issued, key: str, message: Email
    ) -> bool | None:
        self.calls.append("find_email")
        return self.knows_emails

    def cancel(self, s: Session, d: Document, issued: Issued, key: str) -> None:
        self.change(issued.external_id, state=IssuedState.CANCELLED)
        self._done("cancel")

    def delete(self, s: Session, d: Document, issued: Issued, key: str) -> None:
        self.books.pop(issued.external_id, None)
        self._done("delete")

    def read(self, s: Session, external_id: str, kind: Kind) -> Issued | None:
        self._done(f"read {external_id}")
        return self.books.get(external_id)

    def changes(self, s: Session, since: datetime | None) -> Iterator[Issued]:
        self._done("changes" if since else "changes all")
        yield from list(self.books.values())

    def read_webhook(self, s: Session, delivery: Delivery) -> list[WebhookHint]:
        told = delivery.headers.get("x-secret", "")
        if not s.webhook_secret or not hmac.compare_digest(told, s.webhook_secret):
            raise WebhookError("secret")
        said = json.loads(delivery.body)
        kind = Kind(said["kind"]) if said.get("kind") else None
        return [WebhookHint(external_id, kind) for external_id in said["ids"]]

    def register_webhook(self, s: Session) -> None:
        self.registered.append((s.webhook_address, s.webhook_secret))
