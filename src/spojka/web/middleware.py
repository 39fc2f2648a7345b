"""What every request and every answer has to do with, whichever page it is about."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponseBase
from django.utils.translation import gettext as _

from spojka.web import sessions
from spojka.web.views import safety

MOST_FORM_BYTES = 1024 * 1024
"""Of a form without files."""
MOST_UPLOAD_BYTES = 21 * 1024 * 1024
"""Of a form with files: the largest file to import, and the form around it."""

GetResponse = Callable[[HttpRequest], HttpResponseBase]

_PERMISSIONS = ", ".join(
    f"{name}=()"
    for name in ("camera", "geolocation", "microphone", "payment", "usb", "browsing-topics")
)


class SafeHeaders:
    """Headers that Django does not set, on every answer: errors and static files included."""

    def __init__(self, get_response: GetResponse) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self._get_response(request)
        headers = response.headers
        headers.setdefault("Permissions-Policy", _PERMISSIONS)
        headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        # Static files and fonts say themselves how long they keep; all else is somebody's own.
        headers.setdefault("Cache-Control", "private, no-store")
        if settings.SECURE_HSTS_SECONDS:
            # Django sends it only where it sees https itself, which it does not behind a proxy
            # that says nothing. Browsers ignore it on http.
            value = f"max-age={settings.SECURE_HSTS_SECONDS}"
            if settings.SECURE_HSTS_INCLUDE_SUBDOMAINS:
                value += "; includeSubDomains"
            headers.setdefault("Strict-Transport-Security", value)
        return response


class BodyLimit:
    """Refuse what is too large before a byte of it is read, and what no page can mean.

    Views which take no form tokens (the API, webhooks) have limits and answers of their own.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        length = request.META.get("CONTENT_LENGTH") or "0"
        if not (length.isascii() and length.isdigit()):
            request.META["CONTENT_LENGTH"] = ""  # nobody reads a body of such a length
        return self._get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], _args: object, _kwargs: object
    ) -> HttpResponseBase | None:
        if getattr(view, "csrf_exempt", False):
            return None
        most = (
            MOST_UPLOAD_BYTES
            if (request.content_type or "").startswith("multipart/")
            else (MOST_FORM_BYTES)
        )
        if int(request.META.get("CONTENT_LENGTH") or 0) > most:
            return safety.too_large(request, most)
        if _holds_nul(request):
            return safety.bad_request(request, BadRequest("NUL"))
        return None


def _holds_nul(request: HttpRequest) -> bool:
    """Tell whether address or form hold the sign that no text has and no database takes."""
    if "\0" in request.path:
        return True
    given = (request.GET, request.POST)
    return any("\0" in value for data in given for _, values in data.lists() for value in values)


class SessionTimes:
    """Log out whoever was idle for too long, or was logged in for too long."""

    def __init__(self, get_response: GetResponse) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        # No session, nobody: the cookie is looked at first, so that an answer to somebody without
        # one neither asks the database nor varies.
        if settings.SESSION_COOKIE_NAME in request.COOKIES and request.user.is_authenticated:
            if sessions.is_over(request):
                logout(request)
                messages.info(
                    request,
                    _(
                        "You have been logged out because much time has passed. "
                        "Please log in again."
                    ),
                )
            else:
                sessions.note_activity(request)
        return self._get_response(request)
