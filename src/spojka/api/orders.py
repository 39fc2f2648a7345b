"""Orders: sent to us, listed, explained, imported; and their documents issued by hand."""

from __future__ import annotations

import time
from typing import Annotated, Any

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest
from ninja import File, Query, Router, Status
from ninja.decorators import decorate_view
from ninja.files import UploadedFile

from spojka.api.auth import actor_of, company_of
from spojka.api.idempotency import idempotent
from spojka.api.paging import page
from spojka.api.problems import ApiError, bad_input, body, language_of, not_found
from spojka.api.schemas import (
    AcceptedOut,
    DocumentDetailOut,
    Id,
    ImportOut,
    IssueIn,
    OrderDetailOut,
    OrderFilters,
    OrdersOut,
    ReceivedOut,
    document_detail_out,
    order_detail_out,
    order_out,
    received_out,
)
from spojka.companies.models import Company
from spojka.connections import shops
from spojka.connections.models import Shop
from spojka.core.document import Kind
from spojka.core.problem import Problem
from spojka.database.lists import containing
from spojka.documents import actions, stuck
from spojka.documents.actions import ActionRefused
from spojka.documents.models import Document
from spojka.engine import runner, wakes
from spojka.orders import intake
from spojka.orders.models import InboxEvent, Order
from spojka.shops.canonical.model import OrderModel
from spojka.shops.contract import Ability, MappingError

CANONICAL = "canonical"
LONGEST_WAIT = 5.0
"""Seconds that ``wait=true`` waits for a worker which is at the same order."""
LONGEST_ID = 100
"""Characters of an order's id in its shop."""

router = Router(tags=["orders"])


@router.post("/orders", response={202: AcceptedOut, 200: OrderDetailOut})
@decorate_view(idempotent)
def send_order(
    request: HttpRequest,
    order: OrderModel,
    shop: Annotated[
        Id | None, Query(description="Id of the shop; by default the API's own.")
    ] = None,
    wait: Annotated[bool, Query(description="Handle at once and return the order.")] = False,
) -> Any:
    """Send an order, or a new state of one that was sent before.

    The body is stored as it came before anything is answered. `202` means: it is safe with us and
    is being handled; `event_url` tells how it ended. With `wait=true` it is handled at once and
    the order is returned with its documents, in whatever state they are by then.
    """
    if len(order.external_id) > LONGEST_ID:
        raise bad_input(f"id: more than {LONGEST_ID} characters")
    target = _canonical_shop(company_of(request), shop, actor_of(request))
    event = intake.receive(
        target,
        via=InboxEvent.Via.API,
        body=request.body,
        headers={"content-type": request.headers.get("Content-Type", "")},
        topic="order",
        external_id=order.external_id,
    )
    if not wait:
        return Status(202, _accepted(event))
    account = shops.owner(target)
    _work_on("event", event.pk, account)
    event.refresh_from_db()
    if event.problem is not None:
        raise ApiError(422, Problem(event.problem["code"], event.problem["facts"]))
    stored = Order.objects.filter(shop=target, external_id=event.external_id).first()
    if event.state == InboxEvent.State.NEW or stored is None:
        return Status(202, _accepted(event))
    _work_on("order", stored.pk, account)
    return Status(200, order_detail_out(_order(request, stored.pk), language_of(request)))


def _work_on(handler: str, key: int, account: str) -> None:
    """Work on one key now, as the worker would; wait where the worker itself is at it."""
    deadline = time.monotonic() + LONGEST_WAIT
    while (lease := wakes.claim_key(handler, str(key), account)) is None:
        if time.monotonic() > deadline:
            return
        time.sleep(0.05)
    runner.work(lease)


def _accepted(event: InboxEvent) -> dict[str, Any]:
    return {
        "event": event.pk,
        "event_url": f"/api/v1/events/{event.pk}",
        "order_url": f"/api/v1/orders?shop={event.shop_id}&external_id={event.external_id}",
    }


def _canonical_shop(company: Company, shop_id: int | None, actor: str) -> Shop:
    """Return the shop that takes our canonical orders; the company's first one is made here."""
    if shop_id is not None:
        shop = Shop.objects.filter(company=company, pk=shop_id).first()
        if shop is None:
            raise not_found("shop", shop_id)
        if shop.platform != CANONICAL:
            raise bad_input(f"shop: {shop.platform}, not {CANONICAL}")
        return shop
    with transaction.atomic():
        # Two first calls at once must not make two shops.
        Company.objects.select_for_update().get(pk=company.pk)
        shop = Shop.objects.filter(company=company, platform=CANONICAL).order_by("pk").first()
        return shop or shops.create(company, CANONICAL, "API", {}, actor=actor)


@router.get("/orders", response={200: OrdersOut})
def list_orders(request: HttpRequest, wanted: Query[OrderFilters]) -> Any:
    """List orders, those received last first."""
    rows = _orders(company_of(request))
    exact = {
        "number": wanted.number,
        "external_id": wanted.external_id,
        "status": wanted.status,
        "shop_id": wanted.shop,
    }
    rows = rows.filter(**{name: value for name, value in exact.items() if value})
    if wanted.search:
        rows = rows.filter(containing(wanted.search, "number", "customer", "email"))
    if wanted.ordered_since:
        rows = rows.filter(ordered_at__gte=wanted.ordered_since)
    if wanted.ordered_until:
        rows = rows.filter(ordered_at__lte=wanted.ordered_until)
    if wanted.with_documents is not None:
        made = Document.objects.filter(order=OuterRef("pk"))
        rows = rows.filter(Exists(made) if wanted.with_documents else ~Exists(made))
    found, following = page(rows, wanted.cursor, wanted.limit)
    language = language_of(request)
    return {"items": [order_out(order, language) for order in found], "next": following}


@router.get("/orders/{order_id}", response={200: OrderDetailOut})
def get_order(request: HttpRequest, order_id: Id) -> Any:
    """Return an order with its content, the decision on it, its documents and its life line."""
    return order_detail_out(_order(request, order_id), language_of(request))


@router.post("/orders/{order_id}/issue", response={200: DocumentDetailOut})
@decorate_view(idempotent)
def issue(request: HttpRequest, order_id: Id, what: IssueIn) -> Any:
    """Issue a document of the order by hand, whatever the rules say."""
    order = _order(request, order_id)
    document = actions.issue(order, Kind(what.kind), actor=actor_of(request))
    return document_detail_out(document, language_of(request))


@router.post("/orders/{order_id}/retry", response={200: OrderDetailOut})
@decorate_view(idempotent)
def retry(request: HttpRequest, order_id: Id) -> Any:
    """Have an order tried now that Spojka itself failed at, instead of at its next time."""
    order = _order(request, order_id)
    found = stuck.of_order(order)
    if found is None:
        raise ActionRefused(Problem.of("SPJ-NOTHING-TO-RETRY", number=order.number))
    stuck.try_again(found, actor=actor_of(request))
    return order_detail_out(_order(request, order_id), language_of(request))


@router.get("/events/{event_id}", response={200: ReceivedOut})
def get_event(request: HttpRequest, event_id: Id) -> Any:
    """Return what became of something that was sent."""
    event = InboxEvent.objects.filter(shop__company=company_of(request), pk=event_id).first()
    if event is None:
        raise not_found("event", event_id)
    return received_out(event, language_of(request))


@router.post("/import", response={200: ImportOut})
@decorate_view(idempotent)
def import_file(
    request: HttpRequest,
    shop: Annotated[Id, Query(description="Id of the shop that the orders belong to.")],
    file: Annotated[UploadedFile, File(description="JSON or CSV, as the shop's platform has it.")],
) -> Any:
    """Import the orders of a file; one that is wrong does not keep the others out."""
    target = Shop.objects.filter(company=company_of(request), pk=shop).first()
    if target is None:
        raise not_found("shop", shop)
    if not shops.can(target, Ability.FILE):
        raise bad_input(f"shop: {target.platform} has no files to import")
    try:
        result = intake.import_file(
            target, file.name or "file", file.read(), actor=actor_of(request)
        )
    except MappingError as error:
        raise ApiError(422, Problem.of(error.code, **error.facts)) from error
    language = language_of(request)
    return {
        "created": result.created,
        "changed": result.changed,
        "unchanged": result.unchanged,
        "failed": [{"item": name, **body(problem, language)} for name, problem in result.failed],
        "orders": result.orders,
    }


def _orders(company: Company) -> QuerySet[Order]:
    return Order.objects.filter(company=company).prefetch_related("documents__order")


def _order(request: HttpRequest, order_id: int) -> Order:
    rows = _orders(company_of(request)).select_related("current", "decision", "company", "shop")
    order = rows.prefetch_related("events").filter(pk=order_id).first()
    if order is None:
        raise not_found("order", order_id)
    return order
