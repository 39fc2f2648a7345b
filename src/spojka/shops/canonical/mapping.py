"""Canonical JSON ⇄ our order."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from spojka.core.money import minor_units, plain, total
from spojka.core.order import Address, Customer, Order, OrderLine, Refund
from spojka.core.problem import Problem
from spojka.shops.canonical.model import AddressModel, LineModel, OrderModel, RefundModel
from spojka.shops.consistency import Claim, rounded, settle, tidy
from spojka.shops.contract import MappingError, MappingOptions

_MOST_ERRORS = 20


def parse_order(payload: Any, options: MappingOptions) -> Order:
    """Read one canonical order.

    Raises:
        MappingError: SPJ-ORDER-NOT-ORDER; ``detail`` lists every wrong field with its path.
    """
    try:
        model = OrderModel.model_validate(payload)
    except ValidationError as error:
        raise MappingError("SPJ-ORDER-NOT-ORDER", detail=_explain(error)) from None
    currency = model.currency.upper()
    lines = tuple(_line(line, position) for position, line in enumerate(model.lines, 1))
    rates: dict[Decimal, Decimal] = {}
    for row in model.vat or ():
        rates[row.rate] = rates.get(row.rate, Decimal(0)) + row.tax
    settled, problems = settle(
        lambda places: tuple(rounded(line, places) for line in lines),
        Claim(currency, model.total, model.total_tax, rates if model.vat is not None else None),
        vat_conflict=options.vat_conflict,
        per_unit=True,
    )
    given_tax = model.total_tax
    tax = total(line.tax for line in settled) if given_tax is None else given_tax
    zone = ZoneInfo(options.time_zone)
    customer = model.customer
    return Order(
        external_id=model.external_id,
        number=model.number or model.external_id,
        status=model.status,
        currency=currency,
        total=tidy(model.total, currency),
        total_tax=tidy(tax, currency),
        created_at=_aware(model.created_at, zone),
        modified_at=None if model.modified_at is None else _aware(model.modified_at, zone),
        paid_at=None if model.paid_at is None else _aware(model.paid_at, zone),
        customer=Customer(
            address=_address(customer.address),
            email=customer.email,
            phone=customer.phone or customer.address.phone,
            company_id=customer.company_id,
            tax_id=customer.tax_id,
            vat_id=customer.vat_id,
            external_id=customer.external_id,
        ),
        delivery=None if model.delivery is None else _address(model.delivery),
        lines=settled,
        refunds=tuple(_refund(refund, currency, zone) for refund in model.refunds),
        payment_method=model.payment_method,
        payment_title=model.payment_title,
        transaction_id=model.transaction_id,
        shipping_method=model.shipping_method,
        shipping_title=model.shipping_title,
        vat_exempt=model.vat_exempt,
        prices_include_tax=model.prices_include_tax,
        discount=tidy(model.discount, currency),
        note=model.note,
        language=model.language,
        customer_reference=model.customer_reference,
        paid_amount=None if model.paid_amount is None else tidy(model.paid_amount, currency),
        test=model.test,
        extra=tuple(model.extra.items()),
        problems=problems,
    )


def dump_order(order: Order) -> dict[str, Any]:
    """Write an order as canonical JSON; :func:`parse_order` reads the same order back.

    ``problems`` are not written: they are found again.
    """
    customer = order.customer
    payload: dict[str, Any] = {
        "id": order.external_id,
        "customer": {
            "id": customer.external_id,
            "address": _dump(customer.address),
            **_dump(customer, but=("address", "external_id")),
        },
        "delivery": None if order.delivery is None else _dump(order.delivery),
        "lines": [_dump(line) for line in order.lines],
        "refunds": [
            {
                "id": refund.external_id,
                **_dump(refund, but=("external_id", "lines", "detailed", "problems")),
                "lines": [_dump(line) for line in refund.lines],
            }
            for refund in order.refunds
        ],
        "extra": dict(order.extra),
    }
    done = {"external_id", "customer", "delivery", "lines", "refunds", "extra", "problems"}
    return {**payload, **_dump(order, but=tuple(done))}


def _dump(record: Any, but: tuple[str, ...] = ()) -> dict[str, Any]:
    return {
        name: _plain_value(getattr(record, name))
        for name in record.__dataclass_fields__
        if name not in but
    }


def _plain_value(value: Any) -> Any:
    if isinstance(value, Decimal):
        return plain(value)
    return value.isoformat() if isinstance(value, datetime) else value


def _explain(error: ValidationError) -> str:
    """List the wrong fields: ``lines[0].net: not an amount; …``."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    told = []
    for item in found[:_MOST_ERRORS]:
        path = "".join(f"[{x}]" if isinstance(x, int) else f".{x}" for x in item["loc"])
        message = item["msg"].removeprefix("Value error, ")
        told.append(f"{path.lstrip('.') or 'order'}: {message}")
    if len(found) > _MOST_ERRORS:
        told.append(f"and {len(found) - _MOST_ERRORS} more")
    return "; ".join(told)


def _address(model: AddressModel) -> Address:
    return Address(**{**model.model_dump(), "country": model.country.upper()})


def _line(model: LineModel, position: int) -> OrderLine:
    return OrderLine(**{**model.model_dump(), "key": model.key or str(position)})


def _refund(model: RefundModel, currency: str, zone: ZoneInfo) -> Refund:
    places = minor_units(currency)
    lines = tuple(
        rounded(_line(line, position), places) for position, line in enumerate(model.lines, 1)
    )
    amount = tidy(model.amount, currency)
    rows = -total(line.gross for line in lines)
    problems: tuple[Problem, ...] = ()
    if lines and rows != amount:
        facts = {"refund": model.external_id, "rows": plain(rows), "amount": plain(amount)}
        problems = (Problem.of("SPJ-REFUND-SUM", currency=currency, **facts),)
    return Refund(
        external_id=model.external_id,
        amount=amount,
        created_at=_aware(model.created_at, zone),
        lines=lines,
        reason=model.reason,
        problems=problems,
    )


def _aware(at: datetime, zone: ZoneInfo) -> datetime:
    """Give a time without an offset the shop's zone; all times become UTC."""
    return (at if at.tzinfo is not None else at.replace(tzinfo=zone)).astimezone(UTC)
