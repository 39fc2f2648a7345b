"""WooCommerce REST API v3: addresses, both ways of signing, and what its refusals mean.

Facts observed on WooCommerce 10.9.1: Basic works only where WordPress knows that the connection
is https; over plain http a request must be signed by one-legged OAuth 1.0a. A wrong key and Basic
over http are refused with the same misleading words (``woocommerce_rest_cannot_view``).
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from base64 import b64encode
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, NoReturn
from urllib.parse import parse_qsl, quote, urlsplit, urlunsplit

from spojka.core.outcome import (
    RejectedError,
    Rejection,
    ThrottledError,
    UnavailableError,
    UncertainError,
)
from spojka.core.problem import Problem
from spojka.net.client import Client, NotJsonError, Response
from spojka.shops.woocommerce.reading import plain_text, text

PER_PAGE = 100
"""The most that WooCommerce gives in one page."""

MAX_PAGES = 500

API = "/wp-json/wc/v3"

_SHOWN = 300


class Api:
    """The REST API of one shop, for one key. ``now`` is aware and counts waiting times."""

    def __init__(self, http: Client, url: str, key: str, secret: str, now: datetime) -> None:
        self.root = site_root(url)
        self._http = http
        self._key = key.strip()
        self._secret = secret.strip()
        self._now = now

    def get(self, path: str, params: Mapping[str, str] | None = None) -> Any:
        """Read one resource below ``wc/v3``.

        Raises:
            OutcomeError: everything that is not an answer in JSON with status 200.
        """
        return self._json(self.send("GET", path, params=params), write=False)

    def find(self, path: str) -> Any | None:
        """Read one resource, or return ``None`` where the shop no longer has it."""
        response = self.send("GET", path)
        if response.status == 404 and _code(response).endswith("_invalid_id"):
            return None
        return self._json(response, write=False)

    def pages(self, path: str, params: Mapping[str, str]) -> Iterator[Any]:
        """Iterate over a collection page by page until a page is not full."""
        for page in range(1, MAX_PAGES + 1):
            wanted = {**params, "per_page": str(PER_PAGE), "page": str(page)}
            found = self.get(path, wanted)
            if not isinstance(found, list):
                self._fail("SPJ-SHOP-NOT-JSON", write=False, technical="a list was expected")
            yield from found
            if len(found) < PER_PAGE:
                return

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """Make one resource.

        Raises:
            UncertainError: it is not known whether it was made.
            OutcomeError: it was not made.
        """
        return self._json(self.send("POST", path, json=body), write=True)

    def send(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        json: Mapping[str, Any] | None = None,
    ) -> Response:
        """Send one signed request; whatever status comes back is returned."""
        url = f"{self.root}{API}/{path}"
        query = dict(params or {})
        if url.startswith("https:"):
            auth = (self._key, self._secret)
            return self._http.request(method, url, params=query, json=json, auth=auth)
        signed = sign(method, url, query, self._key, self._secret)
        return self._http.request(method, url, params=signed, json=json)

    def _json(self, response: Response, *, write: bool) -> Any:
        if response.status >= 300:
            self._refuse(response, write=write)
        try:
            return response.json()
        except NotJsonError:
            self._fail("SPJ-SHOP-NOT-JSON", write=write, technical=_shown(response))

    def _refuse(self, response: Response, *, write: bool) -> NoReturn:
        status, code = response.status, _code(response)
        technical = self._http.redact(_shown(response))
        if status == 429 or (status == 503 and "retry-after" in response.headers and not write):
            until = retry_at(response.headers.get("retry-after", ""), self._now)
            raise ThrottledError(Problem.of("SPJ-SHOP-THROTTLED"), until, technical)
        if status >= 500 and not code.startswith("woocommerce_rest_cannot_"):
            self._fail("SPJ-SHOP-DOWN", write=write, technical=technical, status=status)
        if code == "rest_no_route" or (status == 404 and not code):
            raise _config("SPJ-SHOP-NO-API", technical, address=self.root)
        if status in (401, 403) and not code:
            raise _config("SPJ-SHOP-FIREWALL", technical, status=status)
        if code == "woocommerce_rest_authentication_error" and "permission" in technical:
            raise _config("SPJ-SHOP-RIGHTS", technical, answer=code)
        if code == "woocommerce_rest_authentication_error":
            raise _config("SPJ-SHOP-SECRET", technical)
        if status == 401:
            raise _config("SPJ-SHOP-KEY", technical, answer=code)
        if status == 403:
            raise _config("SPJ-SHOP-RIGHTS", technical, answer=code)
        if 300 <= status < 400:
            to = response.headers.get("location", "").partition("?")[0]
            raise _config("SPJ-SHOP-REDIRECT", technical, to=self._http.redact(to))
        words = self._http.redact(_message(response))
        raise RejectedError(
            Problem.of("SPJ-SHOP-REFUSED", status=status, answer=code, message=words),
            Rejection.PERMANENT if status in (404, 410) else Rejection.DATA,
            technical,
        )

    def _fail(self, code: str, *, write: bool, technical: str, **facts: object) -> NoReturn:
        problem = Problem.of(code, **facts)
        technical = self._http.redact(technical)
        if write:
            raise UncertainError(problem, technical)
        raise UnavailableError(problem, technical)


def site_root(url: str) -> str:
    """Return the address of the shop from what people paste: any page of its API, no scheme, …

    ``https`` is assumed where no scheme is given.
    """
    typed = url.strip()
    if "://" not in typed:
        typed = f"https://{typed}"
    parts = urlsplit(typed)
    path = parts.path
    for tail in ("/wp-json", "/wp-admin", "/wp-login.php", "/index.php"):
        path = path.partition(tail)[0]
    return urlunsplit((parts.scheme.lower(), parts.netloc, path.rstrip("/"), "", ""))


def sign(method: str, url: str, params: Mapping[str, str], key: str, secret: str) -> dict[str, str]:
    """Add a one-legged OAuth 1.0a signature (HMAC-SHA256, RFC 5849) to the query parameters."""
    signed = {
        **params,
        "oauth_consumer_key": key,
        "oauth_nonce": secrets.token_hex(16),
        "oauth_signature_method": "HMAC-SHA256",
        "oauth_timestamp": str(int(time.time())),
    }
    return {**signed, "oauth_signature": signature(method, url, signed, secret)}


def signature(method: str, url: str, params: Mapping[str, str], secret: str) -> str:
    """Return the signature of a request. ``url`` may carry parameters of its own."""
    parts = urlsplit(url)
    base_url = urlunsplit((parts.scheme, parts.netloc, parts.path, "", ""))
    pairs = [*parse_qsl(parts.query, keep_blank_values=True), *params.items()]
    encoded = sorted((_encode(name), _encode(value)) for name, value in pairs)
    query = "&".join(f"{name}={value}" for name, value in encoded)
    base = "&".join((method.upper(), _encode(base_url), _encode(query)))
    digest = hmac.new(f"{_encode(secret)}&".encode(), base.encode(), hashlib.sha256).digest()
    return b64encode(digest).decode()


def retry_at(header: str, now: datetime) -> datetime | None:
    """Read ``Retry-After``: seconds, or a date."""
    value = header.strip()
    if value.isdecimal() and len(value) < 7:
        return now + timedelta(seconds=int(value))
    try:
        found = parsedate_to_datetime(value)
    except ValueError:
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def _encode(value: str) -> str:
    return quote(value, safe="-._~")


def _config(code: str, technical: str, **facts: object) -> RejectedError:
    return RejectedError(Problem.of(code, **facts), Rejection.CONFIG, technical)


def _body(response: Response) -> Mapping[str, Any]:
    try:
        body = response.json()
    except NotJsonError:
        return {}
    return body if isinstance(body, Mapping) else {}


def _code(response: Response) -> str:
    return text(_body(response).get("code"))


def _message(response: Response) -> str:
    return plain_text(_body(response).get("message"))[:_SHOWN]


def _shown(response: Response) -> str:
    """Status and the shop's own words, short; of a page only its text."""
    body = _body(response)
    words = f"{_code(response)} {_message(response)}" if body else plain_text(response.text[:4000])
    return f"HTTP {response.status}: {words.strip()}"[:_SHOWN]
