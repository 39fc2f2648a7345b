"""The connector: two calls a document, as most real ones; limited by ``BENCHMARK_LIMIT``."""

from __future__ import annotations

import os
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
from spojka.core.descriptor import Check, FieldKind, FieldSpec
from spojka.core.document import Document
from spojka.core.outcome import ThrottledError, UncertainError
from spojka.core.problem import Problem
from spojka.net.client import Response
from spojka.net.limits import Limit


def _limits() -> tuple[Limit, ...]:
    calls, _, seconds = os.environ.get("BENCHMARK_LIMIT", "").partition("/")
    return (Limit(int(calls), int(seconds)),) if calls else ()


def body_of(d: Document) -> dict[str, str]:
    """Return what is sent for a document."""
    return {
        "order": d.order_number,
        "currency": d.currency,
        "total": str(d.total),
        "rows": "\n".join(f"{line.name} {line.net} {line.tax}" for line in d.lines),
    }


class Remote:
    """Makes documents at the server and fetches their PDF."""

    descriptor = Descriptor(
        key="benchmark",
        name="Benchmark",
        markets=("CZ",),
        summary={"en": "For benchmarks."},
        fields=(FieldSpec("address", {"en": "Address"}, FieldKind.URL),),
        capabilities=frozenset({Capability.INVOICE, Capability.PDF}),
        recovery=Recovery.SEARCH,
        limits=_limits(),
    )

    def verify(self, s: Session) -> list[Check]:
        return []

    def load(self, s: Session) -> LoadedData:
        return LoadedData()

    def predict(self, s: Session, d: Document) -> Totals:
        return Totals(d.total, d.vat)

    def requests(self, s: Session, d: Document, key: str) -> list[PlannedRequest]:
        return []

    def create(self, s: Session, d: Document, key: str) -> Issued:
        made = _call(s, "POST", "/documents", body_of(d)).json()
        return Issued(made["number"], made["number"], issued_on=d.issued_on, total=d.total)

    def look_up(self, s: Session, d: Document, key: str) -> Issued | None:
        return None

    def pdf(self, s: Session, d: Document, issued: Issued) -> File:
        content = _call(s, "GET", f"/documents/{issued.number}/pdf").body
        return File(f"{issued.number}.pdf", "application/pdf", content)

    def isdoc(self, s: Session, d: Document, issued: Issued) -> File:
        raise TypeError("not declared")

    def pay(
        self, s: Session, d: Document, issued: Issued, key: str, paid_on: date, amount: Decimal
    ) -> Payment:
        raise TypeError("not declared")

    def unpay(self, s: Session, d: Document, issued: Issued, key: str, payment_id: str) -> None:
        raise TypeError("not declared")

    def cancel(self, s: Session, d: Document, issued: Issued, key: str) -> None:
        raise TypeError("not declared")


def _call(s: Session, method: str, path: str, body: dict[str, str] | None = None) -> Response:
    if s.http is None:
        raise TypeError("the system needs a session with an HTTP client")
    response = s.http.request(method, s.credentials["address"] + path, json=body)
    problem = Problem.of("SPJ-UNMAPPED", technical=str(response.status))
    if response.status == 429:
        raise ThrottledError(problem)
    if response.status >= 300:
        raise UncertainError(problem)
    return response


SYSTEM = Remote()
