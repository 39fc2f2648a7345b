"""Documents to take away: a ZIP of PDFs, one merged PDF, and a table for a spreadsheet.

What is exported is what was archived: nothing is rendered anew, so that the file which an
accountant downloads is the file which the customer got.
"""

from __future__ import annotations

import csv as csv_files
import io
import unicodedata
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import Enum

from django.utils import translation
from pypdf import PdfReader, PdfWriter

from spojka.archive import store
from spojka.core.document import Document as CoreDocument
from spojka.core.document import Treatment
from spojka.core.money import ZERO, minor_units, plain, quantize
from spojka.core.problem import Problem
from spojka.documents.filenames import file_name
from spojka.documents.models import Document

# ZIP entries carry a time; a fixed one makes equal exports equal bytes (1980 is ZIP's first year).
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)
# What a spreadsheet takes for a formula when a cell begins with it (OWASP ASVS 5.0, 1.2.10).
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\0", "＝", "＋", "－", "＠")


class ExportError(Exception):
    """Nothing can be exported; ``problem`` says why (``SPJ-EXPORT-NO-PDF``)."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.code)
        self.problem = problem


class Dialect(Enum):
    """How a table is written."""

    EXCEL = "excel"
    """For Excel with Czech or Slovak settings: ``;``, decimal comma, ``31.12.2026``, with BOM."""
    ISO = "iso"
    """For machines: ``,``, decimal point, ``2026-12-31``, without BOM."""

    @classmethod
    def of(cls, language: str) -> Dialect:
        """Return what a person who reads ``language`` can open by a double click."""
        return cls.EXCEL if language in {"cs", "sk"} else cls.ISO


@dataclass(frozen=True, slots=True)
class _Pdf:
    name: str
    content: bytes


def pdf_zip(documents: Iterable[Document]) -> bytes:
    """Return a ZIP with one PDF per document, named by its number.

    Documents which have no PDF yet are listed in ``missing.txt`` inside the ZIP.

    Raises:
        ExportError: none of the documents has a PDF (``SPJ-EXPORT-NO-PDF``).
    """
    files, missing = _pdfs(documents)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in files:
            archive.writestr(_entry(file.name), file.content)
        if missing:
            archive.writestr(_entry("missing.txt"), "\r\n".join(missing) + "\r\n")
    return buffer.getvalue()


def merged_pdf(documents: Iterable[Document]) -> bytes:
    """Return one PDF with the pages of all documents in the given order, a bookmark for each.

    Raises:
        ExportError: none of the documents has a PDF (``SPJ-EXPORT-NO-PDF``).
    """
    files, _ = _pdfs(documents)
    writer = PdfWriter()
    for file in files:
        # Embedded files are left behind: a merged file is for printing, not for booking.
        reader = PdfReader(io.BytesIO(file.content))
        writer.append(reader, outline_item=file.name.removesuffix(".pdf"), import_outline=False)
    buffer = io.BytesIO()
    writer.write(buffer)
    return buffer.getvalue()


def csv(documents: Iterable[Document], language: str, *, dialect: Dialect | None = None) -> bytes:
    """Return a table with one row per document; bases and VAT stand in columns per rate.

    Args:
        documents: Held documents that were never built have empty amounts.
        language: ``cs``, ``sk`` or ``en``, for the headings.
        dialect: How it is written; by default :meth:`Dialect.of` the language.
    """
    dialect = dialect or Dialect.of(language)
    rows = [_Row.of(document, dialect) for document in documents]
    rates = _rates(rows)
    buffer = io.StringIO(newline="")
    writer = csv_files.writer(
        buffer, delimiter=";" if dialect is Dialect.EXCEL else ",", lineterminator="\r\n"
    )
    writer.writerow([_guard(heading) for heading in _headings(rates, language)])
    with translation.override(language):
        for row in rows:
            writer.writerow([_cell(value, dialect) for value in row.values(rates)])
    encoding = "utf-8-sig" if dialect is Dialect.EXCEL else "utf-8"
    return buffer.getvalue().encode(encoding)


def _pdfs(documents: Iterable[Document]) -> tuple[list[_Pdf], list[str]]:
    files: list[_Pdf] = []
    missing: list[str] = []
    taken: set[str] = set()
    for document in documents:
        content = store.read(document.pdf_sha256) if document.pdf_sha256 else None
        if content is None:
            missing.append(str(document))
            continue
        name = _unique(file_name(str(document), "pdf"), taken)
        files.append(_Pdf(name, content))
    if not files:
        raise ExportError(Problem.of("SPJ-EXPORT-NO-PDF", count=len(missing)))
    return files, missing


def _unique(name: str, taken: set[str]) -> str:
    """Keep names apart, also on systems which do not tell letter cases apart."""
    stem, _, extension = name.rpartition(".")
    candidate, ordinal = name, 1
    while candidate.lower() in taken:
        ordinal += 1
        candidate = f"{stem}-{ordinal}.{extension}"
    taken.add(candidate.lower())
    return candidate


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _ZIP_TIME)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o644 << 16
    return entry


_Rate = tuple[Treatment, Decimal]
_Value = str | Decimal | date | None


@dataclass(frozen=True, slots=True)
class _Row:
    document: Document
    core: CoreDocument | None
    words: bool
    """Kind and state in words of the active language, for people; else their codes."""

    @classmethod
    def of(cls, document: Document, dialect: Dialect) -> _Row:
        core = document.core() if document.content else None
        return cls(document, core, words=dialect is Dialect.EXCEL)

    def values(self, rates: Sequence[_Rate]) -> Iterator[_Value]:
        document, core = self.document, self.core
        customer = core.customer if core else None
        yield document.number
        if self.words:
            yield from (str(document.get_kind_display()), str(document.get_state_display()))
        else:
            yield from (document.kind, document.state)
        yield document.order.number
        yield from (document.variable_symbol, document.issued_on, document.taxable_on)
        yield from (document.due_on, document.paid_on)
        if customer is None:
            yield from (document.order.customer, "", "", "", document.order.country)
        else:
            address = customer.address
            yield from (address.company or address.name, customer.company_id)
            yield from (customer.tax_id, customer.vat_id, address.country)
        yield document.currency or document.order.currency
        sums = {(row.treatment, row.rate): row for row in core.vat} if core else {}
        for rate in rates:
            found = sums.get(rate)
            yield self._money(found.net if found else None)
            yield self._money(found.tax if found else None)
        yield from map(self._money, (core.net, core.tax, core.rounding) if core else [None] * 3)
        yield self._money(core.total if core else document.total)
        yield self._money(document.paid_amount or ZERO)

    def _money(self, amount: Decimal | None) -> Decimal | None:
        if amount is None:
            return None
        return quantize(amount, minor_units(self.document.currency or self.document.order.currency))


def _rates(rows: Iterable[_Row]) -> list[_Rate]:
    found = {(vat.treatment, vat.rate) for row in rows if row.core for vat in row.core.vat}
    return sorted(found, key=lambda rate: (list(Treatment).index(rate[0]), -rate[1]))


def _headings(rates: Sequence[_Rate], language: str) -> list[str]:
    words = _HEADINGS.get(language, _HEADINGS["en"])
    per_rate = [
        f"{words[part]} {treatment.value.replace('_', ' ') + ' ' if named else ''}{plain(rate)} %"
        for treatment, rate in rates
        for named in (treatment is not Treatment.STANDARD,)
        for part in ("net", "tax")
    ]
    keys = list(words)
    split = keys.index("net")
    return [words[key] for key in keys[:split]] + per_rate + [words[key] for key in keys[split:]]


def _cell(value: _Value, dialect: Dialect) -> str:
    if value is None:
        return ""
    if isinstance(value, Decimal):
        # A number is ours and no formula: a guard would make a credit note's amounts text.
        text = plain(value)
        return text.replace(".", ",") if dialect is Dialect.EXCEL else text
    if isinstance(value, date):
        if dialect is Dialect.EXCEL:
            return f"{value.day}.{value.month}.{value.year}"
        return value.isoformat()
    return _guard(value)


def _guard(text: str) -> str:
    """Keep a spreadsheet from running what a customer wrote: a leading apostrophe makes it text."""
    if text.lstrip(" ").startswith(_FORMULA):
        return f"'{text}"
    # Spreadsheets overlook spaces of all kinds and invisible signs in front of a formula.
    at = next((at for at, sign in enumerate(text) if unicodedata.category(sign)[0] not in "ZC"), 0)
    return f"'{text}" if text[at:].startswith(_FORMULA) else text


_HEADINGS: dict[str, dict[str, str]] = {
    "en": {
        "number": "Number",
        "kind": "Kind",
        "state": "State",
        "order": "Order",
        "symbol": "Variable symbol",
        "issued_on": "Issued on",
        "taxable_on": "Taxable on",
        "due_on": "Due on",
        "paid_on": "Paid on",
        "customer": "Customer",
        "company_id": "Company id",
        "tax_id": "Tax id",
        "vat_id": "VAT id",
        "country": "Country",
        "currency": "Currency",
        "net": "Net",
        "tax": "VAT",
        "rounding": "Rounding",
        "total": "Total",
        "paid": "Paid amount",
    },
    "cs": {
        "number": "Číslo",
        "kind": "Druh",
        "state": "Stav",
        "order": "Objednávka",
        "symbol": "Variabilní symbol",
        "issued_on": "Datum vystavení",
        "taxable_on": "DUZP",
        "due_on": "Splatnost",
        "paid_on": "Zaplaceno dne",
        "customer": "Odběratel",
        "company_id": "IČO",
        "tax_id": "DIČ (SK)",
        "vat_id": "DIČ / IČ DPH",
        "country": "Země",
        "currency": "Měna",
        "net": "Základ",
        "tax": "DPH",
        "rounding": "Zaokrouhlení",
        "total": "Celkem",
        "paid": "Zaplaceno",
    },
    "sk": {
        "number": "Číslo",
        "kind": "Druh",
        "state": "Stav",
        "order": "Objednávka",
        "symbol": "Variabilný symbol",
        "issued_on": "Dátum vystavenia",
        "taxable_on": "Dátum dodania",
        "due_on": "Splatnosť",
        "paid_on": "Zaplatené dňa",
        "customer": "Odberateľ",
        "company_id": "IČO",
        "tax_id": "DIČ",
        "vat_id": "IČ DPH",
        "country": "Krajina",
        "currency": "Mena",
        "net": "Základ",
        "tax": "DPH",
        "rounding": "Zaokrúhlenie",
        "total": "Celkom",
        "paid": "Zaplatené",
    },
}
