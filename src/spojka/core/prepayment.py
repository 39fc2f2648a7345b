"""Money received before the supply: the tax document on payment, and deductions on the final."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

from spojka.core.build import Request, frame
from spojka.core.document import Deduction, Document, DocumentLine, VatRow
from spojka.core.money import ZERO, allocate, minor_units, quantize, total
from spojka.core.order import LineKind, Order
from spojka.core.problem import Held, Problem
from spojka.core.profile import Profile

_PAYMENT_FOR = {
    "cs": "Přijatá platba k zálohové faktuře {number}",
    "sk": "Prijatá platba k zálohovej faktúre {number}",
    "en": "Payment received for proforma {number}",
}


def build_tax_document(
    order: Order,
    profile: Profile,
    request: Request,
    proforma: Document,
    number: str,
    paid_on: date,
    amount: Decimal | None = None,
) -> Document:
    """Make a tax document on a payment received for ``proforma`` with the given ``number``.

    The payment (``amount`` with VAT; ``None`` is the whole proforma) is divided over the rates in
    the proportion of the proforma, because VAT is due on what was paid, at the rates of what it was
    paid for (§ 20a and § 37 ZDPH).

    Raises:
        Held: the payment exceeds the proforma.
    """
    paid = proforma.total if amount is None else amount
    if paid > proforma.total or paid <= 0:
        raise Held(Problem.of("SPJ-PAYMENT-AMOUNT", amount=paid, total=proforma.total))
    document = replace(
        frame(order, profile, request),
        seller=proforma.seller,
        customer=proforma.customer,
        delivery=proforma.delivery,
        currency=proforma.currency,
        language=request.language or proforma.language,
        variable_symbol=proforma.variable_symbol,
        taxable_on=paid_on,
        paid_on=paid_on,
    )
    name = _PAYMENT_FOR.get(document.language, _PAYMENT_FOR["en"]).format(number=number)
    lines = tuple(
        DocumentLine(
            key=f"payment-{at}",
            kind=LineKind.FEE,
            name=name,
            quantity=Decimal(1),
            unit_price=row.net,
            net=row.net,
            tax=row.tax,
            rate=row.rate,
            treatment=row.treatment,
        )
        for at, row in enumerate(_share(proforma, paid), start=1)
    )
    document = replace(document, lines=lines)
    return replace(document, paid_amount=document.total)


def _share(proforma: Document, paid: Decimal) -> tuple[VatRow, ...]:
    rows = tuple(row for row in proforma.vat if row.gross)
    if paid == total(row.gross for row in rows):
        return rows
    if any(row.gross < 0 for row in rows):
        raise Held(Problem.of("SPJ-PAYMENT-AMOUNT", amount=paid, total=proforma.total))
    places = minor_units(proforma.currency)
    shares: list[VatRow] = []
    for row, gross in zip(rows, allocate(paid, [row.gross for row in rows], places), strict=True):
        tax = quantize(gross * row.tax / row.gross, places)
        shares.append(replace(row, net=gross - tax, tax=tax))
    return tuple(shares)


def deduction(
    proforma: Document,
    number: str,
    paid: Decimal,
    tax_document: Document | None = None,
    *,
    external_id: str = "",
    tax_document_id: str = "",
) -> Deduction:
    """Return what a final invoice deducts for a proforma of which ``paid`` was received.

    Where VAT was already declared by ``tax_document``, its rows are deducted with it.
    """
    return Deduction(
        number=number,
        variable_symbol=proforma.variable_symbol,
        issued_on=proforma.issued_on,
        amount=min(paid, proforma.total) if proforma.total > ZERO else paid,
        taxed=tax_document is not None,
        rows=tax_document.vat if tax_document is not None else (),
        external_id=external_id,
        tax_document_id=tax_document_id,
    )
