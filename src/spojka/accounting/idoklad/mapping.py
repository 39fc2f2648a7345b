"""Our document as iDoklad's: one function makes what is sent, shown and predicted."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import date
from typing import Any

from spojka.accounting.contract import Session
from spojka.accounting.idoklad.codes import (
    REPORT_LANGUAGES,
    RESOURCES,
    ROUNDING_NAMES,
    ItemType,
    PriceType,
    Resource,
    VatRateType,
)
from spojka.accounting.idoklad.facts import Facts, PaymentOption
from spojka.accounting.idoklad.prediction import Picture, Row, picture
from spojka.core.document import Document, Kind, Treatment
from spojka.core.outcome import RejectedError, Rejection
from spojka.core.problem import Problem

_ORDER = {"cs": "Objednávka", "sk": "Objednávka", "en": "Order", "de": "Bestellung"}
_KEY = re.compile(r"\[([0-9a-f]{12})\]\s*$")
_ORDER_NUMBER = 25


def resource(kind: Kind) -> Resource:
    """Return where documents of a kind live.

    Raises:
        RejectedError: iDoklad has no such documents.
    """
    if kind not in RESOURCES:
        raise RejectedError(Problem.of("SPJ-IDOKLAD-KIND", kind=f"@{kind}"), Rejection.PERMANENT)
    return RESOURCES[kind]


def short_key(key: str) -> str:
    """Return what stands for our key in a document's description, where it can be searched."""
    return hashlib.sha256(key.encode()).hexdigest()[:12]


def key_in(description: object) -> str:
    """Return the short key in a description, if there is one."""
    found = _KEY.search(description) if isinstance(description, str) else None
    return found.group(1) if found else ""


def order_number(d: Document) -> str:
    """Return the order's number as iDoklad can hold it."""
    return d.order_number[:_ORDER_NUMBER]


def option_of(s: Session, d: Document, facts: Facts) -> PaymentOption | None:
    """Return the agenda's way of paying for the document."""
    chosen = s.settings.get("payment_option", "")
    return facts.payment_option(d.payment_method, d.payment_title, chosen)


def pictured(s: Session, d: Document, facts: Facts) -> Picture:
    """Return the rows that are sent; see :mod:`spojka.accounting.idoklad.prediction`."""
    return picture(d, facts, option_of(s, d, facts))


def document(s: Session, d: Document, key: str, facts: Facts) -> dict[str, Any]:
    """Return the body of the request that makes a document, without its number and its contact.

    Raises:
        RejectedError: something in it cannot be said to iDoklad.
    """
    resource(d.kind)
    vat, option = _vat(s, d, facts), option_of(s, d, facts)
    order = f"{_ORDER.get(d.language, _ORDER['en'])} {d.order_number}"
    body: dict[str, Any] = {
        "Description": f"{order} [{short_key(key)}]",
        "OrderNumber": order_number(d),
        "DateOfIssue": d.issued_on.isoformat(),
        "DateOfTaxing": (d.taxable_on or d.issued_on).isoformat(),
        "DateOfMaturity": max(d.due_on, d.issued_on).isoformat(),
        "CurrencyId": facts.currency_id(d.currency),
        "PaymentOptionId": option.id if option else None,
        "IsEet": False,
        "IsIncomeTax": True,
        "Items": items(s, d, facts),
    }
    texts = {
        "VariableSymbol": d.variable_symbol,
        "ItemsTextPrefix": d.note_above,
        "ItemsTextSuffix": d.note_below,
    }
    body |= {name: text for name, text in texts.items() if text}
    if d.language in REPORT_LANGUAGES:
        body["ReportLanguage"] = REPORT_LANGUAGES[d.language]
    if d.constant_symbol in facts.constant_symbols:
        body["ConstantSymbolId"] = facts.constant_symbols[d.constant_symbol]
    if d.exchange_rate is not None and d.exchange_rate.home == (facts.currency or "CZK"):
        body["ExchangeRate"] = d.exchange_rate.rate
        body["ExchangeRateAmount"] = d.exchange_rate.amount
    paid_on = _paid_on(d)
    if paid_on is not None:
        body["DateOfPayment"] = paid_on.isoformat()
    return body | _bank_account(s, d, facts) | vat | _of_kind(d, facts)


def _paid_on(d: Document) -> date | None:
    """Return when an invoice that is paid in full already was paid."""
    if d.kind is not Kind.INVOICE or d.paid_amount <= 0 or d.amount_due != 0:
        return None
    return d.paid_on or d.issued_on


def _bank_account(s: Session, d: Document, facts: Facts) -> dict[str, Any]:
    """Return the account to pay to: the chosen one, or one in the document's currency.

    Without either iDoklad takes the agenda's default.
    """
    account = facts.accounts.get(s.settings.get("bank_account", ""))
    if account is None:
        currency = facts.currencies.get(d.currency)
        fitting = (one for one in facts.accounts.values() if one.get("CurrencyId") == currency)
        account = next(fitting, {})
    names = ("AccountNumber", "BankId", "Iban", "Swift")
    return {name: account[name] for name in names if account.get(name)}


def _vat(s: Session, d: Document, facts: Facts) -> dict[str, Any]:
    treatments = {line.treatment for line in d.lines}
    if Treatment.OSS in treatments:
        if d.kind is Kind.PROFORMA:
            raise RejectedError(Problem.of("SPJ-IDOKLAD-OSS-PROFORMA"), Rejection.DATA)
        if facts.known and not facts.oss:
            raise RejectedError(Problem.of("SPJ-IDOKLAD-OSS-OFF"), Rejection.CONFIG)
        # iDoklad takes the rates of the contact's country, whatever the goods are sent to.
        if (d.customer.address.country or d.seller.country) == (facts.country or d.seller.country):
            raise RejectedError(Problem.of("SPJ-IDOKLAD-OSS-COUNTRY"), Rejection.DATA)
        return {"HasVatRegimeOss": True}
    code = s.settings.get("reverse_charge_code", "").strip()
    at_home = (d.customer.address.country or d.seller.country) == d.seller.country
    if code and at_home and Treatment.REVERSE_CHARGE in treatments and d.kind is not Kind.PROFORMA:
        if facts.known and code not in facts.reverse_charge:
            problem = Problem.of("SPJ-IDOKLAD-REVERSE-CHARGE", reverse_charge=code)
            raise RejectedError(problem, Rejection.CONFIG)
        return {"VatReverseChargeCodeId": facts.reverse_charge.get(code)}
    return {}


def _of_kind(d: Document, facts: Facts) -> dict[str, Any]:
    if d.kind is Kind.CREDIT_NOTE:
        original = d.original.external_id if d.original else ""
        if facts.known and not original.isdecimal():
            raise RejectedError(Problem.of("SPJ-IDOKLAD-ORIGINAL"), Rejection.DATA)
        return {
            "CreditedInvoiceId": int(original) if original.isdecimal() else None,
            "CreditNoteReason": d.reason or f"{_ORDER.get(d.language, 'Order')} {d.order_number}",
        }
    if d.deductions:
        return {"ProformaInvoices": [proforma_id(d)]}
    return {}


def proforma_id(d: Document) -> int:
    """Return the proforma that a final invoice deducts.

    Raises:
        RejectedError: there are several, which iDoklad does not take, or it is not known there.
    """
    if len(d.deductions) != 1 or not d.deductions[0].external_id.isdecimal():
        raise RejectedError(Problem.of("SPJ-IDOKLAD-ONE-PROFORMA"), Rejection.DATA)
    return int(d.deductions[0].external_id)


def items(s: Session, d: Document, facts: Facts) -> list[dict[str, Any]]:
    """Return the items that are sent."""
    shown = pictured(s, d, facts)
    found = [_item(d, row, facts) for row in shown.rows]
    if shown.rounding:
        found.append(
            {
                "Name": ROUNDING_NAMES.get(d.language, ROUNDING_NAMES["en"]),
                "Amount": 1,
                "UnitPrice": shown.rounding,
                "PriceType": PriceType.WITH_VAT.value,
                "VatRateType": VatRateType.ZERO.value,
                **_only_invoices(d, {"VatRate": 0, "DiscountPercentage": 0}),
                "IsTaxMovement": False,
            }
        )
    return found


def _item(d: Document, row: Row, facts: Facts) -> dict[str, Any]:
    item: dict[str, Any] = {
        "Name": row.name[:200].strip() or "–",
        "Amount": row.quantity,
        "UnitPrice": row.unit_price,
        "PriceType": row.price_type.value,
        "VatRateType": _rate_type(d, row, facts),
        "IsTaxMovement": False,
    }
    if row.treatment is not Treatment.NOT_A_PAYER:
        item |= _only_invoices(d, {"VatRate": row.rate})
    item |= _only_invoices(d, {"DiscountPercentage": 0})
    if row.line is not None and row.line.unit:
        item["Unit"] = row.line.unit[:20]
    if row.line is not None and row.line.sku:
        item["Code"] = row.line.sku[:20]
    return item


def _only_invoices(d: Document, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return fields that items of a proforma do not have."""
    return {} if d.kind is Kind.PROFORMA else dict(fields)


def _rate_type(d: Document, row: Row, facts: Facts) -> int | None:
    """Return which rate it is: of the customer's country under OSS, else of the agenda's.

    Raises:
        RejectedError: iDoklad has no such rate there on the day.
    """
    country = facts.country or d.seller.country
    if row.treatment is Treatment.OSS:
        country = d.customer.address.country or country
    return facts.rate_type(country, row.rate, d.taxable_on or d.issued_on)


def is_rounding(item: Mapping[str, Any]) -> bool:
    """Tell whether an item that was read is rounding: iDoklad's own, or ours."""
    if item.get("ItemType") == ItemType.ROUND:
        return True
    return item.get("VatRate") in (None, 0) and item.get("Name") in ROUNDING_NAMES.values()
