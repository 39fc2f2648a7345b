"""Deliveries of WooCommerce webhooks. A delivery is only a hint to read the order again.

Its body is built when it is sent, not when it happened; ``order.updated`` of a new order comes
before ``order.created``; the delivery id is shared by all deliveries of one second, so that
nothing may be recognised by it; a failed delivery is never repeated.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from base64 import b64encode
from collections.abc import Mapping
from typing import Any

from spojka.shops.contract import Delivery, Hint, HintKind, WebhookError
from spojka.shops.woocommerce.reading import identity, plain_text, text

SIGNATURE = "x-wc-webhook-signature"
TOPIC = "x-wc-webhook-topic"

_PING = re.compile(rb"webhook_id=\d{1,20}\s*\Z")
_ORDER_ACTION = re.compile(r"woocommerce_(?:order|payment_complete|new_order|update_order)")


def signature(body: bytes, secret: str) -> str:
    """Return the signature WooCommerce gives a body: base64 of HMAC-SHA256 over the raw bytes."""
    return b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()


def read_webhook(delivery: Delivery, secret: str) -> Hint:
    """Verify a delivery and tell what it hints at.

    Raises:
        WebhookError: it has no signature or a wrong one.
    """
    headers = {name.lower(): value for name, value in delivery.headers.items()}
    unsigned = not any(name.startswith("x-wc-") for name in headers)
    if unsigned and _PING.match(delivery.body):
        # Registration sends this, unsigned; without a success the shop's admin sees an error.
        return Hint(HintKind.PING, reason="webhook registered")
    given = headers.get(SIGNATURE, "")
    if not secret or not given:
        raise WebhookError("the delivery is not signed")
    expected = signature(delivery.body, secret)
    if not hmac.compare_digest(expected.encode(), given.strip().encode()):
        raise WebhookError("the signature does not match the secret")
    topic = headers.get(TOPIC, "").strip()
    try:
        body = json.loads(delivery.body)
    except (ValueError, RecursionError):
        return Hint(HintKind.IGNORED, topic=topic, reason="the body is not JSON")
    if not isinstance(body, dict):
        return Hint(HintKind.IGNORED, topic=topic, reason="the body is no object")
    return _hint(topic, body)


def _hint(topic: str, body: Mapping[str, Any]) -> Hint:
    if topic.startswith("action."):
        action = text(body.get("action")) or topic.removeprefix("action.")
        found = identity(body, "arg")
        if found.isdecimal() and _ORDER_ACTION.match(action):
            return Hint(HintKind.CHANGED, found, topic, action)
        return Hint(HintKind.IGNORED, topic=topic, reason=f"{action} is not about an order")
    resource, _, event = topic.partition(".")
    if resource != "order":
        return Hint(HintKind.IGNORED, topic=topic, reason="not about an order")
    found = identity(body)
    if not found:
        # The order was deleted before the delivery was built: a signed error body, without id.
        words = plain_text(body.get("message")) or "the body has no order id"
        return Hint(HintKind.IGNORED, topic=topic, reason=words[:200])
    kind = HintKind.DELETED if event == "deleted" else HintKind.CHANGED
    return Hint(kind, found, topic)
