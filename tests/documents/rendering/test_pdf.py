"""The PDF as a file: payment codes, the ISDOC inside, many pages, hostile text, logos."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pypdf
import pypdfium2  # type: ignore[import-untyped]
import pytest
import segno
from hypothesis import HealthCheck, given, settings

from spojka.core.document import Document, Kind
from spojka.documents.rendering import (
    RenderError,
    check_isdoc,
    qr_payment,
    render_isdoc,
    render_pdf,
)
from tests.documents.rendering import samples as s
from tests.documents.rendering.reading import codes, pages, text

# --- payment


def test_payment_box_and_code() -> None:
    pdf = render_pdf(s.INVOICE, number=s.NUMBER)
    found = pages(pdf)[0]
    assert "Číslo účtu 19-4660550217/0100" in found
    assert "IBAN CZ63 0100 0000 1946 6055 0217" in found
    payment = qr_payment(s.INVOICE, s.NUMBER)
    assert payment is not None
    assert payment.kind == "spayd"
    assert "AM:3060.37" in payment.text
    assert f"X-VS:{s.NUMBER}" in payment.text
    assert codes(pdf) == [payment.text]
    assert "QR Platba" in found


@pytest.mark.parametrize(
    ("document", "kind", "label"),
    [
        (s.SK_INVOICE, "bysquare", "PAY by square"),
        (s.FOREIGN, "epc", "SEPA QR platba"),
    ],
)
def test_codes_of_other_markets(document: Document, kind: str, label: str) -> None:
    pdf = render_pdf(document, number=s.NUMBER)
    payment = qr_payment(document, s.NUMBER)
    assert payment is not None
    assert payment.kind == kind
    assert codes(pdf) == [payment.text]
    assert label in pages(pdf)[0]


@pytest.mark.parametrize(
    "document",
    [
        replace(s.INVOICE, paid_amount=s.INVOICE.total),
        replace(s.INVOICE, bank_account=None),
        replace(s.INVOICE, currency="HUF"),
        replace(s.INVOICE, bank_account=replace(s.CZK_ACCOUNT, iban="CZ00", number="")),
        s.CREDIT_NOTE,
        s.TAX_DOCUMENT,
    ],
)
def test_no_code_where_nothing_is_to_be_paid_or_nowhere(document: Document) -> None:
    assert qr_payment(document, s.NUMBER) is None
    assert codes(render_pdf(document, number=s.NUMBER)) == []


def test_cancelled_document_has_no_code() -> None:
    assert codes(render_pdf(s.INVOICE, number=s.NUMBER, cancelled=True)) == []


# --- the file


def test_pdf_a3_with_the_isdoc_inside() -> None:
    isdoc = render_isdoc(s.INVOICE, number=s.NUMBER)
    reader = pypdf.PdfReader(io.BytesIO(render_pdf(s.INVOICE, number=s.NUMBER, isdoc=isdoc)))
    assert reader.attachments == {"invoice.isdoc": [isdoc]}
    assert check_isdoc(reader.attachments["invoice.isdoc"][0]) == []
    catalogue: Any = reader.root_object
    assert [file.get_object()["/AFRelationship"] for file in catalogue["/AF"]] == ["/Alternative"]
    stream = catalogue["/AF"][0].get_object()["/EF"]["/F"].get_object()
    assert stream["/Subtype"] == "/text/xml"
    metadata = catalogue["/Metadata"].get_object().get_data().decode()
    assert "<pdfaid:part>3</pdfaid:part>" in metadata
    assert "<pdfaid:conformance>B</pdfaid:conformance>" in metadata
    assert catalogue["/Lang"] == "cs"
    assert reader.metadata is not None
    assert reader.metadata.title == f"Faktura – daňový doklad {s.NUMBER}"
    assert reader.metadata.author == s.CZ_SELLER.name


def test_same_document_gives_the_same_bytes_in_every_thread() -> None:
    first = render_pdf(s.INVOICE, number=s.NUMBER)
    with ThreadPoolExecutor(4) as pool:
        rendered = list(pool.map(lambda _: render_pdf(s.INVOICE, number=s.NUMBER), range(8)))
    assert set(rendered) == {first}


def test_three_hundred_lines_run_over_pages() -> None:
    rows = tuple(s.line(f"Položka {index}", "10.00") for index in range(1, 301))
    found = pages(render_pdf(replace(s.INVOICE, lines=rows), number=s.NUMBER))
    count = len(found)
    assert count > 5
    for index, page in enumerate(found, start=1):
        assert f"Strana {index} / {count}" in page
        assert "Zapsáno u Krajského soudu" in page
    for page in found[1:-1]:
        assert "Popis Množství" in page
        assert s.NUMBER in page
    together = " ".join(found)
    assert all(f"Položka {index} " in together for index in range(1, 301))


# --- hostile and odd text


def test_markup_is_literal() -> None:
    name = r"#pagebreak() *b* _i_ $x^2$ \ `c` <l> @r = ~ // {1} [2]"
    row = replace(s.line(), name=name)
    found = text(replace(s.INVOICE, lines=(row,), note_below="#panic(1) \\u{41}"))
    assert name in found
    assert "#panic(1) \\u{41}" in found


@pytest.mark.parametrize(
    ("name", "printed"),
    [
        ("Tričko 👕 modré", "Tričko modré"),
        ("👨‍👩‍👧 Rodina ❤️", " Rodina ❤"),
        ("漢字 s.r.o.", "□□ s.r.o."),
        ("Ｆｕｌｌ", "Full"),
        ("10\u0346 ks", "10 ks"),
        ("Привет Ελλάς", "Привет Ελλάς"),
        ("a\u202eb\u0007c\td", "abc d"),
        ("C\u030cesky\u0301", "Český"),
    ],
)
def test_odd_characters_are_replaced_gracefully(name: str, printed: str) -> None:
    row = replace(s.line(), name=f"<{name}>")
    assert f"<{printed}>" in text(replace(s.INVOICE, lines=(row,)))


def test_long_words_stay_on_the_page() -> None:
    row = replace(s.line(), name="W" * 300)
    document = pypdfium2.PdfDocument(render_pdf(replace(s.INVOICE, lines=(row,)), number=s.NUMBER))
    try:
        page = document[0]
        width = page.get_width()
        boxes = page.get_textpage()
        right = max(boxes.get_rect(i)[2] for i in range(boxes.count_rects()))
    finally:
        document.close()
    assert right < width - 40


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(document=s.documents())
def test_any_document_renders(document: Document) -> None:
    found = text(document)
    assert s.NUMBER in found


# --- logo


def png() -> bytes:
    out = io.BytesIO()
    segno.make("logo").save(out, kind="png", scale=4)
    return out.getvalue()


def test_logo_takes_the_place_of_the_big_name() -> None:
    with_logo = render_pdf(s.PROFORMA, number=s.NUMBER, logo=png())
    assert "logo" in codes(with_logo)
    assert pages(with_logo)[0].count(s.CZ_SELLER.name) == 1
    assert text(s.PROFORMA).count(s.CZ_SELLER.name) == 2


def test_svg_logo() -> None:
    space = 'xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"'
    logo = f'<svg {space}><rect width="9" height="9"/></svg>'.encode()
    (page,) = pages(render_pdf(s.INVOICE, number=s.NUMBER, logo=logo))
    assert page.count(s.CZ_SELLER.name) == 1


@pytest.mark.parametrize("logo", [b"hello", png()[:60], b"<svg"])
def test_unreadable_logo_is_a_named_error(logo: bytes) -> None:
    with pytest.raises(RenderError) as caught:
        render_pdf(s.INVOICE, number=s.NUMBER, logo=logo)
    assert caught.value.problem.code == "SPJ-LOGO-UNREADABLE"
    assert caught.value.problem.facts["detail"]


def test_isdoc_that_is_no_text_is_a_named_error() -> None:
    with pytest.raises(RenderError) as caught:
        render_pdf(s.INVOICE, number=s.NUMBER, isdoc=b"\xff\xfe")
    assert caught.value.problem.code == "SPJ-ISDOC-UNREADABLE"


def test_every_kind_of_document_has_a_title_in_every_language() -> None:
    for kind in Kind:
        for language in ("cs", "sk", "en"):
            assert s.NUMBER in text(replace(s.INVOICE, kind=kind, language=language))
