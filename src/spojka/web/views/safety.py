"""Pages that refuse something: too large, not understood, too many wrong passwords."""

from __future__ import annotations

import math
from datetime import timedelta
from ipaddress import ip_address
from typing import Any

import structlog
from axes.helpers import get_cool_off
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils import timezone

from spojka.companies.models import AuditEntry
from spojka.web.views.common import show

log = structlog.get_logger("spojka.web")
_TOO_LARGE = (RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent)


def too_large(request: HttpRequest, most: int) -> HttpResponse:
    """413: more than ``most`` bytes were announced, and none of them was read."""
    return show(request, "errors/413", status=413, limit=most >> 20)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """400: what no page of ours sends, or a host that is not ours.

    Rendered without the request: what was refused must not be looked at any closer.
    """
    name, status = ("413", 413) if isinstance(exception, _TOO_LARGE) else ("400", 400)
    return HttpResponse(render_to_string(f"web/errors/{name}.html"), status=status)


def locked_out(
    request: HttpRequest, _response: HttpResponse | None, credentials: dict[str, Any] | None
) -> HttpResponse:
    """429: too many wrong passwords for one name from one address."""
    wait = get_cool_off(request)
    assert wait is not None
    _note_lock_out(str((credentials or {}).get("username", "")), request, wait.total_seconds())
    answer = show(request, "errors/429", status=429, minutes=math.ceil(wait.total_seconds() / 60))
    answer["Retry-After"] = str(math.ceil(wait.total_seconds()))
    return answer


def _note_lock_out(name: str, request: HttpRequest, seconds: float) -> None:
    """Write it into the audit log, once, and of users that exist: nobody may fill it up."""
    log.warning("locked out", user=name[:150], address=client_address(request))
    since = timezone.now() - timedelta(seconds=seconds)
    if (
        get_user_model().objects.filter(username=name).exists()
        and not AuditEntry.objects.filter(
            action="user.locked_out", actor=name, at__gte=since
        ).exists()
    ):
        AuditEntry.write("user.locked_out", company=None, actor=name)


def client_address(request: HttpRequest) -> str | None:
    """Return the address that wrong passwords are counted for, if it is known.

    Behind a proxy that is the last one of ``X-Forwarded-For``, which the proxy itself has added;
    those before it are whatever the visitor wrote. Without a proxy the header is worth nothing.
    """
    candidates = [str(request.META.get("REMOTE_ADDR", ""))]
    if settings.BEHIND_PROXY:
        candidates.insert(0, request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip())
    for candidate in candidates:
        try:
            return str(ip_address(candidate))
        except ValueError:
            continue
    return None
