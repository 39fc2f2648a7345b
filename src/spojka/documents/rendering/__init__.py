"""Renders a document into the files that people and their software read: PDF and ISDOC.

Pure: a :class:`~spojka.core.document.Document` and its number in, bytes out. No database, no
network, no clock; the same input gives the same bytes.
"""

from __future__ import annotations

from spojka.core.document import Document
from spojka.documents.rendering.compose import build
from spojka.documents.rendering.isdoc import render_isdoc
from spojka.documents.rendering.isdoc_check import check_isdoc
from spojka.documents.rendering.pdf import compile_pdf
from spojka.documents.rendering.qr import QrPayment, qr_payment, svg
from spojka.documents.rendering.supply import RenderError

__all__ = [
    "QrPayment",
    "RenderError",
    "check_isdoc",
    "qr_payment",
    "render_isdoc",
    "render_pdf",
]


def render_pdf(
    document: Document,
    *,
    number: str,
    logo: bytes | None = None,
    isdoc: bytes | None = None,
    cancelled: bool = False,
) -> bytes:
    """Render a document as PDF/A-3b in its own language (cs, sk; any other is written in English).

    Args:
        document: any kind of document.
        number: its number.
        logo: PNG, JPEG, GIF, WebP or SVG; shown top left in place of the seller's name.
        isdoc: the same document as ISDOC, embedded as ``invoice.isdoc``.
        cancelled: mark it as cancelled, and ask for no payment.

    Raises:
        RenderError: SPJ-LOGO-UNREADABLE, the logo is not an image; SPJ-ISDOC-UNREADABLE, the
            ISDOC is not UTF-8 text; SPJ-PDF-FAILED, the page could not be laid out.
    """
    payment = None if cancelled else qr_payment(document, number)
    code = (payment.kind, svg(payment)) if payment else ("", "")
    view = build(document, number=number, qr=code, cancelled=cancelled)
    return compile_pdf(view, day=document.issued_on, logo=logo, isdoc=isdoc)
