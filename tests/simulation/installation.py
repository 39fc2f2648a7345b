"""The installation that every simulation begins with, in a database of its own in memory."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import time_machine
from django.core.management import call_command
from django.db import connections
from django.db.backends.sqlite3.base import DatabaseWrapper

from tests.simulation.chaos import Chaos
from tests.simulation.database import Snapshot
from tests.simulation.simulator import START
from tests.simulation.world import World, furnish


@contextmanager
def database() -> Iterator[None]:
    """Put an empty, migrated SQLite database in memory in the place of the installation's."""
    real = connections["default"]
    memory = DatabaseWrapper(
        {
            **real.settings_dict,
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": ":memory:",
            "OPTIONS": {
                "transaction_mode": "IMMEDIATE",
                "init_command": "PRAGMA foreign_keys=ON;",
            },
        },
        "default",
    )
    connections["default"] = memory
    try:
        call_command("migrate", verbosity=0)
        yield
    finally:
        connections["default"] = real

        super(DatabaseWrapper, memory).close()


@contextmanager
def furnished() -> Iterator[Snapshot]:
    """Furnish an empty database and return it as a snapshot."""
    with database():
        with time_machine.travel(START, tick=False) as clock:
            world = World.of(Chaos(random.Random(0), clock))
            with world.connected():
                furnish(world)
        snapshot = Snapshot()
        try:
            yield snapshot
        finally:
            snapshot.close()
