"""The canonical order as JSON; documented in ``docs/canonical-order.md``.

Amounts are text ("1234.50"), because a JSON number is read as a float by most programs and loses
cents. Unknown fields are ignored, so that a sender may keep its own beside ours.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field

from spojka.core.dates import YEARS
from spojka.core.money import AmountError, parse_amount
from spojka.core.order import LineKind


def _read_amount(value: Any) -> Decimal:
    if isinstance(value, float):
        raise ValueError('write the amount as text, for example "1234.50"')
    try:
        return parse_amount(value)
    except AmountError:
        raise ValueError('not an amount; write it as text, for example "1234.50"') from None


def _read_number(value: Any) -> Decimal:
    """A quantity or a rate is no money: a float is exact enough by its shortest text."""
    return _read_amount(repr(value) if isinstance(value, float) else value)


def _read_moment(value: Any) -> datetime:
    try:
        text = value if isinstance(value, str) else ""
        found = value if isinstance(value, datetime) else datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("not a time; write it as 2026-11-22T10:05:00+01:00") from None
    if found.year not in YEARS:
        raise ValueError(f"a year between {YEARS[0]} and {YEARS[-1]} is needed")
    return found


def _read_text(value: Any) -> Any:
    """Ids and numbers often come as JSON numbers; null says the same as an empty text."""
    if value is None:
        return ""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value.strip() if isinstance(value, str) else value


Amount = Annotated[Decimal, BeforeValidator(_read_amount)]
Number = Annotated[Decimal, BeforeValidator(_read_number)]
Moment = Annotated[datetime, BeforeValidator(_read_moment)]
Text = Annotated[str, BeforeValidator(_read_text), Field(max_length=2000)]
Key = Annotated[str, BeforeValidator(_read_text), Field(min_length=1, max_length=200)]
Currency = Annotated[str, BeforeValidator(_read_text), Field(pattern=r"^[A-Za-z]{3}$")]
Country = Annotated[str, BeforeValidator(_read_text), Field(pattern=r"^([A-Za-z]{2})?$")]


class _Model(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)


class AddressModel(_Model):
    """A postal address; ``country`` is ISO 3166-1 alpha-2."""

    name: Text = ""
    company: Text = ""
    street: Text = ""
    street2: Text = ""
    city: Text = ""
    postcode: Text = ""
    state: Text = ""
    country: Country = ""
    phone: Text = ""


class CustomerModel(_Model):
    """Who buys."""

    address: AddressModel = AddressModel()
    email: Text = ""
    phone: Text = ""
    company_id: Text = ""
    tax_id: Text = ""
    vat_id: Text = ""
    external_id: Text = Field(default="", validation_alias=AliasChoices("id", "external_id"))


class LineModel(_Model):
    """One row after all discounts. ``rate`` is the VAT rate in percent; null for no VAT."""

    key: Text = ""
    kind: LineKind = LineKind.PRODUCT
    name: Key
    quantity: Number = Decimal(1)
    net: Amount
    tax: Amount = Decimal(0)
    rate: Number | None = Field(default=None, ge=0, le=100)
    sku: Text = ""
    ean: Text = ""
    unit: Text = ""
    variant: Text = ""


class VatModel(_Model):
    """One row of the order's own VAT recapitulation."""

    rate: Number = Field(ge=0, le=100)
    tax: Amount


class RefundModel(_Model):
    """Money given back. ``amount`` is positive; rows, where there are any, are negative."""

    external_id: Key = Field(validation_alias=AliasChoices("id", "external_id"))
    amount: Amount = Field(ge=0)
    created_at: Moment
    lines: tuple[LineModel, ...] = ()
    reason: Text = ""


class OrderModel(_Model):
    """One order. Times without an offset are in the shop's time zone."""

    external_id: Key = Field(validation_alias=AliasChoices("id", "external_id"))
    number: Text = ""
    status: Text = ""
    currency: Currency
    total: Amount
    total_tax: Amount | None = None
    created_at: Moment
    modified_at: Moment | None = None
    paid_at: Moment | None = None
    customer: CustomerModel = CustomerModel()
    delivery: AddressModel | None = None
    lines: tuple[LineModel, ...] = Field(min_length=1, max_length=5000)
    vat: tuple[VatModel, ...] | None = None
    refunds: tuple[RefundModel, ...] = ()
    payment_method: Text = ""
    payment_title: Text = ""
    transaction_id: Text = ""
    shipping_method: Text = ""
    shipping_title: Text = ""
    vat_exempt: bool = False
    prices_include_tax: bool = True
    discount: Amount = Decimal(0)
    note: Text = ""
    language: Text = ""
    customer_reference: Text = ""
    paid_amount: Amount | None = None
    test: bool = False
    extra: dict[str, Text] = Field(default_factory=dict)
