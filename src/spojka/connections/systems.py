"""Accounting connections: the own issuer's, verified, opened for a call."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from django.utils import timezone

from spojka.accounting.contract import Register, Renderer, Session, System
from spojka.accounting.registry import system
from spojka.companies.models import Company
from spojka.connections import calls, checks, vault
from spojka.connections.budget import PATIENCE_SECONDS, AccountBudget
from spojka.connections.identity import account_name, credential_name
from spojka.connections.models import Connection
from spojka.connections.tokens import SharedTokens
from spojka.core.descriptor import Check

OWN = "own"


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


@contextmanager
def open_session(connection: Connection, lane: str = "") -> Iterator[Session]:
    """Open what an operation on the system may use; its connections are closed in the end.

    Args:
        connection: The accounting connection.
        lane: Whose turn it is where the account's budget is short (``shop:1``); by default the
            connection's own.
    """
    adapter = system_of(connection)
    credentials = {key: str(value) for key, value in connection.settings.items()}
    secrets: list[str] = []
    for spec in adapter.descriptor.fields:
        if spec.is_secret:
            value = vault.get(owner(connection), spec.key) or ""
            credentials[spec.key] = value
            secrets.append(value)
    register, renderer = _Provided.register, _Provided.renderer
    with ExitStack() as stack:
        http, tokens, budget = None, None, None
        if adapter.descriptor.fields:
            who, of = owner(connection), adapter.descriptor
            budget = AccountBudget(
                lambda: account_name(of.key, of.fields, of.account, credentials, who),
                of.limits,
                lane=lane or who,
                system=of.name,
                patience=PATIENCE_SECONDS,
            )
            http = stack.enter_context(calls.client(who, secrets, budget))
            tokens = stack.enter_context(
                SharedTokens(
                    lambda: credential_name(of.key, of.fields, of.account, credentials, who),
                    seen=http.hide,
                )
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
        )


def verify(connection: Connection) -> list[Check]:
    """Run the system's checklist and remember it; a connection that passes is no longer paused."""
    with open_session(connection) as session:
        result = list(system_of(connection).verify(session))
    connection.checks = checks.stored(result)
    if checks.passed(result):
        connection.verified_at = timezone.now()
        connection.paused_problem = None
    connection.save(update_fields=["checks", "verified_at", "paused_problem"])
    return result
