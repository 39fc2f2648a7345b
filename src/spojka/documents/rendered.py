"""The own issuer's renderer: a company's documents as PDF and ISDOC."""

from __future__ import annotations

from spojka.accounting.contract import File, Issued
from spojka.companies.models import Company
from spojka.core.document import Document
from spojka.core.outcome import RejectedError, Rejection
from spojka.core.problem import Problem
from spojka.documents.rendering import RenderError, check_isdoc, render_isdoc, render_pdf


class CompanyRenderer:
    """Renders documents of one company, with its logo."""

    def __init__(self, company: Company) -> None:
        self._company = company
        self._isdoc: tuple[Document, str, bytes] | None = None
        """The last one and what it is of: the PDF carries the one that is filed beside it."""

    def pdf(self, document: Document, issued: Issued) -> File:
        """Render the PDF, with the ISDOC inside where ISDOC can express the document.

        Raises:
            RejectedError: the page cannot be made (an unreadable logo, for example).
        """
        try:
            isdoc: bytes | None = self._checked_isdoc(document, issued.number)
        except RejectedError:
            isdoc = None
        logo = bytes(self._company.logo) if self._company.logo else None
        try:
            content = render_pdf(document, number=issued.number, logo=logo, isdoc=isdoc)
        except RenderError as error:
            raise RejectedError(error.problem, Rejection.DATA) from error
        return File(f"{issued.number}.pdf", "application/pdf", content)

    def isdoc(self, document: Document, issued: Issued) -> File:
        """Render the ISDOC file.

        Raises:
            RejectedError: ISDOC cannot express the document (no exchange rate), or it does not
                add up.
        """
        content = self._checked_isdoc(document, issued.number)
        return File(f"{issued.number}.isdoc", "application/xml", content)

    def _checked_isdoc(self, document: Document, number: str) -> bytes:
        if self._isdoc is None or self._isdoc[:2] != (document, number):
            self._isdoc = document, number, _checked_isdoc(document, number)
        return self._isdoc[2]


def _checked_isdoc(document: Document, number: str) -> bytes:
    """Render the ISDOC and prove its sums; one that does not add up goes to nobody."""
    try:
        content = render_isdoc(document, number=number)
    except RenderError as error:
        raise RejectedError(error.problem, Rejection.DATA) from error
    wrong = check_isdoc(content)
    if wrong:
        problem = Problem.of("SPJ-ISDOC-SUM", number=number, detail=wrong[0])
        raise RejectedError(problem, Rejection.DATA)
    return content
