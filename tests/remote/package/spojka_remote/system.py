"""The remote accounting system of the tests, as a system like any other."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any
from urllib.parse import quote

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
from spojka.core.descriptor import Check, CheckStatus, FieldKind, FieldSpec
from spojka.core.document import Document
from spojka.core.outcome import OutcomeError

from .client import call, send, unclear

_LOGIN = {"en": "Login", "cs": "Přihlášení", "sk": "Prihlásenie"}


class Remote:
    """Issues documents over HTTP; finds them again by our key (``reference``)."""

    descriptor = Descriptor(
        key="remote",
        name="Remote",
        markets=("CZ",),
        summary={"en": "For tests.", "cs": "Pro zkoušky.", "sk": "Na skúšky."},
        fields=(
            FieldSpec("address", {"en": "Address", "cs": "Adresa", "sk": "Adresa"}, FieldKind.URL),
            FieldSpec(
                "api_key", {"en": "API key", "cs": "Klíč API", "sk": "Kľúč API"}, FieldKind.SECRET
            ),
        ),
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
        settle_seconds=1,  # the server ends a request whose client is gone within a second
    )

    def verify(self, s: Session) -> list[Check]:
        try:
            account = call(s, "GET", "/account")
        except OutcomeError as error:
            return [Check("login", _LOGIN, CheckStatus.FAIL, error.technical, error.problem)]
        return [Check("login", _LOGIN, CheckStatus.OK, detail=account["company"])]

    def load(self, s: Session) -> LoadedData:
        return LoadedData()

    def predict(self, s: Session, d: Document) -> Totals:
        """It takes net and tax of each row as they are sent, and adds them up."""
        return Totals(d.total, d.vat)

    def requests(self, s: Session, d: Document, key: str) -> list[PlannedRequest]:
        body = json.dumps(payload(d, key), ensure_ascii=False)
        return [PlannedRequest("POST", "/documents", {"X-Api-Key": "***"}, body)]

    def create(self, s: Session, d: Document, key: str) -> Issued:
        return _issued(call(s, "POST", "/documents", payload(d, key)))

    def look_up(self, s: Session, d: Document, key: str) -> Issued | None:
        found = call(s, "GET", f"/documents?reference={quote(key)}")["documents"]
        return _issued(found[0]) if found else None

    def pay(
        self, s: Session, d: Document, issued: Issued, key: str, paid_on: date, amount: Decimal
    ) -> Payment:
        body = {"paid_on": paid_on.isoformat(), "amount": str(amount)}
        call(s, "PUT", f"/documents/{issued.external_id}/payments/{quote(key)}", body)
        return Payment(key, paid_on, amount)

    def find_payment(
        self, s: Session, d: Document, issued: Issued, key: str, paid_on: date, amount: Decimal
    ) -> Payment | None:
        """Leave it to ``pay``, which records nothing twice under one key."""
        return None

    def unpay(self, s: Session, d: Document, issued: Issued, key: str, payment_id: str) -> None:
        call(s, "DELETE", f"/documents/{issued.external_id}/payments/{quote(key)}")

    def pdf(self, s: Session, d: Document, issued: Issued) -> File:
        response = send(s, "GET", f"/documents/{issued.external_id}/pdf")
        if not response.body.startswith(b"%PDF-"):
            raise unclear(s, "GET", response)
        return File(f"{issued.number}.pdf", "application/pdf", response.body)

    def cancel(self, s: Session, d: Document, issued: Issued, key: str) -> None:
        call(s, "PUT", f"/documents/{issued.external_id}/cancelled", {"reference": key})


def payload(d: Document, key: str) -> dict[str, Any]:
    """Return the document as the remote system wants it."""
    return {
        "reference": key,
        "kind": d.kind.value,
        "order": d.order_number,
        "currency": d.currency,
        "issued_on": d.issued_on.isoformat(),
        "customer": d.customer.address.company or d.customer.address.name,
        "rounding": str(d.rounding),
        "rows": [
            {"text": line.name, "net": str(line.net), "tax": str(line.tax), "rate": str(line.rate)}
            for line in d.lines
        ],
    }


def _issued(answer: Mapping[str, Any]) -> Issued:
    return Issued(
        external_id=str(answer["id"]),
        number=answer["number"],
        issued_on=date.fromisoformat(answer["issued_on"]),
        total=Decimal(answer["total"]),
        currency=answer["currency"],
        raw=answer,
    )


SYSTEM = Remote()
