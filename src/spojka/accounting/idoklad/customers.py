"""Customers as contacts of the agenda: known ones are found without a call, new ones are made.

A document there copies its contact at the moment of issuing, so that a contact must say what the
order says before the document is made: one that is found with other data is brought up to date.
What the order does not tell (the accountant's notes, a telephone) stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from spojka.accounting.contacts import names
from spojka.accounting.contract import Session
from spojka.accounting.idoklad.client import Api, Json, equals, is_gone
from spojka.accounting.idoklad.codes import number
from spojka.accounting.idoklad.facts import Facts
from spojka.core.document import Document
from spojka.core.order import Customer
from spojka.core.outcome import OutcomeError

PATH = "Contacts"
_LENGTHS = {
    "CompanyName": 200, "Firstname": 50, "Surname": 50, "Street": 100, "City": 50, "PostalCode": 11,
    "Email": 254, "Phone": 20, "IdentificationNumber": 20, "VatIdentificationNumber": 20,
    "VatIdentificationNumberSk": 20,
}  # fmt: skip


def contact(d: Document, facts: Facts) -> dict[str, Any]:
    """Return the contact that a document's customer is sent as.

    In a Slovak agenda the tax number and the VAT number are two fields; in a Czech one there is one
    for both.

    Raises:
        RejectedError: iDoklad does not know the customer's country.
    """
    customer, address = d.customer, d.customer.address
    country = address.country or d.seller.country
    slovak = (facts.country or d.seller.country) == "SK"
    given, _, family = address.name.rpartition(" ")
    person = address.company and address.name
    texts = {
        "CompanyName": address.company or address.name or customer.email or d.order_number,
        "Firstname": given if person else "",
        "Surname": family if person else "",
        "Street": ", ".join(part for part in (address.street, address.street2) if part),
        "City": address.city,
        "PostalCode": address.postcode,
        "Email": customer.email.strip(),
        "Phone": customer.phone or address.phone,
        "IdentificationNumber": "".join(customer.company_id.split()),
        "VatIdentificationNumber": customer.tax_id
        if slovak and customer.tax_id
        else customer.vat_id or customer.tax_id,
        "VatIdentificationNumberSk": customer.vat_id if slovak and customer.tax_id else "",
    }
    return {
        **{name: text[: _LENGTHS[name]].strip() for name, text in texts.items()},
        "CountryId": facts.country_id(country),
        "Note": names(customer)["own"],
    }


def partner(api: Api, s: Session, d: Document, facts: Facts) -> int:
    """Return the id of the customer's contact; no call where it is known with the same data."""
    known = names(d.customer)
    cached = s.contacts.find(known["data"]) if s.contacts is not None else None
    if cached is not None and number(cached) is not None:
        return int(cached)
    wanted = contact(d, facts)
    told = {name: value for name, value in wanted.items() if value and name != "Note"}
    found = _known(s, known)
    if found is None and _may_exist(s):
        there = _search(api, d.customer, wanted)
        if there is not None:
            found = number(there.get("Id"))
            if found is not None and told.items() <= there.items():
                _remember(s, known, found)
                return found
    if found is not None:
        try:
            api.made("update_contact", "PATCH", PATH, {"Id": found, **told})
        except OutcomeError as error:
            if not is_gone(error):
                raise
            forget(s, found)
        else:
            _remember(s, known, found)
            return found
    made = api.made("create_contact", "POST", PATH, wanted)
    contact_id = number(made["Id"])
    assert contact_id is not None
    _remember(s, known, contact_id)
    return contact_id


def forget(s: Session, contact_id: int) -> None:
    """Drop a contact that was deleted there."""
    if s.contacts is not None:
        s.contacts.forget(str(contact_id))


def known_names(row: Json) -> Iterable[str]:
    """Return the names under which a contact that was read there is found again."""
    note = str(row.get("Note") or "").strip()
    if note.startswith("spojka-"):
        yield note
    company_id = "".join(str(row.get("IdentificationNumber") or "").split())
    if company_id:
        yield f"company:{company_id}"


def _known(s: Session, known: Mapping[str, str]) -> int | None:
    if s.contacts is None:
        return None
    ids = (s.contacts.find(known[name]) for name in ("own", "company") if name in known)
    return next((number(one) for one in ids if one is not None), None)


def _may_exist(s: Session) -> bool:
    """Tell whether a contact that is not known may exist: not all were read, or one was tried."""
    return s.contacts is None or not s.contacts.complete or s.attempt > 0


def _search(api: Api, customer: Customer, wanted: Mapping[str, Any]) -> Json | None:
    """Look for the contact by what iDoklad can filter: registration number or e-mail, and name."""
    company_id = str(wanted["IdentificationNumber"])
    if company_id:
        by = equals("IdentificationNumber", company_id)
    elif wanted["Email"]:
        by = equals("Email", str(wanted["Email"]))
    else:
        by = equals("CompanyName", str(wanted["CompanyName"]))
    own = names(customer)["own"]
    rows = list(api.pages("find_contact", PATH, most=1, filter=by))
    for row in rows:
        if row.get("Note") == own:
            return row
    return next(iter(rows), None) if company_id else None


def _remember(s: Session, known: Mapping[str, str], contact_id: int) -> None:
    if s.contacts is not None:
        s.contacts.put(known.values(), str(contact_id))
