"""What Spojka itself fails at, on the pages: named, explained, tried again, and gone."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from spojka.companies.models import Company, Role
from spojka.connections.models import Connection
from spojka.documents.models import Document
from spojka.engine import runner
from spojka.engine.models import Wake
from spojka.orders.models import InboxEvent, Order, OrderVersion
from tests.web.conftest import log_in, make_stuck

pytestmark = pytest.mark.django_db
MARK = "c0ffee" + "0" * 26


@pytest.fixture
def order(full: Company) -> Order:
    document = Document.objects.filter(company=full, state="issued").first()
    assert document is not None
    return document.order


@pytest.fixture
def wake(order: Order) -> Wake:
    return make_stuck("order", order.pk, f"shop:{order.shop_id}")


def read(client: Client, name: str, *arguments: int) -> str:
    answer = client.get(reverse(f"web:{name}", args=arguments))
    assert answer.status_code == 200
    return answer.content.decode()


def test_an_order_stands_under_needs_attention_and_on_its_own_page(
    client: Client, full: Company, order: Order, wake: Wake
) -> None:
    before = read(client, "attention", full.pk)
    for page in (before, read(client, "order", full.pk, order.pk)):
        assert "SPJ-STUCK" in page and MARK in page
        assert "Failed 2 times in a row" in page and "InvalidOperation" in page
        assert "update Spojka" in page
        assert reverse("web:retry_stuck", args=[full.pk, wake.pk]) in page
    assert reverse("web:order", args=[full.pk, order.pk]) in before
    assert f"last document {order.documents.latest('pk').number}" in before

    here = reverse("web:order", args=[full.pk, order.pk])
    retry = reverse("web:retry_stuck", args=[full.pk, wake.pk])
    answer = client.post(retry, {"next": here}, follow=True)
    assert answer.redirect_chain == [(here, 302)]
    assert "tried again now" in answer.content.decode()
    runner.run_until_idle(30)
    for page in (read(client, "attention", full.pk), read(client, "order", full.pk, order.pk)):
        assert "SPJ-STUCK" not in page


def test_it_counts_in_the_navigation(client: Client, full: Company, order: Order) -> None:
    def count() -> int:
        page = read(client, "settings_audit", full.pk)
        found = page.partition('<span class="count">')[2]
        return int(found.partition("<")[0] or 0)

    before = count()
    make_stuck("order", order.pk, f"shop:{order.shop_id}")
    assert count() == before + 1


def test_an_order_that_cannot_be_read_still_has_its_page(
    client: Client, full: Company, order: Order, wake: Wake
) -> None:
    OrderVersion.objects.filter(order=order).update(content={"total": "hunter2"})
    page = read(client, "order", full.pk, order.pk)
    assert "What is stored of this order cannot be read." in page
    assert MARK in page and "hunter2" not in page
    assert read(client, "payload", full.pk, order.pk)


def test_events_and_connections_are_named_as_well(client: Client, full: Company) -> None:
    event = InboxEvent.objects.filter(shop__company=full).latest("pk")
    connection = Connection.objects.filter(company=full).latest("pk")
    make_stuck("event", event.pk, f"shop:{event.shop_id}")
    make_stuck("changes", connection.pk, f"connection:{connection.pk}")
    page = read(client, "attention", full.pk)
    assert reverse("web:event", args=[full.pk, event.pk]) in page
    assert reverse("web:settings_connection", args=[full.pk, connection.pk]) in page
    assert page.count("Failed 2 times") == 2


def test_a_viewer_sees_it_and_cannot_try_it_again(full: Company, order: Order, wake: Wake) -> None:
    viewer = log_in(full, Role.VIEWER)
    address = reverse("web:retry_stuck", args=[full.pk, wake.pk])
    for page in (read(viewer, "attention", full.pk), read(viewer, "order", full.pk, order.pk)):
        assert MARK in page and address not in page
    assert viewer.post(address).status_code == 403
