"""Customers known to exist in an accounting system, kept in the database for all workers.

What is remembered is committed at once, outside of whatever the adapter is doing: a contact that
was made there exists, also where the document after it fails.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from django.utils import timezone

from spojka.accounting.contract import LoadedData
from spojka.connections.models import Connection, Contact

COMPLETE_FOR = timedelta(hours=24)
"""How long a complete list is believed to be complete: others make contacts there, too."""


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
        rows = {
            name: Contact(connection=self._connection, name=name, external_id=external_id)
            for name in names
            if name
        }
        Contact.objects.bulk_create(
            rows.values(),
            update_conflicts=True,
            unique_fields=["connection", "name"],
            update_fields=["external_id"],
        )

    def forget(self, external_id: str) -> None:
        """Drop a contact that the system no longer knows."""
        Contact.objects.filter(connection=self._connection, external_id=external_id).delete()
