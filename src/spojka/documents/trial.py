"""The test order: proves the whole way to an accounting system and back, and is undone again.

A made-up order of the company is issued through the very way of every other order, on the chosen
connection, whatever rules and mode say. It lies in a hidden shop, is marked as a test, and is never
sent to anybody.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.utils import timezone

from spojka.accounting.contract import Capability
from spojka.companies.models import Company
from spojka.connections import systems
from spojka.connections.models import Call, Connection, Shop
from spojka.core import tax
from spojka.core.dates import local_date
from spojka.core.document import Kind, VatMode
from spojka.core.money import minor_units, quantize
from spojka.core.problem import Problem
from spojka.documents import actions, comparison, planning, routing
from spojka.documents.actions import ActionRefused
from spojka.documents.comparison import Difference
from spojka.documents.followups import TRIAL
from spojka.documents.lifeline import problem_of
from spojka.documents.models import GONE, Document
from spojka.orders import intake
from spojka.orders.models import Order

_SHOP = {"cs": "Zkušební objednávky", "sk": "Skúšobné objednávky", "en": "Test orders"}
_WORDS = {
    "cs": ("Zkušební zboží", "Zkušební kniha", "Zkušební doprava", "Zkušební Zákazník"),
    "sk": ("Skúšobný tovar", "Skúšobná kniha", "Skúšobná doprava", "Skúšobný Zákazník"),
    "en": ("Test goods", "Test book", "Test shipping", "Test Customer"),
}
_NETS = (Decimal("101.65"), Decimal("83.40"), Decimal("65.29"))
"""Without VAT, and with cents that no rounding leaves alone by chance."""
CALLS_SHOWN = 50


@dataclass(frozen=True, slots=True)
class TrialStep:
    """One effect of the test order: what was done, and how it ended."""

    kind: str
    state: str
    at: datetime | None
    problem: Problem | None
    technical: str


@dataclass(frozen=True, slots=True)
class TrialReport:
    """How far the test order is, and what both sides say of it."""

    document: Document
    steps: tuple[TrialStep, ...]
    problems: tuple[Problem, ...]
    """Why the document was not issued, or how it differs."""
    differences: tuple[Difference, ...]
    """Between our document and the one that was read back."""
    compared: bool
    """The document was read back; else only the answer to its creation was compared."""
    calls: tuple[Call, ...]
    """What was sent and answered, free of secrets, in order."""
    undo_by: str
    """How it can be undone: ``delete``, ``cancel``, ``credit``; empty: not now."""

    @property
    def can_undo(self) -> bool:
        return bool(self.undo_by)

    @property
    def is_undone(self) -> bool:
        return self.document.state in GONE


@transaction.atomic
def start(connection: Connection, *, actor: str) -> Order:
    """Issue a test order on a connection; :func:`report` tells how far it is.

    Raises:
        ActionRefused: the connection is switched off or paused.
    """
    if not connection.active:
        raise ActionRefused(Problem.of("SPJ-CONNECTION-OFF", name=connection.name))
    if connection.paused_problem is not None:
        raise ActionRefused(problem_of(connection.paused_problem))
    company = connection.company
    order, _ = intake.store(_shop(company), sample(company))
    order.ignored_reason = _SHOP.get(company.language, _SHOP["en"])  # no rule is to add to it
    order.save(update_fields=["ignored_reason"])
    due = planning.Due(Kind.INVOICE, None)
    document = planning.create(order, order.content(), due, connection=connection)
    document.actions = {**document.actions, "by_hand": actor, TRIAL: True}
    document.save(update_fields=["actions"])
    actions.done("issue", document, actor, connection=connection.name)
    return order


def _shop(company: Company) -> Shop:
    shop, _ = Shop.everything.get_or_create(
        company=company,
        hidden=True,
        defaults={
            "platform": "canonical",
            "name": _SHOP.get(company.language, _SHOP["en"]),
            "active": False,
            "write_back": False,
            "time_zone": company.time_zone,
        },
    )
    return shop


def sample(company: Company) -> Mapping[str, Any]:
    """Return a canonical order of the company: two rates, shipping, amounts with cents."""
    now = timezone.now()
    names = _WORDS.get(company.language, _WORDS["en"])
    places = minor_units(company.currency)
    lines: list[dict[str, Any]] = []
    for at, (name, exact, rate) in enumerate(
        zip(names, _NETS, _rates(company), strict=False), start=1
    ):
        net = quantize(exact, places)
        lines.append(
            {
                "key": str(at),
                "kind": "shipping" if at == len(_NETS) else "product",
                "name": name,
                "quantity": "1",
                "net": str(net),
                "tax": str(quantize(net * rate / 100, places)) if rate else "0",
                "rate": str(rate) if rate else None,
            }
        )
    total = sum((Decimal(line["net"]) + Decimal(line["tax"]) for line in lines), Decimal(0))
    count = Order.objects.filter(shop__hidden=True, company=company).count()
    return {
        "id": f"test-{now:%Y%m%d%H%M%S%f}",
        "number": f"TEST{count + 1:04}",
        "status": "processing",
        "currency": company.currency,
        "total": str(total),
        "created_at": now.isoformat(),
        "customer": {
            "email": company.email,
            "address": {
                "name": names[-1],
                "street": company.street,
                "city": company.city,
                "postcode": company.postcode,
                "country": company.country,
            },
        },
        "lines": lines,
        "payment_method": "bacs",
        "language": company.language,
        "test": True,
    }


def _rates(company: Company) -> tuple[Decimal, ...]:
    if company.vat_mode != VatMode.PAYER:
        return (Decimal(0),) * len(_NETS)
    today = local_date(timezone.now(), company.zone)
    known = tax.rates(company.country, today)
    reduced = known.reduced[0] if known.reduced else known.standard
    return (known.standard, reduced, known.standard)


def document_of(order: Order) -> Document:
    """Return the invoice of a test order."""
    return order.documents.select_related("connection", "company").get(kind=Kind.INVOICE, ordinal=1)


def report(order: Order) -> TrialReport:
    """Tell how far a test order is; asks nobody."""
    document = document_of(order)
    row = document.foreign_documents.first()
    differences: tuple[Difference, ...] = ()
    if row is not None and document.content is not None:
        differences = comparison.differences(document.core(), row.issued(), document.number)
    trace = order.current.trace if order.current is not None else ""
    connection = document.connection
    owner = systems.owner(connection) if connection is not None else ""
    calls = Call.objects.filter(owner=owner, trace=trace).order_by("id")[:CALLS_SHOWN]
    return TrialReport(
        document=document,
        steps=tuple(
            TrialStep(
                kind=effect.kind,
                state=effect.state,
                at=effect.done_at or effect.sent_at,
                problem=problem_of(effect.problem) if effect.problem else None,
                technical=effect.technical,
            )
            for effect in document.effects.all()
        ),
        problems=tuple(problem_of(problem) for problem in document.problems),
        differences=differences,
        compared=row is not None,
        calls=tuple(calls),
        undo_by=_undo_by(document),
    )


def _undo_by(document: Document) -> str:
    """Choose how a test is undone: without a trace where that leaves no gap in the series."""
    if document.state != Document.State.ISSUED or document.connection is None:
        return ""
    can = routing.capabilities(document.connection)
    if Capability.DELETE in can and actions.leaves_gap(document) is None:
        return "delete"
    if Capability.CANCEL in can:
        return "cancel"
    credited = document.corrections.exclude(state__in=GONE).exists()
    return "credit" if Capability.CREDIT_NOTE in can and not credited else ""


def undo(order: Order, *, actor: str) -> None:
    """Delete the test's document again, or cancel or credit it, as its system can.

    Raises:
        ActionRefused: it is not issued, or undone already.
    """
    document = document_of(order)
    match _undo_by(document):
        case "delete":
            actions.delete(document, actor=actor)
        case "cancel":
            actions.cancel(document, actor=actor)
        case "credit":
            reason = _SHOP.get(document.company.language, _SHOP["en"])
            actions.credit(document, reason=reason, actor=actor)
        case _:
            raise ActionRefused(Problem.of("SPJ-NOT-ISSUED", order=order.number))
