"""Reads a PDF back: the words on its pages, and the codes that a phone would see."""

from __future__ import annotations

import re

import pypdfium2  # type: ignore[import-untyped]
import zxingcpp

from spojka.core.document import Document
from spojka.documents.rendering import render_pdf
from tests.documents.rendering import samples as s


def pages(pdf: bytes) -> list[str]:
    """Text of each page; every run of white space (also no-break) is one space."""
    document = pypdfium2.PdfDocument(pdf)
    try:
        return [
            re.sub(r"\s+", " ", page.get_textpage().get_text_range().replace("\ufffe", "-"))
            for page in document
        ]
    finally:
        document.close()


def text(document: Document, *, cancelled: bool = False) -> str:
    return " ".join(pages(render_pdf(document, number=s.NUMBER, cancelled=cancelled)))


def codes(pdf: bytes) -> list[str]:
    """What a phone reads from the first page."""
    document = pypdfium2.PdfDocument(pdf)
    try:
        image = document[0].render(scale=3).to_pil()
    finally:
        document.close()
    return [code.text for code in zxingcpp.read_barcodes(image)]


def assert_in_order(found: str, *parts: str) -> None:
    position = 0
    for part in parts:
        at = found.find(part, position)
        assert at >= 0, f"{part!r} is not after position {position} in {found!r}"
        position = at + len(part)
