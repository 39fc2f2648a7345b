"""Accounting systems as pages show them: what they can do, how a connection is, what it used."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote
from zoneinfo import ZoneInfo

from django.utils import timezone

from spojka.accounting import registry
from spojka.accounting.contract import Descriptor
from spojka.companies.models import Company
from spojka.connections import budget, systems
from spojka.connections.budget import Usage, limits_of
from spojka.connections.models import Account, Connection
from spojka.connections.standing import state_of
from spojka.core.problem import Problem
from spojka.net.limits import HOUR, Limit
from spojka.web import wording

_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")


def descriptor_of(connection: Connection) -> Descriptor | None:
    """Return what the system says of itself; ``None`` where it is not installed any more."""
    found = registry.systems().get(connection.system)
    return found.descriptor if found else None


def can_words(descriptor: Descriptor) -> list[wording.Word]:
    """Say what a system can do."""
    return [
        word
        for capability, word in wording.CAPABILITIES.items()
        if capability in descriptor.capabilities
    ]


def links_of(
    descriptor: Descriptor, values: Mapping[str, object] | None = None
) -> list[tuple[wording.Word, str]]:
    """Return the pages of a system with their names, as far as their addresses are known."""
    known = {key: str(value) for key, value in (values or {}).items()}
    found: list[tuple[wording.Word, str]] = []
    for name, link in descriptor.links.items():
        if all(known.get(key) for key in _PLACEHOLDER.findall(link)):
            filled = _PLACEHOLDER.sub(lambda match: quote(known[match[1]], safe=""), link)
            found.append((wording.LINKS.get(name, name), filled))
    return found


HIGH_PART = 0.8
"""From this part of a limit on its bar warns."""


@dataclass(frozen=True, slots=True)
class Bar:
    """What was used of one limit that is counted."""

    window: str
    used: int
    limit: int
    left: int
    high: int
    resets_at: datetime


@dataclass(frozen=True, slots=True)
class Spent:
    """What an account used of its limits, and how long it lasts."""

    windows: Sequence[Bar]
    short: Sequence[Limit]
    """Limits of less than an hour; calls are spread so that they hold."""
    forecast: Problem | None
    paused_until: datetime | None
    calls: int


def spent(connection: Connection) -> Spent | None:
    """Return what the connection's account used; ``None`` where nothing was ever called."""
    account = systems.account_of(connection)
    return None if account is None else _spent(connection, account)


@dataclass(frozen=True, slots=True)
class Shown:
    """A connection at a glance."""

    connection: Connection
    descriptor: Descriptor | None
    state: str
    spent: Spent | None


def at_a_glance(company: Company) -> list[Shown]:
    """Return the company's connections that are in use or should be, with what they used."""
    rows = [
        connection
        for connection in company.connections.order_by("position", "pk")
        if connection.active or connection.deactivated_at is None
    ]
    accounts = systems.accounts_of(rows)
    return [
        Shown(
            connection,
            descriptor_of(connection),
            state_of(connection),
            _spent(connection, accounts[connection.account_name], company.zone)
            if connection.account_name in accounts
            else None,
        )
        for connection in rows
    ]


def _spent(connection: Connection, account: Account, zone: ZoneInfo | None = None) -> Spent:
    now = timezone.now()
    coming = budget.forecast(account, now)
    of = descriptor_of(connection)
    name = of.name if of else connection.system
    zone = zone or connection.company.zone
    paused = account.paused_until > now.timestamp()
    return Spent(
        windows=[_bar(one) for one in budget.usage(account, now)],
        short=[limit for limit in limits_of(account) if limit.seconds < HOUR],
        forecast=coming.problem(name, zone) if coming else None,
        paused_until=datetime.fromtimestamp(account.paused_until, now.tzinfo) if paused else None,
        calls=account.calls,
    )


def _bar(one: Usage) -> Bar:
    high = int(one.limit * HIGH_PART)
    return Bar(one.window, min(one.used, one.limit), one.limit, one.left, high, one.resets_at)
