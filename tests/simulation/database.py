"""The database of a simulation: SQLite in memory, put back to its beginning before each seed."""

from __future__ import annotations

import sqlite3

from django.db import connection


class Snapshot:
    """The state of the database at one moment; ``restore`` takes milliseconds."""

    def __init__(self) -> None:
        connection.ensure_connection()
        self._kept = sqlite3.connect(":memory:")
        connection.connection.backup(self._kept)

    def restore(self) -> None:
        """Put the database back."""
        self._kept.backup(connection.connection)

    def close(self) -> None:
        """Forget the state."""
        self._kept.close()
