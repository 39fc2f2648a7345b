"""*Load data*: account, number formats, bank accounts, how VAT is computed, contacts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from spojka.accounting.contract import Choice, LoadedData, Session
from spojka.accounting.fakturoid.arithmetic import learn
from spojka.accounting.fakturoid.client import PAGE, Api
from spojka.accounting.fakturoid.reading import Json, amount, seen, text
from spojka.accounting.fakturoid.subjects import known_names
from spojka.core.outcome import RejectedError

CONTACT_PAGES: Final = 25
"""How many pages of contacts are read: their plans count calls a month, and looking for a customer
who is not known costs one call, so that reading thousands several times a day costs more."""
_OURS = ":create"
"""How a key of ours ends."""


def load(s: Session) -> LoadedData:
    """Read all of it.

    Raises:
        OutcomeError: the account or its lists could not be read.
    """
    api = Api(s)
    account = api.account()
    documents = api.rows("load", "invoices.json", {"page": "1"})
    contacts, facts = _contacts(api, s)
    currency = text(account, "currency")
    banks = [_bank(row) for row in api.rows("load", "bank_accounts.json")]
    return LoadedData(
        series=tuple(series(api)),
        bank_accounts=tuple(banks),
        vat_mode=VAT_MODES.get(text(account, "vat_mode"), ""),
        currencies=(currency,) if currency else (),
        facts={
            "slug": api.slug(),
            "currency": currency,
            "country": text(account, "country"),
            "vat_mode": text(account, "vat_mode"),
            "vat_ways": list(learn(known for row in documents if (known := seen(row)))),
            "rounds": _rounds(documents, currency),
            **facts,
        },
        contacts=contacts,
        contacts_complete=not facts["many_contacts"],
    )


VAT_MODES = {
    "vat_payer": "payer",
    "non_vat_payer": "non_payer",
    "identified_person": "identified",
}
"""Their words for the company's position towards VAT, and ours."""


def series(api: Api) -> list[Choice]:
    """Read the number formats; where the account does not give them, there is nothing to choose.

    The endpoint is documented, and was seen to answer 404 for a real account in July 2026.
    """
    try:
        found = api.rows("series", "number_formats/invoices.json")
    except RejectedError as error:
        if error.problem.code != "SPJ-FAKTUROID-SERIES-UNREADABLE":
            raise
        return []
    return [
        Choice(
            id=text(row, "id"),
            name=text(row, "format"),
            detail=text(row, "preview"),
            default=row.get("default") is True,
        )
        for row in found
    ]


def _bank(row: Json) -> Choice:
    return Choice(
        id=text(row, "id"),
        name=text(row, "name"),
        detail=text(row, "iban") or text(row, "number"),
        default=row.get("default") is True,
        currency=text(row, "currency"),
    )


def _rounds(documents: list[Json], currency: str) -> bool:
    """Tell whether the account rounds totals by itself.

    No attribute says so: documents that were not made by us and were rounded do, unless there are
    others with a fraction.
    """
    others = [
        row
        for row in documents
        if text(row, "currency") == currency and not text(row, "custom_id").endswith(_OURS)
    ]
    totals = [found for row in others if (found := amount(row, "total")) is not None]
    rounded = any(amount(row, "rounding_adjustment") for row in others)
    return rounded and all(found == found.to_integral_value() for found in totals)


def _contacts(api: Api, s: Session) -> tuple[tuple[tuple[str, str], ...], Mapping[str, Any]]:
    """Read all contacts; of an account with too many, those that changed since the last time."""
    since = str(s.loaded.facts.get("contacts_read_at", ""))
    many = bool(s.loaded.facts.get("many_contacts")) and _is_time(since)
    params = {"updated_since": since} if many else {}
    found: list[tuple[str, str]] = []
    full = 0
    for page in api.pages("load", "subjects.json", params, most=CONTACT_PAGES):
        full += len(page) >= PAGE
        found += [(name, text(row, "id")) for row in page for name in known_names(row)]
    facts = {
        "many_contacts": many or full == CONTACT_PAGES,
        "contacts_read_at": s.now.isoformat(),
    }
    return tuple(found), facts


def _is_time(value: str) -> bool:
    try:
        return datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False
