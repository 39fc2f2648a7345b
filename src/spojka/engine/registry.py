"""Handlers and periodic tasks by name; apps register theirs when Django starts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from spojka.engine.wakes import Lease

Handler = Callable[[str, "Lease"], datetime | None]
"""Looks at one key under a lease; returns when it wants to look again (``None``: no need)."""


@dataclass(frozen=True, slots=True)
class Periodic:
    """A task that runs again and again; must be harmless to run twice."""

    name: str
    every: timedelta
    run: Callable[[], None]


_handlers: dict[str, Handler] = {}
_periodic: dict[str, Periodic] = {}


def handler(name: str) -> Callable[[Handler], Handler]:
    """Register a function as the handler of this name."""

    def register(function: Handler) -> Handler:
        _handlers[name] = function
        return function

    return register


def periodic(name: str, every: timedelta) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """Register a function to run every so often."""

    def register(function: Callable[[], None]) -> Callable[[], None]:
        _periodic[name] = Periodic(name, every, function)
        return function

    return register


def handler_named(name: str) -> Handler:
    """Return the handler of this name.

    Raises:
        KeyError: none is registered (old rows of a removed feature).
    """
    return _handlers[name]


def periodic_tasks() -> tuple[Periodic, ...]:
    """Return all periodic tasks."""
    return tuple(_periodic.values())
