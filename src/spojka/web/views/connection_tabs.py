"""The tabs of a connection: calls, limits, loaded data, settings, history, simulator."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.db.models import Q
from django.http import HttpResponseBase
from django.utils.translation import gettext as _

from spojka.accounting.contract import LoadedData
from spojka.accounting.simulator import Simulator
from spojka.companies.models import AuditEntry, Role
from spojka.connections import activation, loading, managing, simulated, systems
from spojka.connections.models import Call, Connection
from spojka.core import rules as core_rules
from spojka.documents import changes, foreign, rulebook
from spojka.web.access import CompanyRequest, member
from spojka.web.forms.connection import ChoicesForm, RoutingForm
from spojka.web.forms.simulator import AccountSettingsForm, DeedForm, FaultForm
from spojka.web.systems import spent
from spojka.web.views.common import go, paginate, tell, warn
from spojka.web.views.connections import find, show_tab
from spojka.web.wording import CONNECTION_EVENTS, Word

SHOWN = 50


@dataclass(frozen=True, slots=True)
class CallRow:
    """One request of the timeline."""

    call: Call
    path: str
    """Without the host, which is the same everywhere."""
    failed: bool


@member(Role.OWNER)
def connection_calls(request: CompanyRequest, pk: int) -> HttpResponseBase:
    """Show the requests that were sent, with what was answered; both are free of secrets."""
    connection = find(request, pk)
    calls = Call.objects.filter(owner=systems.owner(connection))
    failed = Q(status__gte=400) | Q(status=None) | ~Q(problem="")
    if request.GET.get("failed"):
        calls = calls.filter(failed)
    trace = request.GET.get("trace", "").strip()
    if trace:
        calls = calls.filter(trace=trace)
    page = paginate(request, calls)
    rows = call_rows(page.object_list)
    return show_tab(request, connection, "calls", page=page, rows=rows, query=request.GET)


def call_rows(calls: Iterable[Call]) -> list[CallRow]:
    """Return requests as the timeline shows them."""
    return [CallRow(call, _path(call.url), _failed(call)) for call in calls]


def _path(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        return url
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def _failed(call: Call) -> bool:
    return call.status is None or call.status >= 400 or bool(call.problem)


@member(Role.OWNER)
def connection_limits(request: CompanyRequest, pk: int) -> HttpResponseBase:
    """Show what was used of the account's limits, and when it runs out at this pace."""
    connection = find(request, pk)
    return show_tab(request, connection, "limits", spent=spent(connection))


@member(Role.OWNER)
def connection_data(request: CompanyRequest, pk: int) -> HttpResponseBase:
    """Show what *Load data* read."""
    connection = find(request, pk)
    data = loading.loaded(connection)
    busy = activation.is_loading(connection)
    return show_tab(
        request,
        connection,
        "data",
        data=data,
        lists=_lists(data),
        contacts=connection.contacts.values("external_id").distinct().count(),
        can_take_in=changes.can_be_read(connection),
        read_at=connection.changes_cursor,
        suggestions=foreign.suggestions(request.company).filter(connection=connection)[:SHOWN],
        loading=busy,
        live=busy,
    )


def _lists(data: LoadedData) -> list[tuple[str, Any]]:
    return [
        (_("Number series"), data.series),
        (_("Bank accounts"), data.bank_accounts),
        (_("Payment methods"), data.payment_methods),
        (_("Warehouses"), data.warehouses),
    ]


@member(Role.OWNER)
def connection_settings(request: CompanyRequest, pk: int) -> HttpResponseBase:
    """Choose series and bank account among the loaded ones, and which orders go there."""
    connection = find(request, pk)
    which = request.POST.get("form", "")
    form = ChoicesForm(
        request.POST if which == "choices" else None,
        descriptor=systems.system_of(connection).descriptor,
        data=loading.loaded(connection),
        values={key: str(value) for key, value in connection.settings.items()},
        prefix="choice",
    )
    routing = RoutingForm(
        request.POST if which == "routing" else None, connection=connection, prefix="routing"
    )
    if which == "choices" and form.is_valid():
        managing.save_settings(connection, form.values(), actor=request.actor)
        rulebook.wake_orders(request.company)
        tell(request, _("Saved. Documents that were held are tried again by themselves."))
        return go(request, "settings_connection_settings", connection.pk)
    if which == "routing" and routing.is_valid():
        conditions = core_rules.conditions_to_json(routing.made())
        managing.save_routing(connection, conditions, actor=request.actor)
        tell(request, _("Saved."))
        return go(request, "settings_connection_settings", connection.pk)
    return show_tab(request, connection, "settings", form=form, routing=routing)


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """Who did what, when; never a value."""

    entry: AuditEntry
    what: Word
    fields: str


@member(Role.OWNER)
def connection_history(request: CompanyRequest, pk: int) -> HttpResponseBase:
    """Show who did what with the connection."""
    connection = find(request, pk)
    rows = [_history_row(entry) for entry in managing.history(connection)]
    return show_tab(request, connection, "history", rows=rows)


def _history_row(entry: AuditEntry) -> HistoryRow:
    name = entry.action.removeprefix("connection.")
    return HistoryRow(
        entry, CONNECTION_EVENTS.get(name, name), ", ".join(entry.facts.get("fields", []))
    )


@member(Role.OWNER)
def connection_simulator(request: CompanyRequest, pk: int) -> HttpResponseBase:
    """Show the books of the simulator, and have something happen there."""
    connection = find(request, pk)
    try:
        simulator = simulated.look(connection)
    except simulated.NoSimulatorError:
        return go(request, "settings_connection", connection.pk)
    which = request.POST.get("form", "")
    faults = FaultForm(request.POST if which == "fault" else None, prefix="fault")
    account = AccountSettingsForm(
        request.POST if which == "account" else None, simulator=simulator, prefix="account"
    )
    deed = DeedForm(request.POST if which == "deed" else None, prefix="deed")
    order: dict[str, Any] | None = None
    if which == "fault" and faults.is_valid():
        order = faults.order()
    elif which == "account" and account.is_valid():
        order = account.order()
    elif which == "deed" and deed.is_valid():
        order = deed.order()
    elif which == "act":
        document = request.POST.get("id", "")
        order = {"act": {"what": request.POST.get("what", ""), "external_id": document}}
    elif which == "heal":
        order = {"heal": True}
    if order is not None:
        _order(request, connection, order)
        return go(request, "settings_connection_simulator", connection.pk)
    return show_tab(
        request,
        connection,
        "simulator",
        faults=faults,
        account=account,
        deed=deed,
        books=_books(simulator),
        troubles=simulator.troubles,
        requests=simulator.requests[-20:][::-1],
    )


def _books(simulator: Simulator) -> list[Any]:
    return list(reversed(simulator.books()))[:50]


def _order(request: CompanyRequest, connection: Connection, order: dict[str, Any]) -> None:
    try:
        simulated.control(connection, order)
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        warn(request, _("The simulator cannot do this: %(why)s") % {"why": error})
    else:
        activation.write("simulator", connection, request.actor, order=sorted(order))
        tell(request, _("It is done at the simulator."))
