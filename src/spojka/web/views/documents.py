"""Documents: the list with its bulk acts, one document, its files."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from csp.constants import SELF
from csp.decorators import csp_replace
from django.core.exceptions import PermissionDenied
from django.db.models import F, Q, QuerySet
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_POST

from spojka.accounting import registry
from spojka.archive import store
from spojka.companies.models import Role
from spojka.database.lists import containing, distinct
from spojka.documents import actions, exports, routing
from spojka.documents.actions import ActionRefused
from spojka.documents.filenames import file_name
from spojka.documents.models import KINDS, Document
from spojka.web import formats
from spojka.web.access import CompanyRequest, may, member
from spojka.web.forms.document import PayForm
from spojka.web.views.common import (
    download,
    go,
    key,
    keys,
    paginate,
    show,
    tell,
    tell_problem,
    warn,
)
from spojka.web.wording import payment_state

STATE = Document.State
_MONTH = re.compile(r"[12][0-9]{3}-(0[1-9]|1[0-2])\Z")


@member()
def document_list(request: CompanyRequest) -> HttpResponseBase:
    """List documents, newest first."""
    documents = request.company.documents
    rows = filtered(documents.all(), request)
    page = paginate(request, rows, documents.select_related("order__shop"))
    return show(
        request,
        "documents",
        "documents",
        page=page,
        kinds=KINDS,
        states=STATE.choices,
        shops=request.company.shops.all(),
        months=_months(request),
        query=request.GET,
        any=bool(page.object_list) or documents.exists(),
    )


def _months(request: CompanyRequest) -> list[tuple[str, str]]:
    days = distinct(Document, "issued_on", company=request.company.pk)
    months = sorted({day.replace(day=1) for day in days}, reverse=True)
    return [(f"{month:%Y-%m}", formats.month_name(month)) for month in months]


def filtered(rows: QuerySet[Document], request: CompanyRequest) -> QuerySet[Document]:
    """Apply the filters of the address; a value that makes no sense filters nothing."""
    get = request.GET
    text = get.get("q", "").strip()
    if text:
        # Orders are searched by themselves: joined to them, each document would look for its own.
        ordered = request.company.orders.filter(containing(text, "number", "customer"))
        rows = rows.filter(
            containing(text, "number", "variable_symbol")
            | Q(order__in=ordered.order_by().values("pk"))
        )
    if get.get("kind") in dict(KINDS):
        rows = rows.filter(kind=get["kind"])
    if get.get("state") in STATE.values:
        rows = rows.filter(state=get["state"])
    else:
        rows = rows.exclude(state=STATE.DROPPED)
    if (shop := key(get.get("shop"))) is not None:
        rows = rows.filter(order__shop_id=shop)
    if _MONTH.match(get.get("month", "")):
        since = date.fromisoformat(f"{get['month']}-01")
        until = (since + timedelta(days=31)).replace(day=1)
        rows = rows.filter(issued_on__gte=since, issued_on__lt=until)
    return _by_payment(rows, get.get("paid", ""))


def _by_payment(rows: QuerySet[Document], paid: str) -> QuerySet[Document]:
    if paid == "paid":
        return rows.filter(total__isnull=False, paid_amount__gte=F("total"))
    if paid == "partly":
        return rows.filter(paid_amount__gt=0, paid_amount__lt=F("total"))
    if paid == "unpaid":
        return rows.filter(paid_amount=0, total__gt=0)
    return rows


@member()
def document_detail(request: CompanyRequest, pk: int) -> HttpResponseBase:
    """Show one document: what stands on it, its files, its effects, what can be done."""
    document = find(request, pk)
    core = document.core() if document.content else None
    order = document.version.order_content()
    rates: dict[Decimal | None, list[Decimal]] = {}
    for line in order.lines:
        sums = rates.setdefault(line.rate, [Decimal(0), Decimal(0)])
        sums[0] += line.net
        sums[1] += line.tax
    return show(
        request,
        "document",
        "documents",
        document=document,
        core=core,
        source=order,
        order_vat=[(rate, net, tax) for rate, (net, tax) in rates.items()],
        paid_state=payment_state(document),
        events=document.events.all(),
        corrections=document.corrections.all(),
        can=capabilities_of(document),
    )


def capabilities_of(document: Document) -> frozenset[str]:
    """Return what can be done with a document by the words of its system's capabilities."""
    if document.connection is None or document.connection.system not in registry.systems():
        return frozenset()
    return frozenset(str(one) for one in routing.capabilities(document.connection))


# Our own page, and no other, frames the browser's reader of PDFs.
@csp_replace({"frame-ancestors": [SELF]})
@xframe_options_sameorigin
@member()
def pdf(request: CompanyRequest, pk: int) -> HttpResponseBase:
    """Give the PDF; ``?open=1`` shows it in the page."""
    document = find(request, pk)
    content = store.read(document.pdf_sha256) if document.pdf_sha256 else None
    if content is None:
        raise Http404
    return download(
        content,
        file_name(document.number, "pdf"),
        "application/pdf",
        inline=bool(request.GET.get("open")),
    )


@member()
def isdoc(request: CompanyRequest, pk: int) -> HttpResponseBase:
    """Give the ISDOC file."""
    document = find(request, pk)
    content = store.read(document.isdoc_sha256) if document.isdoc_sha256 else None
    if content is None:
        raise Http404
    return download(content, file_name(document.number, "isdoc"), "application/xml")


@require_POST
@member()
def bulk(request: CompanyRequest) -> HttpResponseBase:
    """Do something with the ticked documents; what changes them shows its plan first."""
    documents = list(
        request.company.documents.filter(pk__in=keys(request))
        .select_related("order")
        .order_by("issued_on", "id")
    )
    act = request.POST.get("act", "")
    if not documents:
        warn(request, _("Nothing was chosen: tick the rows first."))
        return go(request, "documents")
    if act in _FILES:
        return _bulk_file(request, act, documents)
    if act == "pay":
        return _bulk_pay(request, documents)
    return go(request, "documents")


@dataclass(frozen=True, slots=True)
class _File:
    name: str
    media_type: str
    make: Callable[[list[Document]], bytes]


_FILES = {
    "zip": _File("documents.zip", "application/zip", exports.pdf_zip),
    "merged": _File("documents.pdf", "application/pdf", exports.merged_pdf),
    "csv": _File(
        "documents.csv",
        "text/csv; charset=utf-8",
        lambda documents: exports.csv(documents, formats.language()),
    ),
}


def _bulk_file(request: CompanyRequest, act: str, documents: list[Document]) -> HttpResponse:
    file = _FILES[act]
    try:
        content = file.make(documents)
    except exports.ExportError as error:
        tell_problem(request, error.problem)
        return go(request, "documents")
    return download(content, file.name, file.media_type)


def _bulk_pay(request: CompanyRequest, documents: list[Document]) -> HttpResponseBase:
    """Mark documents paid: first the plan, then the deed."""
    if not may(request.role, Role.ACCOUNTANT):
        raise PermissionDenied
    plan = [(document, _why_not_paid(document)) for document in documents]
    form = PayForm(
        request.POST if request.POST.get("confirmed") else None,
        initial={"paid_on": timezone.localdate()},
    )
    del form.fields["amount"]
    if form.is_bound and form.is_valid():
        done = _pay_all(request, [d for d, why in plan if not why], form.cleaned_data["paid_on"])
        tell(request, _("Marked as paid: %(count)d.") % {"count": done})
        return go(request, "documents")
    return show(
        request,
        "bulk_pay",
        "documents",
        todo=[document for document, why in plan if not why],
        skipped=[(document, why) for document, why in plan if why],
        form=form,
    )


def _pay_all(request: CompanyRequest, documents: list[Document], paid_on: date) -> int:
    done = 0
    for document in documents:
        try:
            actions.mark_paid(document, paid_on=paid_on, actor=request.actor)
        except ActionRefused as error:
            tell_problem(request, error.problem)
        else:
            done += 1
    return done


def _why_not_paid(document: Document) -> str:
    if document.state != STATE.ISSUED:
        return _("it is not issued")
    if document.kind not in {"invoice", "proforma"}:
        return _("this kind of document is not paid")
    if document.is_paid:
        return _("it is already paid")
    return ""


def find(request: CompanyRequest, pk: int) -> Document:
    """Return a document of the company, or 404."""
    return get_object_or_404(
        request.company.documents.select_related(
            "order__shop", "version", "connection", "original", "company"
        ),
        pk=pk,
    )
