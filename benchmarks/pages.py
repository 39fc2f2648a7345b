"""Every page of a company with 100,000 orders: how long it takes, how many questions it asks."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from datetime import timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from benchmarks import world
from benchmarks.figures import Figure, Goal, median
from spojka.companies.models import Company, Membership
from spojka.connections import systems
from spojka.connections.models import Shop
from spojka.core.dates import local_date
from spojka.core.numbering import NumberFormat, Reset
from spojka.documents.models import Decision, Document, Effect, Event, RegisterEntry, SeriesCounter
from spojka.engine import runner
from spojka.orders import intake
from spojka.orders.models import Order

ORDERS = 100_000
REPEATS = 3
LISTS = (
    ("overview", ""),
    ("orders", ""),
    ("orders", "page=1000"),
    ("orders", "q=10004"),
    ("orders", "document=without"),
    ("orders", "status=processing&since=2020-01-01"),
    ("documents", ""),
    ("documents", "page=1000"),
    ("documents", "q=10004"),
    ("documents", "paid=unpaid"),
    ("attention", ""),
    ("rules", ""),
    ("rule_new", ""),
    ("series", ""),
    ("archive", ""),
    ("settings", ""),
    ("settings_policy", ""),
    ("settings_shops", ""),
    ("settings_accounting", ""),
    ("settings_email", ""),
    ("settings_rates", ""),
    ("settings_users", ""),
    ("settings_tokens", ""),
    ("settings_audit", ""),
)


def measure() -> Iterator[Figure]:
    """Report the slowest page and the one with the most questions."""
    shop = world.shop(world.company())
    company = shop.company
    for payload in world.payloads(shop, 3):  # one real life line to look at
        intake.receive(shop, via="import", body=intake.raw(payload))
    runner.run_until_idle(60)
    sample = company.documents.exclude(number="").latest("id")
    _documents(shop, sample, world.store(shop, ORDERS, first=200_001))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    client = _client(company)
    found: dict[str, tuple[float, int]] = {}
    for name, address in _addresses(company, sample):
        client.get(address)
        times: list[float] = []
        for _ in range(REPEATS):
            with CaptureQueriesContext(connection) as asked:
                began = time.perf_counter()
                answer = client.get(address)
                times.append((time.perf_counter() - began) * 1000)
        if answer.status_code != 200:
            raise RuntimeError(f"{address} answers {answer.status_code}")
        found[name] = (median(times), len(asked))
    slowest = sorted(found, key=lambda name: -found[name][0])
    detail = ", ".join(f"{name} {found[name][0]:.0f}" for name in slowest[:5])
    label = f"slowest of {len(found)} pages at {ORDERS} orders"
    yield Figure(label, found[slowest[0]][0], 300, Goal.AT_MOST, "ms", detail)
    most = max(found, key=lambda name: found[name][1])
    label = f"most questions of {len(found)} pages"
    yield Figure(label, found[most][1], 12, Goal.AT_MOST, detail=most)


def _client(company: Company) -> Client:
    settings.STORAGES["staticfiles"]["BACKEND"] = (
        "django.contrib.staticfiles.storage.StaticFilesStorage"
    )
    user = User.objects.create_user("benchmark@example.com")
    Membership.objects.create(user=user, company=company, role="owner")
    client = Client(HTTP_HOST="127.0.0.1")
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def _addresses(company: Company, document: Document) -> Iterator[tuple[str, str]]:
    for name, query in LISTS:
        address = reverse(f"web:{name}", args=[company.pk])
        yield f"{name}?{query}".rstrip("?"), f"{address}?{query}"
    for name, key in (
        ("order", document.order_id),
        ("payload", document.order_id),
        ("document", document.pk),
        ("archive_entries", str(document.uuid)),
        ("rule", company.rules.all()[0].pk),
        ("series_edit", company.series.filter(kind="invoice")[0].pk),
        ("settings_shop", company.shops.get().pk),
    ):
        yield name, reverse(f"web:{name}", args=[company.pk, key])


def _version(order: Order) -> int:
    assert order.current_id is not None
    return order.current_id


def _documents(shop: Shop, sample: Document, orders: list[Order], batch: int = 2000) -> None:
    """Give all orders but every hundredth an issued invoice, as the own issuer would have."""
    company, own = shop.company, systems.own_connection(shop.company)
    series = company.series.filter(kind="invoice", shop=None)[0]
    numbers = NumberFormat.parse(series.format, Reset(series.reset))
    today = local_date(timezone.now(), company.zone)
    counter = SeriesCounter.objects.get(series=series)
    decision = Decision.objects.get(order=sample.order).content
    for start in range(0, len(orders), batch):
        some = orders[start : start + batch]
        Decision.objects.bulk_create(
            Decision(order=order, version_id=_version(order), content=decision) for order in some
        )
        some = [order for order in some if order.pk % 100]
        documents = []
        for order in some:
            counter.last += 1
            documents.append(
                Document(
                    uuid=uuid.uuid4(),
                    company=company,
                    order=order,
                    version_id=_version(order),
                    connection=own,
                    kind="invoice",
                    state="issued",
                    content=sample.content,
                    number=numbers.render(counter.last, today),
                    currency=order.currency,
                    total=order.total,
                    paid_amount=order.total if order.pk % 10 else 0,
                    issued_on=today,
                    taxable_on=today,
                    due_on=today,
                    issued_at=timezone.now() - timedelta(minutes=len(orders) - start),
                )
            )
        Document.objects.bulk_create(documents)
        Effect.objects.bulk_create(
            Effect(document=row, kind=kind, key=f"{row.uuid}:{kind}", state="confirmed")
            for row in documents
            for kind in ("create", "pdf")
        )
        Event.objects.bulk_create(
            Event(company=company, order_id=row.order_id, document=row, name="create.confirmed")
            for row in documents
        )
        RegisterEntry.objects.bulk_create(
            RegisterEntry(
                company=company,
                key=f"{row.uuid}:create",
                uuid=row.uuid,
                kind=row.kind,
                series=series,
                period=counter.period,
                counter=counter.last - len(documents) + 1 + at,
                number=row.number,
                issued_on=today,
                content={},
            )
            for at, row in enumerate(documents)
        )
    counter.save()
