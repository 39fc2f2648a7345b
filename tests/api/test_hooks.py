"""The receiver of webhooks, fed with captured deliveries of a real WooCommerce."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from django.db import IntegrityError
from django.test import Client

from spojka.api import hooks
from spojka.companies.models import AuditEntry, Company
from spojka.connections import shops, vault
from spojka.connections.models import Shop
from spojka.orders import intake
from spojka.orders.models import InboxEvent
from tests.api.conftest import CAPTURED

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse as Answer
    from pytest_django import DjangoAssertNumQueries

pytestmark = pytest.mark.urls("tests.api.urls")

SECRET = "tajny-klic-123"  # of the captured deliveries
PING = "0002-none-x.json"
SIGNED = "0009-order.updated-26.json"


@pytest.fixture
def shop(firm: Company) -> Shop:
    made = shops.create(firm, "woocommerce", "Shop", {"url": "https://shop.example"}, actor="test")
    vault.put(shops.owner(made), shops.WEBHOOK_SECRET, SECRET)
    return made


def captured(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((CAPTURED / "webhooks" / name).read_text("utf-8"))
    return found


def deliver(token: str, delivery: dict[str, Any], body: bytes | None = None) -> Answer:
    headers = {
        name: value
        for name, value in delivery["headers"]
        if name.lower() not in {"host", "content-length", "content-type", "connection"}
    }
    content_type = next(value for name, value in delivery["headers"] if name == "Content-Type")
    return Client().post(
        f"/hooks/{token}/",
        data=delivery["body"].encode() if body is None else body,
        content_type=content_type,
        headers=headers,
    )


def test_a_signed_delivery_is_stored_as_it_came_and_waits_for_the_worker(shop: Shop) -> None:
    delivery = captured(SIGNED)
    answer = deliver(shop.path_token, delivery)

    assert answer.status_code == 200
    event = InboxEvent.objects.get()
    assert bytes(event.body).decode() == delivery["body"]
    assert (event.state, event.external_id, event.topic) == ("new", "26", "order.updated")
    # Handling verifies the signature once more, so that it must have been kept.
    assert "x-wc-webhook-signature" in event.headers


def test_a_changed_byte_is_refused_and_nothing_is_stored(shop: Shop) -> None:
    delivery = captured(SIGNED)
    audited = AuditEntry.objects.count()
    forged = delivery["body"].replace('"total":"2836.90"', '"total":"0002.00"').encode()
    assert forged != delivery["body"].encode()
    answer = deliver(shop.path_token, delivery, forged)

    assert (answer.status_code, answer.json()["code"]) == (401, "SPJ-WEBHOOK-SIGNATURE")
    assert not InboxEvent.objects.exists()
    assert AuditEntry.objects.count() == audited


def test_the_unsigned_registration_ping_is_welcome_and_ignored(shop: Shop) -> None:
    assert deliver(shop.path_token, captured(PING)).status_code == 200
    assert InboxEvent.objects.get().state == "ignored"


def test_an_unknown_address_is_not_found(shop: Shop) -> None:
    answer = deliver("x" * 24, captured(SIGNED))
    assert (answer.status_code, answer.json()["code"]) == (404, "SPJ-API-NOT-FOUND")


def test_every_captured_delivery_of_the_right_secret_is_taken(shop: Shop) -> None:
    files = sorted((CAPTURED / "webhooks").glob("*.json"))
    taken = [captured(file.name) for file in files]
    taken = [delivery for delivery in taken if delivery["path"] == "/ok"]
    for delivery in taken:
        assert deliver(shop.path_token, delivery).status_code == 200, delivery["seq"]
    assert len(taken) > 100
    assert InboxEvent.objects.count() == len(taken)


def test_only_post_is_taken(shop: Shop) -> None:
    answer = Client().get(f"/hooks/{shop.path_token}/")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")


def test_a_body_beyond_five_megabytes_is_refused(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert hooks.MOST_BYTES == 5 * 1024 * 1024
    monkeypatch.setattr(hooks, "MOST_BYTES", 100)
    assert deliver(shop.path_token, captured(SIGNED)).status_code == 413
    assert not InboxEvent.objects.exists()


def test_a_burst_costs_little_more_than_storing_it(
    shop: Shop, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    deliver(shop.path_token, captured(SIGNED))
    with django_assert_max_num_queries(6) as asked:
        assert deliver(shop.path_token, captured(SIGNED)).status_code == 200
    assert not [query for query in asked.captured_queries if query["sql"].startswith("SELECT")]


def test_a_replaced_secret_is_honoured_at_once(shop: Shop) -> None:
    vault.put(shops.owner(shop), shops.WEBHOOK_SECRET, "another secret")
    assert deliver(shop.path_token, captured(SIGNED)).status_code == 401
    vault.put(shops.owner(shop), shops.WEBHOOK_SECRET, SECRET)
    assert deliver(shop.path_token, captured(SIGNED)).status_code == 200


def test_the_former_secret_is_honoured_for_seconds_only(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert deliver(shop.path_token, captured(SIGNED)).status_code == 200
    vault.put(shops.owner(shop), shops.WEBHOOK_SECRET, "another secret")
    later = time.monotonic() + hooks.DOOR_SECONDS + 1
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert deliver(shop.path_token, captured(SIGNED)).status_code == 401


def test_the_address_of_a_shop_just_removed_is_not_found(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert deliver(shop.path_token, captured(SIGNED)).status_code == 200
    InboxEvent.objects.all().delete()
    shop.delete()

    def refused(*_args: object, **_fields: object) -> None:
        raise IntegrityError  # the database says so at the commit, which a test never reaches

    monkeypatch.setattr(intake, "receive_webhook", refused)
    assert deliver(shop.path_token, captured(SIGNED)).status_code == 404


def test_what_is_remembered_of_a_shop_does_not_tell_its_secret(shop: Shop) -> None:
    assert deliver(shop.path_token, captured(SIGNED)).status_code == 200
    assert shop.path_token in hooks._doors
    assert SECRET not in repr(hooks._doors)
