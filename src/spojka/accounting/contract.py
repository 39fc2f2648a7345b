"""What an accounting system is to Spojka.

A system is one folder with a :class:`System`. Operations are synchronous; each raises an
:class:`~spojka.core.outcome.OutcomeError` for everything that is not success. ``create`` must be
idempotent together with ``look_up``: called again with the same key after *uncertain* and a
look-up that found nothing, it makes one document. The same holds for ``pay`` with
``find_payment`` and for ``email`` with ``find_email``.

Everything that an operation may use comes by the :class:`Session`: no adapter knows a database.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

from spojka.core.descriptor import Check, FieldSpec, Text
from spojka.core.document import Document, Kind, Seller, VatRow
from spojka.core.money import ZERO
from spojka.net.delivery import Delivery as Delivery
from spojka.net.delivery import WebhookError as WebhookError
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
    """The system sends the document to the customer by e-mail itself."""
    PDF = "pdf"
    ISDOC = "isdoc"
    CANCEL = "cancel"
    DELETE = "delete"
    CHANGES = "changes"
    """What happened to documents there can be read; documents that exist can be taken in."""
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
    settings: tuple[FieldSpec, ...] = ()
    """Choices after activation (series of each kind, bank account, …); their values reach the
    adapter as ``Session.settings``."""
    links: Mapping[str, str] = field(default_factory=dict)
    """Pages of that system by name (``home``, ``api_keys``, ``series``, ``bank_accounts``, …).
    ``{field}`` is filled in from the connection's fields that are not secret."""
    hosts: tuple[str, ...] = ()
    """Servers that are asked, for those who open a firewall for them."""
    languages: tuple[str, ...] = ("cs", "sk", "en")
    settle_seconds: int = 45
    """How long a request that was cut off may still be under way on the other side."""


@dataclass(frozen=True, slots=True)
class Totals:
    """What a system computes, or computed, for a document: total and recapitulation."""

    total: Decimal
    vat: tuple[VatRow, ...]


class IssuedState(StrEnum):
    """How a document stands in the accounting system."""

    UNKNOWN = ""
    """The answer does not tell, or says a word that is not known."""
    OPEN = "open"
    PARTLY_PAID = "partly_paid"
    PAID = "paid"
    CANCELLED = "cancelled"
    UNCOLLECTIBLE = "uncollectible"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class IssuedLine:
    """One line as the system has it; amounts of the whole line in the document's currency.

    Lines that the system adds by itself for rounding are not among them.
    """

    name: str
    quantity: Decimal
    gross: Decimal
    rate: Decimal
    sku: str = ""


@dataclass(frozen=True, slots=True)
class Issued:
    """A document as it exists in the accounting system.

    What an answer does not tell stays empty or ``None`` and is not compared. Amounts are in
    ``currency``, those of a credit note negative, whatever sign the system itself uses. Dates are
    those that stand on the document.
    """

    external_id: str
    number: str
    variable_symbol: str = ""
    issued_on: date | None = None
    total: Decimal | None = None
    """With VAT and rounding, before deductions."""
    vat: tuple[VatRow, ...] | None = None
    """``None`` where the system's answer does not tell the recapitulation. Treatments are told
    apart only as far as the system tells them apart."""
    currency: str = ""
    paid_amount: Decimal = ZERO
    url: str = ""
    """Page of the document in that system, for a person who is logged in there."""
    state: str = IssuedState.UNKNOWN
    raw: Mapping[str, Any] = field(default_factory=dict)
    kind: Kind | None = None
    key: str = ""
    """Our own key, where the system keeps it."""
    order_number: str = ""
    customer: str = ""
    taxable_on: date | None = None
    due_on: date | None = None
    paid_on: date | None = None
    sent: bool | None = None
    """Whether the system says that it was sent to the customer."""
    made_from: str = ""
    """External id of the proforma it settles, or of the invoice it corrects."""
    lines: tuple[IssuedLine, ...] | None = None
    changed_at: datetime | None = None
    """Aware."""
    public_url: str = ""
    """Page of the document for the customer."""


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
    kind: str = ""
    """Of a series: the :class:`Kind` that it numbers; empty: any."""
    currency: str = ""
    """Of a bank account."""


@dataclass(frozen=True, slots=True)
class LoadedData:
    """Lists read from the system by *Load data*; kept, and given to later operations."""

    series: tuple[Choice, ...] = ()
    bank_accounts: tuple[Choice, ...] = ()
    payment_methods: tuple[Choice, ...] = ()
    vat_mode: str = ""
    currencies: tuple[str, ...] = ()
    warehouses: tuple[Choice, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What else the adapter wants to know again without a call (ids of countries and currencies,
    how the account rounds): JSON of strings, numbers, lists and mappings."""
    contacts: tuple[tuple[str, str], ...] = ()
    """Known customers as (name, external id), for ``Session.contacts``; names are those of
    :mod:`spojka.accounting.contacts`."""
    contacts_complete: bool = False
    """All of them were read, so that who is not among them does not exist there."""


@dataclass(frozen=True, slots=True)
class Email:
    """A message with a document that the system is to send."""

    to: str
    subject: str = ""
    """Empty: the system's own text."""
    body: str = ""
    language: str = ""


@dataclass(frozen=True, slots=True)
class WebhookHint:
    """What a verified delivery of the system hints at: a document to be read again."""

    external_id: str
    """Empty: something changed; everything since the last time is to be read."""
    kind: Kind | None = None
    topic: str = ""


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


class Contacts(Protocol):
    """Customers that are known to exist in the system, shared by all workers.

    A name is made by :func:`spojka.accounting.contacts.names`; it may stand for a customer's data
    as they were sent, for our own key, or for a company's registration number.
    """

    @property
    def complete(self) -> bool:
        """Whether every contact of the account is known: who is not found does not exist."""

    def find(self, name: str) -> str | None:
        """Return the external id that goes by ``name``."""

    def put(self, names: Iterable[str], external_id: str) -> None:
        """Remember a contact under all its names."""

    def forget(self, external_id: str) -> None:
        """Drop a contact that the system no longer knows."""


class Reservations(Protocol):
    """Numbers reserved for documents before they are sent, in systems that let us number.

    A reservation is committed before it is returned. A number that was given back is given out
    again first, so that a refused document leaves no gap.
    """

    def reserved(self, key: str) -> int | None:
        """Return the number reserved under ``key``, if there is one."""

    def reserve(self, series: str, key: str, last: int) -> int:
        """Reserve the lowest free number of ``series`` above ``last``, once per key.

        A number reserved under ``key`` before that is not above ``last`` was used there by somebody
        else: it is let go, and another one is reserved. So is one of another series.

        Args:
            series: The series and its period, as the adapter names it.
            key: The document's key.
            last: The highest number that is known to be used in the system.
        """

    def give_back(self, key: str) -> None:
        """Give up the reservation of ``key``: nothing was made under it."""


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
    loaded: LoadedData = LoadedData()
    """What *Load data* read last; empty where it never did."""
    contacts: Contacts | None = None
    reservations: Reservations | None = None
    webhook_address: str = ""
    """Where the system is to send its webhooks; empty: this installation cannot be reached."""
    webhook_secret: str = ""
    time_zone: str = "Europe/Prague"
    """The company's."""
    seller: Seller | None = None
    """The company; ``None`` where there is none (``spojka preview``)."""
    attempt: int = 0
    """How often this effect was tried before; look-ups are only worth a call after the first
    try."""

    @property
    def client(self) -> Client:
        """The HTTP client, for adapters that always need one.

        Raises:
            TypeError: the session has none; only the own issuer's has not.
        """
        if self.http is None:
            raise TypeError("this system needs a session with an HTTP client")
        return self.http


class System(Protocol):
    """An accounting system. Only the first six are demanded; the rest iff declared."""

    descriptor: Descriptor

    def verify(self, s: Session) -> Iterable[Check]:
        """Check address, login, plan, rights, series, bank account, VAT mode; never raises.

        May be a generator: each row is shown as soon as it is known. Nothing is written there.
        """

    def load(self, s: Session) -> LoadedData:
        """Read the lists that settings offer."""

    def predict(self, s: Session, d: Document) -> Totals:
        """Compute what the system will compute from our payload, by its documented arithmetic.

        Uses no network, only ``s.settings`` and ``s.loaded``. Where it does not equal the document,
        in total and per rate, the document is held with both figures and nothing is sent.
        """

    def requests(self, s: Session, d: Document, key: str) -> list[PlannedRequest]:
        """Show what ``create`` would send; no network."""

    def create(self, s: Session, d: Document, key: str) -> Issued:
        """Make the document."""

    def look_up(self, s: Session, d: Document, key: str) -> Issued | None:
        """Find the document made under ``key``; ``None`` where it does not exist."""

    def pay(
        self, s: Session, d: Document, issued: Issued, key: str, paid_on: date, amount: Decimal
    ) -> Payment:
        """Record a payment (capability PAY)."""

    def find_payment(
        self, s: Session, d: Document, issued: Issued, key: str, paid_on: date, amount: Decimal
    ) -> Payment | None:
        """Find a payment whose recording is in doubt; ``None``: it is not there (PAY)."""

    def unpay(self, s: Session, d: Document, issued: Issued, key: str, payment_id: str) -> None:
        """Take the payment recorded under ``key`` back; done where it is gone (UNPAY).

        ``payment_id`` is what ``pay`` returned; empty: it was recorded in creating the document.
        """

    def email(self, s: Session, d: Document, issued: Issued, key: str, message: Email) -> None:
        """Have the system send the document (capability EMAIL)."""

    def find_email(
        self, s: Session, d: Document, issued: Issued, key: str, message: Email
    ) -> bool | None:
        """Tell whether an e-mail in doubt was sent; ``None``: it cannot be known (EMAIL)."""

    def pdf(self, s: Session, d: Document, issued: Issued) -> File:
        """Return the PDF (capability PDF).

        Raises:
            ThrottledError: it is not made yet; ``until`` says when to ask again.
        """

    def isdoc(self, s: Session, d: Document, issued: Issued) -> File:
        """Return the ISDOC file (capability ISDOC)."""

    def cancel(self, s: Session, d: Document, issued: Issued, key: str) -> None:
        """Cancel the document; done where it is cancelled already (capability CANCEL)."""

    def delete(self, s: Session, d: Document, issued: Issued, key: str) -> None:
        """Delete the document; done where it is gone already (capability DELETE)."""

    def read(self, s: Session, external_id: str, kind: Kind) -> Issued | None:
        """Read one document as it is now, with its lines; ``None``: it is gone (CHANGES)."""

    def changes(self, s: Session, since: datetime | None) -> Iterable[Issued]:
        """Yield documents changed at or after an aware time, or all of them (CHANGES).

        May read page by page while it is iterated. One that was made by the system itself (a final
        invoice after a paid proforma) is among them, with ``made_from``.
        """

    def read_webhook(self, s: Session, delivery: Delivery) -> list[WebhookHint]:
        """Verify a delivery and say what it hints at; no network (capability WEBHOOK).

        Raises:
            WebhookError: it is not to be believed.
        """

    def register_webhook(self, s: Session) -> None:
        """Have the system send webhooks to ``s.webhook_address``, once (capability WEBHOOK)."""
