"""What an accounting system is to Spojka.

A system is one folder with a :class:`System`. Operations are synchronous; each raises an
:class:`~spojka.core.outcome.OutcomeError` for everything that is not success. ``create`` must be
idempotent together with ``look_up``: called again with the same key after *uncertain* and a
look-up that found nothing, it makes one document.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

from spojka.core.descriptor import Check, FieldSpec, Text
from spojka.core.document import Document, VatRow
from spojka.core.money import ZERO
from spojka.net.limits import Budget as Budget
from spojka.net.limits import Limit as Limit
from spojka.net.limits import TokenCache as TokenCache

if TYPE_CHECKING:
    from spojka.net.client import Client


class Capability(StrEnum):
    """What a system can do. Declared once; declared means works, and works means declared."""

    INVOICE = "invoice"
    PROFORMA = "proforma"
    FINAL = "final"
    """A final invoice that deducts a paid proforma."""
    TAX_DOCUMENT = "tax_document"
    CREDIT_NOTE = "credit_note"
    PAY = "pay"
    UNPAY = "unpay"
    EMAIL = "email"
    PDF = "pdf"
    ISDOC = "isdoc"
    CANCEL = "cancel"
    DELETE = "delete"
    CHANGES = "changes"
    WEBHOOK = "webhook"
    OWN_NUMBERS = "own_numbers"
    """Numbers come from Spojka's own series."""


class Recovery(StrEnum):
    """How the outcome of an uncertain ``create`` is found out."""

    REPLAY = "replay"
    SEARCH = "search"
    NUMBER = "number"
    HEURISTIC = "heuristic"


@dataclass(frozen=True, slots=True)
class Descriptor:
    """What a system says of itself."""

    key: str
    name: str
    markets: tuple[str, ...]
    summary: Text
    fields: tuple[FieldSpec, ...]
    capabilities: frozenset[Capability]
    recovery: Recovery
    limits: tuple[Limit, ...] = ()
    account: tuple[str, ...] = ()
    """Keys of the fields that name the account whose calls the limits count; empty: all required
    ones. Connections with the same values share one budget."""
    links: Mapping[str, str] = field(default_factory=dict)
    languages: tuple[str, ...] = ("cs", "sk", "en")
    settle_seconds: int = 45
    """How long a request that was cut off may still be under way on the other side."""


@dataclass(frozen=True, slots=True)
class Totals:
    """What a system computes, or computed, for a document: total and recapitulation."""

    total: Decimal
    vat: tuple[VatRow, ...]


@dataclass(frozen=True, slots=True)
class Issued:
    """A document as it exists in the accounting system."""

    external_id: str
    number: str
    variable_symbol: str = ""
    issued_on: date | None = None
    total: Decimal | None = None
    vat: tuple[VatRow, ...] | None = None
    """``None`` where the system's answer does not tell the recapitulation."""
    currency: str = ""
    paid_amount: Decimal = ZERO
    url: str = ""
    state: str = ""
    raw: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Payment:
    """A recorded payment. ``produced`` are documents which the system made by itself then."""

    external_id: str
    paid_on: date
    amount: Decimal
    produced: tuple[Issued, ...] = ()


@dataclass(frozen=True, slots=True)
class File:
    """A rendered document."""

    name: str
    media_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Choice:
    """One entry of a list loaded from the system (a series, a bank account, …)."""

    id: str
    name: str
    detail: str = ""
    default: bool = False


@dataclass(frozen=True, slots=True)
class LoadedData:
    """Lists read from the system by *Load data*."""

    series: tuple[Choice, ...] = ()
    bank_accounts: tuple[Choice, ...] = ()
    payment_methods: tuple[Choice, ...] = ()
    vat_mode: str = ""
    currencies: tuple[str, ...] = ()
    warehouses: tuple[Choice, ...] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """Something that happened to a document in the system."""

    external_id: str
    number: str
    happened_at: datetime
    state: str
    paid_amount: Decimal | None = None
    produced: tuple[Issued, ...] = ()


@dataclass(frozen=True, slots=True)
class PlannedRequest:
    """A request as it would be sent, secrets masked; for ``spojka preview``."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: str


class Register(Protocol):
    """The own issuer's register: numbers and documents in one transaction."""

    def enter(self, document: Document, key: str) -> Issued:
        """Enter the document and give it the next number of its series, once per key."""

    def find(self, key: str) -> Issued | None:
        """Return the document entered under ``key``."""

    def record_payment(self, external_id: str, key: str, paid_on: date, amount: Decimal) -> Payment:
        """Record a payment once per key."""

    def remove_payment(self, external_id: str, key: str) -> None:
        """Take a recorded payment back; nothing happens where there is none."""

    def cancel(self, external_id: str, key: str) -> None:
        """Mark the document cancelled; its number stays taken."""

    def series(self) -> Iterable[Choice]:
        """Number series of the company."""


class Renderer(Protocol):
    """Renders a document of the own issuer."""

    def pdf(self, document: Document, issued: Issued) -> File:
        """Return the PDF (PDF/A-3 with ISDOC inside where that applies)."""

    def isdoc(self, document: Document, issued: Issued) -> File:
        """Return the ISDOC file."""


@dataclass(frozen=True, slots=True)
class Session:
    """What an operation may use; made per call by :mod:`spojka.connections`."""

    credentials: Mapping[str, str]
    settings: Mapping[str, str]
    now: datetime
    http: Client | None = None
    tokens: TokenCache | None = None
    budget: Budget | None = None
    register: Register | None = None
    renderer: Renderer | None = None


class System(Protocol):
    """An accounting system. Only the first six are demanded; the rest iff declared."""

    descriptor: Descriptor

    def verify(self, s: Session) -> list[Check]:
        """Check address, login, plan, rights, series, bank account, VAT mode; never raises."""

    def load(self, s: Session) -> LoadedData:
        """Read the lists that settings offer."""

    def predict(self, d: Document) -> Totals:
        """Compute what the system will compute from our payload, by its documented arithmetic."""

    def requests(self, d: Document, key: str) -> list[PlannedRequest]:
        """Show what ``create`` would send; no network."""

    def create(self, s: Session, d: Document, key: str) -> Issued:
        """Make the document."""

    def look_up(self, s: Session, d: Document, key: str) -> Issued | None:
        """Find the document made under ``key``; ``None`` where it does not exist."""

    def pay(
        self, s: Session, d: Document, issued: Issued, key: str, paid_on: date, amount: Decimal
    ) -> Payment:
        """Record a payment (capability PAY)."""

    def unpay(self, s: Session, d: Document, issued: Issued, key: str) -> None:
        """Take the recorded payment back (capability UNPAY)."""

    def pdf(self, s: Session, d: Document, issued: Issued) -> File:
        """Return the PDF (capability PDF)."""

    def isdoc(self, s: Session, d: Document, issued: Issued) -> File:
        """Return the ISDOC file (capability ISDOC)."""

    def cancel(self, s: Session, d: Document, issued: Issued, key: str) -> None:
        """Cancel the document (capability CANCEL)."""
