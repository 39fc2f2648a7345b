"""What people do with a connection besides activating it: edit, choose, put out of use, delete."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.db.models import ProtectedError, QuerySet
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from spojka.companies.models import AuditEntry
from spojka.connections import candidates, systems, vault
from spojka.connections.activation import Act, only_default, start, write
from spojka.connections.candidates import CandidateState
from spojka.connections.models import Connection
from spojka.core.problem import Problem

SHOWN = 200
"""Entries of the history."""


class RefusedError(Exception):
    """What a person asked for makes no sense; the problem says why."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.code)
        self.problem = problem


@sensitive_variables("fields", "secret")
@transaction.atomic
def update(connection: Connection, fields: Mapping[str, str], *, actor: str, name: str = "") -> Act:
    """Take new values of the form; an empty secret keeps the stored one.

    Values of a connection that never worked are replaced at once. Those of one that did are tried
    first. Returns what is to be started now.
    """
    if name and name != connection.name:
        write("renamed", connection, actor, name=name)
        connection.name = name
        connection.save(update_fields=["name"])
    of = systems.system_of(connection).descriptor
    plain, secret = candidates.split(of.fields, fields)
    changed = sorted(
        [*(key for key, value in plain.items() if connection.settings.get(key) != value), *secret]
    )
    if connection.verified_at is None:
        candidates.store(connection, plain, secret)
        write("changed", connection, actor, fields=changed)
        return Act.ACTIVATE
    for field, value in secret.items():
        vault.put(candidates.owner_of(connection), field, value)
    connection.candidate = {
        "settings": plain,
        "checks": [],
        "state": CandidateState.CHECKING.value,
        "actor": actor,
        "fields": changed,
        "activate": not connection.active,
    }
    connection.save(update_fields=["candidate"])
    write("proposed", connection, actor, fields=changed)
    return Act.CANDIDATE


@transaction.atomic
def discard(connection: Connection, *, actor: str) -> None:
    """Drop new values that did not work; the stored ones stay."""
    if connection.candidate is not None:
        candidates.drop(connection)
        write("discarded", connection, actor)


@transaction.atomic
def accept(connection: Connection, *, actor: str) -> None:
    """Have new values that lead to another company taken all the same, if they still work."""
    waiting = connection.candidate or {}
    if waiting.get("state") == CandidateState.OTHER_COMPANY:
        connection.candidate = {**waiting, "accepted": True, "actor": actor}
        connection.save(update_fields=["candidate"])
        write("other_company", connection, actor, found=waiting.get("company", ""))
        start(connection, Act.CANDIDATE, actor=actor)


@transaction.atomic
def choose_account(connection: Connection, account: str, *, actor: str) -> None:
    """Choose one of the accounts that the login may use.

    Raises:
        RefusedError: it is none of them (``SPJ-CONNECTION-ACCOUNT``).
    """
    spec = candidates.account_field(systems.system_of(connection).descriptor)
    if spec is None or account not in {choice.id for choice in candidates.accounts_of(connection)}:
        raise RefusedError(Problem.of("SPJ-CONNECTION-ACCOUNT", name=connection.name))
    candidates.store(connection, {spec.key: account}, {})
    write("account", connection, actor, account=account)


@transaction.atomic
def make_default(connection: Connection, *, actor: str) -> None:
    """Issue here from now on, where neither a rule nor a condition says otherwise.

    Raises:
        RefusedError: it is not active (``SPJ-CONNECTION-NOT-ACTIVE``).
    """
    if not connection.active:
        raise RefusedError(Problem.of("SPJ-CONNECTION-NOT-ACTIVE", name=connection.name))
    only_default(connection)
    write("default", connection, actor)


@transaction.atomic
def deactivate(connection: Connection, *, actor: str) -> None:
    """Put a connection out of use; its documents, links and history stay."""
    connection.active = False
    connection.default = False
    connection.deactivated_at = timezone.now()
    connection.health_problem = None
    connection.save(update_fields=["active", "default", "deactivated_at", "health_problem"])
    write("deactivated", connection, actor)


@transaction.atomic
def delete(connection: Connection, *, actor: str) -> None:
    """Delete a connection that never had a document, with its secrets.

    Raises:
        RefusedError: it had (``SPJ-CONNECTION-HAS-DOCUMENTS``).
    """
    owner, waiting = systems.owner(connection), candidates.owner_of(connection)
    subject, key, number = connection.name, connection.system, connection.pk
    try:
        with transaction.atomic():
            connection.delete()
    except ProtectedError:
        raise RefusedError(Problem.of("SPJ-CONNECTION-HAS-DOCUMENTS", name=subject)) from None
    vault.forget(owner)
    vault.forget(waiting)
    AuditEntry.write(
        "connection.deleted", company=connection.company, actor=actor, subject=subject,
        connection=number, system=key,
    )  # fmt: skip


@transaction.atomic
def save_settings(connection: Connection, values: Mapping[str, str], *, actor: str) -> None:
    """Keep choices made after activation (series, bank account, …)."""
    changed = sorted(key for key in values if connection.settings.get(key, "") != values[key])
    if changed:
        connection.settings = {**connection.settings, **values}
        connection.save(update_fields=["settings"])
        write("settings", connection, actor, fields=changed)


def history(connection: Connection) -> QuerySet[AuditEntry]:
    """Return who did what with a connection, newest first; values never stand there."""
    return AuditEntry.objects.filter(
        company=connection.company_id, action__startswith="connection.",
        facts__connection=connection.pk,
    )[:SHOWN]  # fmt: skip


@transaction.atomic
def save_routing(connection: Connection, conditions: Mapping[str, Any], *, actor: str) -> None:
    """Keep which orders go to a connection by themselves (``Connection.conditions``)."""
    connection.conditions = dict(conditions)
    connection.save(update_fields=["conditions"])
    write("routing", connection, actor, conditions=connection.conditions)


@transaction.atomic
def move(connection: Connection, step: int) -> None:
    """Move a connection in the order in which conditions are tried: up by -1, down by 1."""
    rows = list(connection.company.connections.order_by("position", "pk"))
    at = rows.index(connection)
    rows.insert(min(max(at + step, 0), len(rows) - 1), rows.pop(at))
    for position, row in enumerate(rows):
        if row.position != position:
            Connection.objects.filter(pk=row.pk).update(position=position)
