"""Rows of the checklist that every system has: what they are called, and how they are made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from spojka.core.descriptor import Check, CheckStatus, Text
from spojka.core.outcome import OutcomeError
from spojka.core.problem import Problem

LABELS: Mapping[str, Text] = MappingProxyType(
    {
        "address": {"en": "Address", "cs": "Adresa", "sk": "Adresa"},
        "tls": {
            "en": "Secure connection (TLS)",
            "cs": "Zabezpečené spojení (TLS)",
            "sk": "Zabezpečené spojenie (TLS)",
        },
        "login": {"en": "Login", "cs": "Přihlášení", "sk": "Prihlásenie"},
        "company": {"en": "Company", "cs": "Firma", "sk": "Firma"},
        "plan": {"en": "Plan", "cs": "Tarif", "sk": "Program"},
        "rights": {"en": "Rights", "cs": "Oprávnění", "sk": "Oprávnenia"},
        "series": {"en": "Number series", "cs": "Číselné řady", "sk": "Číselné rady"},
        "bank_account": {"en": "Bank account", "cs": "Bankovní účet", "sk": "Bankový účet"},
        "vat_mode": {"en": "VAT mode", "cs": "Režim DPH", "sk": "Režim DPH"},
        "read": {"en": "Test read", "cs": "Zkušební čtení", "sk": "Skúšobné čítanie"},
    }
)
"""In the order in which they are looked at."""

_NAMES_AND_CONNECTIONS = frozenset(
    {"SPJ-NET-NAME", "SPJ-NET-CONNECT", "SPJ-NET-URL", "SPJ-NET-ADDRESS-BLOCKED",
     "SPJ-NET-TIMEOUT", "SPJ-NET-RESET", "SPJ-NET-REDIRECT"}
)  # fmt: skip


def ok(key: str, detail: str = "", *, link: str = "") -> Check:
    """Return a row that is well; ``detail`` says what was found there."""
    return Check(key, LABELS[key], CheckStatus.OK, detail, link=link)


def warn(key: str, problem: Problem, detail: str = "", *, link: str = "") -> Check:
    """Return a row that works today and wants to be looked at."""
    return Check(key, LABELS[key], CheckStatus.WARN, detail, problem, link, necessary=False)


def fail(
    key: str, problem: Problem, detail: str = "", *, link: str = "", necessary: bool = True
) -> Check:
    """Return a row that has to be mended; ``detail`` is their own words, free of secrets."""
    return Check(key, LABELS[key], CheckStatus.FAIL, detail, problem, link, necessary)


def reached(error: OutcomeError | None, host: str, *, link: str = "") -> Iterator[Check]:
    """Yield the rows *address* and *TLS* by how the first request ended.

    Args:
        error: What the first request raised, ``None`` where it was answered.
        host: Shown as detail of *address*.
        link: Where the right address is found.
    """
    code = error.problem.code if error is not None else ""
    if error is not None and code in _NAMES_AND_CONNECTIONS:
        yield fail("address", error.problem, error.technical, link=link)
        return
    yield ok("address", host)
    if error is not None and code == "SPJ-NET-TLS":
        yield fail("tls", error.problem, error.technical, link=link)
        return
    yield ok("tls")


def was_reached(error: OutcomeError | None) -> bool:
    """Tell whether the other side answered at all."""
    return error is None or error.problem.code not in {*_NAMES_AND_CONNECTIONS, "SPJ-NET-TLS"}
