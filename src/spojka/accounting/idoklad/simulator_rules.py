"""What the simulated iDoklad demands of data: required fields, lengths, ranges, known ids."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from spojka.accounting.idoklad.simulator_account import Agenda, RefusalError, malformed
from spojka.accounting.idoklad.simulator_sums import NORMAL, REDUCE
from spojka.accounting.simulator import Json

INVOICE, PROFORMA, CREDIT_NOTE = 0, 1, 3

_TEXTS = {
    "OrderNumber": 25, "VariableSymbol": 10, "AccountNumber": 50, "Iban": 50, "Swift": 11,
    "Description": 4000, "Note": 4000, "ItemsTextPrefix": 4000, "ItemsTextSuffix": 4000,
}  # fmt: skip
_REQUIRED = (
    "PartnerId", "CurrencyId", "DateOfIssue", "DateOfMaturity", "Description",
    "DocumentSerialNumber", "NumericSequenceId", "PaymentOptionId", "IsEet", "IsIncomeTax",
)  # fmt: skip
_MORE_REQUIRED = {
    INVOICE: ("DateOfTaxing", "Items"),
    PROFORMA: (),
    CREDIT_NOTE: ("DateOfTaxing", "Items", "CreditedInvoiceId", "CreditNoteReason"),
}
_NOT_OF_PROFORMAS = frozenset({"HasVatRegimeOss", "VatReverseChargeCodeId", "ProformaInvoices"})
_ITEM_TEXTS = {"Name": 200, "Unit": 20, "Code": 20, "DiscountName": 200}
_ITEM_REQUIRED = ("Name", "Amount", "UnitPrice", "PriceType", "VatRateType", "IsTaxMovement")
_CONTACT_TEXTS = {
    "CompanyName": 200, "Firstname": 50, "Surname": 50, "Title": 50, "Street": 100, "City": 50,
    "PostalCode": 11, "Email": 254, "Phone": 20, "Mobile": 20, "Fax": 20, "Www": 50,
    "IdentificationNumber": 20, "VatIdentificationNumber": 20, "VatIdentificationNumberSk": 20,
    "AccountNumber": 50, "Iban": 50, "Swift": 11, "Note": 4000,
}  # fmt: skip
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


def check_document(agenda: Agenda, kind: int, body: Json) -> None:
    """Check a document that is to be made.

    Raises:
        RefusalError: something is missing or wrong.
    """
    for name in (*_REQUIRED, *_MORE_REQUIRED[kind]):
        if body.get(name) in (None, "", []):
            raise malformed(f"The {name} field is required.")
    if kind == PROFORMA:
        for name in _NOT_OF_PROFORMAS & {n for n, v in body.items() if v}:
            raise malformed(f"{name} is not a member of ProformaInvoice.")
    _texts(body, _TEXTS)
    if day(body, "DateOfMaturity") < day(body, "DateOfIssue"):
        raise malformed("DateOfMaturity must be greater than or equal to DateOfIssue.")
    if len(body.get("ProformaInvoices") or [1]) != 1:
        raise malformed("ProformaInvoices must have 1 item.")
    _known("CurrencyId", body, agenda.ids("currencies"))
    _known("PaymentOptionId", body, agenda.ids("payment_options"))
    _known("ConstantSymbolId", body, agenda.ids("constant_symbols"))
    _known("VatReverseChargeCodeId", body, agenda.ids("reverse_charge_codes"))
    if body["PartnerId"] not in agenda.ids("contacts"):
        status = int(agenda.account["partner_status"])
        raise RefusalError(400, "format", status, "PartnerId: partner does not exist.")
    if body.get("HasVatRegimeOss") and (
        not agenda.account["oss"]
        or agenda.partner(body["PartnerId"])["CountryId"] == agenda.home_country
    ):
        raise RefusalError(119, "oss")
    for item in body.get("Items") or []:
        check_item(kind, item)


def check_item(kind: int, item: Any) -> None:
    """Check an item of a document.

    Raises:
        RefusalError: something is missing or wrong.
    """
    if not isinstance(item, dict):
        raise malformed("Items")
    required = (*_ITEM_REQUIRED, *(() if kind == PROFORMA else ("DiscountPercentage",)))
    for name in required:
        if item.get(name) in (None, ""):
            raise malformed(f"The {name} field of an item is required.")
    _texts(item, _ITEM_TEXTS)
    for name in ("Amount", "UnitPrice"):
        _number(item, name)
    one_of(item, "PriceType", {0, 1, 2})
    one_of(item, "VatRateType", {0, 1, 2, 3})
    one_of(item, "ItemType", {NORMAL, REDUCE} if kind == INVOICE else {NORMAL})
    if not 0 <= _number(item, "DiscountPercentage") <= Decimal("99.99"):
        raise malformed("DiscountPercentage must be between 0 and 99.99.")
    if kind == PROFORMA and "VatRate" in item:
        raise malformed("VatRate is not a member of ProformaInvoiceItem.")


def check_contact(agenda: Agenda, body: Json, required: Collection[str]) -> None:
    """Check a contact.

    Raises:
        RefusalError: something is missing or wrong.
    """
    for name in required:
        if body.get(name) in (None, ""):
            raise malformed(f"The {name} field is required.")
    _texts(body, _CONTACT_TEXTS)
    _known("CountryId", body, agenda.ids("countries"))
    email = body.get("Email")
    if email and not _EMAIL.fullmatch(email):
        raise malformed("Email is not a valid e-mail address.")


def one_of(body: Mapping[str, Any], name: str, values: Collection[int]) -> None:
    """Check an enumeration value, where there is one.

    Raises:
        RefusalError: it is none of ``values``.
    """
    value = body.get(name)
    if value is not None and (isinstance(value, bool) or value not in values):
        raise malformed(f"{name} has an invalid value.")


def day(body: Mapping[str, Any], name: str) -> date:
    """Return a date that was sent.

    Raises:
        RefusalError: it is none.
    """
    try:
        found = datetime.fromisoformat(str(body.get(name))).date()
    except ValueError:
        raise malformed(f"{name} is not a valid date.") from None
    if found < date(1753, 1, 1):
        raise malformed(f"{name} is too early.")
    return found


def _texts(body: Mapping[str, Any], lengths: Mapping[str, int]) -> None:
    for name, most in lengths.items():
        value = body.get(name)
        if value is None:
            continue
        if not isinstance(value, str):
            raise malformed(f"{name} is not a text.")
        if len(value) > most:
            raise malformed(f"The field {name} must be a string with a maximum length of {most}.")


def _number(body: Mapping[str, Any], name: str) -> Decimal:
    value = body.get(name) or 0
    if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
        raise malformed(f"{name} is not a number.")
    return Decimal(value)


def _known(name: str, body: Mapping[str, Any], ids: Collection[int]) -> None:
    value = body.get(name)
    if value is not None and value not in ids:
        raise malformed(f"{name} does not exist.")
