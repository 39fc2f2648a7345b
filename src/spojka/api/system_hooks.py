"""Where accounting systems deliver their webhooks: verified, noted as hints, answered.

A delivery says only that something happened; what it was is read from the system afterwards. So
nothing of it is stored, a second one changes nothing, and a lost one is made up for by the regular
reading. Some systems send a GET with everything in the address.
"""

from __future__ import annotations

import json

import structlog
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from spojka.accounting.contract import Capability, Delivery, WebhookError, WebhookHint
from spojka.api import problems
from spojka.api.hooks import body_of
from spojka.connections import systems
from spojka.connections.models import Connection
from spojka.core.problem import Problem
from spojka.documents import changes
from spojka.documents.routing import capabilities

log = structlog.get_logger("spojka.hooks")
MOST_HINTS = 100
"""A delivery that hints at more is taken for: something changed."""


@csrf_exempt
def receive(request: HttpRequest, path_token: str) -> HttpResponse:
    """Take one delivery of an accounting system."""
    if request.method not in {"GET", "POST"}:
        problem = Problem.of("SPJ-API-METHOD", method=request.method, allowed="GET, POST")
        answer = problems.response(request, 405, problem)
        answer["Allow"] = "GET, POST"
        return answer
    found = Connection.objects.select_related("company").filter(path_token=path_token)
    connection = found.first() if path_token.isprintable() else None
    if connection is None or Capability.WEBHOOK not in capabilities(connection):
        problem = Problem.of("SPJ-API-NOT-FOUND", what="webhook")
        return problems.response(request, 404, problem)
    body = body_of(request)
    if isinstance(body, HttpResponse):
        return body
    headers = {name.lower(): value for name, value in request.headers.items()}
    query = {name: str(value) for name, value in request.GET.items()}
    delivery = Delivery(headers, body, query)
    session = systems.quiet_session(connection)
    try:
        hints = systems.system_of(connection).read_webhook(session, delivery)
    except WebhookError:
        log.warning("webhook refused", connection=connection.pk, bytes=len(body))
        return problems.response(request, 401, Problem.of("SPJ-WEBHOOK-SIGNATURE"))
    if len(hints) > MOST_HINTS:
        hints = [WebhookHint("")]
    for hint in hints:
        changes.hinted(connection, hint)
    Connection.objects.filter(pk=connection.pk).update(webhook_seen_at=timezone.now())
    return HttpResponse(
        json.dumps({"hints": len(hints)}), status=200, content_type="application/json"
    )
