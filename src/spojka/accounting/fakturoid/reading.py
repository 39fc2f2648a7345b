"""Fakturoid's documents in our words. Whatever is missing or odd is left out, never guessed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from spojka.accounting.contract import Issued, IssuedLine, IssuedState, Payment
from spojka.accounting.fakturoid.arithmetic import Mode, Priced, Seen
from spojka.accounting.fakturoid.mapping import ROUNDING
from spojka.core.document import Kind, Treatment, VatRow
from spojka.core.money import ZERO, AmountError, parse_amount, total

Json = Mapping[str, Any]

_KINDS = {
    "invoice": Kind.INVOICE,
    "final_invoice": Kind.INVOICE,
    "proforma": Kind.PROFORMA,
    "partial_proforma": Kind.PROFORMA,
    "correction": Kind.CREDIT_NOTE,
    "tax_document": Kind.TAX_DOCUMENT,
}
_STATES = {
    "open": IssuedState.OPEN,
    "sent": IssuedState.OPEN,
    "overdue": IssuedState.OPEN,
    "paid": IssuedState.PAID,
    "cancelled": IssuedState.CANCELLED,
    "uncollectible": IssuedState.UNCOLLECTIBLE,
}


def is_document(data: Any) -> bool:
    """Tell whether an answer is a document, and not success without one."""
    return isinstance(data, dict) and bool(data.get("id")) and bool(data.get("number"))


def issued(data: Json) -> Issued:
    """Read a document as Fakturoid answers it, in a list or alone."""
    state = _STATES.get(text(data, "status"), IssuedState.UNKNOWN)
    paid = _paid(data, state)
    if state is IssuedState.OPEN and paid:
        state = IssuedState.PARTLY_PAID
    kind = _KINDS.get(text(data, "document_type"))
    return Issued(
        external_id=text(data, "id"),
        number=text(data, "number"),
        variable_symbol=text(data, "variable_symbol"),
        issued_on=day(data, "issued_on"),
        total=amount(data, "total"),
        vat=_vat(data),
        currency=text(data, "currency"),
        paid_amount=paid,
        url=text(data, "html_url"),
        state=state,
        raw=data,
        kind=kind,
        key=text(data, "custom_id"),
        order_number=text(data, "order_number"),
        customer=text(data, "client_name"),
        taxable_on=day(data, "taxable_fulfillment_due"),
        due_on=day(data, "due_on"),
        paid_on=day(data, "paid_on"),
        sent=bool(data["sent_at"]) if "sent_at" in data else None,
        made_from=_made_from(data, kind),
        # Of a tax document they are Fakturoid's own: what was paid, not what it was paid for.
        lines=None if kind is Kind.TAX_DOCUMENT else _lines(data),
        changed_at=moment(data, "updated_at"),
        public_url=text(data, "public_html_url"),
    )


def _made_from(data: Json, kind: Kind | None) -> str:
    """Return what it settles or corrects; on those, the same fields point the other way."""
    if kind is Kind.CREDIT_NOTE:
        return text(data, "correction_id")
    return text(data, "related_id") if kind is Kind.INVOICE else ""


def _paid(data: Json, state: IssuedState) -> Decimal:
    """Return what was paid; a final invoice may be paid by its proforma alone."""
    paid = total(found for one in rows(data, "payments") if (found := amount(one, "amount")))
    whole = amount(data, "total")
    return whole if not paid and state is IssuedState.PAID and whole is not None else paid


def _vat(data: Json) -> tuple[VatRow, ...] | None:
    """Return the recapitulation without the line that rounds the total, which is no supply."""
    summary = rows(data, "vat_rates_summary")
    if not summary:
        return None  # of who pays no VAT there may be none to tell
    found: list[VatRow] = []
    rounded = total(
        price
        for line in rows(data, "lines")
        if _is_rounding(line) and (price := amount(line, "total_price_without_vat"))
    )
    for row in summary:
        rate, net, tax = amount(row, "vat_rate"), amount(row, "base"), amount(row, "vat")
        if rate is None or net is None or tax is None:
            return None
        if rate == 0:
            net -= rounded
        if net or tax:
            found.append(VatRow(rate, _treatment(data, rate), net, tax))
    return tuple(sorted(found, key=lambda row: -row.rate))


def _treatment(data: Json, rate: Decimal) -> Treatment:
    if data.get("transferred_tax_liability"):
        return Treatment.REVERSE_CHARGE
    if rate == 0:
        return Treatment.ZERO
    return Treatment.OSS if text(data, "oss") in {"goods", "service"} else Treatment.STANDARD


def _lines(data: Json) -> tuple[IssuedLine, ...] | None:
    if "lines" not in data:
        return None
    found: list[IssuedLine] = []
    for line in rows(data, "lines"):
        net, tax = amount(line, "total_price_without_vat"), amount(line, "total_vat")
        quantity = amount(line, "quantity")
        if net is None or quantity is None:
            return None
        if not _is_rounding(line):
            inventory = line.get("inventory")
            sku = text(inventory, "sku") if isinstance(inventory, dict) else ""
            gross = net + (tax or ZERO)
            rate = amount(line, "vat_rate") or ZERO
            found.append(IssuedLine(text(line, "name"), quantity, gross, rate, sku))
    return tuple(found)


def _is_rounding(line: Json) -> bool:
    return text(line, "name") in set(ROUNDING.values()) and not amount(line, "vat_rate")


def payment(data: Json, *, produced: tuple[Issued, ...] = ()) -> Payment | None:
    """Read a recorded payment; ``None`` where it is none."""
    paid_on, paid = day(data, "paid_on"), amount(data, "amount")
    if not text(data, "id") or paid_on is None or paid is None:
        return None
    return Payment(text(data, "id"), paid_on, paid, produced)


def seen(data: Json) -> Seen | None:
    """Read what a document tells about the arithmetic; ``None``: nothing."""
    mode = text(data, "vat_price_mode")
    sums: dict[Decimal, tuple[Decimal, Decimal]] = {}
    for row in rows(data, "vat_rates_summary"):
        rate, net, tax = amount(row, "vat_rate"), amount(row, "base"), amount(row, "vat")
        if rate is None or net is None or tax is None:
            return None
        sums[rate] = (net, tax)
    lines = list(_priced(data, mode))
    if mode not in {Mode.NET, Mode.GROSS} or not lines or not sums:
        return None
    return Seen(lines, Mode(mode), text(data, "currency"), sums)


def _priced(data: Json, mode: str) -> Iterator[Priced]:
    """Yield the lines as they were sent: ``unit_price`` of an answer is always without VAT."""
    price = "unit_price_with_vat" if mode == Mode.GROSS else "unit_price_without_vat"
    for line in rows(data, "lines"):
        values = (amount(line, "quantity"), amount(line, price), amount(line, "vat_rate"))
        if all(value is not None for value in values):
            yield Priced(*(value for value in values if value is not None))


# Single values


def text(data: Json, name: str) -> str:
    """Return a value as text; what is missing, ``null`` or no plain value is empty."""
    value = data.get(name)
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        return ""
    return str(value).strip()


def amount(data: Json, name: str) -> Decimal | None:
    """Return a number, which they write as text or as a number."""
    try:
        return parse_amount(data.get(name))
    except AmountError:
        return None


def day(data: Json, name: str) -> date | None:
    try:
        return date.fromisoformat(text(data, name)[:10])
    except ValueError:
        return None


def moment(data: Json, name: str) -> datetime | None:
    """Return an aware time, or nothing."""
    try:
        found = datetime.fromisoformat(text(data, name))
    except ValueError:
        return None
    return found if found.tzinfo else None


def rows(data: Json, name: str) -> list[Json]:
    """Return the objects of a list; anything else is no row."""
    value = data.get(name)
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
