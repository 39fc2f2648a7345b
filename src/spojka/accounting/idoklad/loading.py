"""*Load data*: the agenda, its series, accounts, code lists and contacts.

A plan allows some thousands of calls a month, and this runs several times a day: code lists are
read again once a day, and so are all contacts; in between only contacts changed since.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from spojka.accounting.contract import Choice, LoadedData, Session
from spojka.accounting.idoklad import customers
from spojka.accounting.idoklad.arithmetic import USUAL, Arithmetic, measure
from spojka.accounting.idoklad.client import PAGE_SIZE, Api, Json, since
from spojka.accounting.idoklad.codes import (
    RESOURCES,
    Plan,
    Registration,
    Rounding,
    VatRateType,
    number,
)
from spojka.accounting.idoklad.facts import (
    Facts,
    PaymentOption,
    Series,
    VatRate,
    rate_of,
)
from spojka.core.document import VatMode
from spojka.net.limits import MONTH

MONTHLY_CALLS: Mapping[int | None, int] = {Plan.STANDARD: 7_500, Plan.PREMIUM: 75_000}
"""Calls a month by plan, as third parties state them."""
_LISTS_LAST = timedelta(hours=20)
_MOST_CONTACTS = 5_000
_EARLIER = timedelta(hours=3)
"""How much earlier changes are asked for: times there carry no zone."""

VAT_MODES = {
    Registration.NON_PAYER: VatMode.NON_PAYER,
    Registration.PAYER: VatMode.PAYER,
    Registration.IDENTIFIED: VatMode.IDENTIFIED,
}


def agenda(api: Api, s: Session) -> Json:
    """Read the agenda, and tell the budget what its plan allows a month."""
    found = api.record("agenda", "Account/CurrentAgenda")
    calls = MONTHLY_CALLS.get(plan_of(found))
    if s.budget is not None and calls is not None:
        s.budget.observe(calls, seconds=MONTH, limit=calls)
    return found


def plan_of(agenda: Json) -> int | None:
    """Return the agenda's plan; ``None`` where it is not told."""
    subscription = agenda.get("Subscription")
    return number(subscription.get("Type")) if isinstance(subscription, Mapping) else None


def load(api: Api, s: Session) -> LoadedData:
    """Read what later operations and the choices of the settings need."""
    home = agenda(api, s)
    fresh = _fresh(s, "lists_at")
    kept = Facts.of(s.loaded)
    lists = kept if fresh and kept.known else _lists(api)
    options = [
        PaymentOption(row["Id"], str(row.get("Name") or ""), row.get("IsRounded") is True,
                      row.get("IsDefault") is True)
        for row in _records(api, "PaymentOptions")
    ]  # fmt: skip
    sequences = list(_records(api, "NumericSequences"))
    accounts = list(_records(api, "BankAccounts"))
    facts = _facts(home, lists, options, sequences, accounts)
    how = kept.arithmetic if lists is kept else _measure(api, s, facts)
    facts = replace(facts, arithmetic=how)
    contacts, complete, contacts_at = _contacts(api, s)
    codes = {id_: code for code, id_ in facts.currencies.items()}
    return LoadedData(
        series=tuple(_series_choice(row) for row in sequences if _kind(row)),
        bank_accounts=tuple(_account_choice(row, codes) for row in accounts),
        payment_methods=tuple(
            Choice(str(one.id), one.name, default=one.default) for one in options
        ),
        vat_mode=vat_mode(home) or "",
        currencies=tuple(sorted(facts.currencies)),
        facts={
            **facts.kept(),
            "plan": plan_of(home),
            "lists_at": s.loaded.facts["lists_at"] if lists is kept else s.now.isoformat(),
            "contacts_at": contacts_at,
            "contacts_until": s.now.isoformat(),
        },
        contacts=tuple(contacts.items()),
        contacts_complete=complete,
    )


def vat_mode(agenda: Json) -> VatMode | None:
    """Return the agenda's position towards VAT; ``None`` where it is not told."""
    registration = number(agenda.get("VatRegistrationType"))
    if registration is None and isinstance(agenda.get("IsRegisteredForVat"), bool):
        registration = int(agenda["IsRegisteredForVat"])
    return VAT_MODES.get(Registration(registration)) if registration in set(Registration) else None


def _fresh(s: Session, name: str) -> bool:
    """Tell whether what was read at a kept time need not be read again yet."""
    return s.now - _kept_time(s, name) < _LISTS_LAST


def _kept_time(s: Session, name: str) -> datetime:
    text = s.loaded.facts.get(name)
    return datetime.fromisoformat(text) if text else datetime.min.replace(tzinfo=UTC)


def _records(api: Api, path: str) -> Iterable[Json]:
    """Read a list; what has no id is left out."""
    return (row for row in api.pages("list", path) if number(row.get("Id")) is not None)


def _lists(api: Api) -> Facts:
    """Read the code lists, which are the same for every agenda and change with the law."""
    return Facts(
        currencies=_ids(_records(api, "Currencies")),
        countries=_ids(_records(api, "Countries")),
        rates=tuple(_rates(_records(api, "VatRates"))),
        reverse_charge=_ids(_records(api, "VatReverseChargeCodes")),
        constant_symbols=_ids(_records(api, "ConstantSymbols")),
    )


def _ids(rows: Iterable[Json]) -> dict[str, int]:
    return {str(row["Code"]): row["Id"] for row in rows if row.get("Code")}


def _rates(rows: Iterable[Json]) -> Iterable[VatRate]:
    return (rate for row in rows if (rate := rate_of(row)) is not None)


def _facts(
    home: Json,
    lists: Facts,
    options: list[PaymentOption],
    sequences: list[Json],
    accounts: list[Json],
) -> Facts:
    contact = home.get("Contact")
    country_id = number(contact.get("CountryId")) if isinstance(contact, Mapping) else None
    by_id = {id_: code for code, id_ in lists.countries.items()}
    currencies = {id_: code for code, id_ in lists.currencies.items()}
    return Facts(
        known=True,
        country=by_id.get(country_id or 0, "CZ"),
        currency=currencies.get(number(home.get("DefaultCurrencyId")) or 0, ""),
        registration=number(home.get("VatRegistrationType")),
        oss=home.get("HasVatRegimeOss") is True,
        rounding=number(home.get("RoundingDifference")) or Rounding.NEVER.value,
        price_decimals=_decimals(home.get("CountOfDecimalsForPrice")),
        amount_decimals=_decimals(home.get("CountOfDecimalsForAmount")),
        currencies=lists.currencies,
        countries=lists.countries,
        options=tuple(options),
        rates=lists.rates,
        series={
            str(row["Id"]): Series(
                number(row.get("DocumentType")) or 0,
                number(row.get("Year")) or 0,
                number(row.get("LastNumber")) or 0,
                row.get("IsDefault") is True,
            )
            for row in sequences
            if _kind(row)
        },
        accounts={
            str(row["Id"]): {
                name: row.get(name)
                for name in ("AccountNumber", "BankId", "Iban", "Swift", "CurrencyId")
            }
            for row in accounts
        },
        reverse_charge=lists.reverse_charge,
        constant_symbols=lists.constant_symbols,
    )


def _measure(api: Api, s: Session, facts: Facts) -> Arithmetic:
    """Find out how the agenda computes, by its own rates of today."""
    today = s.now.astimezone(ZoneInfo(s.time_zone)).date()
    country = facts.countries.get(facts.country)
    rates = {
        one.type: one.rate
        for one in facts.rates
        if one.country == country and one.since <= today <= one.until and one.rate
    }
    currency, option = facts.currencies.get(facts.currency), next(iter(facts.options), None)
    is_payer = facts.registration == Registration.PAYER
    if not is_payer or VatRateType.BASIC not in rates or currency is None or option is None:
        return USUAL
    return measure(api, rates, currency, option.id, today, facts.price_decimals)


def _decimals(value: Any) -> int:
    """Return how many decimals the agenda shows; two where it does not tell."""
    told = number(value)
    return told if told is not None and 0 <= told <= 8 else 2


def _kind(row: Json) -> str:
    """Return the kind of documents that a series numbers; empty for those that are not ours."""
    type_ = number(row.get("DocumentType"))
    return next((kind.value for kind, p in RESOURCES.items() if p.sequence == type_), "")


def _series_choice(row: Json) -> Choice:
    return Choice(
        id=str(row["Id"]),
        name=str(row.get("Name") or row["Id"]),
        detail=str(row.get("NumberFormat") or ""),
        default=row.get("IsDefault") is True,
        kind=_kind(row),
    )


def _account_choice(row: Json, currencies: Mapping[int, str]) -> Choice:
    shown = str(row.get("Iban") or row.get("AccountNumber") or "")
    return Choice(
        id=str(row["Id"]),
        name=str(row.get("Name") or shown),
        detail=shown,
        default=row.get("IsDefault") is True,
        currency=currencies.get(number(row.get("CurrencyId")) or 0, ""),
    )


def _contacts(api: Api, s: Session) -> tuple[dict[str, str], bool, str]:
    """Return contacts by name, whether they are all, and when all were read last."""
    pages = _MOST_CONTACTS // PAGE_SIZE
    found: dict[str, str] = {}
    asked: dict[str, str] = {}
    read_at = s.now.isoformat()
    if s.loaded.contacts and s.loaded.contacts_complete and _fresh(s, "contacts_at"):
        found = dict(s.loaded.contacts)
        asked = {"filter": since("DateLastChange", _kept_time(s, "contacts_until") - _EARLIER)}
        read_at = s.loaded.facts["contacts_at"]
    count = 0
    for row in api.pages("contacts", customers.PATH, most=pages, sort="Id~Asc", **asked):
        count += 1
        for name in customers.known_names(row):
            found[name] = str(row["Id"])
    return found, count < pages * PAGE_SIZE, read_at
