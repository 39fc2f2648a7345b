"""Our document as one of Deník's, and its answer as ours."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from spojka.accounting.contract import Issued, IssuedLine, IssuedState, Totals
from spojka.core.document import Document, Kind, Treatment, VatRow
from spojka.core.money import plain, round_money, total


def payload(d: Document, key: str) -> dict[str, Any]:
    """Return the document as Deník wants it: prices of whole rows, with VAT."""
    return {
        "key": key,
        "kind": d.kind.value,
        "order": d.order_number,
        "currency": d.currency,
        "customer": d.customer.address.company or d.customer.address.name,
        "issued_on": d.issued_on.isoformat(),
        "rounding": plain(d.rounding),
        "made_from": d.deductions[0].external_id if d.deductions else "",
        "rows": [
            {
                "text": line.name,
                "price": plain(line.gross),
                "rate": plain(line.rate),
                "regime": line.treatment.value,
            }
            for line in d.lines
        ],
    }


def predict(d: Document) -> Totals:
    """Compute as Deník does: the VAT of each row is divided out of its price and rounded."""
    sums: dict[tuple[Treatment, Decimal], list[Decimal]] = {}
    for line in d.lines:
        tax = round_money(line.gross * line.rate / (100 + line.rate), d.currency)
        row = sums.setdefault((line.treatment, line.rate), [Decimal(0), Decimal(0)])
        row[0] += line.gross - tax
        row[1] += tax
    rows = tuple(VatRow(rate, treatment, *amounts) for (treatment, rate), amounts in sums.items())
    return Totals(total(row.gross for row in rows) + d.rounding, rows)


def issued(answer: Mapping[str, Any]) -> Issued:
    """Read a document of Deník's."""
    paid = total(Decimal(one["amount"]) for one in answer["payments"])
    worth = Decimal(answer["total"])
    return Issued(
        external_id=str(answer["id"]),
        number=answer["number"],
        total=worth,
        vat=_vat(answer["rows"]),
        currency=answer["currency"],
        paid_amount=paid,
        state=IssuedState.CANCELLED if answer["cancelled"]
        else IssuedState.PAID if paid and paid == worth else IssuedState.OPEN,
        raw=answer,
        kind=Kind(answer["kind"]),
        key=answer["key"],
        order_number=answer["order"],
        customer=answer["customer"],
        made_from=str(answer["made_from"] or ""),
        sent=bool(answer["emails"]),
        lines=tuple(
            IssuedLine(row["text"], Decimal(1), Decimal(row["price"]), Decimal(row["rate"]))
            for row in answer["rows"]
        ),
        changed_at=datetime.fromisoformat(answer["changed"]),
    )  # fmt: skip


def _vat(rows: list[Mapping[str, str]]) -> tuple[VatRow, ...]:
    return tuple(
        VatRow(
            Decimal(row["rate"]), Treatment(row["regime"]), Decimal(row["net"]), Decimal(row["vat"])
        )
        for row in rows
    )
