"""The overview: today's numbers, what waits, whether the shops are well."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpResponseBase
from django.utils import timezone

from spojka.companies.models import Company
from spojka.connections.models import Shop
from spojka.connections.shops import owner
from spojka.documents import attention
from spojka.documents.models import Document
from spojka.engine.models import Wake
from spojka.orders.models import InboxEvent, Order
from spojka.web.access import CompanyRequest, member
from spojka.web.views.common import show
from spojka.web.views.setup import page_of_empty_company

STATE = Document.State


@member()
def overview(request: CompanyRequest) -> HttpResponseBase:
    """Show the company at a glance; reloads itself while something is being issued."""
    company = request.company
    lead = page_of_empty_company(request)
    if lead is not None:
        return lead
    documents = Document.objects.filter(company=company).select_related("order")
    waiting = documents.filter(state__in=[STATE.PLANNED, STATE.ISSUING, STATE.UNCERTAIN])
    oldest = waiting.order_by("created_at").first()
    inbox = InboxEvent.objects.filter(shop__company=company, state=InboxEvent.State.NEW).count()
    undecided = company.orders.filter(decision=None, deleted_at=None).count()
    issued = documents.filter(state=STATE.ISSUED)
    return show(
        request,
        "overview",
        "overview",
        issued_today=issued.filter(issued_at__gte=_midnight()).count(),
        issued_all=issued.count(),
        waiting=waiting.count() + inbox + undecided,
        oldest=oldest,
        needs_you=attention.count(company),
        without=orders_without_document(company).count(),
        orders=company.orders.count(),
        last=documents.exclude(state=STATE.DROPPED).order_by("-issued_at", "-id")[:8],
        shops=[(shop, shop_state(shop)) for shop in company.shops.all()],
        busy=bool(waiting.exists() or inbox or undecided or _is_woken(company)),
    )


def _midnight() -> datetime:
    return timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)


def _is_woken(company: Company) -> bool:
    """Tell whether the worker has something of this company to look at right now."""
    accounts = [owner(shop) for shop in company.shops.all()]
    return Wake.objects.filter(account__in=accounts, due_at__lte=timezone.now()).exists()


def orders_without_document(company: Company) -> QuerySet[Order]:
    """Return the living orders for which nothing was made and nobody decided that so it be."""
    made = Document.objects.filter(order=OuterRef("pk")).exclude(state=STATE.DROPPED)
    return company.orders.filter(~Exists(made), ignored_reason="", deleted_at=None)


def shop_state(shop: Shop) -> str:
    """Say how a shop is: ``ok``, ``warn``, ``fail``, or ``disabled``."""
    if not shop.active:
        return "disabled"
    if shop.poll_problem or any(
        check.get("status") == "fail" and check.get("necessary", True) for check in shop.checks
    ):
        return "fail"
    if shop.webhook_problem:
        return "warn"
    return "ok"
