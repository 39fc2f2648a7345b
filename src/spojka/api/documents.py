"""Documents: listed, downloaded, paid, credited, cancelled, tried again, sent."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.db.models import F, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from ninja import Query, Router
from ninja.decorators import decorate_view

from spojka.api.auth import actor_of, company_of
from spojka.api.idempotency import idempotent
from spojka.api.paging import page
from spojka.api.problems import ApiError, bad_input, language_of, not_found
from spojka.api.schemas import (
    CreditIn,
    DocumentDetailOut,
    DocumentFilters,
    DocumentsOut,
    EmailIn,
    Id,
    PayIn,
    document_detail_out,
    document_out,
)
from spojka.archive import store
from spojka.core.problem import Problem
from spojka.documents import actions
from spojka.documents.filenames import file_name
from spojka.documents.models import Document

router = Router(tags=["documents"])


@router.get("/documents", response={200: DocumentsOut})
def list_documents(request: HttpRequest, wanted: Query[DocumentFilters]) -> Any:
    """List documents, the newest first."""
    exact = {
        "kind": wanted.kind,
        "state": wanted.state,
        "number": wanted.number,
        "variable_symbol": wanted.variable_symbol,
        "currency": wanted.currency.upper(),
        "order_id": wanted.order,
        "order__shop_id": wanted.shop,
        "issued_on__gte": wanted.issued_since,
        "issued_on__lte": wanted.issued_until,
    }
    rows = _documents(request).filter(**{name: value for name, value in exact.items() if value})
    if wanted.paid is not None:
        condition = "paid_amount__gte" if wanted.paid else "paid_amount__lt"
        rows = rows.filter(**{condition: F("total")})
    found, following = page(rows, wanted.cursor, wanted.limit)
    language = language_of(request)
    return {"items": [document_out(row, language) for row in found], "next": following}


@router.get("/documents/{document_id}", response={200: DocumentDetailOut})
def get_document(request: HttpRequest, document_id: Id) -> Any:
    """Return a document with its lines, its VAT recapitulation and its effects."""
    return document_detail_out(_document(request, document_id), language_of(request))


_FILE = {
    "responses": {
        200: {
            "description": "The archived file.",
            "content": {
                "application/pdf": {"schema": {"type": "string", "format": "binary"}},
                "application/xml": {"schema": {"type": "string", "format": "binary"}},
            },
        }
    }
}


@router.get("/documents/{document_id}/pdf", response=None, openapi_extra=_FILE)
def get_pdf(request: HttpRequest, document_id: Id) -> Any:
    """Download the PDF as it was archived."""
    document = _document(request, document_id)
    return _file(document, document.pdf_sha256, "pdf", "application/pdf")


@router.get("/documents/{document_id}/isdoc", response=None, openapi_extra=_FILE)
def get_isdoc(request: HttpRequest, document_id: Id) -> Any:
    """Download the ISDOC file as it was archived."""
    document = _document(request, document_id)
    return _file(document, document.isdoc_sha256, "isdoc", "application/xml")


def _file(document: Document, sha256: str, extension: str, media_type: str) -> HttpResponse:
    content = store.read(sha256) if sha256 else None
    if content is None:
        raise ApiError(404, Problem.of("SPJ-DOCUMENT-NO-FILE", document=document, file=extension))
    name = file_name(str(document), extension)
    return HttpResponse(
        content,
        content_type=media_type,
        headers={"Content-Disposition": f'attachment; filename="{name}"', "ETag": f'"{sha256}"'},
    )


@router.post("/documents/{document_id}/pay", response={200: DocumentDetailOut})
@decorate_view(idempotent)
def pay(request: HttpRequest, document_id: Id, payment: PayIn) -> Any:
    """Record that the document was paid, wholly or in part."""
    document = _document(request, document_id)
    today = timezone.now().astimezone(company_of(request).zone).date()
    actions.mark_paid(
        document,
        paid_on=payment.paid_on or today,
        amount=Decimal(payment.amount) if payment.amount else None,
        actor=actor_of(request),
    )
    return _now(request, document_id)


@router.post("/documents/{document_id}/unpay", response={200: DocumentDetailOut})
@decorate_view(idempotent)
def unpay(request: HttpRequest, document_id: Id) -> Any:
    """Take the recorded payment back."""
    actions.unpay(_document(request, document_id), actor=actor_of(request))
    return _now(request, document_id)


@router.post("/documents/{document_id}/credit", response={200: DocumentDetailOut})
@decorate_view(idempotent)
def credit(request: HttpRequest, document_id: Id, given: CreditIn) -> Any:
    """Issue a credit note: of the whole document, of some items, or of an amount."""
    if given.items is not None and given.amount is not None:
        raise bad_input("items, amount: one of them")
    items = given.items
    note = actions.credit(
        _document(request, document_id),
        items={key: Decimal(value) for key, value in items.items()} if items else None,
        amount=Decimal(given.amount) if given.amount else None,
        reason=given.reason,
        actor=actor_of(request),
    )
    return _now(request, note.pk)


@router.post("/documents/{document_id}/cancel", response={200: DocumentDetailOut})
@decorate_view(idempotent)
def cancel(request: HttpRequest, document_id: Id) -> Any:
    """Cancel the document; its number stays taken."""
    actions.cancel(_document(request, document_id), actor=actor_of(request))
    return _now(request, document_id)


@router.post("/documents/{document_id}/delete", response={200: DocumentDetailOut})
@decorate_view(idempotent)
def delete(request: HttpRequest, document_id: Id) -> Any:
    """Delete the document in its accounting system; ours stays, and says so."""
    actions.delete(_document(request, document_id), actor=actor_of(request))
    return _now(request, document_id)


@router.post("/documents/{document_id}/retry", response={200: DocumentDetailOut})
@decorate_view(idempotent)
def retry(request: HttpRequest, document_id: Id) -> Any:
    """Make a held document anew from the order as it is now, or try failed effects again."""
    document = actions.retry(_document(request, document_id), actor=actor_of(request))
    return _now(request, document.pk)


@router.post("/documents/{document_id}/email", response={200: DocumentDetailOut})
@decorate_view(idempotent)
def send_email(request: HttpRequest, document_id: Id, message: EmailIn) -> Any:
    """Send the document by e-mail; to the customer where `to` is empty."""
    actions.send_email(_document(request, document_id), to=message.to, actor=actor_of(request))
    return _now(request, document_id)


def _documents(request: HttpRequest) -> QuerySet[Document]:
    return Document.objects.filter(company=company_of(request)).select_related("order")


def _document(request: HttpRequest, document_id: int) -> Document:
    rows = _documents(request).select_related("company", "connection", "original", "order__shop")
    document = rows.prefetch_related("effects").filter(pk=document_id).first()
    if document is None:
        raise not_found("document", document_id)
    return document


def _now(request: HttpRequest, document_id: int) -> dict[str, Any]:
    """Return the document as it is after an action."""
    return document_detail_out(_document(request, document_id), language_of(request))
