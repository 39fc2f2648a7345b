"""iDoklad's documents and payments as ours. Whatever an answer does not tell stays empty."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from spojka.accounting.contract import Issued, IssuedLine, IssuedState, Payment
from spojka.accounting.idoklad.codes import ItemType, number
from spojka.accounting.idoklad.facts import Facts
from spojka.accounting.idoklad.mapping import is_rounding, key_in
from spojka.core.document import Kind, Treatment, VatRow
from spojka.core.money import ZERO, AmountError, parse_amount, total

ZONE = ZoneInfo("Europe/Prague")
"""Of the times in answers, which carry none. It is not confirmed; read as UTC they would be an hour
or two later, so that read like this no change is taken for newer than it is."""
_NO_DATE = ("0001-", "1753-", "1900-01-01")

_STATES = {
    0: IssuedState.OPEN,
    1: IssuedState.PAID,
    2: IssuedState.PARTLY_PAID,
    3: IssuedState.PAID,
}


def issued(data: Mapping[str, Any], kind: Kind, facts: Facts) -> Issued:
    """Read a document as it was answered, alone or in a list."""
    items = [item for item in _list(data.get("Items")) if isinstance(item, Mapping)]
    prices = _mapping(data.get("Prices"))
    worth = _amount(prices.get("TotalWithVat"))
    sign = _sign(kind, worth)
    paid = _amount(prices.get("TotalPaid")) or ZERO
    state = _STATES.get(number(data.get("PaymentStatus")) or 0, IssuedState.UNKNOWN)
    return Issued(
        external_id=str(data.get("Id")),
        number=str(data.get("DocumentNumber") or ""),
        variable_symbol=str(data.get("VariableSymbol") or ""),
        issued_on=day(data.get("DateOfIssue")),
        total=None if worth is None else sign * (worth + _reduced(items)),
        vat=_vat(data, prices, items, sign),
        currency=_currency(data, facts),
        paid_amount=-abs(paid) if kind is Kind.CREDIT_NOTE and paid else paid,
        state=state if data.get("PaymentStatus") is not None else IssuedState.UNKNOWN,
        raw=dict(data),
        kind=kind,
        key=key_in(data.get("Description")),
        order_number=str(data.get("OrderNumber") or ""),
        customer=_customer(data),
        taxable_on=day(data.get("DateOfTaxing")) if kind is not Kind.PROFORMA else None,
        due_on=day(data.get("DateOfMaturity")),
        paid_on=day(data.get("DateOfPayment")),
        sent=_sent(data),
        made_from=_made_from(data, items),
        lines=_lines(items, sign, kind) if isinstance(data.get("Items"), list) else None,
        changed_at=moment(_mapping(data.get("Metadata")).get("DateLastChange")),
    )


def payment(data: Mapping[str, Any]) -> Payment | None:
    """Read a payment; ``None`` where the answer is none. The amount is positive."""
    amount = _amount(_mapping(data.get("Prices")).get("PaymentAmount"))
    paid_on = day(data.get("DateOfPayment"))
    if number(data.get("Id")) is None or amount is None or paid_on is None:
        return None
    return Payment(str(data["Id"]), paid_on, abs(amount))


def day(value: object) -> date | None:
    """Read a date; their year 1753 is no date."""
    if not isinstance(value, str) or value.startswith(_NO_DATE):
        return None
    found = _time(value)
    if found is None:
        return None
    return (found.astimezone(ZONE) if found.tzinfo else found).date()


def moment(value: object) -> datetime | None:
    """Read a time as an aware one."""
    if not isinstance(value, str) or value.startswith(_NO_DATE):
        return None
    found = _time(value)
    if found is None:
        return None
    return (found if found.tzinfo else found.replace(tzinfo=ZONE)).astimezone(UTC)


def _time(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _sign(kind: Kind, worth: Decimal | None) -> int:
    """Return what turns their amounts into ours: which sign credit notes have is not confirmed."""
    return -1 if kind is Kind.CREDIT_NOTE and worth is not None and worth > 0 else 1


def _reduced(items: Sequence[Mapping[str, Any]]) -> Decimal:
    """Return what proformas took off the total, with VAT: our total is before deductions."""
    return total(
        abs(_amount(_prices(item).get("TotalWithVat")) or ZERO)
        for item in items
        if item.get("ItemType") == ItemType.REDUCE
    )


def _vat(
    data: Mapping[str, Any],
    prices: Mapping[str, Any],
    items: Sequence[Mapping[str, Any]],
    sign: int,
) -> tuple[VatRow, ...] | None:
    """Return the recapitulation less rounding, which is outside VAT, and before deductions."""
    summary = prices.get("VatRateSummary")
    if not isinstance(summary, list):
        return None
    sums: dict[Decimal, list[Decimal]] = {}

    def add(row: Mapping[str, Any], amounts: Mapping[str, Any], factor: int) -> None:
        sum_ = sums.setdefault(_amount(row.get("VatRate")) or ZERO, [ZERO, ZERO])
        sum_[0] += factor * (_amount(amounts.get("TotalWithoutVat")) or ZERO)
        sum_[1] += factor * (_amount(amounts.get("TotalVat")) or ZERO)

    for row in summary:
        if isinstance(row, Mapping):
            add(row, row, 1)
    kept = {_amount(item.get("VatRate")) or ZERO for item in items if _is_supply(item)}
    for item in items:
        if not _is_supply(item):
            add(item, _prices(item), -1)
    return tuple(
        VatRow(rate, _treatment(data, rate), sign * net, sign * tax)
        for rate, (net, tax) in sorted(sums.items(), reverse=True)
        if net or tax or rate in kept
    )


def _is_supply(item: Mapping[str, Any]) -> bool:
    """Tell whether an item is something sold, and neither rounding nor a deducted proforma."""
    return item.get("ItemType") != ItemType.REDUCE and not is_rounding(item)


def _treatment(data: Mapping[str, Any], rate: Decimal) -> Treatment:
    if data.get("VatRegime") == 0:
        return Treatment.NOT_A_PAYER
    if rate:
        return Treatment.OSS if data.get("HasVatRegimeOss") is True else Treatment.STANDARD
    return Treatment.REVERSE_CHARGE if data.get("VatReverseChargeCodeId") else Treatment.ZERO


def _lines(items: Sequence[Mapping[str, Any]], sign: int, kind: Kind) -> tuple[IssuedLine, ...]:
    counted = -1 if kind is Kind.CREDIT_NOTE else 1  # amounts there are positive in any case
    return tuple(
        IssuedLine(
            name=str(item.get("Name") or ""),
            quantity=counted * (_amount(item.get("Amount")) or ZERO),
            gross=sign * (_amount(_prices(item).get("TotalWithVat")) or ZERO),
            rate=_amount(item.get("VatRate")) or ZERO,
            sku=str(item.get("Code") or ""),
        )
        for item in items
        if _is_supply(item)
    )


def _currency(data: Mapping[str, Any], facts: Facts) -> str:
    code = _mapping(data.get("Currency")).get("Code")
    if isinstance(code, str):
        return code
    currency_id = number(data.get("CurrencyId"))
    return next((key for key, one in facts.currencies.items() if one == currency_id), "")


def _customer(data: Mapping[str, Any]) -> str:
    address = _mapping(data.get("PartnerAddress"))
    return str(address.get("NickName") or _mapping(data.get("Partner")).get("CompanyName") or "")


def _sent(data: Mapping[str, Any]) -> bool | None:
    sent = number(data.get("IsSentToPurchaser"))
    return None if sent is None else sent > 0


def _made_from(data: Mapping[str, Any], items: Sequence[Mapping[str, Any]]) -> str:
    proformas = [number(one) for one in _list(data.get("ProformaInvoices"))]
    reduced = [number(item.get("InvoiceProformaId")) for item in items]
    for found in (number(data.get("CreditedInvoiceId")), *proformas, *reduced):
        if found:
            return str(found)
    return ""


def _prices(item: Mapping[str, Any]) -> Mapping[str, Any]:
    return _mapping(item.get("Prices"))


def _amount(value: object) -> Decimal | None:
    try:
        return parse_amount(value)
    except AmountError:
        return None


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
