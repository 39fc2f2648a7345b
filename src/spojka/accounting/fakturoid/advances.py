"""Tax documents on payment: Fakturoid makes them of a payment of a proforma.

A payment has one tax document at most, so that the payment itself says whether it was made. How
Fakturoid divides a payment over several rates is not documented, and nothing that is sent has an
influence on it: it is not predicted, but compared once it is made.
"""

from __future__ import annotations

from typing import Final

from spojka.accounting.contract import Issued, Session
from spojka.accounting.fakturoid.client import Api
from spojka.accounting.fakturoid.mapping import plain
from spojka.accounting.fakturoid.reading import Json, amount, day, issued, rows, text
from spojka.core.document import Document
from spojka.core.outcome import RejectedError, Rejection
from spojka.core.problem import Problem

MAKE: Final = "create_tax_document.json"


def create(api: Api, s: Session, d: Document) -> Issued:
    """Make the tax document of the payment, and record the payment where it is not recorded.

    Raises:
        RejectedError: the proforma is gone, or Fakturoid makes no tax document of the payment.
    """
    path = f"invoices/{_proforma_id(d)}"
    proforma = api.find("read", f"{path}.json")
    if proforma is None:
        raise _no_proforma(d)
    paid = _payment(proforma, d)
    if paid is None:
        body = {
            "paid_on": (d.paid_on or d.issued_on).isoformat(),
            "amount": plain(d.total),
            "send_thank_you_email": False,
        }
        paid = api.made("pay", api.write("pay", "POST", f"{path}/payments.json", body))
    if not text(paid, "tax_document_id"):
        response = api.write("tax_document", "POST", f"{path}/payments/{text(paid, 'id')}/{MAKE}")
        paid = api.made("tax_document", response, needs="tax_document_id")
    made = api.find("read", f"invoices/{text(paid, 'tax_document_id')}.json")
    if made is None:
        raise RejectedError(
            Problem.of("SPJ-FAKTUROID-GONE", number=text(paid, "tax_document_id")),
            Rejection.PERMANENT,
        )
    return issued(made)


def look_up(api: Api, d: Document) -> Issued | None:
    """Find the tax document by its payment."""
    proforma = api.find("read", f"invoices/{_proforma_id(d)}.json")
    paid = _payment(proforma, d) if proforma else None
    made = text(paid, "tax_document_id") if paid else ""
    found = api.find("read", f"invoices/{made}.json") if made else None
    return None if found is None else issued(found)


def _payment(proforma: Json, d: Document) -> Json | None:
    """Return the payment of this amount, that of the same day first."""
    same = [row for row in rows(proforma, "payments") if amount(row, "amount") == d.total]
    on_day = [row for row in same if day(row, "paid_on") == d.paid_on]
    return next(iter(on_day or same), None)


def _proforma_id(d: Document) -> str:
    if d.original is None or not d.original.external_id:
        raise _no_proforma(d)
    return d.original.external_id


def _no_proforma(d: Document) -> RejectedError:
    number = d.original.number if d.original else ""
    return RejectedError(Problem.of("SPJ-FAKTUROID-GONE", number=number), Rejection.PERMANENT)
