"""*Load data*: the lists that settings offer, and the contacts that need not be looked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog
from django.db import transaction
from django.utils import timezone

from spojka import engine
from spojka.accounting.contract import LoadedData
from spojka.connections import systems
from spojka.connections.budget import usage
from spojka.connections.models import Connection, Contact
from spojka.core import codec
from spojka.core.outcome import OutcomeError, RejectedError, Rejection, ThrottledError
from spojka.core.problem import Problem, problem_json
from spojka.engine.leases import LeaseLostError
from spojka.engine.registry import periodic

log = structlog.get_logger("spojka.connections")
EVERY = timedelta(hours=6)
SPARE_PART = 5
"""Data are read again by themselves only while more than this part of a counted limit is left."""
AGAIN = timedelta(minutes=5)
AT_ONCE = 500


def loaded(connection: Connection) -> LoadedData:
    """Return what was read last; empty where nothing ever was."""
    return codec.load(LoadedData, connection.loaded or {})


@dataclass(frozen=True, slots=True)
class Fetched:
    """What was read, and is not kept yet."""

    data: LoadedData
    known: frozenset[int]
    """Contacts that were known when the reading began."""


def fetch(connection: Connection, instead: Mapping[str, str] | None = None) -> Fetched:
    """Read the lists of the system.

    Args:
        connection: The accounting connection.
        instead: Fields of the form that are tried in place of the stored ones.

    Raises:
        OutcomeError: the system did not give them.
    """
    known = frozenset(connection.contacts.values_list("pk", flat=True))
    with systems.open_session(
        connection, instead=instead, patience=systems.LONG_PATIENCE_SECONDS
    ) as session:
        return Fetched(systems.system_of(connection).load(session), known)


def load(connection: Connection) -> LoadedData:
    """Read the lists of the system and keep them; what was read before stays where it fails.

    Raises:
        OutcomeError: the system did not give them; the reason is kept with the connection, too.
    """
    try:
        fetched = fetch(connection)
    except OutcomeError as error:
        note(connection, error.problem)
        raise
    keep(connection, fetched)
    return fetched.data


def note(connection: Connection, problem: Problem) -> None:
    """Keep why the lists could not be read."""
    connection.load_problem = problem_json(problem)
    connection.save(update_fields=["load_problem"])


@transaction.atomic
def keep(connection: Connection, fetched: Fetched) -> None:
    """Put what was read in place of what was read before."""
    data = fetched.data
    connection.loaded = codec.dump(replace(data, contacts=()))
    connection.loaded_at = timezone.now()
    connection.load_problem = None
    connection.save(update_fields=["loaded", "loaded_at", "load_problem"])
    if data.contacts_complete:
        there = {external for _name, external in data.contacts}
        _drop_those_gone(connection, there, fetched.known)
    rows = {
        name: Contact(connection=connection, name=name, external_id=external)
        for name, external in data.contacts
    }
    Contact.objects.bulk_create(
        rows.values(),
        batch_size=AT_ONCE,
        update_conflicts=True,
        unique_fields=["connection", "name"],
        update_fields=["external_id"],
    )


def _drop_those_gone(connection: Connection, there: set[str], known: Iterable[int]) -> None:
    """Forget contacts that are not there any more; those made while it was read are no such."""
    gone = [
        pk
        for pk, external in Contact.objects.filter(connection=connection).values_list(
            "pk", "external_id"
        )
        if pk in known and external not in there
    ]
    for start in range(0, len(gone), AT_ONCE):
        Contact.objects.filter(pk__in=gone[start : start + AT_ONCE]).delete()


def is_affordable(connection: Connection) -> bool:
    """Tell whether the account has calls to spare for what nobody waits for."""
    now = timezone.now()
    account = systems.account_of(connection)
    if account is None:
        return True
    return all(one.left * SPARE_PART > one.limit for one in usage(account, now))


def try_fetch(
    connection: Connection, instead: Mapping[str, str] | None = None
) -> Fetched | OutcomeError:
    """Read the lists where nobody waits for the outcome; an error is noted, and returned."""
    try:
        return fetch(connection, instead)
    except LeaseLostError:
        raise
    except OutcomeError as error:
        log.warning("loading failed", connection=connection.pk, code=error.problem.code)
        failure = error
    except Exception as error:  # an adapter that breaks off must still tell a person so
        log.exception("loading broke off", connection=connection.pk, exc_info=error)
        failure = RejectedError(Problem.of("SPJ-CONNECTION-LOAD"), Rejection.PERMANENT)
    note(connection, failure.problem)
    return failure


def load_by_itself(connection: Connection) -> datetime | None:
    """Load; what keeps it from being done is noted with the connection.

    Returns when to come again, where that is a limit that passes.
    """
    fetched = try_fetch(connection)
    if isinstance(fetched, Fetched):
        keep(connection, fetched)
    elif isinstance(fetched, ThrottledError):
        return fetched.until or timezone.now() + AGAIN
    return None


def refresh(connection: Connection) -> datetime | None:
    """Load because it is time, if there are calls to spare."""
    if not connection.active or connection.paused_problem or not is_affordable(connection):
        return None
    return load_by_itself(connection)


@periodic("connections.load", EVERY)
def load_all() -> None:
    """Have the data of every active connection read again."""
    for connection in Connection.objects.filter(active=True):
        if systems.is_remote(connection):
            engine.wake("connection", f"{connection.pk}:refresh", account=systems.owner(connection))
