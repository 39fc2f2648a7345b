"""The regular look at each active connection: it warns before the next document fails.

What a person has to mend (a revoked key, a plan that ended) pauses the connection at once, so that
no document has to fail for it to be noticed. Trouble that may pass by itself is looked at again
soon, and is a warning only if it stays. A warning of the checklist counts if it is new: what stood
there when a person last looked is known.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog
from django.utils import timezone

from spojka import engine
from spojka.connections import checks, loading, systems
from spojka.connections.models import Connection
from spojka.core import catalogue
from spojka.core.descriptor import Check, CheckStatus
from spojka.core.problem import Problem, problem_json
from spojka.engine.registry import periodic

log = structlog.get_logger("spojka.connections")
EVERY = timedelta(hours=4)
AGAIN = timedelta(minutes=10)
"""How soon trouble that may pass by itself is looked at again."""


def lasting_failure(rows: Sequence[Check]) -> Problem | None:
    """Return the first problem that keeps a connection from working until a person mends it.

    Words that the catalogue does not know may be of a moment: they stop no documents.
    """
    found = (row.problem for row in _failed(rows) if row.problem)
    return next((one for one in found if _is_lasting(one)), None)


def _is_lasting(problem: Problem) -> bool:
    return problem.code != catalogue.UNMAPPED and not catalogue.entry(problem.code).retriable


def _failed(rows: Sequence[Check]) -> list[Check]:
    return [row for row in rows if row.necessary and row.status is CheckStatus.FAIL]


def look(connection: Connection) -> datetime | None:
    """Run the checklist because it is time; return when to look again, if soon."""
    if not connection.active or connection.checking_since or not loading.is_affordable(connection):
        return None
    before = checks.loaded(connection.checks)
    rows = list(systems.checklist(connection))
    connection.refresh_from_db()
    connection.health_at = timezone.now()
    failed = _failed(rows)
    if not failed:
        _well(connection, before, rows)
        return None
    connection.checks = checks.stored(rows)
    lasting = lasting_failure(rows)
    if lasting is not None:
        log.warning("connection paused", connection=connection.pk, code=lasting.code)
        connection.health_problem = None
        if connection.paused_problem is None:
            connection.paused_problem = problem_json(lasting)
        _save(connection)
        return None
    if _failed(before):  # looked at just now, and again: it did not pass by itself
        problem = failed[0].problem or Problem.of("SPJ-CONNECTION-CHECK")
        connection.health_problem = problem_json(problem)
    _save(connection)
    return timezone.now() + AGAIN


def _well(connection: Connection, before: Sequence[Check], rows: Sequence[Check]) -> None:
    """Note that all necessary rows passed: whatever this very look can see is over."""
    seen = {row.problem.code for row in before if row.problem and row.status is CheckStatus.FAIL}
    if connection.paused_problem and connection.paused_problem["code"] in seen:
        connection.paused_problem = None
    warned = {row.problem.code: row.problem for row in rows if row.problem}
    known = {row.problem.code for row in before if row.problem}
    told = (connection.health_problem or {}).get("code", "")
    # A checklist that broke off did not come to its warnings: they are not new after it.
    fresh = next(
        (warned[code] for code in warned if code == told or (code not in known and not seen)), None
    )
    connection.health_problem = problem_json(fresh) if fresh else None
    connection.checks = checks.stored(rows)
    connection.verified_at = connection.health_at
    _save(connection)


def _save(connection: Connection) -> None:
    connection.save(
        update_fields=[
            "checks", "verified_at", "paused_problem", "health_problem", "health_at",
        ]
    )  # fmt: skip


@periodic("connections.health", EVERY)
def look_at_all() -> None:
    """Have every active connection looked at."""
    for connection in Connection.objects.filter(active=True):
        if systems.is_remote(connection):
            engine.wake("connection", f"{connection.pk}:look", account=systems.owner(connection))
