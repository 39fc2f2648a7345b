"""The overview: today's numbers, what waits, whether the shops are well."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpResponseBase
from django.utils import timezone

from spojka.companies.models import Company
from spojka.connections.models import Shop
from spojka.connections.shops import owner
from spojka.documents.counting import count_all
from spojka.documents.models import Decision, Document
from spojka.engine.models import Wake
from spojka.orders.models import InboxEvent, Order
from spojka.web.access import CompanyRequest, member
from spojka.web.systems import at_a_glance
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
    documents = company.documents.filter(test=False)
    waiting = documents.filter(state__in=[STATE.PLANNED, STATE.ISSUING, STATE.UNCERTAIN])
    issued = documents.filter(state=STATE.ISSUED)
    shops = list(company.shops.all())
    counts = count_all(
        company,
        issued_today=issued.filter(issued_at__gte=_midnight()),
        issued_all=issued,
        planned=waiting,
        inbox=InboxEvent.objects.filter(shop__company=company, state=InboxEvent.State.NEW),
        undecided=_undecided(company),
        without=orders_without_document(company),
        orders=company.orders.all(),
        woken=_woken(shops),
    )
    to_come = counts["planned"] + counts["inbox"] + counts["undecided"]
    last = company.documents.exclude(state=STATE.DROPPED).select_related("order")
    return show(
        request,
        "overview",
        "overview",
        issued_today=counts["issued_today"],
        issued_all=counts["issued_all"],
        waiting=to_come,
        oldest=waiting.order_by("created_at").first() if counts["planned"] else None,
        without=counts["without"],
        orders=counts["orders"],
        last=last.order_by("-issued_at", "-id")[:8],
        shops=[(shop, shop_state(shop)) for shop in shops],
        connections=at_a_glance(company),
        busy=bool(to_come or counts["woken"]),
    )


def _midnight() -> datetime:
    return timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)


def _woken(shops: Iterable[Shop]) -> QuerySet[Wake]:
    """Return what the worker has to look at right now because of these shops."""
    return Wake.objects.filter(account__in=map(owner, shops), due_at__lte=timezone.now())


def _undecided(company: Company) -> QuerySet[Order]:
    """Return the living orders that are still to be planned."""
    # Joined, decisions would be read as a whole; so their index is enough.
    decided = Decision.objects.filter(order=OuterRef("pk"))
    return company.orders.filter(~Exists(decided), deleted_at=None)


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
