"""Numbers by which iDoklad names things (the enumerations of its published client)."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import IntEnum
from typing import Any

from spojka.core.document import Kind


class PriceType(IntEnum):
    """What the unit price of an item is."""

    WITH_VAT = 0
    WITHOUT_VAT = 1


class VatRateType(IntEnum):
    """Which of a country's rates; the code list says what each is worth on which day."""

    REDUCED_1 = 0
    BASIC = 1
    ZERO = 2
    REDUCED_2 = 3


class ItemType(IntEnum):
    """What an item of a document is; ROUND and DISCOUNT are made by iDoklad itself."""

    NORMAL = 0
    ROUND = 1
    REDUCE = 2
    """A paid proforma that is taken off the amount to be paid."""
    DISCOUNT = 3


class Registration(IntEnum):
    """The agenda's position towards VAT."""

    NON_PAYER = 0
    PAYER = 1
    IDENTIFIED = 2


class Rounding(IntEnum):
    """When iDoklad adds a rounding item to a document by itself."""

    NEVER = 0
    ALWAYS = 1
    BY_PAYMENT = 2


class Plan(IntEnum):
    """The agenda's subscription."""

    FREE = 0
    BASIC = 1
    STANDARD = 2
    PREMIUM = 3


class Code(IntEnum):
    """``ErrorCode`` values that the adapter itself acts upon; ``errors.toml`` has them all."""

    PROFORMA_ACCOUNTED = 104
    ALREADY_ACCOUNTED = 112
    NUMBER_TAKEN = 123
    POSTED_ACCOUNTED = 133
    PUT_ACCOUNTED = 134


@dataclass(frozen=True, slots=True)
class Resource:
    """Where documents of a kind live."""

    path: str
    report: str
    """Name of the kind in the paths of PDF and e-mail."""
    sequence: int
    """Document type of its number series, and of a webhook's entity."""


RESOURCES = {
    Kind.INVOICE: Resource("IssuedInvoices", "IssuedInvoice", 0),
    Kind.PROFORMA: Resource("ProformaInvoices", "ProformaInvoice", 1),
    Kind.CREDIT_NOTE: Resource("CreditNotes", "CreditNote", 3),
}

REPORT_LANGUAGES = {"cs": 1, "sk": 2, "en": 3, "de": 4}
LOCALES = {"cs": "cs-CZ", "sk": "sk-SK", "en": "en-US", "de": "de-DE"}

ROUNDING_NAMES = {"cs": "Zaokrouhlení", "sk": "Zaokrúhlenie", "en": "Rounding", "de": "Runden"}
"""iDoklad's own names of a rounding item (asserted by the integration tests of its client)."""

ROUNDING_STEPS = {"CZK": Decimal(1), "EUR": Decimal("0.05")}
"""What the agenda's own currency is rounded to: crowns, and in Slovakia five cents in cash."""


def number(value: Any) -> int | None:
    """Return an enumeration value; ``None`` where it is none. Numbers may come as text."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, str) and value.strip().lstrip("-").isdecimal():
        return int(value)
    return None
