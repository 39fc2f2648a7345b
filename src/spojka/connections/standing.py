"""How a connection stands, in one word: the same for pages, API and command line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spojka.connections.models import Connection


def state_of(connection: Connection) -> str:
    """Say how a connection is.

    ``checking``: its checklist is being run. ``paused``: nothing is sent until a person mends it.
    ``ok``, ``warn``: it is active. ``fail``: it could not be activated. ``inactive``: it is not
    active, because nobody activated it or somebody put it out of use.
    """
    if connection.checking_since and connection.candidate is None:
        return "checking"
    if connection.paused_problem:
        return "paused"
    if not connection.active:
        failed = any(row.get("status") == "fail" for row in connection.checks)
        return "fail" if failed and connection.deactivated_at is None else "inactive"
    return "warn" if problems_of(connection) else "ok"


def problems_of(connection: Connection) -> list[Mapping[str, Any]]:
    """Return what is stored about a connection that a person should know, the gravest first."""
    found = (
        connection.paused_problem,
        connection.health_problem,
        connection.load_problem,
        connection.changes_problem,
    )
    return [problem for problem in found if problem]
