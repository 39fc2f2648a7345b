"""The only outgoing HTTP client.

It knows the difference that everything else is built upon: whether something was sent. A name
that does not resolve, a refused connection and a failed TLS handshake end before anything is sent
(*unavailable*). A time-out or a reset after that leaves a write *uncertain*: it may have happened.

HTTP statuses are never errors here; they are returned, and each adapter knows what they mean.
"""

from __future__ import annotations

import json as json_module
import ssl
import time
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from http.cookiejar import CookieJar, DefaultCookiePolicy
from types import TracebackType
from typing import Any, NoReturn, Self
from urllib.parse import urljoin, urlsplit

import httpcore2
import httpx2
import truststore

from spojka import __version__
from spojka.core.outcome import (
    OutcomeError,
    RejectedError,
    Rejection,
    UnavailableError,
    UncertainError,
)
from spojka.core.problem import Problem
from spojka.net import timing
from spojka.net.body import BodyError, BodyTooLargeError, read_body
from spojka.net.guard import (
    AddressBlockedError,
    GuardedBackend,
    NameUnknownError,
    Network,
    UrlError,
    check_url,
)
from spojka.net.redaction import redact, redact_headers, redact_tokens

CONNECT_SECONDS = 10.0
READ_SECONDS = 30.0
TOTAL_SECONDS = 120.0
RESPONSE_BYTES = 20_000_000
MAX_REDIRECTS = 3

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class NotJsonError(ValueError):
    """The body is not JSON: most often an HTML page of a firewall or of maintenance."""


@dataclass(frozen=True, slots=True)
class Response:
    """An answer. Header names are case-insensitive; ``url`` is where it came from at last."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str = ""

    @property
    def text(self) -> str:
        """The body as text, by the stated charset or UTF-8; undecodable bytes are replaced."""
        charset = "utf-8-sig"
        for part in self.headers.get("content-type", "").split(";")[1:]:
            name, _, value = part.strip().partition("=")
            if name.lower() == "charset" and value.strip("\"' ").lower() not in ("utf-8", "utf8"):
                charset = value.strip("\"' ")
        try:
            return self.body.decode(charset, "replace")
        except LookupError:
            return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """The body read as JSON; numbers with a point are ``Decimal``, never float.

        Raises:
            NotJsonError: the body is not JSON.
        """
        try:
            return json_module.loads(
                self.body.decode("utf-8-sig"), parse_float=Decimal, parse_constant=_no_constant
            )
        except (ValueError, RecursionError) as error:
            raise NotJsonError(f"not JSON: {type(error).__name__}") from None


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request with its answer, free of secrets, for the timeline of a connection."""

    method: str
    url: str
    status: int | None
    """``None`` where no answer came."""
    duration_ms: int
    request_headers: Mapping[str, str] = field(default_factory=dict)
    request_body: str = ""
    response_headers: Mapping[str, str] = field(default_factory=dict)
    response_body: str = ""
    error: str = ""
    """Catalogue code, where the exchange failed."""


Recorder = Callable[[Exchange], None]
Transport = httpx2.BaseTransport
"""What stands in for the network; see ``Client``."""


class Client:
    """Sends requests for one connection or shop; thread-safe; close it, or use ``with``.

    ``allow`` are networks opened by the operator although they are not public. ``secrets`` never
    appear in a recording or an exception. ``recorder`` gets every exchange, failed ones too.
    ``before`` is called before each request, redirected ones too, and keeps it from being sent by
    raising. ``after`` is called with each answer, and whether the request was a write.
    ``transport`` stands in for the network: nothing is connected to.
    """

    def __init__(
        self,
        *,
        secrets: Iterable[str] = (),
        allow: Sequence[Network] = (),
        recorder: Recorder | None = None,
        before: Callable[[], None] | None = None,
        after: Callable[[Response, bool], None] | None = None,
        connect_seconds: float = CONNECT_SECONDS,
        read_seconds: float = READ_SECONDS,
        total_seconds: float = TOTAL_SECONDS,
        response_bytes: int = RESPONSE_BYTES,
        tls: ssl.SSLContext | None = None,
        user_agent: str = f"Spojka/{__version__}",
        transport: Transport | None = None,
    ) -> None:
        self._secrets = frozenset(secret for secret in secrets if secret)
        self._recorder = recorder
        self._before = before
        self._after = after
        self._total_seconds = total_seconds
        self._response_bytes = response_bytes
        # trust_env=False: a proxy from the environment would connect in our stead, unguarded.
        self._client = httpx2.Client(
            transport=transport
            or _GuardedTransport(
                tls or truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT), GuardedBackend(allow)
            ),
            trust_env=False,
            follow_redirects=False,
            timeout=httpx2.Timeout(read_seconds, connect=connect_seconds, pool=connect_seconds),
            headers={"User-Agent": user_agent, "Accept-Encoding": "gzip"},
            # No cookies: each request stands alone, whoever sent the one before.
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close kept connections."""
        self._client.close()

    def hide(self, secret: str) -> None:
        """Keep a secret that came to be known later, such as a token, out of all records, too."""
        if secret:
            self._secrets |= {secret}

    def redact(self, text: str) -> str:
        """Replace this client's secrets in ``text``."""
        return redact(text, self._secrets)

    def request(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        json: Any = None,
        form: Mapping[str, str] | None = None,
        content: bytes | str | None = None,
        auth: tuple[str, str] | None = None,
        write: bool | None = None,
    ) -> Response:
        """Send one request and return whatever status comes back.

        ``params`` are added to the address. At most one of ``json``, ``form`` and ``content``.
        ``auth`` is a name and a password for Basic. ``write`` says whether the request may change
        something on the other side; by default everything but GET, HEAD and OPTIONS does. Reads
        by GET follow up to three redirects, each checked; writes follow none (3xx is returned).

        Raises:
            RejectedError: the address cannot or must not be used.
            UnavailableError: nothing was sent, or a read failed.
            UncertainError: a write was sent and its outcome is not known.
        """
        method = method.upper()
        writes = method not in _SAFE_METHODS if write is None else write
        sent_headers = dict(headers or {})
        if auth is not None:
            token = b64encode(f"{auth[0]}:{auth[1]}".encode()).decode()
            sent_headers["Authorization"] = f"Basic {token}"
        self._check_headers(sent_headers)
        deadline = time.monotonic() + self._total_seconds
        request = self._build(method, url, params, sent_headers, json, form, content)
        for _hop in range(MAX_REDIRECTS + 1):
            response = self._exchange(request, writes, deadline)
            target = _redirect_target(request, response)
            if target is None or method != "GET" or writes:
                return response
            self._check_url(target)
            kept = sent_headers if _same_site(str(request.url), target) else self._public(headers)
            request = self._build(method, target, None, kept, None, None, None)
        raise RejectedError(
            Problem.of("SPJ-NET-REDIRECT", host=urlsplit(url).hostname or ""), Rejection.CONFIG
        )

    def _build(
        self,
        method: str,
        url: str,
        params: Mapping[str, str] | None,
        headers: Mapping[str, str],
        json: Any,
        form: Mapping[str, str] | None,
        content: bytes | str | None,
    ) -> httpx2.Request:
        self._check_url(url)
        try:
            target = httpx2.URL(url)
            if params:
                target = target.copy_merge_params(params)
            request = self._client.build_request(
                method, target, headers=headers, json=json, data=form, content=content
            )
        except httpx2.InvalidURL as error:
            self._refuse_url(str(error))
        return request

    def _exchange(self, request: httpx2.Request, writes: bool, deadline: float) -> Response:
        started = time.monotonic()
        response: Response | None = None
        failure: OutcomeError | None = None
        if self._before is not None:
            self._before()
        try:
            with timing.deadline(deadline):
                answer = self._client.send(request, stream=True)
                try:
                    body = read_body(
                        answer.iter_raw(),
                        answer.headers.get("content-encoding", ""),
                        limit=self._response_bytes,
                        deadline=deadline,
                    )
                finally:
                    answer.close()
            response = Response(answer.status_code, answer.headers, body, str(request.url))
        except (
            httpx2.HTTPError,
            httpx2.InvalidURL,
            BodyError,
            AddressBlockedError,
            NameUnknownError,
            ssl.SSLError,
        ) as error:
            failure = self._failure(error, request, writes)
        self._record(request, response, failure, started)
        if response is None:
            # Raised here and not above: nothing of the library's own error, which may quote
            # the address with its parameters, stays attached.
            raise failure if failure is not None else RuntimeError("no answer and no failure")
        if self._after is not None:
            self._after(response, writes)
        return response

    def _failure(self, error: Exception, request: httpx2.Request, writes: bool) -> OutcomeError:
        host = request.url.host
        technical = self.redact(f"{request.method} {host}: {type(error).__name__} {error}".strip())
        if isinstance(error, AddressBlockedError):
            problem = Problem.of("SPJ-NET-ADDRESS-BLOCKED", host=host, address=error.address)
            return RejectedError(problem, Rejection.CONFIG, technical)
        if isinstance(error, (httpx2.LocalProtocolError, httpx2.UnsupportedProtocol)):
            problem = Problem.of("SPJ-NET-HEADER", name="")
            return RejectedError(problem, Rejection.CONFIG, technical)
        if isinstance(error, NameUnknownError):
            return UnavailableError(Problem.of("SPJ-NET-NAME", host=host), technical)
        if isinstance(error, (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)):
            tls = _tls_cause(error)
            if tls is None:
                return UnavailableError(Problem.of("SPJ-NET-CONNECT", host=host), technical)
            detail = str(getattr(tls, "verify_message", "") or tls.reason or tls)
            problem = Problem.of("SPJ-NET-TLS", host=host, detail=detail)
            return UnavailableError(problem, technical)
        if isinstance(error, BodyTooLargeError):
            problem = Problem.of("SPJ-NET-TOO-LARGE", host=host, limit=self._response_bytes)
        elif isinstance(error, (httpx2.TimeoutException, TimeoutError)):
            problem = Problem.of("SPJ-NET-TIMEOUT", host=host)
        else:
            problem = Problem.of("SPJ-NET-RESET", host=host)
        if writes:
            return UncertainError(problem, technical)
        return UnavailableError(problem, technical)

    def _record(
        self,
        request: httpx2.Request,
        response: Response | None,
        failure: OutcomeError | None,
        started: float,
    ) -> None:
        if self._recorder is None:
            return
        known = self._secrets
        self._recorder(
            Exchange(
                method=request.method,
                url=self.redact(str(request.url)),
                status=None if response is None else response.status,
                duration_ms=round((time.monotonic() - started) * 1000),
                request_headers=redact_headers(request.headers.items(), known),
                request_body=redact_tokens(self.redact(request.content.decode("utf-8", "replace"))),
                response_headers={}
                if response is None
                else redact_headers(response.headers.items(), known),
                response_body="" if response is None else redact_tokens(self.redact(response.text)),
                error="" if failure is None else failure.problem.code,
            )
        )

    def _check_url(self, url: str) -> None:
        try:
            check_url(url)
        except UrlError as error:
            self._refuse_url(str(error))

    def _refuse_url(self, reason: str) -> NoReturn:
        problem = Problem.of("SPJ-NET-URL", reason=self.redact(reason))
        raise RejectedError(problem, Rejection.CONFIG) from None

    def _check_headers(self, headers: Mapping[str, str]) -> None:
        """Refuse what cannot stand in a header: a key pasted with a line break, for example."""
        for name, value in headers.items():
            if not value.isascii() or not value.replace("\t", " ").isprintable():
                raise RejectedError(Problem.of("SPJ-NET-HEADER", name=name), Rejection.CONFIG)

    def _public(self, headers: Mapping[str, str] | None) -> dict[str, str]:
        """Headers that may follow a redirect to another site: none that carries a secret."""
        return {
            name: value
            for name, value in redact_headers((headers or {}).items(), self._secrets).items()
            if value == (headers or {})[name]
        }


class _GuardedTransport(httpx2.HTTPTransport):
    """The library's transport over a pool that opens its connections through the guard.

    The library has no public way to give it a network backend, so that the pool made by its
    constructor is replaced; a test proves that the guard is really asked.
    """

    def __init__(self, tls: ssl.SSLContext, backend: httpcore2.NetworkBackend) -> None:
        super().__init__(verify=tls, trust_env=False)
        self._pool.close()
        self._pool = httpcore2.ConnectionPool(
            ssl_context=tls,
            max_connections=20,
            max_keepalive_connections=5,
            keepalive_expiry=5.0,
            network_backend=backend,
        )


def _redirect_target(request: httpx2.Request, response: Response) -> str | None:
    location = response.headers.get("location", "")
    if response.status not in _REDIRECTS or not location:
        return None
    try:
        return urljoin(str(request.url), location)
    except ValueError:
        return location  # no address at all; whoever would follow it refuses it


def _same_site(before: str, after: str) -> bool:
    """Whether credentials may follow: the same host and port, never from https to http."""
    old, new = urlsplit(before), urlsplit(after)
    if old.hostname != new.hostname:
        return False
    if old.scheme == new.scheme:
        return old.port == new.port
    return (old.scheme, new.scheme) == ("http", "https") and old.port is new.port is None


def _tls_cause(error: BaseException) -> ssl.SSLError | None:
    """Return the failure of the handshake that the library's error was made of, if it was one."""
    seen: BaseException | None = error
    while seen is not None and not isinstance(seen, ssl.SSLError):
        seen = seen.__cause__ or seen.__context__
    return seen


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
