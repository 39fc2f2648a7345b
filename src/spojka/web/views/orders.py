"""Orders: the list, the life line of one, and what can be done with it."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from django.db.models import Exists, OuterRef, Prefetch, Q, QuerySet
from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from spojka.companies.models import AuditEntry, Role
from spojka.connections import shops
from spojka.core.document import Kind
from spojka.core.outcome import EffectState, OutcomeError
from spojka.core.problem import Problem
from spojka.database.lists import containing, distinct
from spojka.documents import actions, stuck
from spojka.documents.actions import ActionRefused
from spojka.documents.models import GONE, Document, Effect
from spojka.documents.taking_in import of_held
from spojka.orders import intake
from spojka.orders.models import Order
from spojka.shops.contract import Ability, MappingError
from spojka.web.access import CompanyRequest, member
from spojka.web.forms.document import ReasonForm
from spojka.web.views.common import back, go, key, keys, paginate, show, tell, tell_problem
from spojka.web.why import explain_decision

State = Document.State
ID_FIELDS = ("company_id", "tax_id", "vat_id")
_ISSUABLE = (Kind.INVOICE, Kind.PROFORMA)


@member()
def order_list(request: CompanyRequest) -> HttpResponseBase:
    """List orders, newest first, with their documents."""
    company = request.company
    shown = company.orders.select_related("shop").prefetch_related(
        Prefetch("documents", Document.objects.exclude(state=Document.State.DROPPED).order_by("id"))
    )
    page = paginate(request, filtered(company.orders.all(), request), shown)
    return show(
        request,
        "orders",
        "orders",
        page=page,
        shops=company.shops.all(),
        statuses=distinct(Order, "status", company=company.pk),
        query=request.GET,
        any=bool(page.object_list) or company.orders.exists(),
    )


def filtered(rows: QuerySet[Order], request: CompanyRequest) -> QuerySet[Order]:
    """Apply the filters of the address; a value that makes no sense filters nothing."""
    get = request.GET
    text = get.get("q", "").strip()
    if text:
        numbered = request.company.documents.filter(containing(text, "number"))
        rows = rows.filter(
            containing(text, "number", "customer", "email")
            | Q(pk__in=numbered.order_by().values("order_id"))
        )
    if (shop := key(get.get("shop"))) is not None:
        rows = rows.filter(shop_id=shop)
    if get.get("status"):
        rows = rows.filter(status=get["status"])
    made = Exists(
        Document.objects.filter(order=OuterRef("pk")).exclude(state=Document.State.DROPPED)
    )
    if get.get("document") == "with":
        rows = rows.filter(made)
    elif get.get("document") == "without":
        rows = rows.filter(~made, ignored_reason="", deleted_at=None)
    since, until = _date(get.get("since", "")), _date(get.get("until", ""), end=True)
    if since:
        rows = rows.filter(ordered_at__gte=since)
    if until:
        rows = rows.filter(ordered_at__lte=until)
    return rows


def _date(text: str, *, end: bool = False) -> datetime | None:
    """Read the beginning or the end of a day in the company's time zone."""
    try:
        found = parse_date(text)
    except ValueError:
        return None
    if found is None or not 1900 <= found.year < 9999:
        return None  # at the ends of the calendar there is no such moment in every time zone
    moment = datetime.combine(found, datetime.max.time() if end else datetime.min.time())
    return timezone.make_aware(moment)


@member()
def order_detail(request: CompanyRequest, pk: int) -> HttpResponseBase:
    """Show one order: its life line, its documents, its content, and what can be done."""
    order = _order(request, pk, "decision")
    content = order.readable_content()
    documents = list(
        order.documents.prefetch_related(Prefetch("effects", Effect.objects.order_by("sequence")))
    )
    decision = getattr(order, "decision", None)
    events = list(order.events.select_related("document"))
    return show(
        request,
        "order",
        "orders",
        order=order,
        content=content,
        stuck=stuck.of_order(order),
        documents=documents,
        events=events,
        last_decision=max((row.pk for row in events if row.name == "decided"), default=0),
        suspects={row.pk: of_held(row) for row in documents if row.state == State.HELD},
        retriable={row.pk for row in documents if _may_retry(row)},
        why=explain_decision(decision.content) if decision else None,
        observed=decision.observed if decision else [],
        issuable=[kind.value for kind in actions.issuable(order)] if content else [],
        can_read_again=shops.can(order.shop, Ability.FETCH),
        vat=_recap(content) if content else [],
        reason=ReasonForm(),
    )


def _may_retry(document: Document) -> bool:
    """Tell whether a person may have something of the document tried again."""
    waits = {State.HELD, State.PLANNED, State.UNCERTAIN}
    failed = {EffectState.REJECTED, EffectState.THROTTLED, EffectState.UNAVAILABLE}
    return document.state in waits or any(
        effect.state in failed for effect in document.effects.all()
    )


def _recap(content: Any) -> list[dict[str, Any]]:
    """Sum the order's own rows by rate, highest first."""
    sums: dict[Any, list[Any]] = {}
    for line in content.lines:
        row = sums.setdefault(line.rate, [0, 0])
        row[0] += line.net
        row[1] += line.tax
    ordered = sorted(sums.items(), key=lambda item: (item[0] is None, -(item[0] or 0)))
    return [
        {"rate": rate, "net": net, "tax": tax, "gross": net + tax} for rate, (net, tax) in ordered
    ]


@member()
def payload(request: CompanyRequest, pk: int) -> HttpResponseBase:
    """Show what the shop sent, and which of its fields may hold company ids."""
    order = _order(request, pk)
    version = order.current
    assert version is not None
    return show(
        request,
        "payload",
        "orders",
        order=order,
        content=order.readable_content(),
        raw=json.dumps(version.payload, ensure_ascii=False, indent=2),
        versions=order.versions.order_by("-ordinal"),
        mapping=order.shop.company_id_fields,
        id_fields=ID_FIELDS,
    )


@require_POST
@member(Role.OWNER)
def use_field(request: CompanyRequest, pk: int) -> HttpResponseBase:
    """Read an id of companies from one more field of the shop, before those used until now."""
    order = _order(request, pk)
    name, target = request.POST.get("field", ""), request.POST.get("as", "")
    known = {key for key, _value in order.content().extra}
    if name in known and target in ID_FIELDS:
        shop = order.shop
        defaults = shops.source_of(shop).descriptor.company_id_fields
        present = {
            key: list(shop.company_id_fields.get(key) or defaults.get(key, ())) for key in ID_FIELDS
        }
        present[target] = [name, *(other for other in present[target] if other != name)]
        shop.company_id_fields = present
        shop.save(update_fields=["company_id_fields"])
        AuditEntry.write(
            "shop.id_fields", company=request.company, actor=request.actor, subject=shop.name,
            field=name, target=target,
        )  # fmt: skip
        assert order.current is not None
        intake.store(shop, order.current.payload)
        tell(request, _("The field “%(name)s” is read from now on.") % {"name": name})
    return go(request, "payload", order.pk)


@require_POST
@member(Role.ACCOUNTANT)
def read_again(request: CompanyRequest, pk: int) -> HttpResponseBase:
    """Fetch the order from its shop now."""
    order = _order(request, pk)
    try:
        outcome = intake.read_again(order)
    except OutcomeError as error:
        tell_problem(request, error.problem)
    except MappingError as error:
        tell_problem(request, Problem.of(error.code, **error.facts))
    else:
        tell(
            request,
            {
                "changed": _("The order has changed; the new version has been stored."),
                "deleted": _("The shop no longer has this order."),
            }.get(outcome, _("The order is the same as before.")),
        )
    return go(request, "order", order.pk)


@require_POST
@member(Role.ACCOUNTANT)
def issue(request: CompanyRequest, pk: int) -> HttpResponseBase:
    """Issue a document of the order by hand."""
    order = _order(request, pk)
    kind = request.POST.get("kind", "")
    if kind in {k.value for k in _ISSUABLE}:
        try:
            document = actions.issue(order, Kind(kind), actor=request.actor)
        except ActionRefused as error:
            tell_problem(request, error.problem)
        else:
            document.refresh_from_db()
            if document.number:
                tell(request, _("Issued: %(number)s.") % {"number": document.number})
            elif document.state != Document.State.HELD:
                tell(request, _("The document is being issued."))
    return go(request, "order", order.pk)


@require_POST
@member(Role.ACCOUNTANT)
def ignore(request: CompanyRequest, pk: int) -> HttpResponseBase:
    """Decide that the order needs no document."""
    order = _order(request, pk)
    form = ReasonForm(request.POST)
    if form.is_valid():
        try:
            actions.ignore_order(order, form.cleaned_data["reason"], actor=request.actor)
        except ActionRefused as error:
            tell_problem(request, error.problem)
        else:
            tell(request, _("The order is ignored from now on."))
    return back(request, "order", order.pk)


@require_POST
@member(Role.ACCOUNTANT)
def unignore(request: CompanyRequest, pk: int) -> HttpResponseBase:
    """Look after the order again."""
    order = _order(request, pk)
    try:
        actions.unignore_order(order, actor=request.actor)
    except ActionRefused as error:
        tell_problem(request, error.problem)
    else:
        tell(request, _("The order is looked after again."))
    return go(request, "order", order.pk)


@require_POST
@member(Role.ACCOUNTANT)
def bulk_issue(request: CompanyRequest) -> HttpResponseBase:
    """Show what issuing for the chosen orders would do, then do it."""
    ids = keys(request)
    orders = list(request.company.orders.filter(pk__in=ids).prefetch_related("documents"))
    kind = request.POST.get("kind", Kind.INVOICE.value)
    if kind not in {k.value for k in _ISSUABLE} or not orders:
        return go(request, "orders")
    todo: list[tuple[Order, str]] = []
    skipped: list[tuple[Order, str]] = []
    for order in orders:
        reason = _why_not(order, kind)
        (skipped if reason else todo).append((order, reason))
    if request.POST.get("confirmed") != "yes":
        return show(
            request, "bulk_orders", "orders", todo=todo, skipped=skipped, kind=kind, ids=ids
        )
    done = held = 0
    for order, _reason in todo:
        try:
            document = actions.issue(order, Kind(kind), actor=request.actor)
        except ActionRefused:
            held += 1
        else:
            document.refresh_from_db()
            held += document.state == Document.State.HELD
            done += document.state != Document.State.HELD
    tell(request, _("Done: %(done)d. Needs attention: %(held)d.") % {"done": done, "held": held})
    return go(request, "documents")


def _why_not(order: Order, kind: str) -> str:
    if order.deleted_at:
        return _("deleted in the shop")
    for document in order.documents.all():
        if document.kind == kind and document.state not in GONE:
            return _("already has %(document)s") % {"document": document}
    return ""


def _order(request: CompanyRequest, pk: int, *more: str) -> Order:
    rows = request.company.orders.select_related("shop", "current", "company", *more)
    return get_object_or_404(rows, pk=pk)
