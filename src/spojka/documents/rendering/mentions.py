"""Statutory mentions: sentences that the law wants on a document because of how VAT treats it.

Sources: § 29 (2) of the Czech VAT act, § 74 (1) h) and k) of the Slovak VAT act, Article 226 of
Directive 2006/112/EC.
"""

from __future__ import annotations

from spojka.core.document import DocumentLine, Treatment, VatMode
from spojka.core.order import LineKind
from spojka.documents.rendering import supply
from spojka.documents.rendering.words import Words


def mentions(words: Words) -> tuple[str, ...]:
    """Return the mentions which the document needs, each once, in the order of its lines."""
    found = []
    if words.document.seller.vat_mode is VatMode.NON_PAYER:
        found.append(words.texts["mention.non_payer"])
    for line in words.document.lines:
        found.extend(line_mentions(words, line))
    return tuple(dict.fromkeys(found))


def line_mentions(words: Words, line: DocumentLine) -> tuple[str, ...]:
    """Return the mentions which one line needs."""
    texts = words.texts
    match line.treatment:
        case Treatment.REVERSE_CHARGE:
            return (texts["mention.reverse_charge"], *_goods_abroad(words, line))
        case Treatment.EXEMPT | Treatment.ZERO:
            return _exemption(words, line)
        case Treatment.OSS:
            country = words.formats.country(supply.oss_country(words.document, line.rate))
            return (texts["mention.oss"].format(country=country),)
        case Treatment.OUTSIDE_SCOPE:
            return (texts["mention.outside_scope"],)
        case _:
            return ()


def _goods_abroad(words: Words, line: DocumentLine) -> tuple[str, ...]:
    """Goods sold to a business in another member state are exempt here, and taxed there.

    A service is only taxed there; it has no product line.
    """
    if line.kind is LineKind.PRODUCT and supply.is_intra_community(words.document):
        return (_with_law(words, "intra_community"),)
    return ()


def _exemption(words: Words, line: DocumentLine) -> tuple[str, ...]:
    """Name why a line is without tax; a zero rate at home needs no reason."""
    if supply.is_intra_community(words.document):
        return (_with_law(words, "intra_community"),)
    if supply.is_export(words.document):
        return (_with_law(words, "export"),)
    return (_with_law(words, "exempt"),) if line.treatment is Treatment.EXEMPT else ()


def _with_law(words: Words, reason: str) -> str:
    """Quote the seller's own VAT act, or the directive where we do not know it."""
    own = f"law.{reason}.{words.document.seller.country.lower()}"
    law = words.texts[own if own in words.texts else f"law.{reason}"]
    return words.texts[f"mention.{reason}"].format(law=law)
