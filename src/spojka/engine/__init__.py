"""Wakes work when it is due. Ledgers of the apps are the truth: a lost wake costs a minute.

Everything above says only ``engine.wake("order", order_id)``; what carries the wake (the embedded
runner, or a queue of a bigger installation) is decided here.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any


def wake(handler: str, key: object, at: datetime | None = None, account: str = "") -> None:
    """Have ``handler`` look at ``key`` at ``at`` (aware; ``None``: now), once.

    Part of the caller's transaction: what is rolled back wakes nobody. Waking what is already
    waiting only moves it forward.
    """
    from spojka.engine import wakes

    wakes.wake(handler, str(key), at, account)


def insert_and_wake(insert: str, values: Sequence[Any], handler: str, account: str) -> int:
    """Insert a row and have ``handler`` look at it soon, at the least cost; return its id.

    For what comes in crowds while somebody waits for the answer. Workers on PostgreSQL hear of it a
    moment after the commit, together with what else came meanwhile.

    Args:
        insert: ``INSERT … RETURNING id`` of one row.
        values: Its parameters, as the database's driver takes them.
        handler: Name of the handler; the id is its key.
        account: Whose budget this uses up.
    """
    from spojka.engine import wakes

    return wakes.insert_and_wake(insert, values, handler, account)


def check_lease() -> None:
    """Prove that the work under way in this thread is still ours; nothing outside of such work.

    Called before each byte that leaves the house: a worker that was frozen, or cut off from the
    database, must not send what its heir is looking up already.

    Raises:
        LeaseLostError: another worker has taken it over.
    """
    from spojka.engine import leases

    leases.check_current()
