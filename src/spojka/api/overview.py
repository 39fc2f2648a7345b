"""What waits for a person, whether the archive is whole, and which shops there are."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Router

from spojka.api.auth import company_of
from spojka.api.problems import body, language_of
from spojka.api.schemas import GroupOut, ShopOut, VerificationOut
from spojka.api.stuck import stuck_out
from spojka.archive import store
from spojka.documents import attention

router = Router(tags=["overview"])


@router.get("/attention", response={200: list[GroupOut]})
def get_attention(request: HttpRequest) -> Any:
    """Return what waits for a person, grouped by cause."""
    language = language_of(request)
    return [
        {
            **body(group.problem, language),
            "held": [document.pk for document in group.documents],
            "rejected": sorted({effect.document_id for effect in group.effects}),
            "changed": [document.pk for document in group.changed],
            "events": [event.pk for event in group.events],
            "shops": [shop.pk for shop in group.shops],
            "connections": [connection.pk for connection in group.connections],
            "stuck": [stuck_out(one) for one in group.stuck],
        }
        for group in attention.groups(company_of(request), language)
    ]


@router.get("/archive/verify", response={200: VerificationOut})
def verify_archive(request: HttpRequest) -> Any:
    """Recompute the company's chain and the hash of every archived file."""
    result = store.verify(company_of(request))
    language = language_of(request)
    return {
        "ok": result.ok,
        "entries": result.entries,
        "problems": [body(problem, language) for problem in result.problems],
    }


@router.get("/shops", response={200: list[ShopOut]})
def list_shops(request: HttpRequest) -> Any:
    """List the company's shops."""
    return list(company_of(request).shops.order_by("pk"))
