"""iDoklad over HTTP: tokens, the envelope of every answer, pages and filters.

Whether something was done is told by ``IsSuccess`` in the body, whatever the HTTP status: a
refusal may come with status 200. An answer without the envelope tells nothing, so that a write is
uncertain.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from spojka.accounting.contract import Session, TokenCache
from spojka.accounting.errors import ErrorBook
from spojka.accounting.idoklad.codes import LOCALES, number
from spojka.accounting.simulator import written
from spojka.core.outcome import OutcomeError
from spojka.net.client import NotJsonError, Response
from spojka.net.limits import MINUTE

IDENTITY = "https://identity.idoklad.cz"
API = "https://api.idoklad.cz"
TOKEN_WITH_APPLICATION = "/server/v2/connect/token"  # noqa: S105 - a path
TOKEN_PLAIN = "/server/connect/token"  # noqa: S105 - a path

PAGE_SIZE = 200
"""The most that a page may hold."""
_MOST_PAGES = 500
_TOKEN_SECONDS = 600
"""How long a token is used whose end is not told."""
_REST = timedelta(seconds=60)
"""How long to wait after *too many requests* that states no time: limits are per minute."""
_LONGEST_REST = timedelta(days=32)

BOOK = ErrorBook.of(__package__)
Json = Mapping[str, Any]


class Api:
    """Requests of one session. Each method raises an ``OutcomeError`` for all but success."""

    def __init__(self, s: Session) -> None:
        address = s.credentials.get("address", "").strip().rstrip("/")
        self._identity = address or IDENTITY
        self.base = f"{address or API}/v3"
        self._session = s
        country = s.seller.country if s.seller else "CZ"
        self._locale = LOCALES["sk" if country == "SK" else "cs"]

    @property
    def identity(self) -> str:
        """Address of the server that gives tokens."""
        return self._identity

    def get(self, operation: str, path: str, **params: str) -> Any:
        """Read, and return the answer's ``Data``."""
        return self._call(operation, "GET", path, params, None, write=False)

    def write(
        self, operation: str, method: str, path: str, body: Json | None = None, **params: str
    ) -> Any:
        """Change something there, and return the answer's ``Data``."""
        return self._call(operation, method, path, params, body, write=True)

    def recount(self, body: Json) -> Json:
        """Have items computed, without anything being kept."""
        path = "IssuedInvoices/Recount"
        data = self._call("recount", "POST", path, {}, body, write=False)
        if isinstance(data, Mapping):
            return data
        raise self._unreadable("recount", write=False)

    def made(self, operation: str, method: str, path: str, body: Json) -> Json:
        """Write, and return the record that came of it.

        Raises:
            UncertainError: among others, where a success does not tell what was made.
        """
        data = self.write(operation, method, path, body)
        if isinstance(data, Mapping) and number(data.get("Id")):
            return data
        raise self._unreadable(operation, write=True)

    def record(self, operation: str, path: str, **params: str) -> Json:
        """Read one record.

        Raises:
            UnavailableError: among others, where a success does not hold it.
        """
        data = self.get(operation, path, **params)
        if isinstance(data, Mapping):
            return data
        raise self._unreadable(operation, write=False)

    def pages(
        self, operation: str, path: str, most: int = _MOST_PAGES, **params: str
    ) -> Iterator[Json]:
        """Read a list, page by page while it is iterated, at most ``most`` pages."""
        for page in range(1, most + 1):
            wanted = {name: value for name, value in params.items() if value}
            data = self.record(operation, path, page=str(page), pageSize=str(PAGE_SIZE), **wanted)
            items = data.get("Items")
            if not isinstance(items, list):
                raise self._unreadable(operation, write=False)
            yield from (item for item in items if isinstance(item, Mapping))
            pages = number(data.get("TotalPages"))
            if page >= pages if pages is not None else len(items) < PAGE_SIZE:
                return

    def _call(
        self,
        operation: str,
        method: str,
        path: str,
        params: Mapping[str, str],
        body: Json | None,
        *,
        write: bool,
    ) -> Any:
        token = self._token()
        response = self._send(method, path, params, body, token, write=write)
        if response.status == 401:
            # Not accepted, so nothing was done: the token ended, or was revoked.
            self._tokens.forget(token)
            response = self._send(method, path, params, body, self._token(), write=write)
        return self._data(response, operation, write=write)

    def _send(
        self,
        method: str,
        path: str,
        params: Mapping[str, str],
        body: Json | None,
        token: str,
        *,
        write: bool,
    ) -> Response:
        headers = {
            "Authorization": f"Bearer {token}",
            "Accept": "application/json",
            "Accept-Language": self._locale,
        }
        content = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            content = written(body)
        response = self._session.client.request(
            method,
            f"{self.base}/{path}",
            params=params,
            headers=headers,
            content=content,
            write=write,
        )
        self._observe(response)
        return response

    def _observe(self, response: Response) -> None:
        """Learn what is left of the minute, where the answer says so (not confirmed)."""
        budget = self._session.budget
        for name in ("x-rate-limit-remaining", "x-ratelimit-remaining"):
            left = number(response.headers.get(name, ""))
            if budget is not None and left is not None:
                budget.observe(max(0, left), seconds=MINUTE)

    def _data(self, response: Response, operation: str, *, write: bool) -> Any:
        body = _body(response)
        if body is None:
            raise self._outcome(response, operation, None, write=write)
        succeeded = body.get("IsSuccess")
        if succeeded is True and response.status < 400:
            return body.get("Data")
        if succeeded is not False:
            raise self._outcome(response, operation, body, write=write)
        if response.status < 400:
            # "IsSuccess": false is a refusal under any status; the envelope may tell the true one.
            response = replace(response, status=max(400, number(body.get("StatusCode")) or 0))
        raise self._outcome(response, operation, _spoken(body), write=write)

    def _outcome(
        self, response: Response, operation: str, body: Json | None, *, write: bool
    ) -> OutcomeError:
        facts = {"host": self.base.split("/")[2]}
        if body is not None and number(body.get("ErrorCode")):
            facts["error_code"] = str(number(body["ErrorCode"]))
        return BOOK.outcome(
            response,
            operation,
            write=write,
            redact=self._session.client.redact,
            facts=facts,
            until=self._until(response),
            body=body,
        )

    def _unreadable(self, operation: str, *, write: bool) -> OutcomeError:
        return self._outcome(Response(200, {}, b"", self.base), operation, None, write=write)

    def _until(self, response: Response) -> datetime | None:
        if response.status != 429:
            return None
        now, text = self._session.now, response.headers.get("retry-after", "").strip()
        if text.isascii() and text.isdecimal():
            return now + min(timedelta(seconds=int(text[:7])), _LONGEST_REST)
        try:
            at = parsedate_to_datetime(text)
        except (ValueError, OverflowError):
            return now + _REST
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        return min(max(at, now), now + _LONGEST_REST)

    @property
    def _tokens(self) -> TokenCache:
        if self._session.tokens is None:
            raise TypeError("iDoklad needs a session with a token cache")
        return self._session.tokens

    def _token(self) -> str:
        kept = self._tokens.get()
        return kept if kept is not None else self.fetch_token()

    def fetch_token(self) -> str:
        """Log in, and keep the token for all workers."""
        given = self._session.credentials
        form = {
            "grant_type": "client_credentials",
            "client_id": given.get("client_id", "").strip(),
            "client_secret": given.get("client_secret", "").strip(),
            "scope": "idoklad_api",
        }
        path = TOKEN_PLAIN
        application = given.get("application_id", "").strip()
        if application:
            form["application_id"], path = application, TOKEN_WITH_APPLICATION
        response = self._session.client.request(
            "POST",
            self._identity + path,
            form=form,
            headers={"Accept": "application/json", "Accept-Language": self._locale},
            write=False,
        )
        body = _body(response)
        token = body.get("access_token") if body is not None else None
        if response.status != 200 or not isinstance(token, str) or not token:
            raise self._outcome(response, "token", body, write=False)
        assert body is not None
        self._session.client.hide(token)
        lasts = timedelta(seconds=number(body.get("expires_in")) or _TOKEN_SECONDS)
        self._tokens.put(token, self._session.now + lasts)
        return token


def error_code(error: OutcomeError) -> int | None:
    """Return iDoklad's ``ErrorCode`` of a refusal."""
    return number(error.problem.facts.get("error_code", ""))


def is_gone(error: OutcomeError) -> bool:
    """Tell whether a record does not exist there (any more)."""
    return error.problem.code == "SPJ-IDOKLAD-NOT-FOUND"


def equals(field: str, value: int | str) -> str:
    """Return a filter: the field has this value. Text goes as base64, as their client sends it."""
    return f"({field}~eq{_operand(value)})"


def contains(field: str, value: str) -> str:
    """Return a filter: the field contains this text."""
    return f"({field}~ct{_operand(value)})"


def since(field: str, moment: datetime) -> str:
    """Return a filter: the field is not before a time.

    Whether their times are in UTC or in local time is not confirmed. Asked for in UTC, which is
    earlier, nothing is left out either way.
    """
    utc = moment.astimezone(UTC)
    text = utc.strftime("%Y-%m-%d %H:%M:%S.") + f"{utc.microsecond // 1000:03d}"
    return f"({field}~gte~{text})"


def _operand(value: int | str) -> str:
    if isinstance(value, int):
        return f"~{value}"
    return f":base64~{b64encode(value.encode()).decode()}"


def _body(response: Response) -> dict[str, Any] | None:
    try:
        body = response.json()
    except NotJsonError:
        return None
    return body if isinstance(body, dict) else None


def _spoken(body: Json) -> Json:
    """Return a refusal with the code first: what they say besides may be long."""
    code = number(body.get("ErrorCode"))
    said = {"ErrorCode": code, "Message": body.get("Message")}
    return {name: value for name, value in said.items() if value} | {
        name: value
        for name, value in body.items()
        if name not in {"ErrorCode", "Message", "IsSuccess", "StatusCode"} and value
    }
