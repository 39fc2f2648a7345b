"""Customers known to exist in an accounting system, kept in the database for all workers.

What is remembered is committed at once, outside of whatever the adapter is doing: a contact that
was made there exists, also where the document after it fails.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from spojka.accounting.contract import LoadedData
from spojka.connections.models import Connection, Contact

COMPLETE_FOR = timedelta(hours=24)
"""How long a complete list is believed to be complete: others make contacts there, too."""
_BATCH = 500


class StoredContacts:
    """The :class:`~spojka.accounting.contract.Contacts` of one connection."""

    def __init__(self, connection: Connection, loaded: LoadedData) -> None:
        self._connection = connection
        self._loaded = loaded

    @property
    def complete(self) -> bool:
        """Whether all contacts were read, and not too long ago."""
        read_at = self._connection.loaded_at
        fresh = read_at is not None and timezone.now() - read_at < COMPLETE_FOR
        return fresh and self._loaded.contacts_complete

    def find(self, name: str) -> str | None:
        """Return the external id that goes by ``name``."""
        return (
            Contact.objects.filter(connection=self._connection, name=name)
            .values_list("external_id", flat=True)
            .first()
        )

    def put(self, names: Iterable[str], external_id: str) -> None:
        """Remember a contact under all its names; what one stood for before is replaced."""
        _put(self._connection, [(name, external_id) for name in names if name])

    def forget(self, external_id: str) -> None:
        """Drop a contact that the system no longer knows."""
        Contact.objects.filter(connection=self._connection, external_id=external_id).delete()


def newest(connection: Connection) -> int:
    """Return a mark of what is known now; to be taken before *Load data* begins to read."""
    return Contact.objects.filter(connection=connection).aggregate(last=Max("pk"))["last"] or 0


@transaction.atomic
def take_over(connection: Connection, loaded: LoadedData, mark: int) -> LoadedData:
    """Remember the contacts of *Load data*; return the rest of it, to be kept with the connection.

    Where all were read, those that are not among them no longer exist there and are dropped, except
    for what became known after the ``mark`` (:func:`newest`), while they were being read.
    """
    _put(connection, list(loaded.contacts))
    if loaded.contacts_complete:
        there = {external_id for _, external_id in loaded.contacts}
        rows = Contact.objects.filter(connection=connection, pk__lte=mark)
        gone = [pk for pk, id_ in rows.values_list("pk", "external_id") if id_ not in there]
        for start in range(0, len(gone), _BATCH):
            Contact.objects.filter(pk__in=gone[start : start + _BATCH]).delete()
    return replace(loaded, contacts=())


def _put(connection: Connection, named: list[tuple[str, str]]) -> None:
    rows = {
        name: Contact(connection=connection, name=name, external_id=external_id)
        for name, external_id in named
    }
    Contact.objects.bulk_create(
        rows.values(),
        batch_size=_BATCH,
        update_conflicts=True,
        unique_fields=["connection", "name"],
        update_fields=["external_id"],
    )
