"""An order as a shop sent it, in our own words: the snapshot that documents are made from.

The amounts of an order's lines are the truth. They are what the customer saw and paid; nothing
here is computed from a rate.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from spojka.core.problem import Problem


class LineKind(StrEnum):
    """What a line of an order or a document is for."""

    PRODUCT = "product"
    SHIPPING = "shipping"
    FEE = "fee"
    DISCOUNT = "discount"
    ROUNDING = "rounding"


@dataclass(frozen=True, slots=True)
class Address:
    """A postal address. ``country`` is ISO 3166-1 alpha-2, or empty where the shop does not say."""

    name: str = ""
    company: str = ""
    street: str = ""
    street2: str = ""
    city: str = ""
    postcode: str = ""
    state: str = ""
    country: str = ""
    phone: str = ""


@dataclass(frozen=True, slots=True)
class Customer:
    """Who buys. A customer with any of the three ids, or a company name, is a business."""

    address: Address = Address()
    email: str = ""
    phone: str = ""
    company_id: str = ""
    """Registration number: IČO in Czechia and Slovakia."""
    tax_id: str = ""
    """Tax number: DIČ. In Slovakia it is not the VAT number."""
    vat_id: str = ""
    """VAT number with its country prefix: DIČ in Czechia (CZ…), IČ DPH in Slovakia (SK…)."""
    external_id: str = ""

    @property
    def is_business(self) -> bool:
        return bool(self.company_id or self.tax_id or self.vat_id or self.address.company)


@dataclass(frozen=True, slots=True)
class OrderLine:
    """One row of an order, in the order's currency, after all discounts.

    ``rate`` is the VAT rate in percent as the shop states it; ``None`` where the shop charged no
    VAT and named no rate. A row whose tax is made of several rates arrives here already split.
    """

    key: str
    """Identity of the shop's own row; refunds refer to it. A split row keeps one key."""
    kind: LineKind
    name: str
    quantity: Decimal
    net: Decimal
    tax: Decimal
    rate: Decimal | None
    sku: str = ""
    ean: str = ""
    unit: str = ""
    variant: str = ""

    @property
    def gross(self) -> Decimal:
        return self.net + self.tax


@dataclass(frozen=True, slots=True)
class Refund:
    """Money given back for an order. ``amount`` is positive, its lines are negative.

    No lines means that the shop says only how much, not for what.
    """

    external_id: str
    amount: Decimal
    created_at: datetime
    lines: tuple[OrderLine, ...] = ()
    reason: str = ""
    detailed: bool = True
    """False where the source gives only the sum and the detail has not been fetched yet."""
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Order:
    """Snapshot of a shop's order at one moment.

    All times are aware. Amounts are in ``currency``. ``problems`` are contradictions that the
    mapping found inside the order: a document is not made from an order that has any.
    """

    external_id: str
    number: str
    status: str
    currency: str
    total: Decimal
    created_at: datetime
    customer: Customer
    lines: tuple[OrderLine, ...]
    total_tax: Decimal = Decimal(0)
    modified_at: datetime | None = None
    paid_at: datetime | None = None
    payment_method: str = ""
    payment_title: str = ""
    transaction_id: str = ""
    shipping_method: str = ""
    shipping_title: str = ""
    delivery: Address | None = None
    refunds: tuple[Refund, ...] = ()
    vat_exempt: bool = False
    """The shop says that this customer buys without VAT (reverse charge or export)."""
    prices_include_tax: bool = True
    discount: Decimal = Decimal(0)
    """Sum of discounts with VAT, already inside the lines; only for showing."""
    note: str = ""
    language: str = ""
    customer_reference: str = ""
    """The customer's own order number, where the shop asks for one."""
    paid_amount: Decimal | None = None
    """What was paid so far; ``None`` means: everything once ``paid_at`` is set."""
    test: bool = False
    extra: tuple[tuple[str, str], ...] = field(default=())
    """Further fields of the source, offered to the inspector of company ids."""
    problems: tuple[Problem, ...] = ()

    @property
    def country(self) -> str:
        """Country that the VAT belongs to: delivery where there is one, else the customer's."""
        if self.delivery is not None and self.delivery.country:
            return self.delivery.country
        return self.customer.address.country

    @property
    def is_paid(self) -> bool:
        return self.paid_at is not None
