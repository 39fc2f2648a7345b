"""Every captured order with the documents that can be made of it, for trying them on a system."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from datetime import datetime
from decimal import Decimal
from functools import cache

from spojka.cli import preview_company
from spojka.core.build import Request, build
from spojka.core.credit import Credit, build_credit_note
from spojka.core.document import Document, Kind, Original, VatRow
from spojka.core.order import Order
from spojka.core.problem import Held
from spojka.shops import registry as shops
from spojka.shops.contract import MappingError, MappingOptions
from tests.shops import captured


@cache
def orders(country: str, now: datetime) -> tuple[tuple[Order, tuple[Document, ...]], ...]:
    """Return orders with the documents that can be made of them, the invoice first."""
    company = preview_company.company(
        None, preview_company.Options(country, "auto", True, "", "lines", "allocate")
    )
    found: list[tuple[Order, tuple[Document, ...]]] = []
    for _name, payload in captured.all_orders():
        options = MappingOptions(time_zone=company.profile.time_zone, vat_conflict="lines")
        try:
            order = shops.sources()["woocommerce"].parse(payload, options)
            found.append((order, tuple(_documents(order, company, now))))
        except (MappingError, Held):
            continue
    return tuple(found)


def _documents(
    order: Order, company: preview_company.PreviewCompany, now: datetime
) -> Iterator[Document]:
    def asked(kind: Kind, original: Original | None = None) -> Request:
        return Request(kind=kind, uuid=str(uuid.uuid4()), now=now, original=original)

    invoice = build(order, company.profile, asked(Kind.INVOICE))
    yield invoice
    yield build(order, company.profile, asked(Kind.PROFORMA))
    earlier: list[Document] = []
    for refund in order.refunds:
        request = asked(Kind.CREDIT_NOTE, Original("?", invoice.issued_on, uuid=invoice.uuid))
        try:
            note = build_credit_note(
                order, company.profile, request, invoice, earlier, Credit(refund=refund)
            )
        except Held:
            continue
        earlier.append(note)
        yield note


def per_rate(rows: Iterable[VatRow] | None) -> dict[Decimal, tuple[Decimal, Decimal]]:
    """Return net and VAT per rate; treatments are named by each side in its own way."""
    sums: dict[Decimal, tuple[Decimal, Decimal]] = {}
    for row in rows or ():
        net, tax = sums.get(row.rate, (Decimal(0), Decimal(0)))
        sums[row.rate] = (net + row.net, tax + row.tax)
    return {rate: both for rate, both in sums.items() if any(both)}
