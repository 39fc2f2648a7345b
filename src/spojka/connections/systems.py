"""Accounting connections: the own issuer's, verified, opened for a call."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import structlog
from django.utils import timezone

from spojka.accounting import registry
from spojka.accounting.contract import Capability, LoadedData, Register, Renderer, Session, System
from spojka.accounting.registry import system
from spojka.companies.models import AuditEntry, Company
from spojka.connections import calls, checks, simulated, vault, webhooks
from spojka.connections.budget import PATIENCE_SECONDS, AccountBudget
from spojka.connections.contacts import StoredContacts
from spojka.connections.identity import account_name, credential_name
from spojka.connections.models import Account, Connection
from spojka.connections.reservations import StoredReservations
from spojka.connections.tokens import SharedTokens
from spojka.core import codec
from spojka.core.descriptor import Check, CheckStatus, FieldSpec
from spojka.core.outcome import OutcomeError
from spojka.core.problem import Problem
from spojka.engine.leases import LeaseLostError

log = structlog.get_logger("spojka.connections")
OWN = "own"
LONG_PATIENCE_SECONDS = 60.0
"""How long those who ask for several things in a row wait for each call at most."""


class _Provided:
    """Services of rooms above this one that sessions carry down to the own issuer."""

    register: Callable[[Company], Register] | None = None
    renderer: Callable[[Company], Renderer] | None = None


def provide(
    register: Callable[[Company], Register], renderer: Callable[[Company], Renderer]
) -> None:
    """Register the makers of the own issuer's services; called once when Django starts."""
    _Provided.register = staticmethod(register)
    _Provided.renderer = staticmethod(renderer)


def owner(connection: Connection) -> str:
    """Return the name under which the vault and the timeline know the connection."""
    return f"connection:{connection.pk}"


def system_of(connection: Connection) -> System:
    """Return the system's adapter."""
    return system(connection.system)


def is_remote(connection: Connection) -> bool:
    """Tell whether the system has another side that can be asked; the own issuer has none."""
    return connection.system in registry.systems() and bool(system_of(connection).descriptor.fields)


def issues_here(connection: Connection) -> bool:
    """Tell whether it is the own issuer's: its other side is the register in this database."""
    return Capability.OWN_NUMBERS in system_of(connection).descriptor.capabilities


def own_connection(company: Company) -> Connection:
    """Return the company's own issuer; it is always there, and active."""
    connection, _ = Connection.objects.get_or_create(
        company=company,
        system=OWN,
        defaults={"name": system(OWN).descriptor.name, "active": True, "default": True},
    )
    return connection


def default_connection(company: Company) -> Connection:
    """Return the connection that issues where no rule names another."""
    chosen = company.connections.filter(active=True, default=True).first()
    return chosen or own_connection(company)


def _credentials(connection: Connection) -> dict[str, str]:
    """Return the stored fields of the form, secrets included."""
    found = {key: str(value) for key, value in connection.settings.items()}
    for spec in system_of(connection).descriptor.fields:
        if spec.is_secret:
            found[spec.key] = vault.get(owner(connection), spec.key) or ""
    return found


def _fields(connection: Connection) -> tuple[FieldSpec, ...]:
    """Return the fields that tell accounts apart.

    Simulators of two connections may have the same credentials, and are two accounts all the same.
    """
    return () if connection.simulated else system_of(connection).descriptor.fields


def _account_name(connection: Connection, values: Mapping[str, str]) -> str:
    of, chosen = system_of(connection).descriptor, _fields(connection)
    account = of.account if chosen else ()
    return account_name(of.key, chosen, account, values, owner(connection))


def _token_name(connection: Connection, values: Mapping[str, str]) -> str:
    of, chosen = system_of(connection).descriptor, _fields(connection)
    account = of.account if chosen else ()
    return credential_name(of.key, chosen, account, values, owner(connection))


def identity_of(connection: Connection) -> str:
    """Return a name that the connection keeps as long as its values lead to the same account."""
    return _account_name(connection, _credentials(connection))


def account_of(connection: Connection) -> Account | None:
    """Return the account whose calls are counted; ``None`` where nothing was ever called."""
    return accounts_of([connection]).get(connection.account_name)


def accounts_of(connections: Iterable[Connection]) -> dict[str, Account]:
    """Return the accounts of several connections by their names."""
    names = {connection.account_name for connection in connections} - {""}
    return {row.name: row for row in Account.objects.filter(name__in=names)} if names else {}


@contextmanager
def open_session(
    connection: Connection,
    lane: str = "",
    *,
    instead: Mapping[str, str] | None = None,
    attempt: int = 0,
    patience: float = PATIENCE_SECONDS,
) -> Iterator[Session]:
    """Open what an operation on the system may use; its connections are closed in the end.

    Args:
        connection: The accounting connection.
        lane: Whose turn it is where the account's budget is short (``shop:1``); by default the
            connection's own.
        instead: Fields of the form that are tried in place of the stored ones.
        attempt: How often what is to be done was tried before.
        patience: For how many seconds a call that the account's budget does not allow yet is
            waited for.
    """
    adapter = system_of(connection)
    credentials = {**_credentials(connection), **(instead or {})}
    secrets = [credentials[spec.key] for spec in adapter.descriptor.fields if spec.is_secret]
    register, renderer = _Provided.register, _Provided.renderer
    with ExitStack() as stack:
        http, tokens, budget = None, None, None
        if adapter.descriptor.fields:
            who, of = owner(connection), adapter.descriptor
            budget = AccountBudget(
                lambda: _account_name(connection, credentials),
                of.limits,
                lane=lane or who,
                system=of.name,
                patience=patience,
            )
            transport = simulated.Transport(connection) if connection.simulated else None
            http = stack.enter_context(calls.client(who, secrets, budget, transport=transport))
            tokens = stack.enter_context(
                SharedTokens(lambda: _token_name(connection, credentials), seen=http.hide)
            )
        yield Session(
            credentials=credentials,
            settings={key: str(value) for key, value in connection.settings.items()},
            now=timezone.now(),
            http=http,
            tokens=tokens,
            budget=budget,
            register=register(connection.company) if register else None,
            renderer=renderer(connection.company) if renderer else None,
            attempt=attempt,
            **_known(connection),
        )


def quiet_session(connection: Connection) -> Session:
    """Return a session for what uses no network: reading a webhook, looking at requests."""
    return Session(
        credentials=_credentials(connection),
        settings={key: str(value) for key, value in connection.settings.items()},
        now=timezone.now(),
        **_known(connection),
    )


def _known(connection: Connection) -> dict[str, Any]:
    """Return what a session tells an adapter of the connection and of its company."""
    company = connection.company
    loaded = codec.load(LoadedData, connection.loaded or {})
    return {
        "loaded": loaded,
        "contacts": StoredContacts(connection, loaded),
        "reservations": StoredReservations(connection),
        "webhook_address": webhooks.address(connection),
        "webhook_secret": webhooks.secret(connection),
        "time_zone": company.time_zone,
        "seller": company.seller(),
    }


def register_webhook(connection: Connection, *, actor: str) -> None:
    """Have the system send its webhooks to us, once.

    Raises:
        OutcomeError: the system does not let us.
    """
    webhooks.prepare(connection)
    with open_session(connection) as session:
        system_of(connection).register_webhook(session)
    AuditEntry.write(
        "connection.webhooks", company=connection.company, actor=actor, subject=connection.name
    )


def checklist(connection: Connection, instead: Mapping[str, str] | None = None) -> Iterator[Check]:
    """Yield the rows of the system's checklist, each as soon as it is known; never raises."""
    try:
        with open_session(connection, instead=instead, patience=LONG_PATIENCE_SECONDS) as session:
            yield from system_of(connection).verify(session)
    except OutcomeError as error:
        yield _broken_off(error.problem, error.technical)
    except LeaseLostError:
        raise
    except Exception as error:  # an adapter that breaks off must still tell a person so
        log.exception("checklist broke off", connection=connection.pk, exc_info=error)
        yield _broken_off(Problem.of("SPJ-CONNECTION-CHECK"), type(error).__name__)


def _broken_off(problem: Problem, technical: str) -> Check:
    label = {"en": "Checklist", "cs": "Kontrola", "sk": "Kontrola"}
    return Check("checklist", label, CheckStatus.FAIL, technical, problem)


def verify(connection: Connection) -> list[Check]:
    """Run the system's checklist and remember it; a connection that passes is no longer paused."""
    result = list(checklist(connection))
    connection.checks = checks.stored(result)
    if checks.passed(result):
        connection.verified_at = timezone.now()
        connection.paused_problem = connection.health_problem = None
    connection.save(update_fields=["checks", "verified_at", "paused_problem", "health_problem"])
    return result
