"""Activation of accounting systems: verified row by row, and switched on only if that passed.

A checklist runs in the worker, and its rows are stored one by one, so that the page shows them as
they come. New values of a connection that works are tried first (:mod:`.candidates`): they replace
the stored ones, in one transaction, only when they passed, and until then all goes on with what was
there.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from django.db import connections as database
from django.db import transaction
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from spojka import engine
from spojka.accounting import registry
from spojka.companies.models import AuditEntry, Company
from spojka.connections import candidates, checks, health, loading, simulated, systems
from spojka.connections.candidates import CandidateState
from spojka.connections.loading import Fetched
from spojka.connections.models import Connection
from spojka.core.descriptor import Check
from spojka.core.problem import problem_json
from spojka.engine import runner, wakes
from spojka.engine.models import Wake
from spojka.engine.registry import handler

HANDLER = "connection"


class Act(StrEnum):
    """What is to be done with a connection; the second half of its key in the engine."""

    ACTIVATE = "activate"
    VERIFY = "verify"
    CANDIDATE = "candidate"
    LOAD = "load"
    """A person wants the data."""
    REFRESH = "refresh"
    """It is time to read them again."""
    LOOK = "look"


@sensitive_variables("fields", "secret")
@transaction.atomic
def create(
    company: Company,
    key: str,
    name: str,
    fields: Mapping[str, str],
    *,
    actor: str,
    default: bool = False,
) -> Connection:
    """Make a connection, not active yet; secrets go to the vault.

    Args:
        company: Whose it is.
        key: The system's.
        name: What people call it; empty: as the system is called.
        fields: Values of the form.
        actor: Who does it.
        default: Documents are to be issued there from its activation on.
    """
    of = registry.system(key).descriptor
    plain, secret = candidates.split(of.fields, fields)
    connection = Connection.objects.create(
        company=company,
        system=key,
        name=name or of.name,
        default=default,
        position=_last_position(company) + 1,
    )
    candidates.store(connection, plain, secret)
    write("created", connection, actor, system=key)
    return connection


@transaction.atomic
def simulate(company: Company, key: str, *, actor: str) -> Connection:
    """Make a connection whose other side is the simulator in the box: no account is needed.

    Raises:
        NoSimulatorError: the system has none.
    """
    of = registry.system(key).descriptor
    connection = Connection.objects.create(
        company=company,
        system=key,
        name=f"{of.name} (test)",
        simulated=True,
        position=_last_position(company) + 1,
    )
    other_side = simulated.begin(connection, seed=random.randrange(1, 2**31))  # noqa: S311
    plain, secret = candidates.split(of.fields, other_side.credentials(""))
    candidates.store(connection, plain, secret)
    write("created", connection, actor, system=key, simulated=True)
    return connection


def _last_position(company: Company) -> int:
    last = company.connections.order_by("-position").first()
    return last.position if last else 0


def start(connection: Connection, act: Act, *, actor: str) -> None:
    """Have a checklist run, or the data loaded; the page shows how far it is.

    The worker does it. Where none is alive, a thread of this process does: whoever presses
    *Activate* must not wait for what nobody will do.
    """
    if act is not Act.LOAD:
        connection.checking_since = timezone.now()
        fields = ["checking_since"]
        if act is Act.CANDIDATE:
            waiting = {"checks": [], "state": CandidateState.CHECKING.value}
            connection.candidate = {**(connection.candidate or {}), **waiting}
            fields.append("candidate")
        else:
            connection.checks = []
            fields.append("checks")
        connection.save(update_fields=fields)
    if act is Act.ACTIVATE:
        write("activating", connection, actor)
    key = f"{connection.pk}:{act}"
    account = systems.owner(connection)
    engine.wake(HANDLER, key, account=account)
    if not runner.is_alive():
        transaction.on_commit(
            lambda: threading.Thread(target=_run_here, args=(key, account)).start()
        )


def _run_here(key: str, account: str) -> None:
    try:
        lease = wakes.claim_key(HANDLER, key, account)
        if lease is not None:
            runner.work(lease)
    finally:
        database.close_all()


@handler(HANDLER)
def run(key: str, _lease: wakes.Lease) -> datetime | None:
    """Do what was started, or what is done by itself from time to time."""
    number, _, name = key.partition(":")
    connection = Connection.objects.select_related("company").filter(pk=number).first()
    if connection is None or connection.system not in registry.systems():
        return None
    match Act(name):
        case Act.ACTIVATE:
            activate(connection)
        case Act.VERIFY:
            verify(connection)
        case Act.CANDIDATE:
            try_candidate(connection)
        case Act.LOAD:
            return load(connection)
        case Act.REFRESH:
            return loading.refresh(connection)
        case Act.LOOK:
            return health.look(connection)
    return None


def is_loading(connection: Connection) -> bool:
    """Tell whether the data are being loaded, or will be as soon as the checklist passed."""
    keys = [f"{connection.pk}:{act}" for act in (Act.LOAD, Act.ACTIVATE, Act.CANDIDATE)]
    return Wake.objects.filter(handler=HANDLER, key__in=keys).exists()


def verify(connection: Connection) -> list[Check]:
    """Run the checklist for a person, each row stored as it comes.

    What passes is not paused any more. An active connection that fails for a reason that does not
    pass by itself is paused, so that no document has to fail as well.
    """
    rows = _checked(connection, None, lambda rows: _keep_rows(connection, rows))
    _judge(connection, rows)
    return rows


def load(connection: Connection) -> datetime | None:
    """Load the data for a person; a connection that stopped for the want of them goes on."""
    again = loading.load_by_itself(connection)
    if connection.paused_problem and connection.load_problem is None:
        verify(connection)
    return again


def activate(connection: Connection) -> list[Check]:
    """Run the checklist, load the data, and switch the connection on if the checklist passed.

    The data come first, because documents need them; without them it is active all the same, and
    says so.
    """
    candidates.choose_only_account(connection)
    rows = _checked(connection, None, lambda rows: _keep_rows(connection, rows))
    passed = checks.passed(rows) and not candidates.is_undecided(connection)
    fetched = loading.try_fetch(connection) if passed else None
    with transaction.atomic():  # so that no page shows what passed and is not active
        _judge(connection, rows)
        if isinstance(fetched, Fetched):
            loading.keep(connection, fetched)
        if passed:
            _switch_on(connection)
    return rows


def _judge(connection: Connection, rows: Sequence[Check]) -> None:
    connection.checking_since = None
    connection.health_problem = None
    connection.health_at = timezone.now()
    if checks.passed(rows):
        connection.verified_at = timezone.now()
        connection.paused_problem = None
    elif connection.active and connection.paused_problem is None:
        lasting = health.lasting_failure(rows)
        connection.paused_problem = problem_json(lasting) if lasting else None
    connection.save(
        update_fields=[
            "checking_since", "health_problem", "health_at", "verified_at", "paused_problem",
        ]
    )  # fmt: skip


def try_candidate(connection: Connection) -> list[Check]:
    """Run the checklist with the new values; they replace the stored ones only if it passed."""
    if connection.candidate is None:
        return []
    before = _company_of(checks.loaded(connection.checks))

    def note(rows: Sequence[Check]) -> None:
        waiting = {**(connection.candidate or {}), "checks": checks.stored(rows)}
        connection.candidate = waiting
        connection.save(update_fields=["candidate"])

    values = candidates.values_of(connection)
    rows = _checked(connection, values, note)
    passed, after = checks.passed(rows), _company_of(rows)
    other = bool(before and after and before != after) and not connection.candidate.get("accepted")
    fetched = loading.try_fetch(connection, values) if passed and not other else None
    with transaction.atomic():
        connection.checking_since = None
        connection.save(update_fields=["checking_since"])
        if not passed:
            _set_state(connection, CandidateState.FAILED)
        elif other:
            connection.candidate = {**connection.candidate, "company": after, "before": before}
            _set_state(connection, CandidateState.OTHER_COMPANY)
        else:
            _take_candidate(connection)
            if isinstance(fetched, Fetched):
                loading.keep(connection, fetched)
    return rows


def _checked(
    connection: Connection,
    instead: Mapping[str, str] | None,
    note: Callable[[Sequence[Check]], None],
) -> list[Check]:
    rows: list[Check] = []
    for row in systems.checklist(connection, instead):
        rows.append(row)
        note(rows)
    return rows


def _keep_rows(connection: Connection, rows: Sequence[Check]) -> None:
    connection.checks = checks.stored(rows)
    connection.save(update_fields=["checks"])


def _set_state(connection: Connection, state: CandidateState) -> None:
    connection.candidate = {**(connection.candidate or {}), "state": state.value}
    connection.save(update_fields=["candidate"])


def _take_candidate(connection: Connection) -> None:
    waiting = connection.candidate or {}
    secret = candidates.secrets_of(connection)
    candidates.store(connection, waiting.get("settings", {}), secret)
    connection.checks = waiting.get("checks", [])
    connection.verified_at = timezone.now()
    connection.paused_problem = None
    connection.health_problem = None
    connection.save(
        update_fields=["checks", "verified_at", "paused_problem", "health_problem"],
    )
    candidates.drop(connection)
    write("changed", connection, str(waiting.get("actor", "")), fields=waiting.get("fields", []))
    if waiting.get("activate"):
        _switch_on(connection)


def _switch_on(connection: Connection) -> None:
    if not connection.active:
        connection.active = True
        connection.deactivated_at = None
        connection.save(update_fields=["active", "deactivated_at"])
        write("activated", connection, "spojka")
    if connection.default:
        only_default(connection)


def only_default(connection: Connection) -> None:
    """Make a connection the one default of its company."""
    connection.company.connections.exclude(pk=connection.pk).update(default=False)
    connection.default = True
    connection.save(update_fields=["default"])


def _company_of(rows: Sequence[Check]) -> str:
    """Return what the checklist found as the company there."""
    return next((row.detail for row in rows if row.key == "company"), "")


def write(what: str, connection: Connection, actor: str, **facts: Any) -> None:
    """Note in the audit log what was done with a connection; ``facts`` hold no secrets."""
    AuditEntry.write(
        f"connection.{what}", company=connection.company, actor=actor,
        subject=connection.name, connection=connection.pk, **facts,
    )  # fmt: skip
