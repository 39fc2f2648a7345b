"""What every part of a rendered document needs: its language, its texts, its formats."""

from __future__ import annotations

from decimal import Decimal

from spojka.core.document import Document, Treatment
from spojka.documents.rendering import supply
from spojka.documents.rendering.formats import NBSP, Formats, supported
from spojka.documents.rendering.texts import TEXTS

_WITHOUT_RATE = {
    Treatment.EXEMPT: "treatment.exempt",
    Treatment.REVERSE_CHARGE: "treatment.reverse_charge",
    Treatment.OUTSIDE_SCOPE: "treatment.outside_scope",
    Treatment.NOT_A_PAYER: "treatment.not_a_payer",
}


class Words:
    """A document with the words of its language (English where it has none of ours)."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.language = supported(document.language)
        self.texts = TEXTS[self.language]
        self.formats = Formats(self.language)
        self.with_vat = supply.shows_vat(document)
        self.is_tax = supply.is_tax_document(document)

    def rate(self, rate: Decimal, treatment: Treatment) -> str:
        """Write a VAT rate, or why there is none; OSS rates name their country."""
        if treatment in _WITHOUT_RATE:
            return self.texts[_WITHOUT_RATE[treatment]]
        percent = self.formats.percent(rate)
        if treatment is Treatment.OSS:
            return f"{percent}{NBSP}{supply.oss_country(self.document, rate)}".rstrip()
        return percent

    def money(self, value: Decimal) -> str:
        """Write an amount of the document with its currency."""
        return self.formats.money(value, self.document.currency)
