"""What an order source is to Spojka.

A webhook is only a hint: what counts is the order as it is read again. A platform that cannot be
read (a file, our own API) is its own truth and says so by not declaring ``FETCH``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

from spojka.core.descriptor import Check, FieldSpec, Text
from spojka.core.order import Order
from spojka.net.delivery import Delivery as Delivery
from spojka.net.delivery import WebhookError as WebhookError
from spojka.net.limits import Budget, Limit, TokenCache

if TYPE_CHECKING:
    from spojka.net.client import Client


class Ability(StrEnum):
    """What a platform offers."""

    WEBHOOK = "webhook"
    FETCH = "fetch"
    POLL = "poll"
    WRITE_NOTE = "write_note"
    WATCH = "watch"
    """The state of our webhook can be looked at."""
    FILE = "file"
    """Orders can be imported from a file."""


@dataclass(frozen=True, slots=True)
class ShopDescriptor:
    """What a platform says of itself. ``statuses`` are its order statuses with labels."""

    key: str
    name: str
    summary: Text
    fields: tuple[FieldSpec, ...]
    abilities: frozenset[Ability]
    statuses: tuple[tuple[str, Text], ...] = ()
    file_types: tuple[str, ...] = ()
    company_id_fields: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Default ordered mapping: ``company_id``, ``tax_id``, ``vat_id`` -> names of extra fields."""
    limits: tuple[Limit, ...] = ()
    account: tuple[str, ...] = ()
    """Keys of the fields that name the account whose calls the limits count; empty: all required
    ones."""


@dataclass(frozen=True, slots=True)
class MappingOptions:
    """How orders of one shop are read.

    ``company_id_fields`` is the user's ordered mapping of extra fields to ids; the first non-empty
    one wins. ``time_zone`` is the shop's, for times that arrive without an offset.
    """

    time_zone: str = "Europe/Prague"
    company_id_fields: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    vat_conflict: str = "hold"
    """``hold``, or ``lines``: where the order's VAT summary differs from its rows by rounding only,
    follow the rows (the order's total follows them, too)."""


class MappingError(ValueError):
    """The payload is not an order of this platform; carries a catalogue code and facts."""

    def __init__(self, code: str, **facts: object) -> None:
        super().__init__(f"{code}: {facts}")
        self.code = code
        self.facts = {name: str(value) for name, value in facts.items()}


class HintKind(StrEnum):
    """What a delivery hints at."""

    PING = "ping"
    CHANGED = "changed"
    DELETED = "deleted"
    IGNORED = "ignored"


@dataclass(frozen=True, slots=True)
class Hint:
    """What a verified delivery hints at; ``external_id`` is the order to read again."""

    kind: HintKind
    external_id: str = ""
    topic: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ShopSession:
    """What an operation on a shop may use; made per call by :mod:`spojka.connections`."""

    credentials: Mapping[str, str]
    http: Client
    now: datetime
    tokens: TokenCache | None = None
    budget: Budget | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Changed orders, and the cursor (aware time) from which to read on next time."""

    payloads: tuple[Any, ...]
    cursor: datetime


@dataclass(frozen=True, slots=True)
class WebhookState:
    """A webhook that we registered with the shop, as the shop has it now."""

    external_id: str
    topic: str
    active: bool
    detail: str = ""


class Source(Protocol):
    """An order source. ``parse`` is demanded; the rest iff declared by an ability."""

    descriptor: ShopDescriptor

    def parse(self, payload: Any, options: MappingOptions) -> Order:
        """Read one order.

        Contradictions inside the order do not raise: they become ``Order.problems``.

        Raises:
            MappingError: the payload is not an order.
        """

    def split(self, content: bytes, name: str) -> Iterator[Any]:
        """Take a file apart into payloads for :meth:`parse` (ability FILE).

        Raises:
            MappingError: the file is not one of ``file_types``.
        """

    def read_webhook(self, delivery: Delivery, secret: str) -> Hint:
        """Verify and read a delivery (ability WEBHOOK).

        Raises:
            WebhookError: the signature is missing or wrong.
        """

    def fetch(self, s: ShopSession, external_id: str) -> Any | None:
        """Read one order with its refunds; ``None`` where the shop no longer has it."""

    def changed(self, s: ShopSession, since: datetime) -> Page:
        """Read the orders changed since an aware time, with an overlap, refunds included."""

    def verify(self, s: ShopSession) -> list[Check]:
        """Check address, TLS, login, rights; never raises."""

    def watch(self, s: ShopSession, address: str) -> list[WebhookState]:
        """Read the state of the webhooks that deliver to ``address``."""

    def register_webhooks(self, s: ShopSession, address: str, secret: str) -> list[WebhookState]:
        """Have the shop deliver to ``address``, signed with ``secret``; harmless to repeat."""

    def write_note(self, s: ShopSession, external_id: str, note: str) -> str:
        """Write a note to the order by the channel that triggers nothing; return its id."""

    def find_note(self, s: ShopSession, external_id: str, note: str) -> str | None:
        """Look a note up after an uncertain :meth:`write_note`."""
