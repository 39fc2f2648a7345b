"""Lists of orders and documents: what is found, and that every row stands on one page."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from spojka.companies.models import Company
from spojka.documents.models import Document
from spojka.orders.models import Order
from spojka.web.views import common

pytestmark = pytest.mark.django_db


def add_orders(company: Company, count: int, **fields: str) -> list[Order]:
    """Add orders, each a minute older than the one before; all are younger than the others."""
    newest = datetime(2999, 1, 1, tzinfo=UTC)
    template = {"status": "processing", "currency": "CZK", "customer": "Řehoř Žížala", **fields}
    return Order.objects.bulk_create(
        Order(
            company=company,
            shop=company.shops.get(),
            external_id=f"added-{at}",
            total=Decimal(100),
            ordered_at=newest - timedelta(minutes=at),
            **{"number": f"ADDED-{at:03}", **template},
        )
        for at in range(count)
    )


def shown(client: Client, company: Company, name: str = "orders", /, **query: str) -> list[int]:
    """Return the keys of the rows that a page of a list shows, in their order."""
    html = client.get(reverse(f"web:{name}", args=[company.pk]), query).content.decode()
    return [int(value) for value in re.findall(r'name="id"\s+value="(\d+)"', html)]


@pytest.mark.parametrize("first", [0, 3, 4, 7, 10, 1000])
def test_every_row_stands_on_one_page(
    client: Client, full: Company, monkeypatch: pytest.MonkeyPatch, first: int
) -> None:
    monkeypatch.setattr(common, "PAGE_SIZE", 3)
    monkeypatch.setattr(common, "FIRST_KEYS", first)
    added = [order.pk for order in add_orders(full, 10)]
    pages = [shown(client, full, q="added", page=str(number)) for number in (1, 2, 3, 4)]
    assert pages == [added[:3], added[3:6], added[6:9], added[9:]]
    assert shown(client, full, q="added", page="5") == pages[-1]
    assert shown(client, full, q="added", page="x") == pages[0]
    html = client.get(reverse("web:orders", args=[full.pk]), {"q": "added"}).content.decode()
    assert "page 1 of 4" in html


@pytest.mark.parametrize(("name", "page"), [("orders", "1"), ("orders", "4"), ("documents", "3")])
def test_long_lists_ask_no_more_than_short_ones(
    client: Client, full: Company, monkeypatch: pytest.MonkeyPatch, name: str, page: str
) -> None:
    monkeypatch.setattr(common, "PAGE_SIZE", 3)
    monkeypatch.setattr(common, "FIRST_KEYS", 6)
    add_orders(full, 20)
    with CaptureQueriesContext(connection) as asked:
        assert shown(client, full, name, page=page)
    assert len(asked) <= 12


def test_an_order_is_found_by_all_that_it_is_known_by(client: Client, full: Company) -> None:
    document = (
        full.documents.filter(kind="invoice", state="issued").exclude(number="").earliest("pk")
    )
    order = document.order
    by = {
        "number": order.number,
        "part of the number": order.number[1:],
        "customer": order.customer[1:],
        "customer, in capitals": order.customer.split()[0].upper(),
        "e-mail": order.email.upper(),
        "document": document.number[2:],
    }
    for what, text in by.items():
        assert order.pk in shown(client, full, q=text), what
    assert shown(client, full, q="100%") == []


def test_a_document_is_found_by_all_that_it_is_known_by(client: Client, full: Company) -> None:
    document = (
        full.documents.filter(kind="invoice", state="issued").exclude(number="").earliest("pk")
    )
    Document.objects.filter(pk=document.pk).update(variable_symbol="9081726354")
    by = {
        "number": document.number[2:],
        "variable symbol": "8172635",
        "order": document.order.number,
        "customer": document.order.customer.split()[0].upper(),
    }
    for what, text in by.items():
        assert document.pk in shown(client, full, "documents", q=text), what
    assert shown(client, full, "documents", q="0000000") == []


def test_documents_of_a_month(client: Client, full: Company) -> None:
    first, second, *_ = full.documents.filter(state="issued").order_by("pk")
    Document.objects.filter(pk=first.pk).update(issued_on=date(2024, 12, 31))
    Document.objects.filter(pk=second.pk).update(issued_on=date(2025, 1, 1))
    assert shown(client, full, "documents", month="2024-12") == [first.pk]
    assert shown(client, full, "documents", month="2025-01") == [second.pk]
    assert shown(client, full, "documents", month="2025-02") == []
    html = client.get(reverse("web:documents", args=[full.pk])).content.decode()
    assert html.index('value="2025-01"') < html.index('value="2024-12"')
    assert 'value="2025-02"' not in html


def test_a_filter_that_fits_nothing_is_no_empty_company(
    client: Client, full: Company, empty: Company
) -> None:
    for name in ("orders", "documents"):
        html = client.get(reverse(f"web:{name}", args=[full.pk]), {"q": "zzzz"}).content.decode()
        assert "Nothing fits the filter" in html, name
