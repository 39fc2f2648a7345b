"""Connections: listed, verified, loaded, and what was sent by them. Secrets are never among it."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from django.db.models import Q
from django.http import HttpRequest
from ninja import Field, Query, Router, Schema
from ninja.decorators import decorate_view

from spojka.accounting import registry
from spojka.api.auth import company_of
from spojka.api.idempotency import idempotent
from spojka.api.paging import page
from spojka.api.problems import body, language_of, not_found
from spojka.api.schemas import Id, PageIn, ProblemOut, Word, problem_out
from spojka.connections import activation, checks, loading, standing, systems
from spojka.connections.models import Call, Connection
from spojka.core.descriptor import Check, say

router = Router(tags=["connections"])
StateName = Literal["checking", "paused", "fail", "inactive", "warn", "ok"]


class ConnectionOut(Schema):
    """A connection to an accounting system, without its credentials."""

    id: int
    system: str
    name: str
    state: StateName
    active: bool
    default: bool
    simulated: bool = Field(description="The other side is the simulator in the box.")
    conditions: dict[str, Any] = Field(description="Which orders go there by themselves.")
    verified_at: datetime | None
    loaded_at: datetime | None
    problems: list[ProblemOut]


class CheckOut(Schema):
    """One row of the checklist."""

    key: str
    label: str
    status: Literal["ok", "warn", "fail"]
    detail: str
    necessary: bool
    link: str
    problem: ProblemOut | None


class ChoiceOut(Schema):
    """One entry of a list loaded from the system."""

    id: str
    name: str
    detail: str
    default: bool
    kind: str
    currency: str


class LoadedOut(Schema):
    """What *Load data* read."""

    series: list[ChoiceOut]
    bank_accounts: list[ChoiceOut]
    payment_methods: list[ChoiceOut]
    warehouses: list[ChoiceOut]
    currencies: list[str]
    vat_mode: str


class ConnectionDetailOut(ConnectionOut):
    capabilities: list[str]
    checks: list[CheckOut]
    loaded: LoadedOut


class CallOut(Schema):
    """One request with its answer, free of secrets."""

    id: int
    at: datetime
    method: str
    url: str
    status: int | None = Field(description="null where no answer came.")
    duration_ms: int
    request: str
    response: str
    problem: str
    trace: str


class CallsOut(Schema):
    items: list[CallOut]
    next: str | None = Field(None, description="Cursor of the next page; null on the last one.")


class CallFilters(PageIn):
    failed: bool = Field(False, description="Only those that failed.")
    trace: Word = ""


@router.get("/connections", response={200: list[ConnectionOut]})
def list_connections(request: HttpRequest) -> Any:
    """List the company's connections in the order in which they are tried."""
    language = language_of(request)
    rows = company_of(request).connections.order_by("position", "pk")
    return [_connection_out(row, language) for row in rows]


@router.get("/connections/{connection_id}", response={200: ConnectionDetailOut})
def get_connection(request: HttpRequest, connection_id: Id) -> Any:
    """Return a connection with its checklist and what was loaded."""
    return _detail_out(_connection(request, connection_id), language_of(request))


@router.post("/connections/{connection_id}/verify", response={200: ConnectionDetailOut})
@decorate_view(idempotent)
def verify_connection(request: HttpRequest, connection_id: Id) -> Any:
    """Run the checklist now; one that fails for good pauses the connection."""
    connection = _connection(request, connection_id)
    activation.verify(connection)
    return _detail_out(connection, language_of(request))


@router.post("/connections/{connection_id}/load", response={200: ConnectionDetailOut})
@decorate_view(idempotent)
def load_connection(request: HttpRequest, connection_id: Id) -> Any:
    """Load the lists of the system now."""
    connection = _connection(request, connection_id)
    loading.load(connection)
    return _detail_out(connection, language_of(request))


@router.get("/connections/{connection_id}/calls", response={200: CallsOut})
def list_calls(request: HttpRequest, connection_id: Id, wanted: Query[CallFilters]) -> Any:
    """List what was sent and answered in the last 90 days, the newest first."""
    connection = _connection(request, connection_id)
    rows = Call.objects.filter(owner=systems.owner(connection))
    if wanted.failed:
        rows = rows.filter(Q(status__gte=400) | Q(status=None) | ~Q(problem=""))
    if wanted.trace:
        rows = rows.filter(trace=wanted.trace)
    found, following = page(rows, wanted.cursor, wanted.limit)
    return {"items": found, "next": following}


def _connection(request: HttpRequest, connection_id: int) -> Connection:
    company = company_of(request)
    found = company.connections.filter(pk=connection_id, system__in=registry.systems()).first()
    if found is None:
        raise not_found("connection", connection_id)
    found.company = company
    return found


def _connection_out(connection: Connection, language: str) -> dict[str, Any]:
    return {
        "id": connection.pk,
        "system": connection.system,
        "name": connection.name,
        "state": standing.state_of(connection),
        "active": connection.active,
        "default": connection.default,
        "simulated": connection.simulated,
        "conditions": connection.conditions,
        "verified_at": connection.verified_at,
        "loaded_at": connection.loaded_at,
        "problems": [problem_out(row, language) for row in standing.problems_of(connection)],
    }


def _detail_out(connection: Connection, language: str) -> dict[str, Any]:
    capabilities = systems.system_of(connection).descriptor.capabilities
    return {
        **_connection_out(connection, language),
        "capabilities": sorted(str(capability) for capability in capabilities),
        "checks": [_check_out(row, language) for row in checks.loaded(connection.checks)],
        "loaded": loading.loaded(connection),
    }


def _check_out(check: Check, language: str) -> dict[str, Any]:
    return {
        "key": check.key,
        "label": say(check.label, language),
        "status": check.status.value,
        "detail": check.detail,
        "necessary": check.necessary,
        "link": check.link,
        "problem": body(check.problem, language) if check.problem else None,
    }
