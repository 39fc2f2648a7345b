"""What the simulators of all accounting systems share: one account of a vendor, in memory.

A simulator answers requests as the vendor's API does, from a state of its own. It is the other side
in three places, always the same code: behind a real socket (:mod:`spojka.accounting.serving`: the
command ``spojka simulator`` and the tests), and inside of an installation where somebody tries a
system without an account, where its state is kept between requests.

What may go wrong is :class:`Fault`; where and when, a :class:`Trouble`. Faults of the connection
are carried out by whoever serves the simulator, those of the vendor's own words by the simulator.
"""

from __future__ import annotations

import json
import random
import re
import threading
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any, ClassVar
from urllib.parse import parse_qsl, unquote, urlsplit

from spojka.core.document import Seller

Json = dict[str, Any]
State = dict[str, Any]

PDF = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
    b"2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
    b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R"
    b"/Resources<</Font<</F<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>>>>>endobj\n"
)


class Fault(StrEnum):
    """The sixteen ways in which a request goes wrong. *Committed*: the other side did it."""

    NAME = "name"
    """The name does not resolve. Not carried out here: the client is given a name that is none."""
    REFUSED = "refused"
    """Nobody listens. Likewise: a port where nobody is."""
    TLS = "tls"
    """The handshake fails. Likewise: https where http is spoken."""
    RESET_BEFORE = "reset_before"
    RESET_AFTER = "reset_after"
    """Committed, then the connection drops."""
    SILENCE_COMMITTED = "silence_committed"
    SILENCE_NOT_COMMITTED = "silence_not_committed"
    TRUNCATED = "truncated"
    """Committed; half of the answer arrives."""
    ERROR_BEFORE = "error_before"
    """5xx, and nothing was done."""
    ERROR_AFTER = "error_after"
    """5xx, and it was done."""
    LIMIT = "limit"
    """429; with ``Retry-After`` where the trouble states one."""
    UNAUTHORIZED = "unauthorized"
    """401 in the middle of the work: the token ended, or was taken by another login."""
    ERROR_IN_SUCCESS = "error_in_success"
    """200 with an error in the body; nothing was done."""
    EMPTY_SUCCESS = "empty_success"
    """Success without a document; it was done all the same."""
    STALE = "stale"
    """Committed and not answered; reads do not show it for a while."""
    MAINTENANCE = "maintenance"
    """A page of HTML with status 200, or an answer of another shape; nothing was done."""


COMMITTED = frozenset(
    {
        Fault.RESET_AFTER,
        Fault.SILENCE_COMMITTED,
        Fault.TRUNCATED,
        Fault.ERROR_AFTER,
        Fault.EMPTY_SUCCESS,
        Fault.STALE,
    }
)
"""Faults under which a write is done all the same."""
OUTSIDE = frozenset({Fault.NAME, Fault.REFUSED, Fault.TLS})
"""Faults that happen before anything reaches the other side."""


@dataclass
class Trouble:
    """A fault of the next ``times`` requests whose method and path match ``match``.

    ``match`` is a regular expression searched in ``POST /v3/IssuedInvoices``; ``skip`` requests
    that match go well before.
    """

    fault: Fault
    match: str = ""
    times: int = 1
    retry_after: str = ""
    skip: int = 0


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it reached the simulator. Header names are in lower case."""

    method: str
    path: str
    """Decoded, without the query."""
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    raw_path: str = ""
    """As sent: some systems put encoded values into the path."""

    @classmethod
    def of(cls, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Asked:
        """Read a request line's target (path and query)."""
        parts = urlsplit(target)
        return cls(
            method=method.upper(),
            path=unquote(parts.path),
            query=dict(parse_qsl(parts.query, keep_blank_values=True)),
            headers={name.lower(): value for name, value in headers.items()},
            body=body,
            raw_path=parts.path,
        )

    @property
    def line(self) -> str:
        return f"{self.method} {self.path}"

    def json(self) -> Any:
        """Return the JSON body; numbers with a point are ``Decimal``.

        Raises:
            ValueError: there is none.
        """
        return json.loads(self.body.decode("utf-8"), parse_float=Decimal)

    def form(self) -> dict[str, str]:
        """Return the fields of a form body."""
        return dict(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))


@dataclass(frozen=True, slots=True)
class Answer:
    """What the simulator answers."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def json(
        cls, value: Any, status: int = 200, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Answer with JSON. ``Decimal`` is written as a number, exactly."""
        text = written(value)
        return cls(status, text.encode(), {"Content-Type": "application/json", **(headers or {})})

    @classmethod
    def html(cls, text: str, status: int = 200) -> Answer:
        return cls(status, text.encode(), {"Content-Type": "text/html; charset=utf-8"})


@dataclass(frozen=True, slots=True)
class Kept:
    """A document in the simulator's books, in our words: the witness that tests compare with."""

    external_id: str
    kind: str
    number: str
    key: str
    order_number: str
    currency: str
    total: Decimal
    """With VAT, as the vendor computed it; negative on a credit note."""
    paid: Decimal = Decimal(0)
    emails: tuple[str, ...] = ()
    """Recipients, one a message."""
    cancelled: bool = False
    made_from: str = ""


class Simulator(ABC):
    """One account of a vendor. Subclasses hold nothing that changes outside of ``self.state``.

    ``state`` is plain JSON (amounts as text), so that it can be kept between requests. The account
    itself (plan, rights, limits, VAT mode, what is not confirmed about the vendor) is
    ``self.account``, which :meth:`accounts` describes.
    """

    key: ClassVar[str]
    """Of the system."""

    def __init__(
        self, *, seed: int = 0, clock: Callable[[], datetime] | None = None, **account: Any
    ) -> None:
        unknown = set(account) - set(self.defaults())
        if unknown:
            raise TypeError(f"unknown account settings: {', '.join(sorted(unknown))}")
        self.seed = seed
        self.random = random.Random(seed)  # noqa: S311 - nothing here is a secret
        self.lock = threading.RLock()
        self._clock = clock or (lambda: datetime.now(UTC))
        self.shift = timedelta()
        """How far the account's clock runs ahead of the true one."""
        self.account: Json = {**self.defaults(), **account}
        self.troubles: list[Trouble] = []
        self.requests: list[str] = []
        """``METHOD /path`` of everything that was asked, control excluded."""
        self.state: State = self.begin()

    # what a vendor's simulator defines

    @classmethod
    @abstractmethod
    def defaults(cls) -> Json:
        """Return the settings of the account and their defaults (plan, rights, limits, …)."""

    @classmethod
    def fitting(cls, seller: Seller) -> Json:
        """Return settings of an account that could be the seller's, so that a trial warns of
        nothing that would not be with the real system."""
        return {}

    @abstractmethod
    def begin(self) -> State:
        """Return the state of a new account: series, bank accounts, no documents."""

    @abstractmethod
    def answer(self, asked: Asked) -> Answer:
        """Answer a request; everything wrong with it is answered in the vendor's own words."""

    @abstractmethod
    def credentials(self, address: str) -> Mapping[str, str]:
        """Return what is filled into the connection's form; ``address`` empty: no override."""

    @abstractmethod
    def books(self) -> list[Kept]:
        """Return all documents that exist."""

    @abstractmethod
    def refuse(self, fault: Fault, asked: Asked, retry_after: str = "") -> Answer:
        """Return the vendor's words for a fault: 5xx, 429, 401, an error in a success, …"""

    def act(self, what: str, **details: Any) -> Any:
        """Let something happen on the vendor's own pages: ``pay``, ``edit``, ``cancel``, ….

        Raises:
            ValueError: this vendor has nothing of the kind.
        """
        raise ValueError(f"{self.key}: nobody can {what!r} here")

    # what is the same for all

    @property
    def now(self) -> datetime:
        """The account's time, aware, in UTC."""
        return self._clock().astimezone(UTC) + self.shift

    def handle(self, asked: Asked) -> tuple[Answer, Trouble | None]:
        """Answer a request under the troubles that were ordered.

        The answer is what the vendor said; how much of it arrives is up to whoever serves it, by
        the trouble that is returned.
        """
        with self.lock:
            self.requests.append(asked.line)
            trouble = self._next_trouble(asked)
            if trouble is None:
                return self.answer(asked), None
            if trouble.fault in COMMITTED:
                done = self.answer(asked)
                if trouble.fault is Fault.STALE:
                    self.hide_latest()
                if trouble.fault in {Fault.ERROR_AFTER, Fault.EMPTY_SUCCESS}:
                    return self.refuse(trouble.fault, asked, trouble.retry_after), trouble
                return done, trouble
            return self.refuse(trouble.fault, asked, trouble.retry_after), trouble

    def hide_latest(self, seconds: int = 20) -> None:
        """Keep what was made last out of all lists and searches for a while."""
        self.state["hidden"] = {
            "count": len(self.books()),
            "until": (self.now + timedelta(seconds=seconds)).isoformat(),
        }

    def is_hidden(self, position: int) -> bool:
        """Tell whether the document made as the ``position``-th (from one) is not shown yet."""
        hidden = self.state.get("hidden")
        if not hidden or self.now >= datetime.fromisoformat(hidden["until"]):
            return False
        return bool(position == hidden["count"])

    def fail(
        self, fault: Fault | str, match: str = "", times: int = 1, *, retry_after: str = "",
        skip: int = 0,
    ) -> None:  # fmt: skip
        """Let the next requests go wrong; see :class:`Trouble`.

        Raises:
            ValueError: there is no such fault, or ``match`` is no regular expression.
        """
        try:
            re.compile(match)
        except re.error as error:
            raise ValueError(f"{match!r} is no regular expression: {error}") from error
        self.troubles.append(Trouble(Fault(fault), match, times, retry_after, skip))

    def _next_trouble(self, asked: Asked) -> Trouble | None:
        for trouble in self.troubles:
            if trouble.times > 0 and re.search(trouble.match, asked.line):
                if trouble.skip > 0:
                    trouble.skip -= 1
                    continue
                trouble.times -= 1
                return trouble
        return None

    def control(self, order: Json) -> Json:
        """Carry out what ``POST /_control`` asks for, and tell how things stand.

        Keys: ``fail`` (a list of troubles), ``heal`` (true: no more troubles), ``account``
        (settings to change), ``ahead`` (seconds that the clock runs ahead), ``act`` (what happens
        on the vendor's own pages: ``{"what": …, …}``).
        """
        with self.lock:
            if order.get("heal"):
                self.troubles.clear()
            for trouble in order.get("fail", []):
                self.fail(**trouble)
            for name, value in order.get("account", {}).items():
                if name not in self.account:
                    raise ValueError(f"unknown account setting {name!r}")
                self.account[name] = value
            if "ahead" in order:
                self.shift = timedelta(seconds=int(order["ahead"]))
            acted = self.act(**order["act"]) if "act" in order else None
            return {
                "now": self.now.isoformat(),
                "account": self.account,
                "documents": [asdict(kept) for kept in self.books()],
                "requests": list(self.requests),
                "acted": acted,
            }

    def dump(self) -> Json:
        """Return all that has to be kept, as JSON."""
        return deepcopy({"state": self.state, "account": self.account, "seed": self.seed})

    @classmethod
    def restore(cls, kept: Json, clock: Callable[[], datetime] | None = None) -> Simulator:
        """Return the simulator of a :meth:`dump`; account settings that are new get defaults."""
        known = {k: v for k, v in kept["account"].items() if k in cls.defaults()}
        simulator = cls(seed=kept["seed"], clock=clock, **known)
        simulator.state = deepcopy(kept["state"])
        return simulator


def written(value: Any) -> str:
    """Write JSON as most vendors do: ``Decimal`` as a number with all its digits."""
    numbers: list[str] = []
    mark = uuid.uuid4().hex  # what stands for a number until the end must be in no text

    def number(found: object) -> str:
        if isinstance(found, Decimal):
            numbers.append(format(found, "f"))
            return f"{mark}{len(numbers) - 1}"
        raise TypeError(f"not JSON: {type(found).__name__}")

    text = json.dumps(value, default=number, ensure_ascii=False)
    return re.sub(rf'"{mark}(\d+)"', lambda match: numbers[int(match.group(1))], text)


def pdf_of(text: str) -> bytes:
    """Return a small PDF that shows a text."""
    shown = (
        text.encode("latin-1", "replace").replace(b"\\", b"").replace(b"(", b"").replace(b")", b"")
    )
    drawn = b"BT /F 18 Tf 60 760 Td (" + shown + b") Tj ET"
    stream = b"4 0 obj<</Length %d>>stream\n%s\nendstream endobj\n" % (len(drawn), drawn)
    return PDF + stream + b"trailer<</Root 1 0 R>>\n%%EOF\n"
