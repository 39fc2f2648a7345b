"""Settings › Accounting systems: the grid, the form, Activate with its checklist."""

from __future__ import annotations

from dataclasses import dataclass, field

from django.http import Http404, HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_POST

from spojka.accounting import registry
from spojka.accounting.contract import Capability, Descriptor
from spojka.companies.models import Role
from spojka.connections import activation, candidates, checks, managing, simulated, systems, vault
from spojka.connections.activation import Act
from spojka.connections.managing import RefusedError
from spojka.connections.models import Connection
from spojka.connections.standing import problems_of, state_of
from spojka.core.outcome import OutcomeError
from spojka.documents import changes
from spojka.documents.models import Document
from spojka.web.access import CompanyRequest, member
from spojka.web.confirmation import confirmed
from spojka.web.forms.connection import AccessForm, AccountForm, ConnectionNameForm
from spojka.web.systems import can_words, descriptor_of, links_of
from spojka.web.views.common import go, tell, tell_problem
from spojka.web.views.settings import show_settings

HERE = "settings_accounting"
WAITING = (
    Document.State.PLANNED,
    Document.State.ISSUING,
    Document.State.UNCERTAIN,
    Document.State.HELD,
)
SHOWN = 10


@dataclass(frozen=True, slots=True)
class Offer:
    """A system of the grid, and the company's connections to it."""

    descriptor: Descriptor
    can: list[object]
    simulated: bool
    """It can be tried without an account."""
    connections: list[tuple[Connection, str]] = field(default_factory=list)


@member(Role.OWNER)
def connection_list(request: CompanyRequest) -> HttpResponseBase:
    """Show the company's connections and the systems that can be connected."""
    present = list(request.company.connections.order_by("position", "pk"))
    rows = [(one, descriptor_of(one), state_of(one)) for one in present]
    return show_settings(request, "connections", HERE, rows=rows, offers=offers(present))


def offers(present: list[Connection]) -> list[Offer]:
    """Return the systems to choose from; the own issuer is always there and not among them."""
    return [
        Offer(
            descriptor=found.descriptor,
            can=list(can_words(found.descriptor)),
            simulated=registry.simulator(key) is not None,
            connections=[(one, state_of(one)) for one in present if one.system == key],
        )
        for key, found in registry.systems().items()
        if found.descriptor.fields
    ]


@member(Role.OWNER)
@confirmed
@sensitive_variables("form", "data")
def connection_new(request: CompanyRequest, system: str) -> HttpResponseBase:
    """Fill in what a system needs; *Activate* runs its checklist at once."""
    found = registry.systems().get(system)
    if found is None or not found.descriptor.fields:
        return go(request, HERE)
    descriptor = found.descriptor
    data = request.POST if request.method == "POST" else None
    first = not request.company.connections.exclude(system=systems.OWN).exists()
    form = AccessForm(data, descriptor=descriptor, prefix="field")
    name = ConnectionNameForm(data, initial={"name": descriptor.name, "default": first})
    if data is not None and form.is_valid() and name.is_valid():
        connection = activation.create(
            request.company,
            system,
            name.cleaned_data["name"],
            form.values(),
            actor=request.actor,
            default=name.cleaned_data["default"],
        )
        activation.start(connection, Act.ACTIVATE, actor=request.actor)
        return _show_it(request, connection)
    return show_settings(
        request,
        "connection_new",
        HERE,
        form=form,
        name=name,
        descriptor=descriptor,
        links=links_of(descriptor),
    )


@require_POST
@member(Role.OWNER)
def connection_try(request: CompanyRequest, system: str) -> HttpResponseBase:
    """Connect the simulator in the box: all can be tried, and nothing leaves this machine."""
    if registry.systems().get(system) is None:
        raise Http404
    try:
        connection = activation.simulate(request.company, system, actor=request.actor)
    except simulated.NoSimulatorError:
        raise Http404 from None
    activation.start(connection, Act.ACTIVATE, actor=request.actor)
    return _show_it(request, connection)


def _show_it(request: CompanyRequest, connection: Connection) -> HttpResponseBase:
    """Show the checklist as it runs; whoever came from the set-up finds the way back there."""
    page = go(request, "settings_connection", connection.pk)
    if request.POST.get("setup"):
        page["Location"] += "?setup=1"
    return page


@member(Role.OWNER)
def connection_status(request: CompanyRequest, pk: int) -> HttpResponseBase:
    """Show how a connection is: its checklist as it runs, why it stopped, and what waits."""
    connection = find(request, pk)
    descriptor = systems.system_of(connection).descriptor
    waiting = request.company.documents.filter(connection=connection, state__in=WAITING)
    undecided = candidates.is_undecided(connection)
    candidate = connection.candidate or {}
    loading = activation.is_loading(connection)
    return show_tab(
        request,
        connection,
        "status",
        rows=checks.loaded(connection.checks),
        candidate=candidate,
        candidate_rows=checks.loaded(candidate.get("checks", [])),
        problems=problems_of(connection),
        waiting=waiting.select_related("order")[:SHOWN],
        waiting_count=waiting.count(),
        unused=not request.company.documents.filter(connection=connection).exists(),
        accounts=AccountForm(connection=connection, choices=candidates.accounts_of(connection))
        if undecided
        else None,
        loading=loading,
        live=bool(connection.checking_since) or loading,
        links=links_of(descriptor, connection.settings),
        has_webhooks=Capability.WEBHOOK in descriptor.capabilities,
    )


@member(Role.OWNER)
@confirmed
@sensitive_variables("form", "data")
def connection_access(request: CompanyRequest, pk: int) -> HttpResponseBase:
    """Edit the credentials; new ones are verified before they replace the stored ones."""
    connection = find(request, pk)
    descriptor = systems.system_of(connection).descriptor
    if connection.simulated or not descriptor.fields:
        return go(request, "settings_connection", connection.pk)
    data = request.POST if request.method == "POST" else None
    candidate = connection.candidate or {}
    secrets = {info.field: info for info in vault.fields(systems.owner(connection))}
    secrets |= {info.field: info for info in vault.fields(candidates.owner_of(connection))}
    form = AccessForm(
        data,
        descriptor=descriptor,
        accounts=candidates.accounts_of(connection),
        stored={**connection.settings, **candidate.get("settings", {})},
        secrets=secrets,
        prefix="field",
    )
    name = ConnectionNameForm(data, initial={"name": connection.name})
    del name.fields["default"]
    if data is not None and form.is_valid() and name.is_valid():
        act = managing.update(
            connection, form.values(), actor=request.actor, name=name.cleaned_data["name"]
        )
        activation.start(connection, act, actor=request.actor)
        return go(request, "settings_connection", connection.pk)
    return show_tab(
        request,
        connection,
        "access",
        form=form,
        name=name,
        links=links_of(descriptor, connection.settings),
    )


@require_POST
@member(Role.OWNER)
def connection_act(request: CompanyRequest, pk: int) -> HttpResponseBase:
    """Verify, load the data, take documents in, issue here by default, move, register webhooks."""
    connection = find(request, pk)
    act = request.POST.get("act", "")
    try:
        if act == "verify":
            activation.start(connection, Act.VERIFY, actor=request.actor)
        elif act == "load":
            activation.start(connection, Act.LOAD, actor=request.actor)
        elif act == "default":
            managing.make_default(connection, actor=request.actor)
            tell(request, _("Documents are issued here from now on."))
        elif act in {"up", "down"}:
            managing.move(connection, -1 if act == "up" else 1)
            return go(request, HERE)
        elif act == "take_in":
            changes.take_in(connection, actor=request.actor)
            tell(request, _("Documents that exist there are being read."))
            return go(request, "settings_connection_data", connection.pk)
        elif act == "webhooks":
            systems.register_webhook(connection, actor=request.actor)
            tell(request, _("The webhooks are registered there."))
    except RefusedError as error:
        tell_problem(request, error.problem)
    except OutcomeError as error:
        tell_problem(request, error.problem)
    return go(request, "settings_connection", connection.pk)


@require_POST
@member(Role.OWNER)
@confirmed
def connection_change(request: CompanyRequest, pk: int) -> HttpResponseBase:
    """Activate, deactivate, delete, decide about new credentials, choose the account."""
    connection = find(request, pk)
    act, actor = request.POST.get("act", ""), request.actor
    try:
        if act == "activate":
            activation.start(connection, Act.ACTIVATE, actor=actor)
        elif act == "account":
            managing.choose_account(connection, request.POST.get("account", ""), actor=actor)
            activation.start(connection, Act.ACTIVATE, actor=actor)
        elif act == "accept":
            managing.accept(connection, actor=actor)
        elif act == "discard":
            managing.discard(connection, actor=actor)
            tell(request, _("The new credentials were dropped; the former ones are in use."))
        elif act == "deactivate":
            managing.deactivate(connection, actor=actor)
            tell(request, _("The connection is not active any more. Its documents stay."))
        elif act == "delete":
            managing.delete(connection, actor=actor)
            tell(request, _("The connection was deleted."))
            return go(request, HERE)
    except RefusedError as error:
        tell_problem(request, error.problem)
    return go(request, "settings_connection", connection.pk)


def find(request: CompanyRequest, pk: int) -> Connection:
    """Return a connection of the company whose system is installed."""
    connection = get_object_or_404(request.company.connections, pk=pk)
    connection.company = request.company
    if descriptor_of(connection) is None:
        raise Http404
    return connection


def show_tab(
    request: CompanyRequest, connection: Connection, tab: str, **context: object
) -> HttpResponseBase:
    """Render one tab of a connection."""
    return show_settings(
        request,
        f"connection_{tab}",
        HERE,
        connection=connection,
        descriptor=systems.system_of(connection).descriptor,
        state=state_of(connection),
        tab=tab,
        **context,
    )
