"""What idle threads of a worker wait for: a notification of PostgreSQL, or a moment."""

from __future__ import annotations

import threading

import structlog
from django.db import DatabaseError, connection

from spojka.engine.carriers import CHANNEL

log = structlog.get_logger("spojka.engine")
LISTEN_SECONDS = 1.0
AWAY_SECONDS = 2.0


class Bell:
    """Wakes every thread that waits for it."""

    def __init__(self) -> None:
        self._condition = threading.Condition()

    def ring(self) -> None:
        """Wake all that wait now."""
        with self._condition:
            self._condition.notify_all()

    def wait(self, seconds: float) -> None:
        """Sleep until the bell rings, at most so many seconds."""
        with self._condition:
            self._condition.wait(seconds)


def listen(bell: Bell, stop: threading.Event) -> None:
    """Ring the bell for each notification that something is due, until stopped.

    While the database is away nothing rings, and workers find what is due by looking.
    """
    while not stop.is_set():
        try:
            connection.ensure_connection()
            connection.connection.execute(f"LISTEN {CHANNEL}")
            while not stop.is_set():
                for _ in connection.connection.notifies(timeout=LISTEN_SECONDS, stop_after=1):
                    bell.ring()
        except Exception as error:  # whatever the driver raises when the server goes away
            expected = isinstance(error, DatabaseError)
            log.warning("not listening for wakes", exc_info=not expected)
            stop.wait(AWAY_SECONDS)
        finally:
            connection.close()
