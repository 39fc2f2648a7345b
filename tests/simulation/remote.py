"""Accounting systems on the other side: in memory, faulty, and counting what was really made."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
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
from spojka.core.outcome import RejectedError, Rejection
from spojka.core.problem import Problem
from tests.simulation.chaos import Chaos, ViolationError

SETTLE_SECONDS = 45
STALE_SECONDS = 200
"""Searches may miss a document for so long after it was made."""


@dataclass
class _Kept:
    issued: Issued
    seen_from: datetime
    payments: dict[str, Decimal] = field(default_factory=dict)
    cancelled: bool = False


@dataclass
class _Doubt:
    since: datetime
    stale: bool
    looked_up: bool = False


class RemoteSystem:
    """An account of a system that makes another document each time it is asked to.

    Nothing here is idempotent by itself but recording a payment: whatever is not doubled is not
    doubled because Spojka looked first.
    """

    def __init__(self, key: str, recovery: Recovery, chaos: Chaos) -> None:
        self.descriptor = Descriptor(
            key=key,
            name=key,
            markets=("CZ",),
            summary={"en": "Simulated."},
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
                    Capability.CANCEL,
                }
            ),
            recovery=recovery,
            settle_seconds=SETTLE_SECONDS,
        )
        self._chaos = chaos
        self.made: defaultdict[str, list[_Kept]] = defaultdict(list)
        """Every document that was really made, by key."""
        self._by_id: dict[str, _Kept] = {}
        self._doubts: dict[str, _Doubt] = {}

    def verify(self, s: Session) -> list[Check]:
        return [Check("login", {"en": "Login"}, CheckStatus.OK)]

    def load(self, s: Session) -> LoadedData:
        return LoadedData()

    def predict(self, s: Session, d: Document) -> Totals:
        return Totals(d.total, d.vat)

    def requests(self, s: Session, d: Document, key: str) -> list[PlannedRequest]:
        return []

    # create and look up

    def create(self, s: Session, d: Document, key: str) -> Issued:
        doubt = self._doubts.pop(key, None)
        if doubt is not None and not doubt.looked_up:
            raise ViolationError(f"{key} was sent again without having been looked up")

        def doubted(stale: bool) -> None:
            self._doubts[key] = _Doubt(self._chaos.now, stale)

        issued: Issued = self._chaos.call(lambda: self._make(d, key), write=True, doubt=doubted)
        return issued

    def _make(self, d: Document, key: str) -> Issued:
        number = f"{self.descriptor.key}-{len(self._by_id) + 1:06}"
        issued = Issued(number, number, issued_on=d.issued_on, total=d.total, currency=d.currency)
        doubt = self._doubts.get(key)
        hidden = self._chaos.rng.uniform(0, STALE_SECONDS) if doubt and doubt.stale else 0
        kept = _Kept(issued, self._chaos.now + timedelta(seconds=hidden))
        self.made[key].append(kept)
        self._by_id[number] = kept
        if len(self.made[key]) > 1:
            raise ViolationError(f"{key} was made twice")
        return issued

    def look_up(self, s: Session, d: Document, key: str) -> Issued | None:
        issued: Issued | None = self._chaos.call(lambda: self._find(key), write=False)
        doubt = self._doubts.get(key)
        if doubt is not None:
            doubt.looked_up = self._chaos.now - doubt.since >= timedelta(seconds=SETTLE_SECONDS)
        return issued

    def _find(self, key: str) -> Issued | None:
        for kept in self.made[key]:
            searched = self.descriptor.recovery is Recovery.SEARCH
            if not searched or kept.seen_from <= self._chaos.now:
                return replace(kept.issued)
        return None

    # what follows

    def pay(
        self, s: Session, d: Document, issued: Issued, key: str, paid_on: date, amount: Decimal
    ) -> Payment:
        def record() -> Payment:
            self._kept(issued).payments[key] = amount
            return Payment(key, paid_on, amount)

        payment: Payment = self._chaos.call(record, write=True)
        return payment

    def find_payment(
        self, s: Session, d: Document, issued: Issued, key: str, paid_on: date, amount: Decimal
    ) -> Payment | None:
        """Leave it to ``pay``, which records nothing twice under one key."""
        return None

    def unpay(self, s: Session, d: Document, issued: Issued, key: str, payment_id: str) -> None:
        self._chaos.call(lambda: self._kept(issued).payments.pop(key, None), write=True)

    def pdf(self, s: Session, d: Document, issued: Issued) -> File:
        content = f"%PDF {issued.number}".encode()
        file = File(f"{issued.number}.pdf", "application/pdf", content)
        fetched: File = self._chaos.call(lambda: file, write=False)
        return fetched

    def cancel(self, s: Session, d: Document, issued: Issued, key: str) -> None:
        def mark() -> None:
            self._kept(issued).cancelled = True

        self._chaos.call(mark, write=True)

    def _kept(self, issued: Issued) -> _Kept:
        kept = self._by_id.get(issued.external_id)
        if kept is None:
            problem = Problem.of("SPJ-REGISTER-UNKNOWN", id=issued.external_id)
            raise RejectedError(problem, Rejection.PERMANENT)
        return kept
