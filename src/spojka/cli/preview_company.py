"""The company that ``spojka preview`` makes documents for: a file, options, or a made-up one."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from spojka.cli.output import refuse
from spojka.core import profile as profiles
from spojka.core.dates import IssueDate, TaxableDate
from spojka.core.document import BankAccount, VatMode
from spojka.core.order import Address
from spojka.core.profile import Profile

VAT_MODES = ("auto", *(mode.value for mode in VatMode))
CONFLICTS = ("hold", "lines")
REFUNDS = ("hold", "allocate")

_SELLER = ("company_id", "tax_id", "vat_id", "register", "email", "phone", "web")
_ADDRESS = ("street", "city", "postcode")
_PROFILE = ("time_zone", "due_days", "due_days_by_payment", "issued_by")
KEYS = {
    *("name", "country", "vat_mode", "oss", "currency", "language", "issue_date", "taxable_date"),
    *("vat_conflict", "refunds", "bank_accounts"),
    *_SELLER,
    *_ADDRESS,
    *_PROFILE,
}


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says; ``None`` and empty leave the word to the file."""

    country: str = ""
    vat_mode: str = ""
    oss: bool | None = None
    language: str = ""
    vat_conflict: str = ""
    refunds: str = ""


@dataclass(frozen=True, slots=True)
class PreviewCompany:
    """A profile, and how contradictions in orders are read."""

    profile: Profile
    vat_conflict: str


def company(file: Path | None, options: Options) -> PreviewCompany:
    """Put the company together: options over file over the sample.

    Raises:
        CommandError: the file cannot be read or says something impossible (``SPJ-COMPANY-FILE``).
    """
    name = file.name if file else "--country"
    given = _read(file) if file else {}
    for key in ("country", "vat_mode", "oss", "language", "vat_conflict", "refunds"):
        value = getattr(options, key)
        if value not in {None, ""}:
            given[key] = value
    try:
        return _company(given)
    except (ValueError, TypeError, ZoneInfoNotFoundError) as error:
        refuse("SPJ-COMPANY-FILE", file=name, detail=error)


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except OSError as error:
        refuse("SPJ-COMPANY-FILE", file=file.name, detail=error.strerror or error)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        refuse("SPJ-COMPANY-FILE", file=file.name, detail=error)


def _company(given: Mapping[str, Any]) -> PreviewCompany:
    unknown = sorted(set(given) - KEYS)
    if unknown:
        raise ValueError(", ".join(unknown))
    country = _text(given, "country", "CZ").upper()
    if len(country) != 2 or not country.isalpha():
        raise ValueError(f"country = {country!r}")
    mode = _choice(given, "vat_mode", VAT_MODES, "auto")
    oss = given.get("oss")
    if oss is not None and not isinstance(oss, bool):
        raise TypeError(f"oss = {oss!r}")
    base = profiles.sample(country, None if mode == "auto" else VatMode(mode), oss)
    name = _text(given, "name", base.seller.name)
    address = Address(
        company=name, country=country, **{key: _text(given, key, "") for key in _ADDRESS}
    )
    seller = replace(
        base.seller,
        name=name,
        address=address,
        company_id=_text(given, "company_id", ""),
        tax_id=_text(given, "tax_id", ""),
        vat_id=_text(given, "vat_id", ""),
        register=_text(given, "register", ""),
        email=_text(given, "email", ""),
        phone=_text(given, "phone", ""),
        web=_text(given, "web", ""),
    )
    profile = replace(
        base,
        seller=seller,
        home_currency=_text(given, "currency", base.home_currency).upper(),
        language=_choice(given, "language", profiles.LANGUAGES, base.language),
        time_zone=ZoneInfo(_text(given, "time_zone", base.time_zone)).key,
        issue_date=IssueDate(_text(given, "issue_date", base.issue_date.value)),
        taxable_date=TaxableDate(_text(given, "taxable_date", base.taxable_date.value)),
        due_days=_days(given.get("due_days", base.due_days)),
        due_days_by_payment=_days_by_payment(given.get("due_days_by_payment", {})),
        allocate_refunds=_choice(given, "refunds", REFUNDS, "hold") == "allocate",
        bank_accounts=tuple(_bank_account(row) for row in given.get("bank_accounts", [])),
        issued_by=_text(given, "issued_by", ""),
    )
    return PreviewCompany(profile, _choice(given, "vat_conflict", CONFLICTS, "hold"))


def _text(given: Mapping[str, Any], key: str, default: str) -> str:
    value = given.get(key, default)
    if not isinstance(value, str):
        raise TypeError(f"{key} = {value!r}")
    return value.strip()


def _choice(given: Mapping[str, Any], key: str, choices: tuple[str, ...], default: str) -> str:
    value = _text(given, key, default)
    if value not in choices:
        raise ValueError(f"{key} = {value!r} ({', '.join(choices)})")
    return value


def _days(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 3650:
        raise ValueError(f"due_days = {value!r}")
    return value


def _days_by_payment(value: object) -> dict[str, int]:
    if not isinstance(value, dict):
        raise TypeError(f"due_days_by_payment = {value!r}")
    return {str(method): _days(days) for method, days in value.items()}


def _bank_account(row: object) -> BankAccount:
    known = ("currency", "iban", "bic", "number", "bank")
    if not isinstance(row, dict) or set(row) - set(known):
        raise ValueError(f"bank_accounts: {row!r}")
    return BankAccount(**{key: _text(row, key, "") for key in known})
