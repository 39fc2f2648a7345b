"""Dying at an exact place: before or after the n-th commit, or at the n-th boundary of a socket.

Only for a process that is forked to die. Boundaries are counted in its main thread alone: threads
that renew leases run beside it at moments of their own.
"""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper

_WRITES = ("INSERT", "UPDATE", "DELETE")


class Fate:
    """Counts boundaries into a file descriptor, and kills the process at one of them."""

    def __init__(self, at: int | None, log: int) -> None:
        self._at = at
        self._log = log
        self._count = 0

    def pass_by(self, name: str) -> None:
        """Pass a boundary, or die at it."""
        if threading.current_thread() is not threading.main_thread():
            return
        self._count += 1
        os.write(self._log, f"{name}\n".encode())
        if self._count == self._at:
            os.kill(os.getpid(), signal.SIGKILL)


def arm(at: int | None, log: int) -> None:
    """Have this process die at its ``at``-th boundary (``None``: only name them all in ``log``).

    What is counted: the moments before and after each commit of the database, after a socket was
    connected, before and after each sending, and after each receiving.
    """
    fate = Fate(at, log)
    _around(BaseDatabaseWrapper, "_commit", fate, "commit")
    _around(CursorWrapper, "execute", fate, "statement", only=_commits_itself)
    _around(socket.socket, "connect", fate, "connect", before=False)
    for name in ("send", "sendall"):
        _around(socket.socket, name, fate, "send")
    for name in ("recv", "recv_into"):
        _around(socket.socket, name, fate, "receive", before=False)


def _commits_itself(cursor: CursorWrapper, sql: object, *_: object) -> bool:
    """Tell whether a statement writes outside of a transaction."""
    words = str(sql).split(maxsplit=1)
    return not cursor.db.in_atomic_block and bool(words) and words[0].upper() in _WRITES


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
