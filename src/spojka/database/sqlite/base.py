"""SQLite, whose writers of one process take turns.

SQLite has one writer at a time. Whoever finds it taken sleeps and looks again, up to 100 ms later,
however soon it is free: threads that write a lot spend most of their time asleep. So the threads of
a process wait for each other at a lock, which wakes the next one at once. Other processes are
waited for as ever (``timeout``).
"""

from __future__ import annotations

import threading
from typing import Any

from django.db.backends.sqlite3 import base

_turn = threading.Lock()


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's own, but for whose turn it is to begin a transaction."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._has_turn = False

    def _start_transaction_under_autocommit(self) -> None:
        # Without a turn after so long, SQLite itself has the last word.
        patience = float(self.settings_dict["OPTIONS"].get("timeout", 5))
        self._has_turn = not self.is_in_memory_db() and _turn.acquire(timeout=patience)
        try:
            super()._start_transaction_under_autocommit()  # type: ignore[misc]
        except BaseException:
            self._end_turn()
            raise

    def _commit(self) -> None:
        super()._commit()  # type: ignore[misc]
        self._end_turn()  # where it failed, a rollback follows

    def _rollback(self) -> None:
        try:
            super()._rollback()  # type: ignore[misc]
        finally:
            self._end_turn()

    def _close(self) -> None:
        try:
            super()._close()  # type: ignore[misc]
        finally:
            self._end_turn()

    def _end_turn(self) -> None:
        if self._has_turn:
            self._has_turn = False
            _turn.release()
