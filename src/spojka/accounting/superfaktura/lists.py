"""Lists of an account: companies, series, bank accounts, tags; and lists of documents.

Source: API documentation, "Value lists", "Bank account", "Other" and "Get list of invoices" (read
in November 2026).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from spojka.accounting.contract import Choice
from spojka.accounting.superfaktura.client import Api, filtered
from spojka.accounting.superfaktura.reading import Json, amount, part, rows, text
from spojka.core.document import Kind, VatMode
from spojka.core.outcome import RejectedError, Rejection
from spojka.core.problem import Problem

PAGE = 200
"""Documents of one page; more are not given."""
ALL_TIME = 0
"""Value of the time filters; by default lists show this year only."""
CURRENCIES = (
    "AUD", "BGN", "CAD", "CHF", "CNY", "CZK", "DKK", "EUR", "GBP", "HRK", "HUF", "JPY", "LKR",
    "MXN", "PLN", "RON", "RSD", "RUB", "SEK", "USD",
)  # fmt: skip
PAYMENTS = (
    ("transfer", "bankový prevod"), ("cash", "hotovosť"), ("card", "karta"), ("cod", "dobierka"),
    ("credit", "kreditná karta"), ("debit", "debetná karta"), ("inkaso", "inkaso"),
    ("gopay", "GoPay"), ("paypal", "PayPal"), ("barion", "Barion"), ("besteron", "Besteron"),
    ("trustpay", "TrustPay"), ("viamo", "Viamo"), ("accreditation", "vzájomný zápočet"),
    ("other", "iný spôsob"),
)  # fmt: skip

_KINDS = {"regular": Kind.INVOICE, "proforma": Kind.PROFORMA, "cancel": Kind.CREDIT_NOTE}
_PAYERS = {"1": VatMode.PAYER, "0": VatMode.NON_PAYER}


def companies(api: Api) -> dict[str, Json]:
    """Return the companies that the login may use, by id.

    Raises:
        OutcomeError: they were not told; if something else answers than SuperFaktura, too.
    """
    answer = api.get("companies", "/users/getUserCompaniesData/1")
    data = answer.get("data") if isinstance(answer, Mapping) else None
    if data is None:
        problem = Problem.of("SPJ-SUPERFAKTURA-ADDRESS", host=api.host)
        raise RejectedError(problem, Rejection.CONFIG)
    every = [part(row, "UserProfile") for row in rows({"data": data}, "data")]
    return {text(company.get("id")): company for company in every if text(company.get("id"))}


def vat_mode(company: Json) -> str:
    """Return the company's position towards VAT; empty: SuperFaktura says something unknown."""
    flag = company.get("tax_payer")
    word = {True: "1", False: "0"}.get(flag) if isinstance(flag, bool) else text(flag)
    return _PAYERS.get(word or "", "")


def series(api: Api) -> tuple[Choice, ...]:
    """Return the number series of the kinds of documents that are issued here."""
    answer = api.get("sequences", "/sequences/index.json")
    return tuple(
        Choice(
            id=text(row.get("id")),
            name=text(row.get("name")) or text(row.get("mask")),
            detail=text(row.get("sequence_formatted")) or text(row.get("mask")),
            default=row.get("default") in (True, 1, "1"),
            kind=kind.value,
        )
        for name, kind in _KINDS.items()
        for row in rows(answer, name)
        if text(row.get("id"))
    )


def bank_accounts(api: Api) -> tuple[Choice, ...]:
    """Return the company's bank accounts."""
    answer = api.get("bank_accounts", "/bank_accounts/index")
    every = [part(row, "BankAccount") for row in rows(answer, "BankAccounts")]
    return tuple(
        Choice(
            id=text(row.get("id")),
            name=text(row.get("bank_name")) or text(row.get("iban")),
            detail=text(row.get("iban"))
            or "/".join(filter(None, (text(row.get("account")), text(row.get("bank_code"))))),
            default=row.get("default") in (True, 1, "1"),
            currency=text(row.get("currency")),
        )
        for row in every
        if text(row.get("id"))
    )


def tags(api: Api) -> dict[str, str]:
    """Return the names of tags by id."""
    answer = api.get("tags", "/tags/index.json")
    named = answer.items() if isinstance(answer, Mapping) else enumerate(answer or ())
    return {str(id_): text(name) for id_, name in named if text(name)}


def documents(api: Api, operation: str, **filters: object) -> Iterator[Json]:
    """Yield documents of all time that the filters let through, page by page, oldest first."""
    page = 1
    while True:
        answer = _page(api, operation, page, filters)
        yield from rows(answer, "items")
        count = amount(answer.get("pageCount"))
        if count is None or page >= count:
            return
        page += 1


def _page(api: Api, operation: str, page: int, filters: Mapping[str, object]) -> Json:
    every = {"created": ALL_TIME, **filters, "per_page": PAGE, "page": page}
    path = filtered("/invoices/index.json", listinfo=1, sort="id", direction="ASC", **every)
    answer: Any = api.get(operation, path)
    # Without "listinfo" it would be a bare list. That nothing was found must be said.
    if isinstance(answer, Mapping) and isinstance(answer.get("items"), (list, Mapping)):
        return answer
    if isinstance(answer, list):
        return {"items": answer}
    raise api.senseless()
