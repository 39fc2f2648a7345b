"""A WooCommerce order (REST v3, also the body of a webhook) as our order.

Observed on WooCommerce 10.9.1. Missing, extra and null fields are normal: plugins add and remove.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from spojka.core.order import Address, Customer, LineKind, Order
from spojka.shops.consistency import Claim, settle, tidy
from spojka.shops.contract import MappingError, MappingOptions
from spojka.shops.woocommerce.company_ids import DEFAULT_FIELDS, read_ids
from spojka.shops.woocommerce.reading import (
    Json,
    amount,
    child,
    identity,
    items,
    meta,
    meta_text,
    moment,
    note_text,
    plain_text,
    text,
)
from spojka.shops.woocommerce.refunds import read_refunds
from spojka.shops.woocommerce.rows import lines_of, read_rates, read_rows, read_summary

_LANGUAGE_FIELDS = (
    "wpml_language",
    "_wpml_language",
    "pll_language",
    "_pll_language",
    "trp_language",
)
_EXTRA_LENGTH = 200


def parse_order(payload: Any, options: MappingOptions) -> Order:
    """Read one order.

    Refunds under ``refunds_detail`` (full objects) complete the summaries under ``refunds``.
    Contradictions inside the order become ``Order.problems``.

    Raises:
        MappingError: SPJ-ORDER-NOT-ORDER, it is no order (an error body, a list, a page);
            SPJ-ORDER-AMOUNT, an amount cannot be read.
    """
    order = _expect_order(payload)
    currency = text(order.get("currency")).upper()
    zone = options.time_zone
    modified_at = moment(order, "date_modified", zone)
    paid_at = moment(order, "date_paid", zone)
    completed_at = moment(order, "date_completed", zone)
    created_at = moment(order, "date_created", zone) or modified_at or paid_at or completed_at
    if created_at is None:
        raise MappingError("SPJ-ORDER-NOT-ORDER", detail="date_created is missing")

    rows = [
        row
        for row in read_rows(order, read_rates(order))
        # A pickup or a free delivery is a way of delivery, not something that is invoiced.
        if row.line.kind is not LineKind.SHIPPING or row.line.net or row.line.tax
    ]
    unreadable = tuple(row.problem for row in rows if row.problem is not None)
    total, total_tax = amount(order, "total"), amount(order, "total_tax")
    claim = Claim(
        currency,
        total,
        total_tax if "total_tax" in order else None,
        # Rows whose rate is not known would only repeat that by differing from the summary.
        read_summary(order) if "tax_lines" in order and not unreadable else None,
    )
    lines, problems = settle(
        lambda places: lines_of(rows, places), claim, vat_conflict=options.vat_conflict
    )
    if unreadable:
        problems = (*unreadable, *(p for p in problems if p.code == "SPJ-ORDER-SUM"))

    extra = tuple((key, text(value)[:_EXTRA_LENGTH]) for key, value in meta(order) if text(value))
    billing = _address(child(order, "billing"))
    shipping = items(order.get("shipping_lines"))
    return Order(
        external_id=identity(order),
        number=text(order.get("number")) or identity(order),
        status=text(order.get("status")).removeprefix("wc-"),
        currency=currency,
        total=tidy(total, currency),
        total_tax=tidy(total_tax, currency),
        created_at=created_at,
        modified_at=modified_at,
        paid_at=paid_at,
        customer=_customer(order, billing, extra, options),
        lines=lines,
        payment_method=text(order.get("payment_method")),
        payment_title=plain_text(order.get("payment_method_title")),
        transaction_id=text(order.get("transaction_id")),
        shipping_method=text(shipping[0].get("method_id")) if shipping else "",
        shipping_title=", ".join(
            title for line in shipping if (title := plain_text(line.get("method_title")))
        ),
        delivery=_delivery(_address(child(order, "shipping")), billing),
        refunds=read_refunds(order, options, modified_at or created_at),
        vat_exempt=meta_text(order, "is_vat_exempt").lower() == "yes",
        prices_include_tax=order.get("prices_include_tax") is not False,
        discount=tidy(_discount(order), currency),
        note=note_text(order.get("customer_note")),
        language=meta_text(order, *_LANGUAGE_FIELDS)[:2].lower(),
        extra=extra,
        problems=problems,
    )


def _expect_order(payload: Any) -> Json:
    """Return the payload if it is an order; say what it is otherwise."""
    if not isinstance(payload, dict):
        found = "a list" if isinstance(payload, list) else "a page or a text"
        raise MappingError("SPJ-ORDER-NOT-ORDER", detail=f"it is {found}")
    if "code" in payload and "message" in payload and not identity(payload):
        words = f"{text(payload['code'])}: {plain_text(payload['message'])}"
        raise MappingError("SPJ-ORDER-NOT-ORDER", detail=words[:200])
    if "refunded_by" in payload or ("amount" in payload and "total" not in payload):
        raise MappingError("SPJ-ORDER-NOT-ORDER", detail="it is a refund")
    missing = [key for key in ("id", "currency", "total") if not text(payload.get(key))]
    if missing:
        raise MappingError("SPJ-ORDER-NOT-ORDER", detail=f"{', '.join(missing)} missing")
    return payload


def _address(value: Json) -> Address:
    names = (plain_text(value.get("first_name")), plain_text(value.get("last_name")))
    return Address(
        name=" ".join(name for name in names if name),
        company=plain_text(value.get("company")),
        street=plain_text(value.get("address_1")),
        street2=plain_text(value.get("address_2")),
        city=plain_text(value.get("city")),
        postcode=plain_text(value.get("postcode")),
        state=plain_text(value.get("state")),
        country=text(value.get("country")).upper(),
        phone=plain_text(value.get("phone")),
    )


def _delivery(shipping: Address, billing: Address) -> Address | None:
    """Return where it is delivered to, if that is said and is elsewhere."""
    # WooCommerce fills the shipping country of orders that are not shipped at all.
    if not (shipping.street or shipping.city or shipping.name or shipping.company):
        return None

    def place(address: Address) -> tuple[str, ...]:
        parts = (address.name, address.company, address.street, address.street2, address.city)
        return (*parts, address.postcode, address.state, address.country)

    return None if place(shipping) == place(billing) else shipping


def _customer(
    order: Json, address: Address, extra: tuple[tuple[str, str], ...], options: MappingOptions
) -> Customer:
    billing = child(order, "billing")
    # Some plugins put their fields beside the address instead of into the custom fields.
    beside = tuple((f"billing_{key}", text(value)) for key, value in billing.items())
    ids = read_ids((*extra, *beside), options.company_id_fields or DEFAULT_FIELDS)
    return Customer(
        address=address,
        email=text(billing.get("email")),
        phone=address.phone,
        external_id=identity(order, "customer_id"),
        **ids,
    )


def _discount(order: Json) -> Decimal:
    return amount(order, "discount_total") + amount(order, "discount_tax")
