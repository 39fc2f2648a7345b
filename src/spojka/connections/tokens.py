"""Access tokens shared by all workers: one per credentials, sealed in the vault, fetched by one.

At some systems a new token ends the one before. Two workers that both fetch one would end each
other's for ever; so only one of them does, and a token is stored only by who had the right to fetch
it, and dropped only by who saw it refused.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from types import TracebackType
from typing import Self

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from spojka.connections import vault
from spojka.connections.identity import fingerprint
from spojka.connections.models import AccessToken
from spojka.core.outcome import ThrottledError
from spojka.core.problem import Problem

MARGIN = timedelta(seconds=30)
"""A token that ends sooner is not handed out: the request has to arrive before its end."""
CLAIM = timedelta(seconds=150)
"""How long who fetches a token has the right to; longer than the longest request."""
WAITS = 25
WAIT_SECONDS = 0.2
AGAIN = timedelta(seconds=5)
_FIELD = "token"

Clock = Callable[[], datetime]


class SharedTokens:
    """The token of one set of credentials, for one session; see ``TokenCache``.

    Close it with the session: who claimed the right to fetch a token and did not get one gives the
    right back. ``seen`` is called with each token that passes, so that it is never recorded.
    """

    def __init__(
        self,
        name: Callable[[], str],
        seen: Callable[[str], None] = lambda _token: None,
        clock: Clock = timezone.now,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._find_name = name
        self._seen = seen
        self._clock = clock
        self._sleep = sleep
        self._row: AccessToken | None = None
        self._claim = ""
        self._digest = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @sensitive_variables("token")
    def get(self) -> str | None:
        """Return a valid token, or ``None`` where this session is the one to fetch it.

        While another worker fetches one, this waits for a few seconds.

        Raises:
            ThrottledError: it takes longer (``SPJ-BUDGET-TOKEN``).
            VaultError: the stored token cannot be opened.
        """
        for turn in range(WAITS):
            if turn:
                self._sleep(WAIT_SECONDS)
            token = self._stored()
            if token is not None:
                self._digest = fingerprint(token)
                self._seen(token)
                return token
            if self._take_claim():
                return None
        raise ThrottledError(Problem.of("SPJ-BUDGET-TOKEN"), self._clock() + AGAIN)

    @sensitive_variables("token", "digest")
    def put(self, token: str, expires_at: datetime) -> None:
        """Store a token, unless the right to fetch it was lost to another worker meanwhile."""
        self._seen(token)
        row = self._get_row()
        digest = fingerprint(token)
        with transaction.atomic():
            mine = Q(claim=self._claim) if self._claim else Q(claim="") | Q(claim_until=None)
            stored = AccessToken.objects.filter(mine, pk=row.pk).update(
                digest=digest, expires_at=expires_at, claim="", claim_until=None
            )
            if stored:
                vault.put(_owner(row), _FIELD, token)
        self._claim = ""
        self._digest = digest

    @sensitive_variables("token", "digest")
    def forget(self, token: str | None = None) -> None:
        """Drop a refused token; one that was stored after it stays."""
        digest = self._digest if token is None else fingerprint(token)
        if digest:
            AccessToken.objects.filter(pk=self._get_row().pk, digest=digest).update(
                digest="", expires_at=None
            )

    def close(self) -> None:
        """Give the right to fetch back, where it was not used."""
        if self._claim:
            AccessToken.objects.filter(pk=self._get_row().pk, claim=self._claim).update(
                claim="", claim_until=None
            )
            self._claim = ""

    def _get_row(self) -> AccessToken:
        if self._row is None:
            self._row, _ = AccessToken.objects.get_or_create(name=self._find_name())
        return self._row

    @sensitive_variables("token")
    def _stored(self) -> str | None:
        pk = self._get_row().pk
        row = AccessToken.objects.filter(pk=pk, expires_at__gt=self._clock() + MARGIN).first()
        if row is None or not row.digest:
            return None
        token = vault.get(_owner(row), _FIELD)
        # Row and vault are two statements: a token that was replaced between them does not match.
        return token if token is not None and fingerprint(token) == row.digest else None

    def _take_claim(self) -> bool:
        now = self._clock()
        claim = self._claim or secrets.token_hex(16)
        free = Q(claim="") | Q(claim=claim) | Q(claim_until__lte=now)
        none_valid = Q(digest="") | Q(expires_at=None) | Q(expires_at__lte=now + MARGIN)
        taken = AccessToken.objects.filter(free, none_valid, pk=self._get_row().pk).update(
            claim=claim, claim_until=now + CLAIM
        )
        self._claim = claim if taken else ""
        return bool(taken)


def _owner(row: AccessToken) -> str:
    return f"token:{row.pk}"
