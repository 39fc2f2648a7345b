"""Addresses for machines that watch: alive, ready, metrics. They tell nothing of any company.

``/metrics`` is open to the machine itself, or to whoever bears ``SPOJKA_METRICS_TOKEN``. A request
that came through a proxy is never taken for one of this machine.
"""

from __future__ import annotations

import hmac
from ipaddress import ip_address

from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from spojka import __version__
from spojka.operations import health, metrics

_FORWARDED = ("X-Forwarded-For", "Forwarded", "X-Real-IP", "X-Forwarded-Proto")


@require_safe
@never_cache
def alive(request: HttpRequest) -> HttpResponse:
    """Answer while the process works; the database is not asked."""
    return JsonResponse({"status": "ok", "version": __version__})


@require_safe
@never_cache
def ready(request: HttpRequest) -> HttpResponse:
    """Answer 200 where the database answers and a worker runs, else 503."""
    state = health.readiness()
    return JsonResponse(
        {
            "status": "ok" if state.ready else "unavailable",
            "database": state.database,
            "worker": state.worker,
        },
        status=200 if state.ready else 503,
    )


@require_safe
@never_cache
def show_metrics(request: HttpRequest) -> HttpResponse:
    """Return the metrics, to whoever may see them."""
    if not _may_see(request):
        # The same answer as for an address that does not exist: nothing is to be guessed here.
        return HttpResponse(status=404, content_type="text/plain")
    try:
        return HttpResponse(metrics.exposition(), content_type=metrics.CONTENT_TYPE)
    except DatabaseError:
        return HttpResponse(status=503, content_type="text/plain")


def _may_see(request: HttpRequest) -> bool:
    if settings.METRICS_TOKEN:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        return scheme.lower() == "bearer" and hmac.compare_digest(
            token.strip().encode(), settings.METRICS_TOKEN.encode()
        )
    if any(name in request.headers for name in _FORWARDED):
        return False
    try:
        return ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False
