"""What tells workers, here or on other machines, that something is due.

The table of wakes is the truth, whatever carries the news; a lost one costs seconds. On SQLite the
embedded worker looks for itself. On PostgreSQL either Procrastinate carries a ticket for each wake
(:mod:`spojka.engine.tickets`), or a notification rings in every worker (:mod:`spojka.engine.bell`).
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

CHANNEL = "spojka_wake"
REISSUE = timedelta(seconds=5)
"""How often it is looked for wakes whose ticket is lost, with what a dead worker left behind."""
FORGOTTEN = timedelta(seconds=2)
"""A wake that is due for longer than this should have had its ticket."""


def announce(handler: str, key: str, at: datetime) -> None:
    """Let workers know that a wake is due at ``at``; part of the caller's transaction."""
    if connection.vendor != "postgresql":
        return
    if settings.QUEUE == "procrastinate":
        from spojka.engine import tickets  # needs its Django app, which only this queue installs

        tickets.issue(handler, key, at)
    elif at <= timezone.now():  # workers look for what is due later by themselves
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_notify(%s, '')", [CHANNEL])


def announce_soon(handler: str, key: str, at: datetime) -> None:
    """Let workers know of a wake a moment after the caller's transaction is committed.

    Without Procrastinate that needs nothing: idle workers look for themselves twice a second.
    """
    if connection.vendor == "postgresql" and settings.QUEUE == "procrastinate":
        from spojka.engine import tickets

        transaction.on_commit(lambda: tickets.post(handler, key, at))
