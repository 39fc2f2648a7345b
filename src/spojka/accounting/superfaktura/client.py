"""Requests to SuperFaktura: login, form of the bodies, verdict of the answers, limits.

HTTP statuses tell little there: an error often arrives with status 200, so that the body decides.
Source: API documentation, "Intro" and "FAQ", and observations of independent clients (read in
November 2026).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote, urlsplit

from spojka import __version__
from spojka.accounting.contract import Session
from spojka.accounting.errors import ErrorBook
from spojka.accounting.superfaktura.reading import ZONE
from spojka.core.outcome import OutcomeError, ThrottledError, UnavailableError, UncertainError
from spojka.core.problem import Problem
from spojka.net.client import NotJsonError, Response
from spojka.net.limits import DAY, MONTH

SERVERS = {
    "moja.superfaktura.sk": "Slovensko",
    "moje.superfaktura.cz": "Česko",
    "meine.superfaktura.at": "Österreich",
    "sandbox.superfaktura.sk": "Sandbox SK",
    "sandbox.superfaktura.cz": "Sandbox CZ",
}
"""Source: API documentation, "Base URLs"."""

BOOK = ErrorBook.of(__package__ or "")

_EXCEEDED = re.compile(r"(?i)exceed|prekro|překro|limit")
_TELLING = frozenset({"error", "error_message", "error_messages", "message", "state"})
_EMAILS_AGAIN = timedelta(hours=1)


def base_of(s: Session) -> str:
    """Return the address of the server, without a slash at its end."""
    address = s.credentials.get("address", "").strip().rstrip("/")
    return address or f"https://{s.credentials.get('server') or next(iter(SERVERS))}"


def authorization(credentials: Mapping[str, str]) -> str:
    """Return the login header; all values are percent-encoded, ``+`` in an e-mail, too."""
    values = {
        "email": credentials.get("email", "").strip(),
        "apikey": credentials.get("api_key", "").strip(),
        "module": f"Spojka {__version__}",
        "company_id": credentials.get("company_id", "").strip(),
    }
    return "SFAPI " + "&".join(f"{name}={quote(value, safe='')}" for name, value in values.items())


def encoded(value: Any) -> str:
    """Write JSON. Amounts are written as numbers with all their digits; no float is made."""
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, Mapping):
        pairs = (f"{json.dumps(name)}:{encoded(below)}" for name, below in value.items())
        return "{" + ",".join(pairs) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(encoded(below) for below in value) + "]"
    return json.dumps(value, ensure_ascii=False)


def filtered(path: str, **filters: object) -> str:
    """Return a list's path with its filters: they are segments of the path, not a query."""
    # A comma stands for "=" in encoded searches and has to stay as it is.
    parts = [f"{name}:{quote(str(value), safe=',')}" for name, value in filters.items()]
    return "/".join([path, *parts])


class Api:
    """Requests of one session."""

    def __init__(self, s: Session) -> None:
        self._s = s
        self.base = base_of(s)
        if s.webhook_secret and s.http is not None:
            # It is part of the address that goes along with documents, and comes back with them.
            s.http.hide(s.webhook_secret)

    @property
    def host(self) -> str:
        return urlsplit(self.base).hostname or self.base

    def get(self, operation: str, path: str, *, write: bool = False) -> Any:
        """Read; ``write`` where the request changes something although it is a GET.

        Raises:
            OutcomeError: anything but success.
        """
        return self._judged(operation, self._send("GET", path, write=write), write=write)

    def post(self, operation: str, path: str, body: Any, *, as_json: bool = False) -> Any:
        """Write. Bodies are a form whose field ``data`` is JSON; some calls take JSON itself.

        Raises:
            OutcomeError: anything but success.
        """
        headers = self._headers()
        if as_json:
            headers["Content-Type"] = "application/json"
            response = self._s.client.request(
                "POST", self.base + path, headers=headers, content=encoded(body)
            )
        else:
            response = self._s.client.request(
                "POST", self.base + path, headers=headers, form={"data": encoded(body)}
            )
        return self._judged(operation, response, write=True)

    def kept(self, checksum: str) -> Any:
        """Return the answer that was once given to a request; it may be a refusal, too.

        What it says is not this call's own verdict, so that only an answer that cannot be read, or
        has the status of an error, is one.

        Raises:
            OutcomeError: it was not answered.
        """
        path = f"/api_logs/getResponseByChecksum/{checksum}"
        response = self._send("GET", path, write=False)
        try:
            body = response.json() if response.status == 200 else None
        except NotJsonError:
            body = None
        if body is None:
            return self._judged("replay", response, write=False)
        self._observe(response, ok=True)
        return body

    def file(self, operation: str, path: str) -> bytes:
        """Read a PDF.

        Raises:
            OutcomeError: what came is none.
        """
        response = self._send("GET", path, write=False)
        if response.status == 200 and response.body.startswith(b"%PDF"):
            self._observe(response, ok=True)
            return response.body
        self._judged(operation, response, write=False)
        raise UnavailableError(self._problem("SPJ-SUPERFAKTURA-NOT-PDF"), "200")

    def senseless(self) -> UnavailableError:
        """Return the error of a read that was answered with something else than was asked for."""
        return UnavailableError(self._problem("SPJ-SUPERFAKTURA-NOT-JSON"), "200")

    def _send(self, method: str, path: str, *, write: bool) -> Response:
        return self._s.client.request(
            method, self.base + path, headers=self._headers(), write=write
        )

    def _headers(self) -> dict[str, str]:
        return {"Authorization": authorization(self._s.credentials), "Accept": "*/*"}

    def _problem(self, code: str) -> Problem:
        return Problem.of(code, host=self.host)

    def _judged(self, operation: str, response: Response, *, write: bool) -> Any:
        """Return the body of an answer that is success."""
        try:
            body = response.json()
        except NotJsonError:
            body = None
        # An empty list is an answer (an unknown checksum); an empty body is none.
        ok = response.status < 300 and body is not None and not _is_error(body)
        self._observe(response, ok=ok)
        if ok:
            return body
        self._stop_at_limit(response, body, write=write)
        if body is None and response.status < 400:
            raise self._unreadable(response, write=write)
        raise self._refused(operation, response, body, write=write)

    def _unreadable(self, response: Response, *, write: bool) -> OutcomeError:
        problem = self._problem("SPJ-SUPERFAKTURA-NOT-JSON")
        return (UncertainError if write else UnavailableError)(problem, str(response.status))

    def _refused(
        self, operation: str, response: Response, body: Any, *, write: bool
    ) -> OutcomeError:
        facts = {"host": self.host, "login": self._s.credentials.get("email", "")}
        return BOOK.outcome(
            response,
            operation,
            write=write,
            redact=self._s.client.redact,
            facts=facts,
            until=self._s.now + _EMAILS_AGAIN if operation == "send" else None,
            body=_told(body),
        )

    # limits

    def _observe(self, response: Response, *, ok: bool) -> None:
        """Tell the budget what the answer says is left.

        Nothing left is not told after success: only reading stops then, and issuing goes on within
        our own count of the same limits.
        """
        if self._s.budget is None:
            return
        for name, seconds in (("Daily", DAY), ("Monthly", MONTH)):
            left = _number(response, f"X-RateLimit-{name}Remaining")
            if left is None or left == 0:
                continue
            limit = _number(response, f"X-RateLimit-{name}Limit")
            reset = _reset(response, f"X-RateLimit-{name}Reset")
            self._s.budget.observe(left, reset, seconds=seconds, limit=limit)

    def _stop_at_limit(self, response: Response, body: Any, *, write: bool) -> None:
        """Raise what a used-up limit means: nothing was done, and from when on it may be tried.

        How it is answered is not documented but for the headers; it may be with nothing at all.
        """
        message = response.headers.get("X-RateLimit-Message", "")
        told = bool(_EXCEEDED.search(message)) and (body is None or response.status >= 400)
        if response.status != 429 and not told:
            return
        until = self._until(response)
        if write and self._s.budget is not None:
            self._s.budget.pause(until)
        technical = self._s.client.redact(f"{response.status} {message}".strip())
        raise ThrottledError(self._problem("SPJ-SUPERFAKTURA-LIMIT"), until, technical)

    def _until(self, response: Response) -> datetime:
        resets = [
            _reset(response, f"X-RateLimit-{name}Reset")
            for name in ("Daily", "Monthly")
            if _number(response, f"X-RateLimit-{name}Remaining") == 0
        ]
        stated = [at for at in (*resets, self._retry_after(response)) if at is not None]
        future = [at for at in stated if at > self._s.now]
        if future:
            return max(future)
        local = self._s.now.astimezone(ZONE)
        return datetime.combine(local.date() + timedelta(days=1), time(), ZONE).astimezone(UTC)

    def _retry_after(self, response: Response) -> datetime | None:
        value = response.headers.get("Retry-After", "").strip()
        if value.isascii() and value.isdigit():
            return self._s.now + timedelta(seconds=int(value[:9]))
        try:
            at = parsedate_to_datetime(value)
        except ValueError:
            return None
        return at if at.tzinfo else at.replace(tzinfo=UTC)


def _is_error(body: Any) -> bool:
    """Tell whether the body says that it was refused: ``error`` is a number or a text."""
    if not isinstance(body, Mapping):
        return False
    failed = str(body.get("state", "")).upper() == "ERROR"
    return failed or str(body.get("error") or "0") not in ("0", "false")


def _told(body: Any) -> Any:
    """Return what is meant for the reader: a refusal repeats the whole document that was sent."""
    if not isinstance(body, Mapping):
        return body
    return {name: value for name, value in body.items() if name in _TELLING}


def _number(response: Response, name: str) -> int | None:
    value = response.headers.get(name, "").strip()
    return int(value) if value.isascii() and value.isdigit() else None


def _reset(response: Response, name: str) -> datetime | None:
    """Read a moment of local time: ``24.12.2030 00:00:00``."""
    try:
        local = datetime.strptime(
            response.headers.get(name, "").strip(), "%d.%m.%Y %H:%M:%S"
        ).replace(tzinfo=ZONE)
    except ValueError:
        return None
    return local.astimezone(UTC)
