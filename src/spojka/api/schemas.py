"""What the API says. Amounts are strings with a decimal point, dates ISO 8601, times aware."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from ninja import Field, Schema
from pydantic import AfterValidator, AwareDatetime, WithJsonSchema

from spojka.api import problems
from spojka.api.stuck import StuckOut, stuck_out
from spojka.core import codec
from spojka.core.dates import YEARS
from spojka.core.document import Document as CoreDocument
from spojka.core.money import minor_units, parse_amount, plain, quantize
from spojka.core.problem import Problem
from spojka.documents import stuck
from spojka.documents.models import Document, Effect, Event
from spojka.orders.models import InboxEvent, Order

MOST = 2**63 - 1
AMOUNT = r"^-?\d{1,12}(\.\d{1,4})?$"

Id = Annotated[int, Field(ge=1, le=MOST)]
Word = Annotated[str, Field(max_length=200, pattern=r"^[^\x00]*$")]
"""Text to search for; a NUL is nothing that a database could hold."""


def _in_utc(at: datetime) -> datetime:
    """Return a moment in UTC: PostgreSQL takes no offset of sixteen hours and more."""
    if at.year not in YEARS:
        raise ValueError(f"a year between {YEARS[0]} and {YEARS[-1]} is needed")
    return at.astimezone(UTC)


Moment = Annotated[AwareDatetime, AfterValidator(_in_utc)]
Amount = Annotated[str, Field(pattern=AMOUNT, examples=["1836.70"])]
KindName = Literal["invoice", "proforma", "tax_document", "credit_note"]
StateName = Literal[
    "planned", "held", "issuing", "uncertain", "issued", "cancelled", "deleted", "dropped"
]


class ProblemOut(Schema):
    """A reason with its explanation in the language of ``Accept-Language``."""

    code: str
    cause: str
    fix: str
    document_exists: Literal["no", "yes", "unknown"]
    retriable: bool
    facts: dict[str, str]


class ErrorOut(ProblemOut):
    """RFC 9457 problem details; sent as ``application/problem+json``."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    errors: list[dict[str, Any]] = []


class VatOut(Schema):
    rate: str
    treatment: str
    net: Amount
    tax: Amount
    gross: Amount


class LineOut(Schema):
    key: str
    kind: str
    name: str
    sku: str
    quantity: str
    unit_price: str
    net: Amount
    tax: Amount
    gross: Amount
    rate: str
    treatment: str


class EffectOut(Schema):
    kind: str
    state: str
    attempt: int
    due_at: datetime
    done_at: datetime | None
    problem: ProblemOut | None


class DocumentOut(Schema):
    """A document from planning on; ``number`` is null until its system gave it one."""

    id: int
    uuid: str
    order: int
    kind: KindName
    state: StateName
    exists: Literal["no", "yes", "unknown"]
    number: str | None
    variable_symbol: str | None
    currency: str
    total: Amount | None
    issued_on: date | None
    taxable_on: date | None
    due_on: date | None
    paid_on: date | None
    paid_amount: Amount
    paid: bool
    refund_id: str | None
    original: int | None
    has_pdf: bool
    has_isdoc: bool
    problems: list[ProblemOut]
    changed: ProblemOut | None
    url: str | None
    created_at: datetime


class DocumentDetailOut(DocumentOut):
    lines: list[LineOut]
    vat: list[VatOut]
    net: Amount | None
    tax: Amount | None
    rounding: Amount | None
    effects: list[EffectOut]


class DocumentsOut(Schema):
    items: list[DocumentOut]
    next: str | None = Field(None, description="Cursor of the next page; null on the last one.")


class OrderOut(Schema):
    id: int
    shop: int
    external_id: str
    number: str
    status: str
    currency: str
    total: Amount
    customer: str
    country: str
    ordered_at: datetime
    paid_at: datetime | None
    deleted: bool
    ignored_reason: str | None
    documents: list[DocumentOut]


class OrdersOut(Schema):
    items: list[OrderOut]
    next: str | None = Field(None, description="Cursor of the next page; null on the last one.")


class EventOut(Schema):
    """One row of the life line."""

    at: datetime
    name: str
    document: int | None
    facts: dict[str, Any]
    problem: ProblemOut | None
    trace: str = Field(description="What it followed from; the same id stands in the log.")


class OrderDetailOut(OrderOut):
    version: int
    content: dict[str, Any] = Field(description="The order's current snapshot.")
    stuck: StuckOut | None = Field(description="Set where Spojka itself fails at the order.")
    decision: dict[str, Any] | None = Field(description="Why: which rule fired, or why none did.")
    events: list[EventOut]


class AcceptedOut(Schema):
    """What arrived is stored and will be handled, whatever happens now."""

    event: int
    event_url: str
    order_url: str


class ReceivedOut(Schema):
    """An event of the inbox and what became of it."""

    id: int
    state: Literal["new", "done", "ignored", "failed"]
    outcome: str
    external_id: str
    received_at: datetime
    handled_at: datetime | None
    problem: ProblemOut | None


class ShopOut(Schema):
    id: int
    name: str
    platform: str
    active: bool


class FailedOut(ProblemOut):
    item: str


class ImportOut(Schema):
    created: int
    changed: int
    unchanged: int
    failed: list[FailedOut]
    orders: list[int]


class GroupOut(ProblemOut):
    """What waits for a person, by cause."""

    held: list[int] = Field(description="Held documents.")
    rejected: list[int] = Field(description="Issued documents with a refused effect, as an e-mail.")
    changed: list[int] = Field(description="Issued documents whose order changed afterwards.")
    events: list[int] = Field(description="Events of the inbox that could not be read.")
    shops: list[int]
    connections: list[int]
    stuck: list[StuckOut] = Field(description="What Spojka itself fails at, in a row.")


class VerificationOut(Schema):
    ok: bool
    entries: int
    problems: list[ProblemOut]


def _positive(value: str) -> str:
    if parse_amount(value) <= 0:
        raise ValueError("must be more than zero")
    return value


def _not_blank(value: str) -> str:
    if not value.strip():
        raise ValueError("must not be blank")
    return value.strip()


PositiveAmount = Annotated[
    str,
    Field(pattern=r"^\d{1,12}(\.\d{1,4})?$"),
    AfterValidator(_positive),
    WithJsonSchema({"type": "string", "pattern": r"^[1-9]\d{0,11}(\.\d{1,4})?$"}),
]


class PayIn(Schema):
    paid_on: date | None = Field(None, description="By default today in the company's time zone.")
    amount: PositiveAmount | None = Field(None, description="By default what remains to be paid.")


class CreditIn(Schema):
    """Without ``items`` and ``amount``, everything that is left is credited."""

    reason: Annotated[
        str,
        Field(min_length=1, max_length=500, pattern=r"^[^\x00]*[^\x00\s][^\x00]*$"),
        AfterValidator(_not_blank),
    ]
    items: dict[Word, PositiveAmount] | None = Field(
        None, description="Keys of the document's lines with the quantities given back."
    )
    amount: PositiveAmount | None = Field(None, description="With VAT, in the document's currency.")


class EmailIn(Schema):
    to: Annotated[str, Field(max_length=254, pattern=r"^([^\s@\x00]+@[^\s@\x00]+)?$")] = ""


class IssueIn(Schema):
    kind: Literal["invoice", "proforma", "tax_document"] = "invoice"


class PageIn(Schema):
    cursor: Word = Field("", description="`next` of the page before.")
    limit: int = Field(50, ge=1, le=200, description="Items on a page.")


class OrderFilters(PageIn):
    number: Word = ""
    external_id: Word = Field("", description="Id of the order in its shop.")
    status: Word = ""
    search: Word = Field("", description="Part of the number, the customer's name or e-mail.")
    shop: Id | None = None
    ordered_since: Moment | None = None
    ordered_until: Moment | None = None
    with_documents: bool | None = Field(None, description="Only with, or only without documents.")


class DocumentFilters(PageIn):
    kind: KindName | None = None
    state: StateName | None = None
    number: Word = ""
    variable_symbol: Word = ""
    currency: Word = ""
    order: Id | None = None
    shop: Id | None = None
    paid: bool | None = None
    issued_since: date | None = None
    issued_until: date | None = None


def amount(value: Decimal, currency: str) -> str:
    """Write an amount with the decimals of its currency, or with more where it has more."""
    exact = Decimal(value)  # a row that was just made still has its default, an int
    short = quantize(exact, minor_units(currency))
    return plain(short) if short == exact else plain(exact.normalize())


def number(value: Decimal) -> str:
    """Write a rate or a quantity without needless zeros."""
    return plain(value.normalize()) if value else "0"


def problem_out(stored: Mapping[str, Any], language: str) -> dict[str, Any]:
    """Explain a problem as the database keeps it."""
    return problems.body(Problem(stored["code"], stored.get("facts", {})), language)


def _problem_or_none(stored: Mapping[str, Any] | None, language: str) -> dict[str, Any] | None:
    return problem_out(stored, language) if stored else None


def document_out(document: Document, language: str) -> dict[str, Any]:
    """Return a document for lists."""
    currency = document.currency or document.order.currency
    return {
        "id": document.pk,
        "uuid": str(document.uuid),
        "order": document.order_id,
        "kind": document.kind,
        "state": document.state,
        "exists": document.exists,
        "number": document.number or None,
        "variable_symbol": document.variable_symbol or None,
        "currency": currency,
        "total": None if document.total is None else amount(document.total, currency),
        "issued_on": document.issued_on,
        "taxable_on": document.taxable_on,
        "due_on": document.due_on,
        "paid_on": document.paid_on,
        "paid_amount": amount(document.paid_amount, currency),
        "paid": document.is_paid,
        "refund_id": document.refund_id or None,
        "original": document.original_id,
        "has_pdf": bool(document.pdf_sha256),
        "has_isdoc": bool(document.isdoc_sha256),
        "problems": [problem_out(problem, language) for problem in document.problems],
        "changed": _problem_or_none(document.changed_problem, language),
        "url": document.url or None,
        "created_at": document.created_at,
    }


def document_detail_out(document: Document, language: str) -> dict[str, Any]:
    """Return a document with its lines, its VAT recapitulation and its effects."""
    core = document.core() if document.content else None
    return {
        **document_out(document, language),
        **_content(core),
        "effects": [_effect(effect, language) for effect in document.effects.all()],
    }


def _content(core: CoreDocument | None) -> dict[str, Any]:
    if core is None:
        return {"lines": [], "vat": [], "net": None, "tax": None, "rounding": None}
    currency = core.currency
    return {
        "lines": [
            {
                "key": line.key,
                "kind": line.kind.value,
                "name": line.name,
                "sku": line.sku,
                "quantity": number(line.quantity),
                "unit_price": amount(line.unit_price, currency),
                "net": amount(line.net, currency),
                "tax": amount(line.tax, currency),
                "gross": amount(line.gross, currency),
                "rate": number(line.rate),
                "treatment": line.treatment.value,
            }
            for line in core.lines
        ],
        "vat": [
            {
                "rate": number(row.rate),
                "treatment": row.treatment.value,
                "net": amount(row.net, currency),
                "tax": amount(row.tax, currency),
                "gross": amount(row.gross, currency),
            }
            for row in core.vat
        ],
        "net": amount(core.net, currency),
        "tax": amount(core.tax, currency),
        "rounding": amount(core.rounding, currency),
    }


def _effect(effect: Effect, language: str) -> dict[str, Any]:
    return {
        "kind": effect.kind,
        "state": effect.state,
        "attempt": effect.attempt,
        "due_at": effect.due_at,
        "done_at": effect.done_at,
        "problem": _problem_or_none(effect.problem, language),
    }


def order_out(order: Order, language: str) -> dict[str, Any]:
    """Return an order for lists."""
    return {
        "id": order.pk,
        "shop": order.shop_id,
        "external_id": order.external_id,
        "number": order.number,
        "status": order.status,
        "currency": order.currency,
        "total": amount(order.total, order.currency),
        "customer": order.customer,
        "country": order.country,
        "ordered_at": order.ordered_at,
        "paid_at": order.paid_at,
        "deleted": order.deleted_at is not None,
        "ignored_reason": order.ignored_reason or None,
        "documents": [document_out(document, language) for document in order.documents.all()],
    }


def order_detail_out(order: Order, language: str) -> dict[str, Any]:
    """Return an order with its content, its decision and its life line."""
    decision = getattr(order, "decision", None)
    return {
        **order_out(order, language),
        "version": order.current.ordinal if order.current else 0,
        "content": _snapshot(order),
        "stuck": stuck_out(at) if (at := stuck.of_order(order)) else None,
        "decision": decision.content if decision else None,
        "events": [_event(event, language) for event in order.events.all()],
    }


def _snapshot(order: Order) -> dict[str, Any]:
    """Return the order's content; as it is stored, where it cannot be read."""
    if order.current is None:
        return {}
    content = order.readable_content()
    written: dict[str, Any] = codec.dump(content) if content else order.current.content
    return written


def _event(event: Event, language: str) -> dict[str, Any]:
    return {
        "at": event.at,
        "name": event.name,
        "document": event.document_id,
        "facts": event.facts,
        "problem": _problem_or_none(event.problem, language),
        "trace": event.trace,
    }


def received_out(event: InboxEvent, language: str) -> dict[str, Any]:
    """Return an event of the inbox."""
    return {
        "id": event.pk,
        "state": event.state,
        "outcome": event.outcome,
        "external_id": event.external_id,
        "received_at": event.received_at,
        "handled_at": event.handled_at,
        "problem": _problem_or_none(event.problem, language),
    }
