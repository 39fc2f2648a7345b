"""Requests to Fakturoid's API v3: token, account, limits, errors.

Source: API documentation, introduction and authorization (read in November 2026): a
``User-Agent`` that names the application and a contact is demanded of every request; a token of
the flow *client credentials* lasts two hours, and a new one ends the one before; every answer
carries ``X-RateLimit``.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import quote, urlsplit
from zoneinfo import ZoneInfo

from spojka import __version__
from spojka.accounting.contract import Session
from spojka.accounting.errors import ErrorBook
from spojka.accounting.fakturoid.reading import Json, text
from spojka.core.outcome import OutcomeError, RejectedError, Rejection, ThrottledError
from spojka.core.problem import Problem
from spojka.net.client import NotJsonError, Response

HOST: Final = "https://app.fakturoid.cz"
API: Final = "/api/v3"
PAGE: Final = 40
"""Rows of a page of every list."""
WINDOW: Final = 60
BOOK = ErrorBook.of(__package__ or "")

_TOKEN_SECONDS = 7200
_PART = re.compile(r"\b([qwrt])=(\d+)")
_EMAIL_QUOTA = "SPJ-FAKTUROID-EMAIL-QUOTA"


class Api:
    """Requests of one operation; the account is found out when it is first needed."""

    def __init__(self, s: Session) -> None:
        self._s = s
        self._base = base(s)
        self._token = ""
        self._slug = ""
        self._account: Json | None = None

    # what operations ask for

    def rows(
        self, operation: str, path: str, params: Mapping[str, str] | None = None
    ) -> list[Json]:
        """Read a list below the account, or one page of it.

        Raises:
            OutcomeError: it was not answered with a list; an empty one is never guessed.
        """
        response = self.send(operation, "GET", path, params=params)
        found = self._json(operation, response, write=False)
        if not isinstance(found, list):
            raise self.failure(operation, response, write=False)
        return [row for row in found if isinstance(row, dict)]

    def find(self, operation: str, path: str) -> Json | None:
        """Read one object below the account; ``None``: there is none of this id."""
        response = self.send(operation, "GET", path, expected={200, 404})
        if response.status == 404:
            return None
        found = self._json(operation, response, write=False)
        if not isinstance(found, dict) or not text(found, "id"):
            raise self.failure(operation, response, write=False)
        return found

    def pages(
        self, operation: str, path: str, params: Mapping[str, str] | None = None, most: int = 0
    ) -> Iterator[list[Json]]:
        """Read a list page by page, to its end or for ``most`` pages."""
        page = 1
        while True:
            rows = self.rows(operation, path, {**(params or {}), "page": str(page)})
            yield rows
            if len(rows) < PAGE or page == most:
                return
            page += 1

    def write(
        self,
        operation: str,
        method: str,
        path: str,
        body: Any = None,
        *,
        params: Mapping[str, str] | None = None,
        expected: Collection[int] = (201,),
    ) -> Response:
        """Change something below the account; an answer of another status is an error."""
        return self.send(operation, method, path, params=params, body=body, expected=expected)

    def made(self, operation: str, response: Response, needs: str = "id") -> Json:
        """Read what a write made.

        Raises:
            UncertainError: it is success without the thing that was to be made.
        """
        made = self._json(operation, response, write=True)
        if not isinstance(made, dict) or not text(made, needs):
            raise self.failure(operation, response, write=True)
        return made

    def send(
        self,
        operation: str,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Any = None,
        expected: Collection[int] = (200,),
    ) -> Response:
        """Send a request below the account.

        Raises:
            OutcomeError: the answer has a status that was not expected.
        """
        target = f"/accounts/{quote(self.slug(), safe='')}/{path}"
        response = self._send(operation, method, target, params, body, expected)
        if response.status == 404:
            self.account()  # what is missing may be the account itself: it was renamed
        return response

    def account(self) -> Json:
        """Read the account, once.

        Raises:
            OutcomeError: the login has no such account, or it cannot be used.
        """
        if self._account is None:
            target = f"/accounts/{quote(self.slug(), safe='')}/account.json"
            response = self._send("account", "GET", target, None, None, {200})
            found = self._json("account", response, write=False)
            if not isinstance(found, dict) or not text(found, "subdomain"):
                raise self.failure("account", response, write=False)
            self._account = found
        return self._account

    def user(self) -> Json:
        """Read who is logged in, with the accounts that the login may use."""
        response = self._send("user", "GET", "/user.json", None, None, {200})
        found = self._json("user", response, write=False)
        if not isinstance(found, dict):
            raise self.failure("user", response, write=False)
        return found

    def slug(self) -> str:
        """Return the account: chosen, loaded, or the only one of the login.

        Raises:
            RejectedError: the login has none, or several and none was chosen.
        """
        chosen = self._slug or configured_slug(self._s)
        if not chosen:
            slugs = [text(row, "slug") for row in accounts(self.user())]
            if len(slugs) != 1:
                code = "SPJ-FAKTUROID-ACCOUNT-CHOOSE" if slugs else "SPJ-FAKTUROID-NO-ACCOUNT"
                raise RejectedError(Problem.of(code, accounts=", ".join(slugs)), Rejection.CONFIG)
            chosen = slugs[0]
        self._slug = chosen
        return chosen

    def choose(self, slug: str) -> None:
        """Go on with this account."""
        self._slug, self._account = slug, None

    def failure(self, operation: str, response: Response, *, write: bool) -> OutcomeError:
        """Return the error that an answer is raised as."""
        facts = {"slug": self._slug or configured_slug(self._s)}
        until = self._until(response)
        error = BOOK.outcome(
            response,
            operation,
            write=write,
            redact=self._s.client.redact,
            facts={name: value for name, value in facts.items() if value},
            until=until,
        )
        if not isinstance(error, ThrottledError):
            return error
        if error.problem.code == _EMAIL_QUOTA:
            return ThrottledError(error.problem, self._tomorrow(), error.technical)
        until = until or self._s.now + timedelta(seconds=WINDOW)
        if self._s.budget is not None:
            self._s.budget.pause(until)
        return ThrottledError(error.problem, until, error.technical)

    # how it is done

    def login(self) -> None:
        """Get a token, from the cache or anew.

        Raises:
            OutcomeError: there is none to be had.
        """
        tokens = self._s.tokens
        self._token = (tokens.get() if tokens else None) or self._fetch_token()

    def _fetch_token(self) -> str:
        credentials = self._s.credentials
        response = self._s.client.request(
            "POST",
            f"{self._base}/oauth/token",
            headers={**_headers(self._s), "Accept": "application/json"},
            auth=(credentials.get("client_id", ""), credentials.get("client_secret", "")),
            json={"grant_type": "client_credentials"},
            write=False,  # nothing but the token comes of it, and that can be fetched again
        )
        self._observe(response)
        answer = self._json("token", response, write=False) if response.status == 200 else None
        token = text(answer, "access_token") if isinstance(answer, dict) else ""
        if not isinstance(answer, dict) or not token:
            raise self.failure("token", response, write=False)
        self._s.client.hide(token)
        seconds = answer.get("expires_in")
        lasts = seconds if isinstance(seconds, int) and seconds > 0 else _TOKEN_SECONDS
        if self._s.tokens is not None:
            self._s.tokens.put(token, self._s.now + timedelta(seconds=lasts))
        return token

    def _send(
        self,
        operation: str,
        method: str,
        path: str,
        params: Mapping[str, str] | None,
        body: Any,
        expected: Collection[int],
    ) -> Response:
        response = self._once(method, path, params, body)
        if response.status == 401:
            # The token was ended by another one, or by its age: nothing was done.
            if self._s.tokens is not None:
                self._s.tokens.forget(self._token)
            self._token = ""
            response = self._once(method, path, params, body)
        if response.status not in expected:
            raise self.failure(operation, response, write=method != "GET")
        return response

    def _once(
        self, method: str, path: str, params: Mapping[str, str] | None, body: Any
    ) -> Response:
        if not self._token:
            self.login()
        response = self._s.client.request(
            method,
            self._base + path,
            params=params,
            headers={**_headers(self._s), "Authorization": f"Bearer {self._token}"},
            json=body,
        )
        self._observe(response)
        return response

    def _json(self, operation: str, response: Response, *, write: bool) -> Any:
        try:
            return response.json()
        except NotJsonError:
            raise self.failure(operation, response, write=write) from None

    def _observe(self, response: Response) -> None:
        """Learn from the headers what is left of the window."""
        left, window = _parts(response, "x-ratelimit"), _parts(response, "x-ratelimit-policy")
        if self._s.budget is None or "r" not in left or window.get("w", WINDOW) != WINDOW:
            return
        self._s.budget.observe(
            left["r"],
            timedelta(seconds=left.get("t", WINDOW)),
            seconds=WINDOW,
            limit=window.get("q"),
        )

    def _until(self, response: Response) -> datetime | None:
        left = _parts(response, "x-ratelimit")
        if response.headers.get("retry-after", "").isdecimal():
            return self._s.now + timedelta(seconds=int(response.headers["retry-after"]))
        if response.status == 429 and "t" in left:
            return self._s.now + timedelta(seconds=max(left["t"], 1))
        return None

    def _tomorrow(self) -> datetime:
        today = self._s.now.astimezone(ZoneInfo(self._s.time_zone))
        return (today + timedelta(days=1)).replace(hour=0, minute=5, second=0, microsecond=0)


def base(s: Session) -> str:
    """Return where the API is: the vendor's, or below the address that replaces it."""
    address = s.credentials.get("address", "").strip().rstrip("/")
    return f"{address.removesuffix(API) or HOST}{API}"


def host(s: Session) -> str:
    """Return the name of the server, for people."""
    return urlsplit(base(s)).netloc


def configured_slug(s: Session) -> str:
    """Return the account that was chosen or loaded; empty: none yet."""
    chosen = s.credentials.get("slug", "") or s.settings.get("slug", "")
    return chosen.strip() or str(s.loaded.facts.get("slug", ""))


def accounts(user: Json) -> list[Json]:
    """Return the accounts of a login."""
    found = user.get("accounts")
    listed = found if isinstance(found, list) else []
    return [row for row in listed if isinstance(row, dict) and text(row, "slug")]


def agent(s: Session) -> str:
    """Return the demanded User-Agent: the application and whom to write to."""
    email = s.seller.email if s.seller else ""
    contact = email if email.isascii() and email.isprintable() else ""
    return f"Spojka/{__version__} ({contact or 'self-hosted'})"


def _headers(s: Session) -> dict[str, str]:
    return {"User-Agent": agent(s)}


def _parts(response: Response, header: str) -> dict[str, int]:
    """Return the parts of a header of limits: ``q`` calls in ``w`` s, ``r`` left for ``t`` s."""
    return {name: int(value) for name, value in _PART.findall(response.headers.get(header, ""))}
