"""Deliveries captured from a real WooCommerce, and forged ones."""

from __future__ import annotations

import json
from typing import Any

import pytest

from spojka.shops.contract import Delivery, Hint, HintKind, WebhookError
from spojka.shops.woocommerce.webhook import read_webhook, signature
from tests.shops import captured

SECRET = "tajny-klic-123"
ALL = captured.deliveries()
SIGNED = [
    pytest.param(headers, body, id=name)
    for name, headers, body, path in ALL
    if path == "/ok" and "x-wc-webhook-signature" in headers
]
PINGS = [
    pytest.param(headers, body, id=name)
    for name, headers, body, _ in ALL
    if "x-wc-webhook-signature" not in headers
]


def test_there_are_captured_deliveries() -> None:
    assert len(SIGNED) > 80
    assert len(PINGS) > 5


@pytest.mark.parametrize(("headers", "body"), SIGNED)
def test_captured_deliveries_verify_and_changed_ones_do_not(
    headers: dict[str, str], body: bytes
) -> None:
    hint = read_webhook(Delivery(headers, body), SECRET)
    sent = json.loads(body)
    assert hint.topic == headers["x-wc-webhook-topic"]
    if "code" in sent:
        assert hint.kind is HintKind.IGNORED
        assert hint.reason
    else:
        deleted = hint.topic == "order.deleted"
        assert hint.kind is (HintKind.DELETED if deleted else HintKind.CHANGED)
        assert hint.external_id == str(sent.get("id", sent.get("arg")))
    flipped = bytes([body[0] ^ 1]) + body[1:]
    with pytest.raises(WebhookError):
        read_webhook(Delivery(headers, flipped), SECRET)
    with pytest.raises(WebhookError):
        read_webhook(Delivery(headers, body), SECRET + "4")


@pytest.mark.parametrize(("headers", "body"), PINGS)
def test_the_unsigned_ping_of_registration(headers: dict[str, str], body: bytes) -> None:
    assert read_webhook(Delivery(headers, body), SECRET).kind is HintKind.PING


def read(topic: str, body: Any, secret: str = SECRET) -> Hint:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"X-WC-Webhook-Topic": topic, "X-WC-Webhook-Signature": signature(raw, secret)}
    return read_webhook(Delivery(headers, raw), secret)


@pytest.mark.parametrize(
    ("topic", "body", "kind"),
    [
        ("order.restored", {"id": 5}, HintKind.CHANGED),
        ("order.created", {"id": 5, "status": "x"}, HintKind.CHANGED),
        ("order.deleted", {"id": 5}, HintKind.DELETED),
        ("action.woocommerce_order_refunded", {"action": "woocommerce_order_refunded", "arg": 5},
         HintKind.CHANGED),
        ("action.woocommerce_add_to_cart", {"action": "woocommerce_add_to_cart", "arg": "k"},
         HintKind.IGNORED),
        ("product.updated", {"id": 5}, HintKind.IGNORED),
        ("order.updated", {"id": 0}, HintKind.IGNORED),
        ("order.updated", [1], HintKind.IGNORED),
        ("order.updated", b"<html>", HintKind.IGNORED),
    ],
)  # fmt: skip
def test_topics(topic: str, body: Any, kind: HintKind) -> None:
    hint = read(topic, body)
    assert hint.kind is kind
    assert hint.external_id == ("" if kind is HintKind.IGNORED else "5")


def test_any_secret_works() -> None:
    assert read("order.updated", {"id": 5}, "a&b<c\"d'é").kind is HintKind.CHANGED


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({}, b'{"id": 5}'),
        ({"x-wc-webhook-topic": "order.updated"}, b"webhook_id=5"),
        ({}, b"webhook_id=5&id=7"),
        ({"x-wc-webhook-topic": "order.updated", "x-wc-webhook-signature": ""}, b'{"id": 5}'),
        ({"x-wc-webhook-topic": "order.updated", "x-wc-webhook-signature": "ž"}, b'{"id": 5}'),
    ],
)
def test_unsigned_deliveries_are_not_believed(headers: dict[str, str], body: bytes) -> None:
    with pytest.raises(WebhookError):
        read_webhook(Delivery(headers, body), SECRET)


def test_without_a_secret_nothing_is_believed() -> None:
    body = b'{"id": 5}'
    headers = {"x-wc-webhook-topic": "order.updated", "x-wc-webhook-signature": signature(body, "")}
    with pytest.raises(WebhookError):
        read_webhook(Delivery(headers, body), "")
