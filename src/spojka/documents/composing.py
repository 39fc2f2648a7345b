"""Gather what the core needs to make a document: profile, rates, originals, earlier documents."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

from django.utils import timezone

from spojka.companies.models import Company
from spojka.core.build import Request, build
from spojka.core.credit import Credit, build_credit_note
from spojka.core.dates import issue_date, local_date, taxable_date
from spojka.core.document import Deduction, ExchangeRate, Kind, Original, VatMode
from spojka.core.document import Document as CoreDocument
from spojka.core.order import Order as CoreOrder
from spojka.core.prepayment import build_tax_document, deduction
from spojka.core.problem import Held, Problem
from spojka.core.rules import Rule
from spojka.core.variables import VariableError
from spojka.documents import exchange
from spojka.documents.models import GONE, Document
from spojka.documents.profiles import profile_of
from spojka.orders.models import Order

State = Document.State
CLOSED_STATUSES = frozenset({"cancelled", "canceled", "failed", "refunded", "trash"})
"""Statuses of orders that come to nothing."""


def compose(
    order: Order,
    core: CoreOrder,
    kind: Kind,
    *,
    rule: Rule | None = None,
    document: Document | None = None,
) -> CoreDocument:
    """Make the content of a document of an order.

    Raises:
        Held: it cannot be made without a person; carries the reasons.
    """
    _demand_company(order.company)
    request = _request(order, core, kind, rule, document)
    try:
        if kind is Kind.CREDIT_NOTE:
            return _credit_note(order, core, request, document)
        if kind is Kind.TAX_DOCUMENT:
            return _tax_document(order, core, request)
        return _with_vat_at_home(build(core, profile_of(order.company), request), order)
    except VariableError as error:
        raise Held(error.problem) from error


_STATUTORY = ("name", "company_id", "street", "city", "postcode")


def _demand_company(company: Company) -> None:
    """Demand what the law wants of the seller on every document (§ 435 NOZ, § 29 ZDPH, § 74 SK).

    Raises:
        Held: something is missing.
    """
    missing = [name for name in _STATUTORY if not getattr(company, name).strip()]
    if company.vat_mode == VatMode.PAYER and not (company.vat_id or company.tax_id):
        missing.append("tax_id")
    if missing:
        names = [f"@company-{name}" for name in missing]
        raise Held(Problem.of("SPJ-COMPANY-INCOMPLETE", fields=", ".join(names)))


def _request(
    order: Order, core: CoreOrder, kind: Kind, rule: Rule | None, document: Document | None
) -> Request:
    return Request(
        kind=kind,
        uuid=str(document.uuid if document is not None else uuid.uuid4()),
        now=timezone.now(),
        language=rule.language if rule else "",
        prefill=rule.prefill if rule else {},
        deductions=_deductions(order, core) if kind is Kind.INVOICE else (),
        reason=str(document.actions.get("reason", "")) if document is not None else "",
        exchange_rate=_exchange_rate(order, core, kind, rule),
        issue_date_rule=rule.issued_on.value if rule and rule.issued_on else "",
        series=rule.series if rule else "",
    )


def _exchange_rate(
    order: Order, core: CoreOrder, kind: Kind, rule: Rule | None
) -> ExchangeRate | None:
    """Return the rate of the taxable day; of the day of issue where nothing is taxed yet."""
    company = order.company
    if core.currency == company.currency:
        return None
    profile = profile_of(company)
    by = rule.issued_on if rule and rule.issued_on else profile.issue_date
    day = issue_date(by, core, timezone.now(), profile.zone)
    if kind is Kind.INVOICE:
        day = taxable_date(profile.taxable_date, core, day, profile.zone)
    return exchange.rate_for(company, core.currency, day)


def _with_vat_at_home(document: CoreDocument, order: Order) -> CoreDocument:
    """Demand an exchange rate where VAT has to stand on the document in the home currency.

    § 29 (1) l) of the Czech and § 74 (1) i) of the Slovak VAT act: the tax is stated in the home
    currency, whatever the currency of the document.

    Raises:
        Held: there is VAT in a foreign currency and no rate.
    """
    foreign = document.currency != order.company.currency
    taxed = document.kind is not Kind.PROFORMA and any(row.tax for row in document.vat)
    if foreign and taxed and document.exchange_rate is None:
        raise Held(
            Problem.of(
                "SPJ-EXCHANGE-RATE-MISSING",
                currency=document.currency,
                home=order.company.currency,
                date=document.issued_on.isoformat(),
            )
        )
    return document


def issued(order: Order, kind: Kind) -> Document | None:
    """Return the latest issued document of a kind, if there is one."""
    # Chosen here and not by the database, so that documents read in advance are enough.
    found = [row for row in order.documents.all() if (row.kind, row.state) == (kind, State.ISSUED)]
    return max(found, key=lambda row: row.ordinal, default=None)


def _deductions(order: Order, core: CoreOrder) -> tuple[Deduction, ...]:
    """Return the paid proforma that the final invoice deducts, if there is one."""
    proforma = issued(order, Kind.PROFORMA)
    if proforma is None or not (core.is_paid or proforma.paid_amount):
        return ()
    tax_document = issued(order, Kind.TAX_DOCUMENT)
    content = proforma.core()
    paid = proforma.paid_amount or content.total
    taxed = tax_document.core() if tax_document is not None else None
    return (
        deduction(
            content,
            proforma.number,
            paid,
            taxed,
            external_id=proforma.external_id,
            tax_document_id=tax_document.external_id if tax_document is not None else "",
        ),
    )


def _tax_document(order: Order, core: CoreOrder, request: Request) -> CoreDocument:
    proforma = issued(order, Kind.PROFORMA)
    if proforma is None:
        raise Held(Problem.of("SPJ-NO-PROFORMA", order=order.number))
    company = order.company
    paid_on = (
        local_date(core.paid_at, company.zone)
        if core.paid_at
        else proforma.paid_on or local_date(timezone.now(), company.zone)
    )
    paid = proforma.paid_amount or None
    content = proforma.core()
    request = _with_original(request, proforma)
    return build_tax_document(
        core, profile_of(company), request, content, proforma.number, paid_on, paid
    )


def _with_original(request: Request, original: Document) -> Request:
    content = original.core()
    return replace(
        request,
        original=Original(
            number=original.number,
            issued_on=original.issued_on or content.issued_on,
            external_id=original.external_id,
            uuid=str(original.uuid),
        ),
    )


def _credit_note(
    order: Order, core: CoreOrder, request: Request, document: Document | None
) -> CoreDocument:
    invoice = document.original if document is not None else None
    invoice = invoice or issued(order, Kind.INVOICE)
    if invoice is None:
        raise Held(Problem.of("SPJ-NO-INVOICE-TO-CREDIT", order=order.number))
    earlier = invoice.corrections.exclude(state__in=GONE)
    if document is not None and document.pk:
        earlier = earlier.exclude(pk=document.pk)
    unbuilt = earlier.filter(content__isnull=True)
    if document is not None and document.pk:
        unbuilt = unbuilt.filter(pk__lt=document.pk)  # else two of them wait for each other
    if unbuilt.exists():
        # What is left cannot be known while an earlier one waits for a person.
        raise Held(Problem.of("SPJ-CREDIT-WAITS", order=order.number))
    return build_credit_note(
        core,
        profile_of(order.company),
        _with_original(request, invoice),
        invoice.core(),
        [note.core() for note in earlier.exclude(content__isnull=True).order_by("id")],
        _credit(core, document),
    )


def _credit(core: CoreOrder, document: Document | None) -> Credit:
    if document is None:
        return Credit()
    if document.refund_id:
        for refund in core.refunds:
            if refund.external_id == document.refund_id:
                return Credit(refund=refund)
    items: Mapping[str, str] | None = document.actions.get("items")
    amount = document.actions.get("amount")
    return Credit(
        items={key: Decimal(quantity) for key, quantity in items.items()} if items else None,
        amount=Decimal(amount) if amount else None,
    )
