"""Text that the fonts at hand can draw.

PDF/A forbids text without a glyph, and names in orders hold anything: emoji, scripts that no
installed font covers, invisible control characters. What can be drawn stays as it is; what cannot
is replaced by its plain form where it has one (full-width letters), emoji and other pictures are
left out, and any other character becomes a visible box, so that nobody takes a name for complete.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

BOX = "\N{WHITE SQUARE}"

# Latin letters with diacritics, punctuation and currency signs: what Source Sans is known to draw.
_PLAIN = re.compile("[\x20-\x7e\xa0-\u017f\u2013\u2014\u2018-\u201e\u2026\u20ac\n]*")

# Pictures that say nothing on an invoice: symbols, and what modifies or joins emoji.
_PICTURES = {"So", "Sk", "Cs", "Co", "Cn"}
_JOINERS = {"Cc", "Cf", "Me", "Mn"}


def printable(text: str, drawable: Callable[[str], bool]) -> str:
    """Return ``text`` with every character drawable; line breaks are kept, controls are dropped.

    Args:
        text: any text.
        drawable: tells whether the fonts have a glyph for each character of a text.
    """
    if _PLAIN.fullmatch(text):
        return text
    clean = unicodedata.normalize("NFC", text)
    kept = "".join(" " if _is_space(c) else c for c in clean if not _is_hidden(c))
    odd = "".join(sorted({c for c in kept if not _PLAIN.fullmatch(c)}))
    if odd and not drawable(odd):
        table = {ord(c): _substitute(c, drawable) for c in odd if not drawable(c)}
        kept = kept.translate(table)
    if odd and not drawable(kept):
        # Each character can be drawn, but not together: a mark on a letter of another font.
        kept = "".join(c for c in kept if not unicodedata.category(c).startswith("M"))
    if odd and not drawable(kept):
        kept = "".join(c if _PLAIN.fullmatch(c) else BOX for c in kept)
    return re.sub(r" {2,}", " ", kept).strip(" ")


def _is_space(character: str) -> bool:
    return character == "\t" or unicodedata.category(character) in {"Zl", "Zp"}


def _is_hidden(character: str) -> bool:
    """Controls and directional overrides could make a document read otherwise than it is stored;
    variation selectors only choose the style of an emoji."""
    if "\ufe00" <= character <= "\ufe0f":
        return True
    return character not in "\n\t" and unicodedata.category(character) in {"Cc", "Cf", "Cs"}


def _substitute(character: str, drawable: Callable[[str], bool]) -> str:
    simple = unicodedata.normalize("NFKC", character)
    if simple != character and drawable(simple):
        return simple
    base = "".join(
        c for c in unicodedata.normalize("NFKD", character) if not unicodedata.combining(c)
    )
    if base and base != character and drawable(base):
        return base
    category = unicodedata.category(character)
    if category in _PICTURES or category in _JOINERS:
        return ""
    return BOX
