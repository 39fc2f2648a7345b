"""Documents to take away: names that name no folder, cells that run no formula, sums that agree."""

from __future__ import annotations

import csv as csv_files
import io
import uuid
import zipfile
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from pypdf import PdfReader, PdfWriter
from pypdf.generic import Destination

from spojka.archive import store
from spojka.companies.models import Company
from spojka.connections.models import Shop
from spojka.core import codec
from spojka.core.document import Document as CoreDocument
from spojka.core.document import DocumentLine, Kind, Treatment
from spojka.core.order import Address, Customer, LineKind
from spojka.core.profile import sample
from spojka.documents import exports
from spojka.documents.filenames import file_name
from spojka.documents.models import Document
from spojka.orders.models import Order, OrderVersion


def line(net: str, tax: str, rate: int) -> DocumentLine:
    return DocumentLine(
        key="1",
        kind=LineKind.PRODUCT,
        name="Hrnek",
        quantity=Decimal(1),
        unit_price=Decimal(net),
        net=Decimal(net),
        tax=Decimal(tax),
        rate=Decimal(rate),
        treatment=Treatment.STANDARD,
    )


def pdf(pages: int) -> bytes:
    writer = PdfWriter()
    for _ in range(pages):
        writer.add_blank_page(100, 100)
    buffer = io.BytesIO()
    writer.write(buffer)
    return buffer.getvalue()


@pytest.fixture
def shop(db: None) -> Shop:
    company = Company.objects.create(name="Firma")
    return Shop.objects.create(company=company, platform="canonical", name="API")


def make(
    shop: Shop,
    number: str,
    *lines: DocumentLine,
    customer: str = "Jana Nová",
    pages: int = 0,
    **fields: Any,
) -> Document:
    company = shop.company
    order = Order.objects.create(
        shop=shop,
        company=company,
        external_id=number,
        number=f"O{number}",
        status="x",
        currency="CZK",
        total=Decimal(0),
        ordered_at=timezone.now(),
        customer=customer,
    )
    version = OrderVersion.objects.create(
        order=order, ordinal=1, content={}, payload={}, digest="x"
    )
    day = date(2026, 11, 5)
    core = CoreDocument(
        uuid=str(uuid.uuid4()),
        kind=Kind.INVOICE,
        currency="CZK",
        language="cs",
        seller=sample().seller,
        customer=Customer(address=Address(name=customer, country="CZ")),
        issued_on=day,
        due_on=day,
        taxable_on=day,
        order_number=order.number,
        order_external_id=number,
        lines=lines,
    )
    document = Document.objects.create(
        uuid=core.uuid,
        company=company,
        order=order,
        version=version,
        kind="invoice",
        state=Document.State.ISSUED,
        number=number,
        currency="CZK",
        total=core.total,
        issued_on=day,
        content=codec.dump(core) if lines else None,
        **fields,
    )
    if pages:
        entry = store.append(
            company,
            kind="pdf",
            subject=core.uuid,
            number=number,
            name="x.pdf",
            media_type="application/pdf",
            content=pdf(pages),
        )
        document.pdf_sha256 = entry.sha256
        document.save()
    return document


def table(content: bytes, delimiter: str) -> list[dict[str, str]]:
    text = content.decode("utf-8-sig")
    return list(csv_files.DictReader(io.StringIO(text, newline=""), delimiter=delimiter))


class TestPdf:
    def test_the_zip_names_files_by_number_and_lists_what_is_missing(self, shop: Shop) -> None:
        documents = [
            make(shop, "2026/001", pages=1),
            make(shop, "2026-001", pages=1),
            make(shop, "FA3"),
        ]
        with zipfile.ZipFile(io.BytesIO(exports.pdf_zip(documents))) as archive:
            assert archive.namelist() == ["2026-001.pdf", "2026-001-2.pdf", "missing.txt"]
            assert archive.read("missing.txt").decode().strip() == "FA3"
            assert archive.read("2026-001.pdf").startswith(b"%PDF-")

    def test_the_merged_file_has_all_pages_and_a_bookmark_each(self, shop: Shop) -> None:
        documents = [make(shop, "FA1", pages=2), make(shop, "FA2", pages=1)]
        reader = PdfReader(io.BytesIO(exports.merged_pdf(documents)))
        assert len(reader.pages) == 3
        assert [item.title for item in reader.outline if isinstance(item, Destination)] == [
            "FA1",
            "FA2",
        ]

    def test_nothing_to_export_is_said(self, shop: Shop) -> None:
        for export in (exports.pdf_zip, exports.merged_pdf):
            with pytest.raises(exports.ExportError) as caught:
                export([make(shop, f"X{export.__name__}")])
            assert caught.value.problem.code == "SPJ-EXPORT-NO-PDF"


class TestCsv:
    def test_bases_and_vat_stand_in_columns_per_rate(self, shop: Shop) -> None:
        documents = [
            make(shop, "FA1", line("100.00", "21.00", 21), line("50.00", "6.00", 12)),
            make(shop, "FA2", line("-10.00", "-2.10", 21)),
            make(shop, "FA3"),
        ]
        first, second, third = table(exports.csv(documents, "en"), ",")
        assert (first["Net 21 %"], first["VAT 21 %"], first["VAT 12 %"]) == (
            "100.00",
            "21.00",
            "6.00",
        )
        assert (first["Total"], second["Total"], second["Net 12 %"]) == ("177.00", "-12.10", "")
        assert third["Net 21 %"] == ""

    def test_excel_gets_what_a_czech_excel_reads(self, shop: Shop) -> None:
        content = exports.csv([make(shop, "FA1", line("1234.50", "259.25", 21))], "cs")
        assert content.startswith(b"\xef\xbb\xbf")
        assert b"\r\n" in content
        [row] = table(content, ";")
        assert (row["Základ 21 %"], row["Celkem"], row["Datum vystavení"]) == (
            "1234,50",
            "1493,75",
            "5.11.2026",
        )

    def test_machines_get_iso(self, shop: Shop) -> None:
        content = exports.csv(
            [make(shop, "FA1", line("1.00", "0.21", 21))], "cs", dialect=exports.Dialect.ISO
        )
        assert not content.startswith(b"\xef\xbb\xbf")
        [row] = table(content, ",")
        assert (row["Celkem"], row["Datum vystavení"], row["Druh"]) == (
            "1.21",
            "2026-11-05",
            "invoice",
        )

    @pytest.mark.parametrize(
        "name", ['=HYPERLINK("http://x")', "+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "  =1", "＝1"]
    )
    @pytest.mark.parametrize("dialect", list(exports.Dialect))
    def test_what_a_customer_wrote_never_runs(
        self, shop: Shop, name: str, dialect: exports.Dialect
    ) -> None:
        document = make(shop, "FA1", line("1.00", "0.21", 21), customer=name)
        content = exports.csv([document], "en", dialect=dialect)
        [row] = table(content, ";" if dialect is exports.Dialect.EXCEL else ",")
        assert row["Customer"] == f"'{name}"


@given(st.text(max_size=200))
def test_a_file_name_never_names_a_folder_or_a_device(text: str) -> None:
    name = file_name(text, "pdf")
    assert name.endswith(".pdf")
    assert name.isascii() and name.isprintable()
    assert not set(name) & set('/\\:*?"<>|')
    assert not name.startswith(".")
    stem = name.removesuffix(".pdf").lower()
    assert stem not in {"con", "prn", "aux", "nul", "com1", "lpt1", ""}
    assert len(name) < 100
