"""The timeline of a shop or a connection: every outgoing request, free of secrets."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from ipaddress import ip_network

from django.conf import settings
from django.utils import timezone

from spojka import engine
from spojka.connections.budget import LONGEST_PAUSE, AccountBudget
from spojka.connections.models import Call
from spojka.core import trace
from spojka.core.outcome import ThrottledError, UncertainError
from spojka.core.problem import Problem
from spojka.engine.registry import periodic
from spojka.net.client import Client, Exchange, Response, Transport

KEEP = timedelta(days=90)
BODY_CHARACTERS = 20_000
PAUSE = timedelta(seconds=settings.RETRY_SECONDS)
"""How long an account rests after 429 without a stated time."""
LONGEST_REST = timedelta(hours=25)
"""How long it rests at most because of one header: a day's limit, however long the day is."""


def client(
    owner: str,
    secrets: Iterable[str],
    budget: AccountBudget | None = None,
    *,
    transport: Transport | None = None,
) -> Client:
    """Return the HTTP client for ``owner`` (``shop:1``), recording into its timeline.

    Each request, redirected ones too, is taken from ``budget`` before it is sent. ``transport``
    stands in for the network.
    """
    gate = _Gate(budget)
    return Client(
        secrets=secrets,
        allow=[ip_network(network, strict=False) for network in settings.ALLOWED_NETWORKS],
        recorder=_recorder(owner),
        before=gate.before,
        after=gate.after,
        transport=transport,
    )


class _Gate:
    """What stands before each request of one session, and learns from each answer."""

    def __init__(self, budget: AccountBudget | None) -> None:
        self._budget = budget
        self._wrote = False

    def before(self) -> None:
        """Let one request out.

        Raises:
            ThrottledError: the account allows no call now, and nothing was done in this session.
            UncertainError: likewise, but something was: what became of it is to be looked up.
            LeaseLostError: another worker has taken over what this one was doing.
        """
        if self._budget is not None:
            try:
                self._budget.take(finishing=self._wrote)
            except ThrottledError as error:
                if not self._wrote:
                    raise
                raise UncertainError(
                    Problem.of("SPJ-BUDGET-HALFWAY", **error.problem.facts), error.problem.code
                ) from None
        # A worker that was frozen between two requests must not send the second.
        engine.check_lease()

    def after(self, response: Response, write: bool) -> None:
        """Obey what the other side says of waiting, and remember what was done there."""
        if write and response.status < 400:
            self._wrote = True
        if self._budget is None or response.status not in (429, 503):
            return
        now = timezone.now()
        until = retry_at(response.headers.get("retry-after", ""), now)
        if until is None and response.status == 429:
            until = now + PAUSE
        if until is not None:
            self._budget.pause(min(until, now + LONGEST_REST))


def retry_at(header: str, now: datetime) -> datetime | None:
    """Read ``Retry-After``: seconds, or a date of HTTP (RFC 9110, 10.2.3); ``None``: neither."""
    text = header.strip()
    if text.isascii() and text.isdigit():
        return now + timedelta(seconds=min(int(text[:9]), int(LONGEST_PAUSE.total_seconds())))
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


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
