"""Every page, full and empty, for everybody who may see it and for everybody who may not."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from django.test import Client, RequestFactory
from django.urls import URLPattern, reverse

from spojka.archive.models import Entry
from spojka.companies.models import BankAccount, Company, Role
from spojka.core.catalogue import all_entries
from spojka.documents.models import Document, EmailTemplate, RuleRow, Series
from spojka.orders.models import InboxEvent
from spojka.web import urls
from spojka.web.views.door import failed
from tests.web.conftest import log_in

INLINE = re.compile(
    r"<style|\sstyle=|<script(?![^>]*\ssrc=)|\son[a-z]+=|javascript:", re.IGNORECASE
)
POST_ONLY = 405


def company_urls(company: Company) -> Iterator[tuple[str, str]]:
    """Yield name and address of every page of a company, with one of its own objects each."""
    objects = {
        "order": company.orders.order_by("pk").values_list("pk", flat=True).first(),
        "document": Document.objects.filter(company=company, state="issued", kind="invoice")
        .values_list("pk", flat=True)
        .first(),
        "event": InboxEvent.objects.filter(shop__company=company)
        .values_list("pk", flat=True)
        .first(),
        "rule": RuleRow.objects.filter(company=company).values_list("pk", flat=True).first(),
        "series": Series.objects.filter(company=company).values_list("pk", flat=True).first(),
        "account": BankAccount.objects.filter(company=company).values_list("pk", flat=True).first(),
        "connection": company.connections.values_list("pk", flat=True).first(),
        "shop": company.shops.values_list("pk", flat=True).first(),
        "template": EmailTemplate.objects.filter(company=company)
        .values_list("pk", flat=True)
        .first(),
        "member": company.memberships.values_list("pk", flat=True).first(),
        "entry": Entry.objects.filter(company=company)
        .exclude(sha256="")
        .values_list("pk", flat=True)
        .first(),
    }
    of = {
        "orders/": "order",
        "documents/": "document",
        "taken-in/": "foreign",
        "attention/stuck/": "",
        "events/": "event",
        "rules/": "rule",
        "series/": "series",
        "archive/files/": "entry",
        "shops/": "shop",
        "settings/accounting/": "connection",
        "settings/accounts/": "account",
        "settings/shops/": "shop",
        "settings/email/": "template",
        "settings/users/": "member",
        "settings/rates/": "",
        "settings/tokens/": "",
    }
    for pattern in urls._company:
        assert isinstance(pattern, URLPattern)
        route = str(pattern.pattern)
        arguments: list[object] = [company.pk]
        if "<int:pk>" in route:
            found = objects.get(of[route.partition("<")[0]])
            if found is None:
                continue
            arguments.append(found)
        elif "<slug:platform>" in route:
            arguments.append("woocommerce")
        elif "<slug:system>" in route:
            arguments.append("kasa")
        elif "<str:subject>" in route:
            entry = Entry.objects.filter(company=company).first()
            if entry is None:
                continue
            arguments.append(entry.subject)
        yield str(pattern.name), reverse(f"web:{pattern.name}", args=arguments)


def check_page(client: Client, name: str, address: str) -> None:
    answer = client.get(address)
    if answer.status_code in {302, POST_ONLY}:
        return
    assert answer.status_code == 200, f"{name}: {answer.status_code}"
    policy = answer["Content-Security-Policy"]
    assert "unsafe" not in policy and "default-src 'none'" in policy
    if answer["Content-Type"].startswith("text/html"):
        html = answer.content.decode()
        assert not INLINE.search(html), f"{name}: {INLINE.search(html)}"
        if "<html" in html:
            assert '<html lang="en">' in html
            assert html.count("<h1") == 1, name


def test_every_page_of_a_full_company(client: Client, full: Company) -> None:
    pages = dict(company_urls(full))
    assert len(pages) > 60
    for name, address in pages.items():
        check_page(client, name, address)


def test_every_page_of_an_empty_company(empty: Company) -> None:
    client = log_in(empty)
    for name, address in company_urls(empty):
        if name == "logo_image":
            continue  # there is no logo
        check_page(client, name, address)


@pytest.mark.parametrize("language", ["cs", "sk"])
def test_lists_speak_the_visitors_language(client: Client, full: Company, language: str) -> None:
    client.cookies["django_language"] = language
    html = client.get(reverse("web:orders", args=[full.pk])).content.decode()
    assert f'<html lang="{language}">' in html
    assert "Objednávky" in html
    assert "1\xa0836,70\xa0" in html  # grouped and with a decimal comma


def test_another_companys_pages_do_not_exist(full: Company, empty: Company) -> None:
    stranger = log_in(empty)
    for name, address in company_urls(full):
        assert stranger.get(address).status_code in {404, POST_ONLY}, name
        assert stranger.post(address).status_code in {404, POST_ONLY}, name


def test_another_companys_objects_do_not_exist_under_ones_own(
    full: Company, empty: Company
) -> None:
    """The number of a foreign object in an address of one's own company finds nothing."""
    stranger = log_in(empty)
    for name, address in company_urls(full):
        own = address.replace(f"/c/{full.pk}/", f"/c/{empty.pk}/", 1)
        if re.search(r"/\d+/", own.removeprefix(f"/c/{empty.pk}")):
            assert stranger.get(own).status_code in {404, POST_ONLY}, name
            assert stranger.post(own).status_code in {404, POST_ONLY}, name


def test_a_stranger_is_asked_to_log_in(client: Client, full: Company) -> None:
    for name, address in company_urls(full):
        answer = Client().get(address)
        if answer.status_code != POST_ONLY:
            assert answer.status_code == 302, name
            assert answer["Location"].startswith("/login/?next="), name


def test_a_viewer_reads_and_changes_nothing(client: Client, full: Company) -> None:
    viewer = log_in(full, Role.VIEWER)
    before = list(Document.objects.order_by("pk").values())
    for name, address in company_urls(full):
        read = viewer.get(address).status_code
        if name.startswith("settings") or name in {"rule", "rule_new", "mode", "series_edit"}:
            assert read == 403, name
        written = viewer.post(address).status_code
        if read == POST_ONLY and name not in {"bulk", "archive_verify"}:
            assert written == 403, name
    assert list(Document.objects.order_by("pk").values()) == before


def test_an_accountant_may_act_but_not_set(client: Client, full: Company) -> None:
    accountant = log_in(full, Role.ACCOUNTANT)
    document = Document.objects.filter(company=full, kind="proforma", state="issued").first()
    assert document is not None
    assert accountant.get(reverse("web:pay", args=[full.pk, document.pk])).status_code == 200
    assert accountant.get(reverse("web:settings", args=[full.pk])).status_code == 403


def test_errors_are_in_the_style_of_the_house(client: Client, full: Company) -> None:
    missing = client.get("/nowhere/")
    assert missing.status_code == 404
    assert b"This page does not exist" in missing.content


def test_filters_narrow_the_list(client: Client, full: Company) -> None:
    address = reverse("web:orders", args=[full.pk])
    everything = client.get(address).content.decode().count('name="id"')
    without = client.get(address, {"document": "without"}).content.decode().count('name="id"')
    future = client.get(address, {"since": "2999-01-01"}).content.decode().count('name="id"')
    assert everything > without > 0 == future
    odd = client.get(address, {"since": "tomorrow", "shop": "x", "page": "-1"})
    assert odd.content.decode().count('name="id"') == everything


def test_pdf_and_isdoc_are_downloaded(client: Client, full: Company) -> None:
    document = (
        Document.objects.filter(company=full, kind="invoice").exclude(isdoc_sha256="").first()
    )
    assert document is not None
    pdf = client.get(reverse("web:pdf", args=[full.pk, document.pk]))
    assert pdf.content.startswith(b"%PDF")
    assert pdf["Content-Disposition"] == f'attachment; filename="{document.number}.pdf"'
    isdoc = client.get(reverse("web:isdoc", args=[full.pk, document.pk]))
    assert b"<Invoice" in isdoc.content


def test_held_documents_say_what_happened_and_what_to_do(client: Client, full: Company) -> None:
    held = Document.objects.filter(company=full, state="held").first()
    assert held is not None
    code = held.problems[0]["code"]
    page = client.get(reverse("web:order", args=[full.pk, held.order_id])).content.decode()
    assert code in page and "No document was issued." in page
    attention = client.get(reverse("web:attention", args=[full.pk])).content.decode()
    assert code in attention and f"Order {held.order.number}" in attention


def test_the_help_lists_every_code(client: Client) -> None:
    html = client.get(reverse("web:help_errors")).content.decode()
    assert all(entry.code in html for entry in all_entries())


def test_only_our_own_page_frames_the_pdf(client: Client, full: Company) -> None:
    document = Document.objects.filter(company=full, kind="invoice", state="issued").first()
    assert document is not None
    answer = client.get(reverse("web:pdf", args=[full.pk, document.pk]), {"open": "1"})
    assert answer["Content-Disposition"].startswith("inline")
    assert answer["X-Frame-Options"] == "SAMEORIGIN"
    assert "frame-ancestors 'self'" in answer["Content-Security-Policy"]
    page = client.get(reverse("web:document", args=[full.pk, document.pk]))
    assert "frame-ancestors 'none'" in page["Content-Security-Policy"]


def test_the_page_of_a_failure_needs_no_database() -> None:
    """Outside a database test every query fails, as it does when the database is away."""
    answer = failed(RequestFactory().get("/"))
    assert answer.status_code == 500
    assert b"SPJ-INTERNAL" in answer.content
