"""Webhooks of accounting systems: where they are sent, and the secret they are believed by."""

from __future__ import annotations

from django.conf import settings
from django.db import transaction

from spojka.connections import vault
from spojka.connections.models import Connection, new_path_token

_SECRET = "webhook_secret"  # noqa: S105 - the name of a field


def address(connection: Connection) -> str:
    """Return where the system is to send its webhooks; empty where it never was asked to."""
    if not connection.path_token:
        return ""
    return f"{settings.PUBLIC_URL}/hooks/systems/{connection.path_token}/"


def secret(connection: Connection) -> str:
    """Return the secret that deliveries are believed by; empty where it never was asked to."""
    if not connection.path_token:
        return ""
    return vault.get(f"connection:{connection.pk}", _SECRET) or ""


@transaction.atomic
def prepare(connection: Connection) -> None:
    """Give the connection an address, and a secret where nobody entered one, once."""
    row = Connection.objects.select_for_update(no_key=True).get(pk=connection.pk)
    if not row.path_token:
        row.path_token = new_path_token()
        row.save(update_fields=["path_token"])
        if vault.get(f"connection:{row.pk}", _SECRET) is None:
            vault.put(f"connection:{row.pk}", _SECRET, new_path_token())
    connection.path_token = row.path_token
