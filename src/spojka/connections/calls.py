"""The timeline of a shop or a connection: every outgoing request, free of secrets."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta
from ipaddress import ip_network

from django.conf import settings
from django.utils import timezone

from spojka import engine
from spojka.connections.models import Call
from spojka.core import trace
from spojka.engine.registry import periodic
from spojka.net.client import Client, Exchange

KEEP = timedelta(days=90)
BODY_CHARACTERS = 20_000


def client(owner: str, secrets: Iterable[str]) -> Client:
    """Return the HTTP client for ``owner`` (``shop:1``), recording into its timeline."""
    return Client(
        secrets=secrets,
        allow=[ip_network(network, strict=False) for network in settings.ALLOWED_NETWORKS],
        recorder=_recorder(owner),
        # A worker that was frozen between two requests must not send the second.
        before=engine.check_lease,
    )


def _recorder(owner: str) -> Callable[[Exchange], None]:
    def record(exchange: Exchange) -> None:
        Call.objects.create(
            owner=owner,
            method=exchange.method,
            url=exchange.url,
            status=exchange.status,
            duration_ms=exchange.duration_ms,
            request=exchange.request_body[:BODY_CHARACTERS],
            response=exchange.response_body[:BODY_CHARACTERS],
            problem=exchange.error,
            trace=trace.current(),
        )

    return record


@periodic("calls.prune", timedelta(hours=6))
def prune() -> None:
    """Drop calls older than the timeline keeps."""
    Call.objects.filter(at__lt=timezone.now() - KEEP).delete()
