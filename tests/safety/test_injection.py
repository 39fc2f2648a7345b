"""What somebody writes stays text: in tables, logs, e-mails, templates, names of files, pages."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from typing import Any

import pytest
import structlog
from django.contrib.auth.models import User
from django.test import Client

from spojka.companies.models import Company, Membership, Role
from spojka.core.variables import Scope, VariableError, check
from spojka.documents import exports
from spojka.documents.filenames import file_name
from spojka.documents.models import Document, EmailTemplate
from spojka.orders.models import Order
from spojka.site.logging import configure
from spojka.web.views.common import download
from tests.web.conftest import log_in

# Excel, LibreOffice and Google Sheets take a cell for a formula that begins with one of these,
# some of them after signs that one does not see.
FORMULAS = [
    f"{lead}cmd|' /C calc'!A0"
    for lead in (
        "=", "+", "-", "@", "\t=", "\r=", "\n=", "\x00=", " =", "\u00a0=", "\u200b=", "\ufeff=",
        "＝", "＋", "－", "＠", "\u202e=", "\x0b=",
    )
]  # fmt: skip
HARMLESS_LEAD = "'"


@pytest.mark.parametrize("dialect", list(exports.Dialect))
@pytest.mark.parametrize("language", ["cs", "en"])
def test_no_cell_of_a_table_is_a_formula(
    full: Company, dialect: exports.Dialect, language: str
) -> None:
    document = Document.objects.filter(company=full, state="issued").first()
    assert document is not None
    for text in FORMULAS:
        Order.objects.filter(pk=document.order_id).update(
            customer=text.replace("\x00", "")[:200], number=text.replace("\x00", "")[:60]
        )
        fresh = Document.objects.select_related("order").get(pk=document.pk)
        fresh.number = text
        content = exports.csv([fresh], language, dialect=dialect).decode("utf-8-sig")
        delimiter = ";" if dialect is exports.Dialect.EXCEL else ","
        rows = list(csv.reader(io.StringIO(content, newline=""), delimiter=delimiter))
        assert len(rows) == 2, text
        for cell in rows[1]:
            if "cmd" in cell:
                assert cell.startswith(HARMLESS_LEAD), repr(cell)


def test_names_in_archives_lead_nowhere(full: Company) -> None:
    document = Document.objects.filter(company=full, state="issued").exclude(pdf_sha256="").first()
    assert document is not None
    for number in ("../../etc/passwd", "/etc/passwd", "C:\\x", "a\x00b", "..", "con", "a\r\nb", ""):
        document.number = number
        with zipfile.ZipFile(io.BytesIO(exports.pdf_zip([document]))) as archive:
            for name in archive.namelist():
                assert "/" not in name and "\\" not in name and not name.startswith("."), name
                assert name.isascii() and name.isprintable()
        name = file_name(number, "pdf")
        assert name.isascii() and name.isprintable() and "/" not in name and "\\" not in name


@pytest.mark.parametrize(
    "name", ["a\r\nSet-Cookie: x=y.pdf", 'a".pdf', "a\x00.pdf", "ř.pdf", "../a.pdf", "a;b.pdf", ""]
)
def test_the_name_of_a_download_adds_no_header(name: str) -> None:
    answer = download(b"x", name, "application/pdf")
    value = answer["Content-Disposition"]
    assert value.startswith("attachment") and "\r" not in value and "\n" not in value
    assert "Set-Cookie" not in answer.headers


def test_nobody_writes_lines_into_the_log(
    db: None, capsys: pytest.CaptureFixture[str], settings: Any
) -> None:
    import logging
    import logging.config

    forged = '\r\n{"event": "forged", "level": "info"}\x1b[2J\u2028'
    for kind in ("json", "text"):
        logging.config.dictConfig(configure("INFO", kind))
        capsys.readouterr()
        client = Client(raise_request_exception=False)
        client.get("/%0d%0aforged%1b[2J")
        client.get("/nowhere/", headers={"traceparent": forged, "User-Agent": forged})
        client.post("/login/", {"username": forged, "password": "x"})
        structlog.get_logger("spojka.test").warning("said", text=forged)
        logging.getLogger("django.request").warning("said %s", forged)
        lines = capsys.readouterr().err.split("\n")
        for line in filter(None, lines):
            assert "\x1b[2J" not in line and "\r" not in line, kind
            assert not line.startswith("forged") and not line.startswith('{"event": "forged"')
            if kind == "json":
                assert json.loads(line)["event"] != "forged"
    logging.config.dictConfig(settings.LOGGING)


TEMPLATES = [
    "{{ settings.SECRET_KEY }}",
    "{% load static %}",
    "{{ 7*7 }}",
    "${7*7}",
    "#{7*7}",
    "{0.__class__.__init__.__globals__}",
    "{document.__class__}",
    "%(secret)s",
    "%s",
    "<%= 7*7 %>",
]


def test_texts_know_our_variables_and_nothing_else(full: Company) -> None:
    client = log_in(full)
    row = EmailTemplate.objects.filter(company=full).first()
    assert row is not None
    for text in TEMPLATES:
        try:
            check(text, Scope.DOCUMENT)
        except VariableError:
            continue  # refused: as good as text
        answer = client.post(
            f"/c/{full.pk}/settings/email/{row.pk}/",
            {
                "event": row.event, "kind": row.kind, "language": row.language, "subject": text,
                "body": text, "delay_minutes": "0", "bcc": "", "try": "1",
            },
        )  # fmt: skip
        page = answer.content.decode()
        assert answer.status_code == 200
        assert "49" not in page.split("<main")[1].split("preview")[-1] or "7*7" in page
        assert "__globals__'" not in page and "<class" not in page


def test_what_is_stored_is_shown_as_text_on_every_list(full: Company) -> None:
    evil = "<script>alert(1)</script>{{ 7*7 }}"
    Order.objects.filter(company=full).update(customer=evil, number=evil, status=evil)
    full.shops.update(name=evil)
    Company.objects.filter(pk=full.pk).update(name=evil)
    user = User.objects.create_user('x"><script>alert(1)</script>@example.com')
    Membership.objects.create(user=user, company=full, role=Role.VIEWER)
    client = log_in(full)
    order = full.orders.first()
    assert order is not None
    for path in (
        "", "orders/", f"orders/{order.pk}/", f"orders/{order.pk}/payload/", "documents/", "rules/",
        "attention/", "settings/users/", "settings/shops/", "settings/", "settings/audit/",
        "orders/import/", "rules/new/",
    ):  # fmt: skip
        page = client.get(f"/c/{full.pk}/{path}").content
        assert b"<script>alert" not in page, path
        assert b"&lt;script&gt;" in page, path


def test_an_address_of_an_e_mail_holds_no_second_one(full: Company) -> None:
    client = log_in(full)
    document = Document.objects.filter(company=full, state="issued").first()
    assert document is not None
    before = document.effects.count()
    for address in (
        "a@example.com\r\nBcc: b@example.com",
        "a@example.com, b@example.com",
        "a@example.com\nb@example.com",
        "a@example.com%0aBcc:b@example.com",
        '"a\r\n"@example.com',
    ):
        answer = client.post(f"/c/{full.pk}/documents/{document.pk}/email/", {"to": address})
        assert answer.status_code == 200, address
    assert document.effects.count() == before
