"""Payment codes: which standard a document's customer can scan, its text, and its picture."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from typing import Literal

import segno

from spojka.core.document import BankAccount, Document
from spojka.core.symbols import (
    DomesticAccount,
    PaymentRequest,
    SymbolError,
    checked_iban,
    epc,
    pay_by_square,
    spayd,
)
from spojka.documents.rendering.supply import asks_for_payment

Standard = Literal["spayd", "bysquare", "epc"]


@dataclass(frozen=True, slots=True)
class QrPayment:
    """A payment code: ``kind`` names the standard, ``text`` is what the code says."""

    kind: Standard
    text: str


def qr_payment(document: Document, number: str) -> QrPayment | None:
    """Return the payment code of a document, or ``None`` where it has none.

    Crowns to a Czech account are SPAYD; euros are PAY by square on a Slovak seller's document and
    EPC (SEPA) on any other. There is no code where nothing is to be paid, where the document names
    no account, for any other currency, and where the account or a symbol is not valid: a code
    that a bank refuses is worse than none, and the payment data stand beside it in words.
    """
    account = document.bank_account
    if account is None or not asks_for_payment(document):
        return None
    try:
        iban = _iban(account, document.seller.country)
        request = PaymentRequest(
            iban=iban,
            amount=document.amount_due,
            currency=document.currency,
            name=document.seller.name,
            bic=account.bic,
            variable_symbol=document.variable_symbol,
            constant_symbol=document.constant_symbol,
            specific_symbol=document.specific_symbol,
            due_on=document.due_on,
            message=number,
        )
        if document.currency == "CZK" and iban.startswith("CZ"):
            return QrPayment("spayd", spayd(request))
        if document.currency == "EUR" and document.seller.country.upper() == "SK":
            return QrPayment("bysquare", pay_by_square(request))
        if document.currency == "EUR":
            # SEPA has one line for both; the symbols are what payments are matched by.
            message = "" if document.variable_symbol else number
            return QrPayment("epc", epc(replace(request, message=message)))
    except SymbolError:
        return None
    return None


def _iban(account: BankAccount, country: str) -> str:
    """Return the account's IBAN, made of the domestic number where only that is known."""
    if account.iban:
        return checked_iban(account.iban)
    return DomesticAccount.parse(account.number).iban(country.upper())


def svg(payment: QrPayment) -> str:
    """Draw a payment code as SVG, square and without a size of its own.

    Error correction is level M, which all three standards ask for. One module of the quiet zone is
    in the picture; the white box which it stands in gives the other three.
    """
    out = io.BytesIO()
    code = segno.make_qr(payment.text, error="m", boost_error=False)
    code.save(out, kind="svg", border=1, xmldecl=False, svgns=True, omitsize=True)
    return out.getvalue().decode("ascii")
