"""How long a session lasts, and how long a password that was entered counts as fresh."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone

FRESH = timedelta(minutes=10)
"""How long after the password was entered grave settings may be changed."""
NOTE_EVERY = timedelta(minutes=1)
"""Activity is noted no more often than that: a page that is looked at should not write."""

_BEGAN, _SEEN, _CONFIRMED = "began_at", "seen_at", "confirmed_at"


def begin(sender: object, request: HttpRequest, **_kwargs: Any) -> None:
    """Start the clocks of a session; receives ``user_logged_in``."""
    now = _now()
    request.session[_BEGAN] = request.session[_SEEN] = request.session[_CONFIRMED] = now
    request.session.clear_expired()


def is_over(request: HttpRequest) -> bool:
    """Tell whether the session of somebody who is logged in has lasted or idled too long."""
    now = _now()
    began, seen = request.session.get(_BEGAN), request.session.get(_SEEN)
    if began is None or seen is None:
        return True  # nobody knows how old it is
    return bool(
        now - began > settings.SESSION_COOKIE_AGE or now - seen > settings.SESSION_IDLE_SECONDS
    )


def note_activity(request: HttpRequest) -> None:
    """Remember that the visitor is active. A page that refreshes itself is not a visitor."""
    if request.headers.get("HX-Request") and request.method == "GET":
        return
    now = _now()
    if now - request.session[_SEEN] >= NOTE_EVERY.total_seconds():
        request.session[_SEEN] = now


def confirm(request: HttpRequest) -> None:
    """Note that the visitor has just entered the password."""
    request.session[_CONFIRMED] = _now()


def is_confirmed(request: HttpRequest) -> bool:
    """Tell whether the visitor entered the password within :data:`FRESH`."""
    at = request.session.get(_CONFIRMED)
    return at is not None and 0 <= _now() - at <= FRESH.total_seconds()


def _now() -> float:
    return timezone.now().timestamp()
