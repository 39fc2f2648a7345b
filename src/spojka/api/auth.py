"""Who calls: a bearer token of one company with a role."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import cast

from django.db.models import Q
from django.http import HttpRequest
from django.utils import timezone
from ninja.security import HttpBearer

from spojka.api.problems import ApiError
from spojka.companies.models import ApiToken, Company, Role
from spojka.core.problem import Problem

# Often enough to see a forgotten token, seldom enough not to write on every call.
_NOTE_USE_EVERY = timedelta(minutes=1)
_TOKEN = re.compile(r"[\x21-\x7e]{8,200}\Z")
_MAY_WRITE = {Role.OWNER.value, Role.ACCOUNTANT.value}
_READS = {"GET", "HEAD", "OPTIONS"}


class TokenAuth(HttpBearer):
    """``Authorization: Bearer spj_…``; a token that only reads is refused a change with 403."""

    def authenticate(self, request: HttpRequest, token: str) -> ApiToken | None:
        if not _TOKEN.match(token):
            return None
        found = (
            ApiToken.objects.select_related("company")
            .filter(digest=ApiToken.hash(token), revoked_at=None)
            .first()
        )
        if found is None:
            return None
        if request.method not in _READS and found.role not in _MAY_WRITE:
            raise ApiError(403, Problem.of("SPJ-API-ROLE", role=found.role))
        _note_use(found)
        return found


def _note_use(token: ApiToken) -> None:
    now = timezone.now()
    if token.last_used_at is not None and token.last_used_at > now - _NOTE_USE_EVERY:
        return
    # The condition is repeated in the database: of many calls at once, one writes.
    ApiToken.objects.filter(pk=token.pk).filter(
        Q(last_used_at=None) | Q(last_used_at__lte=now - _NOTE_USE_EVERY)
    ).update(last_used_at=now)


def token_of(request: HttpRequest) -> ApiToken:
    """Return the token of an authenticated call."""
    return cast("ApiToken", request.auth)  # type: ignore[attr-defined]  # set by ninja


def company_of(request: HttpRequest) -> Company:
    """Return the company that the call is for: the token's, never one named in the call."""
    return token_of(request).company


def actor_of(request: HttpRequest) -> str:
    """Return who acts, for the audit log."""
    token = token_of(request)
    return f"api:{token.name} (…{token.last4})"
