"""The own issuer as an accounting system like any other.

Its "other side" is the register in Spojka's own database, which reaches it through the session. It
computes nothing: totals are the document's own.
"""

from __future__ import annotations

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
    Register,
    Renderer,
    Session,
    Totals,
)
from spojka.core.descriptor import Check, CheckStatus
from spojka.core.document import Document
from spojka.core.problem import Problem


class OwnIssuer:
    """Issues documents with numbers from Spojka's own series."""

    descriptor = Descriptor(
        key="own",
        name="Spojka",
        markets=("CZ", "SK"),
        summary={
            "en": "Spojka issues the documents itself. No account is needed anywhere.",
            "cs": "Doklady vystavuje sama Spojka. Není potřeba žádný účet jinde.",
            "sk": "Doklady vystavuje sama Spojka. Netreba žiadny účet inde.",
        },
        fields=(),
        capabilities=frozenset(
            {
                Capability.INVOICE,
                Capability.PROFORMA,
                Capability.FINAL,
                Capability.TAX_DOCUMENT,
                Capability.CREDIT_NOTE,
                Capability.PAY,
                Capability.UNPAY,
                Capability.PDF,
                Capability.ISDOC,
                Capability.CANCEL,
                Capability.OWN_NUMBERS,
            }
        ),
        recovery=Recovery.SEARCH,
        settle_seconds=0,
    )

    def verify(self, s: Session) -> list[Check]:
        """Check that each kind of document has a series."""
        series = tuple(_register(s).series())
        label = {"en": "Number series", "cs": "Číselné řady", "sk": "Číselné rady"}
        if series:
            names = ", ".join(choice.name for choice in series)
            return [Check("series", label, CheckStatus.OK, detail=names)]
        problem = Problem.of("SPJ-SERIES-MISSING", kind="@invoice")
        return [Check("series", label, CheckStatus.FAIL, problem=problem)]

    def load(self, s: Session) -> LoadedData:
        """Read the company's number series."""
        return LoadedData(series=tuple(_register(s).series()))

    def predict(self, s: Session, d: Document) -> Totals:
        """Return the document's own totals."""
        return Totals(total=d.total, vat=d.vat)

    def requests(self, s: Session, d: Document, key: str) -> list[PlannedRequest]:
        """Return nothing: the own issuer sends nothing anywhere."""
        return []

    def create(self, s: Session, d: Document, key: str) -> Issued:
        """Enter the document in the register and give it its number, once per key."""
        return _register(s).enter(d, key)

    def look_up(self, s: Session, d: Document, key: str) -> Issued | None:
        """Find the document in the register."""
        return _register(s).find(key)

    def pay(
        self, s: Session, d: Document, issued: Issued, key: str, paid_on: date, amount: Decimal
    ) -> Payment:
        """Record a payment, once per key."""
        return _register(s).record_payment(issued.external_id, key, paid_on, amount)

    def find_payment(
        self, s: Session, d: Document, issued: Issued, key: str, paid_on: date, amount: Decimal
    ) -> Payment | None:
        """Leave it to ``pay``, which records nothing twice under one key."""
        return None

    def unpay(self, s: Session, d: Document, issued: Issued, key: str, payment_id: str) -> None:
        """Take the payment recorded under ``key`` back."""
        _register(s).remove_payment(issued.external_id, key)

    def pdf(self, s: Session, d: Document, issued: Issued) -> File:
        """Render the PDF."""
        return _renderer(s).pdf(d, issued)

    def isdoc(self, s: Session, d: Document, issued: Issued) -> File:
        """Render the ISDOC file."""
        return _renderer(s).isdoc(d, issued)

    def cancel(self, s: Session, d: Document, issued: Issued, key: str) -> None:
        """Mark the document cancelled; its number stays taken, so that the series has no gap."""
        _register(s).cancel(issued.external_id, key)


def _register(s: Session) -> Register:
    if s.register is None:
        raise TypeError("the own issuer needs a session with a register")
    return s.register


def _renderer(s: Session) -> Renderer:
    if s.renderer is None:
        raise TypeError("the own issuer needs a session with a renderer")
    return s.renderer


SYSTEM = OwnIssuer()
