"""Dying at an exact place: before or after the n-th commit, or at the n-th boundary of a socket.

Only for a process that is forked to die. Boundaries are counted where it works alone: in its main
thread, or in the one thread in which Procrastinate has a ticket served. Threads that renew leases
or issue tickets run beside it at moments of their own.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import threading
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper

_WRITES = re.compile(r"\s*(INSERT|UPDATE|DELETE|WITH \w+ AS \(\s*INSERT)\b", re.IGNORECASE)

RECEIVED = "after receive"


class Fate:
    """Counts boundaries into a file descriptor, and kills the process at one of them."""

    def __init__(self, at: int | None, log: int) -> None:
        self._at = at
        self._log = log
        self._count = 0
        self._last = ""

    def pass_by(self, name: str) -> None:
        """Pass a boundary, or die at it."""
        thread = threading.current_thread()
        if thread is not threading.main_thread() and not thread.name.startswith("worker"):
            return
        # An answer comes in one piece or in several, as the network likes: one boundary.
        again, self._last = name == self._last == RECEIVED, name
        if again:
            return
        self._count += 1
        os.write(self._log, f"{name}\n".encode())
        if self._count == self._at:
            os.kill(os.getpid(), signal.SIGKILL)


def arm(at: int | None, log: int) -> None:
    """Have this process die at its ``at``-th boundary (``None``: only name them all in ``log``).

    What is counted: the moments before and after each commit of the database, after a socket was
    connected, before and after each sending, and after the first piece of each answer.
    """
    fate = Fate(at, log)
    _around(BaseDatabaseWrapper, "_commit", fate, "commit")
    for name in ("execute", "executemany"):
        _around(CursorWrapper, name, fate, "statement", only=_commits_itself)
    _around(socket.socket, "connect", fate, "connect", before=False, only=_leaves_the_house)
    for name in ("send", "sendall"):
        _around(socket.socket, name, fate, "send", only=_leaves_the_house)
    for name in ("recv", "recv_into"):
        _around(
            socket.socket,
            name,
            fate,
            RECEIVED.removeprefix("after "),
            before=False,
            only=_leaves_the_house,
        )


def _commits_itself(cursor: CursorWrapper, sql: object, *_: object) -> bool:
    """Tell whether a statement writes outside of a transaction."""
    return not cursor.db.in_atomic_block and bool(_WRITES.match(str(sql)))


def _leaves_the_house(connected: socket.socket, *_: object) -> bool:
    """Tell a socket of the network from those by which an event loop wakes itself."""
    return connected.family != socket.AF_UNIX


def _around(
    owner: type,
    method: str,
    fate: Fate,
    name: str,
    *,
    before: bool = True,
    only: Callable[..., bool] = lambda *_: True,
) -> None:
    """Make a method a boundary."""
    original = getattr(owner, method)

    @wraps(original)
    def passing(self: Any, *arguments: Any, **options: Any) -> Any:
        if not only(self, *arguments):
            return original(self, *arguments, **options)
        if before:
            fate.pass_by(f"before {name}")
        result = original(self, *arguments, **options)
        fate.pass_by(f"after {name}")
        return result

    setattr(owner, method, passing)
