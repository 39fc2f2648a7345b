"""Make a document from an order.

This is the one place where money moves from an order to a document. Nothing is computed that the
order states: its rows are taken over, and the result is compared with the order before it is
returned. What does not agree is held with the reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal

from spojka.core import variables
from spojka.core.dates import IssueDate, due_date, issue_date, local_date, taxable_date
from spojka.core.document import (
    Deduction,
    Document,
    DocumentLine,
    ExchangeRate,
    Kind,
    Original,
    Treatment,
)
from spojka.core.money import ZERO, minor_units, quantize, total
from spojka.core.order import Order, OrderLine
from spojka.core.problem import Held, Problem
from spojka.core.profile import Profile
from spojka.core.treatment import treat, with_vat_mode

PREFILL_FIELDS = (
    "line_name",
    "note_above",
    "note_below",
    "variable_symbol",
    "constant_symbol",
    "specific_symbol",
    "customer_reference",
    "issued_by",
)
"""Fields of a document that a rule may fill in with text and variables."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be made, beside the order and the company's profile.

    ``now`` is the moment of making. ``prefill`` maps :data:`PREFILL_FIELDS` to templates.
    """

    kind: Kind
    uuid: str
    now: datetime
    language: str = ""
    prefill: Mapping[str, str] = field(default_factory=dict)
    deductions: tuple[Deduction, ...] = ()
    original: Original | None = None
    reason: str = ""
    exchange_rate: ExchangeRate | None = None
    test: bool = False
    issue_date_rule: str = ""
    """A rule's own issue-date rule; empty: the company's."""
    series: str = ""


def build(order: Order, profile: Profile, request: Request) -> Document:
    """Make an invoice or a proforma of the whole order.

    Raises:
        Held: the order contradicts itself or does not fit the company.
        VariableError: a prefilled field names an unknown variable.
    """
    if order.problems:
        raise Held(*order.problems)
    profile = with_vat_mode(profile, order)
    document = frame(order, profile, request)
    on = document.taxable_on or document.issued_on
    treatments = _treatments(order, profile, on)
    template = request.prefill.get("line_name", "")
    lines = tuple(
        _line(order, line, treatment, template, document.language)
        for line, treatment in zip(order.lines, treatments, strict=True)
    )
    document = replace(document, lines=lines)
    if request.kind is Kind.INVOICE and order.is_paid:
        document = replace(document, paid_amount=document.total - document.deducted)
    check_against_order(document, order)
    return document


def frame(order: Order, profile: Profile, request: Request) -> Document:
    """Return the document without its lines: parties, dates, payment, texts."""
    rule = IssueDate(request.issue_date_rule) if request.issue_date_rule else profile.issue_date
    issued_on = issue_date(rule, order, request.now, profile.zone)
    is_tax_document = request.kind is not Kind.PROFORMA
    language = request.language or profile.language_for(order)
    context = variables.order_context(order, zone=profile.zone, language=language)
    prefill = _expand(request.prefill, context)
    paid_on = local_date(order.paid_at, profile.zone) if order.paid_at else None
    credit = request.kind is Kind.CREDIT_NOTE
    return Document(
        uuid=request.uuid,
        kind=request.kind,
        currency=order.currency,
        language=language,
        seller=profile.seller,
        customer=order.customer,
        delivery=order.delivery,
        issued_on=issued_on,
        taxable_on=(
            (
                issued_on
                if credit
                else taxable_date(profile.taxable_date, order, issued_on, profile.zone)
            )
            if is_tax_document
            else None
        ),
        due_on=due_date(
            issued_on, order.payment_method, profile.due_days, profile.due_days_by_payment
        ),
        order_number=order.number,
        order_external_id=order.external_id,
        lines=(),
        payment_method=order.payment_method,
        payment_title=order.payment_title,
        shipping_title=order.shipping_title,
        bank_account=profile.bank_account(order.currency),
        deductions=request.deductions,
        original=request.original,
        reason=request.reason,
        paid_on=None if credit else paid_on,
        exchange_rate=request.exchange_rate,
        variable_symbol=_symbol(prefill.get("variable_symbol", ""), 10),
        constant_symbol=_symbol(prefill.get("constant_symbol", ""), 4),
        specific_symbol=_symbol(prefill.get("specific_symbol", ""), 10),
        customer_reference=prefill.get("customer_reference", "") or order.customer_reference,
        note_above=prefill.get("note_above", ""),
        note_below=prefill.get("note_below", ""),
        issued_by=prefill.get("issued_by", "") or profile.issued_by,
        test=request.test or order.test,
        texts=(("series", request.series),) if request.series else (),
    )


def _symbol(text: str, digits: int) -> str:
    """Keep the last digits of a symbol: banks take nothing else. Empty: the system's own way."""
    return "".join(sign for sign in text if sign in "0123456789")[-digits:]


def _expand(templates: Mapping[str, str], context: Mapping[str, str]) -> dict[str, str]:
    return {
        name: variables.expand(template, context)
        for name, template in templates.items()
        if name != "line_name" and name in PREFILL_FIELDS and template
    }


def _treatments(order: Order, profile: Profile, on: date) -> list[Treatment]:
    problems: list[Problem] = []
    treatments: list[Treatment] = []
    for line in order.lines:
        try:
            treatments.append(treat(order, line, profile, on))
        except Held as held:
            problems.extend(problem for problem in held.problems if problem not in problems)
    if problems:
        raise Held(*problems)
    return treatments


def _line(
    order: Order, line: OrderLine, treatment: Treatment, template: str, language: str
) -> DocumentLine:
    name = line.name
    if template:
        context = {
            **variables.order_context(order, language=language),
            **variables.line_context(line, currency=order.currency, language=language),
        }
        name = variables.expand(template, context).strip() or line.name
    quantity = line.quantity or Decimal(1)
    return DocumentLine(
        key=line.key,
        kind=line.kind,
        name=name,
        quantity=quantity,
        unit_price=unit_price(line.net, quantity, order.currency),
        net=line.net,
        tax=line.tax,
        rate=line.rate or ZERO,
        treatment=treatment,
        sku=line.sku,
        ean=line.ean,
        unit=line.unit,
    )


def unit_price(net: Decimal, quantity: Decimal, currency: str) -> Decimal:
    """Return the price of one unit without VAT, for information.

    Four decimals more than the currency has are kept where they are needed, because a rounded unit
    price times the quantity misses the row (33 x 0.29 is 9.57, the row says 9.55).
    """
    places = minor_units(currency)
    exact = net / quantity
    short = quantize(exact, places)
    return short if short * quantity == net else quantize(exact, places + 4)


def check_against_order(document: Document, order: Order) -> None:
    """Prove that the document is worth what the order is, in total and per VAT rate.

    Raises:
        Held: it is not.
    """
    if document.total != order.total:
        raise Held(
            Problem.of(
                "SPJ-ORDER-SUM", rows=document.total, total=order.total, currency=order.currency
            )
        )
    for rate, net, tax in _by_rate((line.rate or ZERO, line.net, line.tax) for line in order.lines):
        found = [row for row in document.vat if row.rate == rate]
        if total(row.net for row in found) != net or total(row.tax for row in found) != tax:
            raise Held(
                Problem.of(
                    "SPJ-ORDER-VAT-SOURCES",
                    rate=rate,
                    rows=total(row.tax for row in found),
                    summary=tax,
                )
            )


def _by_rate(
    rows: Iterable[tuple[Decimal, Decimal, Decimal]],
) -> list[tuple[Decimal, Decimal, Decimal]]:
    sums: dict[Decimal, tuple[Decimal, Decimal]] = {}
    for rate, net, tax in rows:
        before = sums.get(rate, (ZERO, ZERO))
        sums[rate] = (before[0] + net, before[1] + tax)
    return [(rate, net, tax) for rate, (net, tax) in sums.items()]
