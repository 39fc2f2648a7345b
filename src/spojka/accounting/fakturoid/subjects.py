"""Contacts (“subjects”): found by what is known of them before one is made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from spojka.accounting.contacts import names
from spojka.accounting.contract import Session
from spojka.accounting.fakturoid.client import Api
from spojka.accounting.fakturoid.mapping import subject
from spojka.accounting.fakturoid.reading import Json, text
from spojka.core.document import Document
from spojka.core.outcome import RejectedError

_SUPPLIER = "supplier"
_TAKEN = "SPJ-FAKTUROID-CONTACT-TAKEN"


def ensure(api: Api, s: Session, d: Document) -> str:
    """Return the id of the document's customer, made where there is none.

    A contact found by our key or IČO is used as it is: the customer's data stand on the document.

    Raises:
        OutcomeError: it could neither be found nor made.
    """
    known = names(d.customer)
    if s.contacts is not None:
        for name in known.values():
            found = s.contacts.find(name)
            if found:
                _remember(s, known, found)
                return found
    found = _search(api, s, known) or _make(api, d, known)
    _remember(s, known, found)
    return found


def known_names(data: Json) -> Iterable[str]:
    """Return the names under which a contact that was read will be found."""
    if text(data, "custom_id").startswith("spojka-"):
        yield text(data, "custom_id")
    company_id = "".join(text(data, "registration_no").split())
    if company_id and text(data, "type") != _SUPPLIER:
        yield f"company:{company_id}"


def _search(api: Api, s: Session, known: Mapping[str, str]) -> str:
    """Look for the contact there, where it may exist without being known here.

    After a first try it may: the answer about one that was made may have been lost.
    """
    complete = s.contacts is not None and s.contacts.complete
    found = ""
    if s.attempt or (not complete and "company" not in known):
        found = _by_key(api, known["own"])
    if not found and not complete and "company" in known:
        found = _by_company(api, known["company"])
    return found


def _by_key(api: Api, own: str) -> str:
    found = api.rows("find_contact", "subjects.json", {"custom_id": own})
    return next((text(row, "id") for row in found if text(row, "custom_id") == own), "")


def _by_company(api: Api, company: str) -> str:
    query = {"query": company.partition(":")[2]}
    found = api.rows("find_contact", "subjects/search.json", query)
    return next((text(row, "id") for row in found if company in known_names(row)), "")


def _make(api: Api, d: Document, known: Mapping[str, str]) -> str:
    try:
        response = api.write("contact", "POST", "subjects.json", subject(d))
    except RejectedError as error:
        if error.problem.code == _TAKEN and (found := _by_key(api, known["own"])):
            return found
        raise
    return text(api.made("contact", response), "id")


def _remember(s: Session, known: Mapping[str, str], external_id: str) -> None:
    if s.contacts is not None:
        s.contacts.put(known.values(), external_id)
