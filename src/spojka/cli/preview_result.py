"""What ``spojka preview`` says of one order, as data (see ``docs/cli.md``) and as text.

Amounts are strings: with the decimals of their currency at least, and more where they have more.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from spojka.accounting.contract import PlannedRequest, Totals
from spojka.cli.output import sentence
from spojka.core.document import Document, Treatment, VatRow
from spojka.core.money import minor_units, plain, quantize
from spojka.core.order import Order, Refund
from spojka.core.problem import Problem

DOCUMENT, HELD, NOTHING = "document", "held", "nothing"


@dataclass(frozen=True, slots=True)
class Result:
    """The outcome for one order, or for one refund of it."""

    result: str
    order: Order | None = None
    problems: tuple[Problem, ...] = ()
    document: Document | None = None
    requests: tuple[PlannedRequest, ...] = ()
    predicted: Totals | None = None
    refund: Refund | None = None
    refund_id: str = ""
    """Of a refund whose order is not known, with ``refund_amount``."""
    refund_amount: str = ""

    def as_json(self, language: str) -> dict[str, Any]:
        currency = self.order.currency if self.order else ""
        data: dict[str, Any] = {
            "order": {
                "number": self.order.number if self.order else None,
                "currency": currency or None,
                "total": amount(self.order.total, currency) if self.order else None,
            },
            "result": self.result,
            "reason": _reason(self.problems[0], language) if self.problems else None,
            "reasons": [_reason(problem, language) for problem in self.problems],
            "document": _document(self.document) if self.document else None,
            "requests": [_request(request) for request in self.requests],
            "predicted": _predicted(self.predicted, currency) if self.predicted else None,
        }
        if self.refund:
            data["refund"] = {
                "id": self.refund.external_id,
                "amount": amount(self.refund.amount, currency),
            }
        elif self.refund_id:
            data["refund"] = {"id": self.refund_id, "amount": self.refund_amount or None}
        return data

    def as_row(self, language: str) -> tuple[str, ...]:
        """Return the columns of the readable table."""
        order, document = self.order, self.document
        currency = order.currency if order else ""
        rates = document.vat if document else ()
        return (
            order.number if order else "",
            self.refund.external_id if self.refund else self.refund_id,
            self.result,
            document.kind.value if document else "",
            amount(document.total, currency) if document else "",
            amount(order.total, currency) if order else "",
            currency,
            " + ".join(_rate(row, currency) for row in rates),
            "; ".join(f"{problem.code} {sentence(problem, language)}" for problem in self.problems),
        )


TABLE = ("order", "refund", "result", "document", "total", "order total", "", "VAT", "reason")


def amount(value: Decimal, currency: str) -> str:
    """Write an amount with the decimals of its currency, or with more where it has more."""
    places = minor_units(currency)
    short = quantize(value, places)
    return plain(short) if short == value else plain(value.normalize())


def number(value: Decimal) -> str:
    """Write a rate or a quantity without needless zeros: ``21``, ``12.5``."""
    return plain(value.normalize()) if value else "0"


def _reason(problem: Problem, language: str) -> dict[str, Any]:
    return {
        "code": problem.code,
        "text": sentence(problem, language),
        "facts": dict(problem.facts),
    }


def _document(document: Document) -> dict[str, Any]:
    currency = document.currency
    return {
        "kind": document.kind.value,
        "currency": currency,
        "language": document.language,
        "issued_on": document.issued_on.isoformat(),
        "taxable_on": document.taxable_on.isoformat() if document.taxable_on else None,
        "due_on": document.due_on.isoformat(),
        "lines": [
            {
                "name": line.name,
                "sku": line.sku,
                "kind": line.kind.value,
                "quantity": number(line.quantity),
                "unit_price": amount(line.unit_price, currency),
                "net": amount(line.net, currency),
                "tax": amount(line.tax, currency),
                "gross": amount(line.gross, currency),
                "rate": number(line.rate),
                "treatment": line.treatment.value,
            }
            for line in document.lines
        ],
        "vat": _vat(document.vat, currency),
        "rounding": amount(document.rounding, currency),
        "total": amount(document.total, currency),
    }


def _vat(rows: Iterable[VatRow], currency: str) -> list[dict[str, str]]:
    return [
        {
            "rate": number(row.rate),
            "treatment": row.treatment.value,
            "net": amount(row.net, currency),
            "tax": amount(row.tax, currency),
            "gross": amount(row.gross, currency),
        }
        for row in rows
    ]


def _request(request: PlannedRequest) -> dict[str, Any]:
    return {
        "method": request.method,
        "url": request.url,
        "headers": dict(request.headers),
        "body": request.body,
    }


def _predicted(totals: Totals, currency: str) -> dict[str, Any]:
    return {"total": amount(totals.total, currency), "vat": _vat(totals.vat, currency)}


def _rate(row: VatRow, currency: str) -> str:
    named = "" if row.treatment is Treatment.STANDARD else f" ({row.treatment.value})"
    return f"{number(row.rate)} % {amount(row.tax, currency)}{named}"
