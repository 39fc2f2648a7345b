"""Where shops deliver their webhooks: verified, stored, answered; handled afterwards.

What WooCommerce makes of an answer (observed on version 10.9.1): 200 to 302 is success, everything
else a failure, and the seventh failure in a row disables the webhook without a sound. So

- an unknown address is answered with 404, not with 410 or 301: nothing honours those, and the
  shop's owner should see that the address is wrong;
- a wrong signature is answered with 401: the secret in the shop is not ours, and the failed
  deliveries in the shop's log show it. Nothing of the message is stored;
- everything that is signed rightly is answered with 200, whatever it says: what it is worth is
  found out afterwards, and the shop cannot help it.

The answer comes as soon as the raw message is committed; the shop waits for it with all its other
deliveries. So what a delivery needs to know of its shop is remembered for some seconds, and a burst
costs little more than storing it.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field

import structlog
from django.core.exceptions import RequestDataTooBig
from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.views.decorators.csrf import csrf_exempt

from spojka.api import problems
from spojka.connections import shops
from spojka.connections.models import Shop
from spojka.core.problem import Problem
from spojka.orders import intake
from spojka.shops.contract import Ability, Delivery, Hint, HintKind, WebhookError

log = structlog.get_logger("spojka.hooks")

MOST_BYTES = 5 * 1024 * 1024
DOOR_SECONDS = 5.0
"""How long a secret that was replaced is still honoured, at most. A new one is at once."""
_MOST_DOORS = 1000
_KEPT_HEADERS = ("content-type", "user-agent")
_KEPT_PREFIX = "x-"
_DROPPED = {"x-forwarded-for", "x-real-ip", "x-forwarded-proto", "x-forwarded-host"}


@csrf_exempt
def receive(request: HttpRequest, path_token: str) -> HttpResponse:
    """Take one delivery of a shop."""
    if request.method != "POST":
        problem = Problem.of("SPJ-API-METHOD", method=request.method, allowed="POST")
        answer = problems.response(request, 405, problem)
        answer["Allow"] = "POST"
        return answer
    door = _known(path_token) or _look_up(path_token)
    if door is None:
        return _not_found(request)
    body = body_of(request)
    if isinstance(body, HttpResponse):
        return body
    headers = {name.lower(): value for name, value in request.headers.items()}
    try:
        hint = _read(door, Delivery(headers, body))
    except WebhookError:
        # No row is written for it: whoever knows the address could fill the disk.
        log.warning("webhook refused", shop=door.shop.pk, bytes=len(body))
        return problems.response(request, 401, Problem.of("SPJ-WEBHOOK-SIGNATURE"))
    try:
        return _stored(door.shop, headers, body, hint)
    except IntegrityError:
        if _look_up(path_token) is not None:
            raise
        return _not_found(request)  # the shop was removed a moment ago


def body_of(request: HttpRequest) -> bytes | HttpResponse:
    """Return the raw body of a delivery, or the answer to one that is too large or breaks off."""
    if problems.announced_bytes(request) > MOST_BYTES:
        return _too_large(request)
    try:
        body = request.body
    except RequestDataTooBig:
        return _too_large(request)
    except UnreadablePostError:
        problem = Problem.of("SPJ-API-INPUT", detail="body")
        return problems.response(request, 400, problem)
    return _too_large(request) if len(body) > MOST_BYTES else body


@dataclass(frozen=True, slots=True)
class _Door:
    """What deliveries to an address are checked with; the secret is in no traceback's words."""

    path_token: str
    shop: Shop
    secret: str = field(repr=False)
    until: float
    """Monotonic seconds."""


_doors: dict[str, _Door] = {}


def _known(path_token: str) -> _Door | None:
    door = _doors.get(path_token)
    return door if door is not None and door.until > time.monotonic() else None


def _look_up(path_token: str) -> _Door | None:
    """Read the shop of an address and its secret, and remember them for a while."""
    _doors.pop(path_token, None)
    shop = Shop.objects.filter(path_token=path_token).first()
    if shop is None or not shops.can(shop, Ability.WEBHOOK):
        return None
    if len(_doors) >= _MOST_DOORS:
        _doors.clear()
    until = time.monotonic() + DOOR_SECONDS
    door = _Door(path_token, shop, shops.webhook_secret(shop), until)
    _doors[path_token] = door
    return door


def _read(door: _Door, delivery: Delivery) -> Hint:
    """Verify a delivery; where it does not fit, the secret may have been replaced just now.

    Raises:
        WebhookError: it is not signed with the shop's secret.
    """
    source = shops.source_of(door.shop)
    try:
        return source.read_webhook(delivery, door.secret)
    except WebhookError:
        fresh = _look_up(door.path_token)
        if fresh is None or fresh.secret == door.secret:
            raise
        return source.read_webhook(delivery, fresh.secret)


def _not_found(request: HttpRequest) -> HttpResponse:
    problem = Problem.of("SPJ-API-NOT-FOUND", what="webhook")
    return problems.response(request, 404, problem)


def _stored(shop: Shop, headers: dict[str, str], body: bytes, hint: Hint) -> HttpResponse:
    topic, external_id = hint.topic[:80], hint.external_id[:100]
    event_id = intake.receive_webhook(shop, body, _kept(headers), topic, external_id)
    if hint.kind in {HintKind.PING, HintKind.IGNORED}:
        intake.handle(event_id)  # touches nothing but the event itself
    return HttpResponse(
        json.dumps({"event": event_id}), status=200, content_type="application/json"
    )


def _kept(headers: dict[str, str]) -> dict[str, str]:
    """Return the headers that belong to the message; what a proxy or a browser adds does not."""
    return {
        name: value[:500]
        for name, value in headers.items()
        if name in _KEPT_HEADERS or (name.startswith(_KEPT_PREFIX) and name not in _DROPPED)
    }


def _too_large(request: HttpRequest) -> HttpResponse:
    problem = Problem.of("SPJ-API-TOO-LARGE", limit=f"{MOST_BYTES >> 20} MB")
    return problems.response(request, 413, problem)
