"""A company with what the benchmarks need: rules, a shop, orders out of captured ones."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from functools import cache
from importlib.resources import files
from itertools import cycle, islice
from typing import Any

from django.db import transaction
from django.db.models import OuterRef

from spojka.companies.models import BankAccount, Company
from spojka.connections import shops
from spojka.connections.models import Shop
from spojka.core import codec
from spojka.core.order import Order as CoreOrder
from spojka.documents import rulebook
from spojka.documents.series import add_default_series
from spojka.orders.models import Order, OrderVersion
from spojka.shops.contract import MappingError

PAID = ("processing", "completed")


def company(name: str = "Měřená s.r.o.", mode: str = Company.Mode.LIVE) -> Company:
    """Make a Czech VAT payer with the ready set of rules, which issues by itself."""
    made = Company.objects.create(
        name=name,
        street="Krátká 1",
        city="Brno",
        postcode="602 00",
        company_id="27082440",
        tax_id="CZ27082440",
        vat_id="CZ27082440",
        register="Zapsáno v obchodním rejstříku",
        oss=True,
        mode=mode,
    )
    BankAccount.objects.create(
        company=made, currency="CZK", number="19-2000145399/0800", iban="CZ6508000000192000145399"
    )
    add_default_series(made)
    rulebook.apply_template(made, "mixed", actor="benchmark")
    return made


def shop(of: Company) -> Shop:
    """Make a shop that takes no notes: there is none to write them to."""
    made = shops.create(
        of, "woocommerce", "E-shop", {"url": "https://shop.example"}, actor="benchmark"
    )
    made.write_back = False
    made.save(update_fields=["write_back"])
    return made


@cache
def _captured() -> tuple[dict[str, Any], ...]:
    """Return the captured CZK orders that are paid and need no person."""
    folder = files("spojka.documents").joinpath("samples")
    found = []
    for path in sorted(folder.iterdir(), key=str):
        payload = json.loads(path.read_bytes())
        if payload["currency"] == "CZK" and payload["status"] in PAID and not payload["refunds"]:
            found.append(payload)
    return tuple(found)


def _sound(shop: Shop) -> Iterator[tuple[dict[str, Any], CoreOrder]]:
    """Yield captured orders that a VAT payer can invoice, paid, with what they mean."""
    source, options = shops.source_of(shop), shop.mapping_options()
    for payload in _captured():
        paid = {**payload, "date_paid_gmt": payload["date_created_gmt"]}
        try:
            content = source.parse(paid, options)
        except MappingError:
            continue
        if not content.problems and any(line.tax for line in content.lines):
            yield paid, content


def payloads(shop: Shop, count: int, first: int = 100_001) -> Iterator[dict[str, Any]]:
    """Yield orders as the shop sends them, each with an id of its own."""
    sound = [payload for payload, _ in _sound(shop)]
    for number, payload in enumerate(islice(cycle(sound), count), start=first):
        yield {**payload, "id": number, "number": str(number)}


def store(shop: Shop, count: int, first: int = 100_001, batch: int = 2000) -> list[Order]:
    """Store orders with one version each, as intake would, in a few statements."""
    sound = [(payload, codec.dump(content), content) for payload, content in _sound(shop)]
    made: list[Order] = []
    with transaction.atomic():
        for start in range(0, count, batch):
            ids = range(first + start, first + min(start + batch, count))
            some = list(zip(ids, islice(cycle(sound), len(ids)), strict=True))
            orders = [_order(shop, content, number) for number, (_, _, content) in some]
            Order.objects.bulk_create(orders)
            versions = [
                OrderVersion(
                    order=order,
                    ordinal=1,
                    content={**dumped, "external_id": str(number), "number": str(number)},
                    payload={**payload, "id": number, "number": str(number)},
                    digest="",
                )
                for order, (number, (payload, dumped, _)) in zip(orders, some, strict=True)
            ]
            OrderVersion.objects.bulk_create(versions)
            made += orders
        # Each has one version: no need to name them one by one.
        Order.objects.filter(shop=shop, current=None).update(
            current=OrderVersion.objects.filter(order=OuterRef("pk")).values("pk")[:1]
        )
    latest = dict(OrderVersion.objects.filter(order__shop=shop).values_list("order_id", "pk"))
    for order in made:
        order.current_id = latest[order.pk]
    return made


def _order(shop: Shop, content: CoreOrder, number: int) -> Order:
    address = content.customer.address
    return Order(
        shop=shop,
        company=shop.company,
        external_id=str(number),
        number=str(number),
        status=content.status,
        currency=content.currency,
        total=content.total,
        customer=address.company or address.name,
        email=content.customer.email,
        country=content.country,
        payment_title=content.payment_title,
        shipping_title=content.shipping_title,
        ordered_at=content.created_at + timedelta(minutes=number % 100_000),
        paid_at=content.paid_at,
    )
