"""Number series of the own issuer: the usual ones to begin with, and what comes next."""

from __future__ import annotations

from datetime import date

from spojka.companies.models import Company
from spojka.core.document import Kind
from spojka.documents.models import Series
from spojka.documents.register import next_number

_FORMATS = {
    Kind.INVOICE: "FARRRRCCCC",
    Kind.PROFORMA: "ZALRRRRCCCC",
    Kind.TAX_DOCUMENT: "[DD]RRRRCCCC",
    Kind.CREDIT_NOTE: "DOPRRRRCCCC",
}
"""``[DD]`` stands in brackets because it means letters here, not the day."""

_NAMES = {
    "cs": ("Faktury", "Zálohové faktury", "Daňové doklady k platbě", "Dobropisy"),
    "sk": ("Faktúry", "Zálohové faktúry", "Daňové doklady k platbe", "Dobropisy"),
    "en": ("Invoices", "Proformas", "Tax documents on payment", "Credit notes"),
}


def add_default_series(company: Company) -> list[Series]:
    """Give each kind of document that has no series of the whole company the usual one, yearly.

    Returns the series that were added; nothing is changed where all are there.
    """
    names = _NAMES.get(company.language, _NAMES["en"])
    there = set(Series.objects.filter(company=company, shop=None).values_list("kind", flat=True))
    return [
        Series.objects.create(company=company, kind=kind.value, name=name, format=text)
        for (kind, text), name in zip(_FORMATS.items(), names, strict=True)
        if kind.value not in there
    ]


def next_example(series: Series, on: date) -> str:
    """Return the number that a document issued on ``on`` would get now; nothing is taken.

    Raises:
        RejectedError: the series' format cannot be used.
    """
    return next_number(series, on)
