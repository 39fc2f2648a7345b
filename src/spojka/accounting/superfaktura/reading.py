"""SuperFaktura's records in our words.

A record is ``{"Invoice": …, "InvoiceItem": […], "Summary": …, …}``. Ids are texts, amounts are
texts or numbers, and a PHP array whose only key is 0 arrives as a list. Source: API documentation,
"Get invoice detail" and "Get list of invoices" (read in November 2026).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from spojka.accounting.contract import Issued, IssuedLine, IssuedState
from spojka.core.document import Kind, Treatment, VatRow
from spojka.core.money import ZERO, AmountError, parse_amount

Json = Mapping[str, Any]

ZONE = ZoneInfo("Europe/Bratislava")
"""Of the times in answers. Slovakia, Czechia and Austria share one time."""

MARK = "Spojka: "
"""Begins the internal comment that carries our key; customers do not see it."""

_KEY = re.compile(re.escape(MARK) + r"(\w+) (\S+)")
_KINDS = {"regular": Kind.INVOICE, "proforma": Kind.PROFORMA, "cancel": Kind.CREDIT_NOTE}
_STATES = {
    "1": IssuedState.OPEN,
    "2": IssuedState.PARTLY_PAID,
    "3": IssuedState.PAID,
    "99": IssuedState.OPEN,  # past due
}
_ROUNDING = re.compile(r"(?i)^\s*(zaokr|rounding\b|rundung\b)")
_LARGEST_ROUNDING = Decimal(1)


def text(value: Any) -> str:
    """Return a value as text: ``null``, objects and flags are nothing."""
    return "" if isinstance(value, (bool, Mapping, list)) or value is None else str(value).strip()


def amount(value: Any) -> Decimal | None:
    """Return an amount; ``None``: it is none."""
    try:
        return parse_amount(value)
    except AmountError:
        return None


def day(value: Any) -> date | None:
    """Return the day of a date or a time; ``None``: there is none (``0000-00-00`` included)."""
    try:
        return date.fromisoformat(text(value)[:10])
    except ValueError:
        return None


def part(record: Any, name: str) -> Json:
    """Return an object inside a record; an empty one where it is missing or a list."""
    found = record.get(name) if isinstance(record, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def rows(record: Any, name: str) -> list[Json]:
    """Return the objects of a list inside a record, which may be a map of them, too."""
    found = record.get(name) if isinstance(record, Mapping) else None
    values = found.values() if isinstance(found, Mapping) else found
    return [row for row in values if isinstance(row, Mapping)] if values else []


def is_record(value: Any) -> bool:
    """Tell whether this is a document that exists."""
    return text(part(value, "Invoice").get("id")) not in ("", "0")


def key_of(record: Json) -> str:
    """Return our key of a document, where we made it.

    A document that SuperFaktura makes of another one may have taken its comment over: it names the
    type that it was made for.
    """
    invoice = part(record, "Invoice")
    found = _KEY.search(text(invoice.get("internal_comment")))
    ours = found is not None and found.group(1) == text(invoice.get("type"))
    return found.group(2) if found and ours else ""


def mark(kind: str, key: str) -> str:
    """Return the internal comment of a document of a type, made under a key."""
    return f"{MARK}{kind} {key}"


def payments(record: Json) -> list[Json]:
    """Return what was really paid: a credit note that is set off is none of it."""
    return [row for row in rows(record, "InvoicePayment") if not _is_set_off(row)]


def made_from(record: Json) -> str:
    """Return the id of the proforma that an invoice settles, or of the invoice that is credited."""
    invoice = part(record, "Invoice")
    if text(invoice.get("type")) == "cancel":
        return text(invoice.get("parent_id"))
    if text(invoice.get("type")) == "regular":
        return next(iter(proformas_of(record)), "")
    return ""


def proformas_of(record: Json) -> list[str]:
    """Return the ids of the proformas that an invoice settles."""
    ids = text(part(record, "Invoice").get("proforma_id")).split(",")
    return [id_.strip() for id_ in ids if id_.strip()]


def produced_ids(proforma: Json) -> list[str]:
    """Return ids of invoices that settle a proforma; tax documents on payment are none.

    Source: the vendor's WooCommerce plugin 1.53, which looks among ``RelatedItems`` and at
    ``Parent``.
    """
    related = [*rows(proforma, "RelatedItems"), part(proforma, "Parent")]
    invoices = [part(row, "Invoice") for row in related]
    return [
        text(invoice.get("id"))
        for invoice in invoices
        if text(invoice.get("type")) == "regular"
        and text(invoice.get("tax_document")) in ("", "0")
        and text(invoice.get("id"))
    ]


def issued(record: Json, base: str) -> Issued:
    """Return a document as SuperFaktura has it.

    Args:
        record: The record, without the wrapper ``data``.
        base: Address of the server, for links.
    """
    invoice, summary = part(record, "Invoice"), part(record, "Summary")
    kind = _KINDS.get(text(invoice.get("type")))
    if kind is Kind.INVOICE and text(invoice.get("tax_document")) not in ("", "0"):
        kind = Kind.TAX_DOCUMENT
    total = amount(part(record, "0").get("total"))
    if total is None:
        total = amount(summary.get("invoice_total"))
    flip = kind is Kind.CREDIT_NOTE and total is not None and total > 0
    sign = Decimal(-1) if flip else Decimal(1)
    rounding = sum((_gross(row) or ZERO for row in _items(record) if _rounds(row)), ZERO)
    external_id, token = text(invoice.get("id")), text(invoice.get("token"))
    page = f"{base}/invoices/pdf/{external_id}/token:{token}" if token else ""
    paid = _paid(record, total)
    return Issued(
        external_id=external_id,
        number=text(invoice.get("invoice_no_formatted")),
        variable_symbol=text(invoice.get("variable")),
        issued_on=day(invoice.get("created")),
        total=None if total is None else total * sign,
        vat=_vat(record, summary, sign, rounding),
        currency=text(invoice.get("invoice_currency")).upper(),
        paid_amount=paid * sign,
        url=f"{base}/invoices/view/{external_id}",
        state=_state(record, paid),
        raw=record,
        kind=kind,
        key=key_of(record),
        order_number=text(invoice.get("order_no")),
        customer=text(part(record, "Client").get("name")),
        taxable_on=day(invoice.get("delivery")),
        due_on=day(invoice.get("due")),
        paid_on=day(invoice.get("paydate")) if paid else None,
        sent=bool(rows(record, "InvoiceEmail")) if "InvoiceEmail" in record else None,
        made_from=made_from(record),
        lines=tuple(_lines(record, sign)) if "InvoiceItem" in record else None,
        changed_at=moment(invoice.get("modified")),
        public_url=page,
    )


def moment(value: Any) -> datetime | None:
    """Return an aware time; ``None``: it is none."""
    try:
        return datetime.fromisoformat(text(value)).replace(tzinfo=ZONE)
    except ValueError:
        return None


def _items(record: Json) -> list[Json]:
    return rows(record, "InvoiceItem")


def _gross(row: Json) -> Decimal | None:
    return amount(row.get("item_price_vat"))


def _rounds(row: Json) -> bool:
    """Tell whether a line only rounds the total to whole coins."""
    gross = _gross(row)
    small = gross is not None and abs(gross) < _LARGEST_ROUNDING
    return small and not amount(row.get("tax")) and bool(_ROUNDING.match(text(row.get("name"))))


def _lines(record: Json, sign: Decimal) -> Iterator[IssuedLine]:
    for row in _items(record):
        if _rounds(row):
            continue
        quantity = amount(row.get("quantity"))
        yield IssuedLine(
            name=text(row.get("name")),
            quantity=Decimal(1) if quantity is None else quantity,
            gross=(_gross(row) or ZERO) * sign,
            rate=amount(row.get("tax")) or ZERO,
            sku=text(row.get("sku")),
        )


def _vat(
    record: Json, summary: Json, sign: Decimal, rounding: Decimal
) -> tuple[VatRow, ...] | None:
    if "vat_base_separate" not in summary:
        return None
    nets, taxes = (_by_rate(summary.get(name)) for name in ("vat_base_separate", "vat_separate"))
    if rounding:
        nets[ZERO] = nets.get(ZERO, ZERO) - rounding
    found = [
        VatRow(
            rate,
            _treatment(record, rate),
            nets.get(rate, ZERO) * sign,
            taxes.get(rate, ZERO) * sign,
        )
        for rate in sorted(nets.keys() | taxes.keys(), reverse=True)
    ]
    return tuple(row for row in found if row.net or row.tax)


def _by_rate(value: Any) -> dict[Decimal, Decimal]:
    pairs = enumerate(value) if isinstance(value, list) else dict(value or {}).items()
    read = [(amount(str(rate)), amount(sum_)) for rate, sum_ in pairs]
    return {rate: sum_ for rate, sum_ in read if rate is not None and sum_ is not None}


def _treatment(record: Json, rate: Decimal) -> Treatment:
    if text(part(record, "Invoice").get("vat_transfer")) == "1" and not rate:
        return Treatment.REVERSE_CHARGE
    if text(part(record, "MyData").get("tax_payer")) == "0":
        return Treatment.NOT_A_PAYER
    if part(record, "InvoiceExtra").get("oss") in (True, 1, "1") and rate:
        return Treatment.OSS
    return Treatment.STANDARD if rate else Treatment.ZERO


def _is_set_off(row: Json) -> bool:
    return text(row.get("payment_type")) == "accreditation"


def _paid(record: Json, total: Decimal | None) -> Decimal:
    """Return what was paid, in the document's currency."""
    if "InvoicePayment" in record:
        every = rows(record, "InvoicePayment")
        if any(_is_set_off(row) for row in every):
            return sum((amount(row.get("amount")) or ZERO for row in payments(record)), ZERO)
    left = amount(part(record, "0").get("to_pay_in_invoice_currency"))
    if left is not None and total is not None:
        return total - left
    return amount(part(record, "Invoice").get("amount_paid")) or ZERO


def _state(record: Json, paid: Decimal) -> str:
    """Return how it stands. What only a credit note has settled was not paid by anybody."""
    state = _STATES.get(text(part(record, "Invoice").get("status")), IssuedState.UNKNOWN)
    if state is IssuedState.OPEN or not any(map(_is_set_off, rows(record, "InvoicePayment"))):
        return state
    total = amount(part(record, "0").get("total"))
    if total is not None and abs(paid) >= abs(total):
        return IssuedState.PAID
    return IssuedState.PARTLY_PAID if paid else IssuedState.OPEN
