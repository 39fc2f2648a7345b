"""Our document as SuperFaktura's API takes it, and what SuperFaktura will compute from that.

Source: API documentation, "Add invoice" and "Value lists"; what only the vendor's own WooCommerce
plugin does is named where it is used (read in November 2026).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode, urlsplit

from spojka.accounting.contract import Session, Totals
from spojka.accounting.superfaktura import arithmetic
from spojka.accounting.superfaktura.arithmetic import Item
from spojka.accounting.superfaktura.reading import mark, text
from spojka.core.document import Document, DocumentLine, Kind, Treatment, VatRow
from spojka.core.money import ZERO, plain, total
from spojka.core.order import Address, Customer
from spojka.core.outcome import RejectedError, Rejection
from spojka.core.paying import Way, way_of
from spojka.core.problem import Problem

Json = dict[str, Any]

TYPES = {Kind.INVOICE: "regular", Kind.PROFORMA: "proforma", Kind.CREDIT_NOTE: "cancel"}
LANGUAGES = {
    "cs": "cze", "de": "deu", "en": "eng", "es": "spa", "hr": "hrv", "hu": "hun", "it": "ita",
    "nl": "nld", "pl": "pol", "ro": "rom", "ru": "rus", "sk": "slo", "sl": "slv", "uk": "ukr",
}  # fmt: skip
WHOLE_ROWS = "whole"
"""Value of the setting ``lines``: each line as one piece for the price of the line."""

_WAYS = {
    Way.TRANSFER: "transfer",
    Way.CARD: "card",
    Way.CASH: "cash",
    Way.ON_DELIVERY: "cod",
    Way.CHEQUE: "other",
    Way.PAYPAL: "paypal",
    Way.GATEWAY: "card",
}
_GATEWAYS = re.compile(r"(?i)gopay|barion|besteron|trustpay|viamo")
_ROUNDING_NAME = {"cs": "Zaokrouhlení", "sk": "Zaokrúhlenie"}
_CREDITS = {
    "cs": "Opravný daňový doklad k faktuře {number}.",
    "sk": "Opravná faktúra k faktúre {number}.",
    "en": "Credit note to invoice {number}.",
}
_NO_DELIVERY = -1
"""No day of supply on the document; else the day of issue is filled in. Source: the plugin."""
_ALONE = frozenset({Treatment.REVERSE_CHARGE, Treatment.OSS})
"""Treatments that SuperFaktura knows for whole documents only."""


def checksum(key: str) -> str:
    """Return the name under which the answer to a request is kept (32 characters at most)."""
    return hashlib.sha256(key.encode()).hexdigest()[:32]


def payload(s: Session, d: Document, key: str) -> Json:
    """Return the body that makes a document.

    Raises:
        RejectedError: the document cannot be said in SuperFaktura's words.
    """
    treatment = _treatment_of_all(d)
    rounding, items = arithmetic.represent(
        d.lines, d.vat, whole_rows=s.settings.get("lines") == WHOLE_ROWS
    )
    rows = [_row(line, item) for line, item in zip(d.lines, items, strict=True)]
    by_vendor = bool(d.rounding) and _vendor_rounds(d)
    if d.rounding and not by_vendor:
        rows.append(_rounding_row(d))
    invoice: Json = {
        "type": TYPES[d.kind],
        "order_no": d.order_number,
        "variable": d.variable_symbol,
        "constant": d.constant_symbol,
        "specific": d.specific_symbol,
        "created": d.issued_on.isoformat(),
        "delivery": d.taxable_on.isoformat() if d.taxable_on else _NO_DELIVERY,
        "due": d.due_on.isoformat(),
        "invoice_currency": d.currency,
        "rounding": rounding.value,
        "add_rounding_item": 1 if by_vendor else None,
        "payment_type": payment_type(d),
        "header_comment": d.note_above,
        "comment": "\n".join(filter(None, _comments(d))),
        "internal_comment": mark(TYPES[d.kind], key),
        "issued_by": d.issued_by,
        "sequence_id": number(_series(s, d)),
        "bank_accounts": _bank_accounts(s, d),
        "vat_transfer": 1 if treatment is Treatment.REVERSE_CHARGE else None,
        **_settled(d),
        **_related(d),
    }
    body: Json = {
        "checksum": checksum(key),
        "Invoice": _filled(invoice),
        "InvoiceItem": rows,
        "Client": _client(d),
        "InvoiceSetting": _filled({"language": language_of(d), "callback_payment": callback(s)}),
    }
    if treatment is Treatment.OSS:
        body["InvoiceExtra"] = {"oss": True}
    if tags := _tags(s):
        body["Tag"] = {"Tag": tags}
    return body


def predicted(d: Document, body: Json) -> Totals:
    """Return what SuperFaktura will compute from ``body``, the payload of ``d``."""
    sent = body["InvoiceItem"][: len(d.lines)]
    items = [Item(row["quantity"], row["unit_price"]) for row in sent]
    rates = [Decimal(row["tax"]) for row in sent]
    sums = arithmetic.per_rate(zip(items, rates, strict=True), body["Invoice"]["rounding"])
    by_rate = {row.rate.normalize() + ZERO: row.treatment for row in d.vat}
    vat = tuple(VatRow(rate, by_rate[rate], *sums[rate]) for rate in sorted(sums, reverse=True))
    computed = total(row.gross for row in vat)
    if "add_rounding_item" in body["Invoice"]:
        rounded = arithmetic.rounded_to_coins(computed, d.currency)
        return Totals(computed if rounded is None else rounded, vat)
    added = total(row["unit_price"] for row in body["InvoiceItem"][len(d.lines) :])
    return Totals(computed + added, vat)


def payment_type(d: Document) -> str:
    """Return SuperFaktura's word for the way of paying; empty: it is not told."""
    name = f"{d.payment_method} {d.payment_title}"
    if gateway := _GATEWAYS.search(name):
        return gateway.group().lower()
    way = way_of(d.payment_method, d.payment_title)
    return _WAYS[way] if way else "other" if name.strip() else ""


def language_of(d: Document) -> str:
    """Return the document's language in SuperFaktura's code (ISO 639-2)."""
    return LANGUAGES.get(d.language[:2].lower(), "eng")


def callback(s: Session) -> str:
    """Return the address to be called after a payment; empty: none can be."""
    if not s.webhook_address or not s.webhook_secret:
        return ""
    joint = "&" if urlsplit(s.webhook_address).query else "?"
    return s.webhook_address + joint + urlencode({"secret_key": s.webhook_secret})


def _treatment_of_all(d: Document) -> Treatment | None:
    """Return the treatment that stands for the whole document, where there is one.

    Raises:
        RejectedError: there is one, and some line has VAT of another kind.
    """
    found = {line.treatment for line in d.lines}
    special = found & _ALONE
    if not special:
        return None
    taxed = {line.treatment for line in d.lines if line.tax} - special
    if len(special) > 1 or taxed:
        raise RejectedError(Problem.of("SPJ-SUPERFAKTURA-MIXED-VAT"), Rejection.DATA)
    return special.pop()


def _row(line: DocumentLine, item: Item) -> Json:
    # A line sent as one piece says in its name how many there are.
    count = abs(line.quantity)
    name, unit = line.name, line.unit
    if item.quantity == 1 and count not in (0, 1):
        name, unit = f"{plain(count.normalize())} × {line.name}", ""
    row = {
        "name": name or "–",
        "quantity": item.quantity,
        "unit": unit,
        "unit_price": item.unit_price,
        "tax": line.rate,
        "sku": line.sku,
    }
    return _filled(row)


def _vendor_rounds(d: Document) -> bool:
    """Tell whether SuperFaktura's own rounding comes to the document's total."""
    rounded = arithmetic.rounded_to_coins(d.net + d.tax, d.currency)
    return d.kind is not Kind.CREDIT_NOTE and rounded == d.total


def _rounding_row(d: Document) -> Json:
    name = _ROUNDING_NAME.get(d.language, "Rounding")
    return {"name": name, "quantity": Decimal(1), "unit_price": d.rounding, "tax": ZERO}


def _settled(d: Document) -> Json:
    """Say that it is paid. What a proforma paid is known to SuperFaktura from the proforma."""
    if d.paid_on is None or d.deductions or not d.total or d.paid_amount != d.total:
        return {}
    return {"already_paid": 1, "paydate": d.paid_on.isoformat()}


def _related(d: Document) -> Json:
    if d.kind is Kind.INVOICE and d.deductions:
        known = [deduction.external_id for deduction in d.deductions if deduction.external_id]
        elsewhere = total(row.amount for row in d.deductions if not row.external_id)
        # What was paid by a proforma of another system is a deposit here.
        return {"proforma_id": ",".join(known), "deposit": elsewhere or None}
    if d.kind is Kind.CREDIT_NOTE and d.original and d.original.external_id:
        return {"parent_id": number(d.original.external_id)}
    return {}


def _comments(d: Document) -> Iterator[str]:
    if d.kind is Kind.CREDIT_NOTE and d.original:
        # SuperFaktura names the invoice itself where it knows it.
        if not d.original.external_id:
            yield _CREDITS.get(d.language, _CREDITS["en"]).format(number=d.original.number)
        yield d.reason
    yield d.note_below


def _series(s: Session, d: Document) -> str:
    return dict(d.texts).get("series") or s.settings.get(f"series_{d.kind.value}", "")


def _bank_accounts(s: Session, d: Document) -> list[Json]:
    """Return the account to be paid to; an empty list: SuperFaktura's own choice.

    An account of the settings is named by its id, as the plugin does.
    """
    if chosen := s.settings.get("bank_account", ""):
        return [{"id": number(chosen)}]
    account = d.bank_account
    if account is None or not (account.iban or account.number):
        return []
    local, _, code = account.number.partition("/")
    named = {"bank_name": account.bank, "iban": account.iban, "swift": account.bic}
    return [_filled({**named, "account": local, "bank_code": code})]


def _tags(s: Session) -> list[int | str]:
    """Return ids of the tags that documents get; they cannot be given by name.

    Raises:
        RejectedError: a tag of the settings does not exist.
    """
    known: Mapping[str, str] = dict(s.loaded.facts.get("tags", {}))
    found: list[int | str] = []
    for name in filter(None, map(str.strip, s.settings.get("tags", "").split(","))):
        tag = next((id_ for id_, label in known.items() if name.casefold() == label.casefold()), "")
        if not tag and not name.isdecimal():
            problem = Problem.of("SPJ-SUPERFAKTURA-TAG", tag=name)
            raise RejectedError(problem, Rejection.CONFIG)
        found.append(number(tag or name))
    return found


def _client(d: Document) -> Json:
    """Return the customer. SuperFaktura finds or makes the contact itself.

    A person is the same one only at the same address; a company has its number. What is known of a
    contact is not overwritten by an order.
    """
    customer, address = d.customer, d.customer.address
    return _filled(
        {
            "name": address.company or address.name or customer.email or "–",
            "ico": "".join(customer.company_id.split()),
            **_tax_ids(customer),
            **_place(address),
            "email": customer.email,
            "phone": customer.phone or address.phone,
            **_delivery(d.delivery, address),
            "match_address": 0 if customer.company_id else 1,
            "update_addressbook": 0,
        }
    )


def _tax_ids(customer: Customer) -> Json:
    """Return tax numbers: ``ic_dph`` is the VAT number, ``dic`` the other one, Slovak only."""
    if customer.address.country == "SK":
        return {"dic": customer.tax_id, "ic_dph": customer.vat_id}
    return {"ic_dph": customer.vat_id or customer.tax_id}


def _place(address: Address) -> Json:
    return {
        "address": ", ".join(filter(None, (address.street, address.street2))),
        "city": address.city,
        "zip": address.postcode,
        "state": address.state,
        "country_iso_id": address.country,
    }


def _delivery(delivery: Address | None, billing: Address) -> Json:
    if delivery is None or delivery == billing:
        return {}
    place = {f"delivery_{name}": value for name, value in _place(delivery).items()}
    name = ", ".join(filter(None, (delivery.company, delivery.name)))
    return {"delivery_name": name, **place, "delivery_phone": delivery.phone}


def number(value: str) -> int | str:
    """Return an id as a number, as the documentation has it."""
    return int(value) if value.isascii() and value.isdecimal() else text(value)


def _filled(values: Json) -> Json:
    """Leave out what says nothing; zeros say something."""
    return {name: value for name, value in values.items() if value not in (None, "", [])}
