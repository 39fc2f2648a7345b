"""iDoklad's webhooks: registered once per event, signed with HMAC-SHA256 over the raw body.

The address and its secret are entered by a person in iDoklad's developer portal, which gives the
webhook its public id; the API only says which events it is to be called for. A delivery lists
events by kind and id, and is never more than a hint.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

from spojka.accounting.contract import Delivery, Session, WebhookError, WebhookHint
from spojka.accounting.idoklad.client import Api
from spojka.accounting.idoklad.codes import RESOURCES, number
from spojka.core.document import Kind
from spojka.core.outcome import RejectedError, Rejection
from spojka.core.problem import Problem

_SIGNATURES = ("x-idoklad-signature-256", "x-idoklad-signature")
_ACTIONS = {1: "Insert", 2: "Update", 3: "Delete", 4: "PaymentCreated", 5: "PaymentDeleted"}
_KINDS = {place.report: kind for kind, place in RESOURCES.items()}
_ENTITIES = {place.sequence: kind for kind, place in RESOURCES.items()}


def register(api: Api, s: Session) -> None:
    """Switch the webhook on for all events of documents; what is on already stays.

    Raises:
        RejectedError: nobody entered the webhook's public id.
    """
    public_id = s.credentials.get("webhook_id", "").strip()
    if not public_id:
        problem = Problem.of("SPJ-IDOKLAD-WEBHOOK-ID", address=s.webhook_address)
        raise RejectedError(problem, Rejection.CONFIG)
    on = {
        (number(row.get("EntityType")), number(row.get("ActionType")))
        for row in api.pages("webhooks", "Webhooks")
        if str(row.get("PublicId", "")).lower() == public_id.lower()
    }
    for entity in _ENTITIES:
        for action in _ACTIONS:
            if (entity, action) not in on:
                body = {"EntityType": entity, "ActionType": action, "PublicId": public_id}
                api.write("webhook", "POST", "Webhooks", body)


def read(s: Session, delivery: Delivery) -> list[WebhookHint]:
    """Verify a delivery and return what it hints at, each document once.

    Raises:
        WebhookError: the signature is missing or wrong, or the body makes no sense.
    """
    signed = next((delivery.headers[h] for h in _SIGNATURES if h in delivery.headers), "")
    if not s.webhook_secret or not signed:
        raise WebhookError("no signature")
    digest = hmac.new(s.webhook_secret.encode(), delivery.body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(f"sha256={digest}".encode(), signed.strip().lower().encode()):
        raise WebhookError("wrong signature")
    try:
        body = json.loads(delivery.body)
        events = [event for event in body["Events"] if isinstance(event, Mapping)]
    except (ValueError, KeyError, TypeError):
        raise WebhookError("not a list of events") from None
    hints = [hint for event in events if (hint := _hint(event)) is not None]
    return list(dict.fromkeys(hints))


def _hint(event: Mapping[str, Any]) -> WebhookHint | None:
    """Read an event; ``None`` where it is about something else than our kinds of documents."""
    entity, id_ = event.get("EntityType"), number(event.get("EntityId"))
    as_number = number(entity)
    kind: Kind | None = _KINDS.get(str(entity)) or _ENTITIES.get(
        -1 if as_number is None else as_number
    )
    if kind is None or id_ is None:
        return None
    action = number(event.get("EventType"))
    topic = _ACTIONS.get(-1 if action is None else action) or str(event.get("EventType") or "")
    return WebhookHint(external_id=str(id_), kind=kind, topic=topic)
