"""The contract suite for accounting systems; see :class:`SystemContract`. Needs pytest."""

from spojka.accounting.samples import Samples, line
from spojka.accounting.testing import asserting as asserting
from spojka.accounting.testing.bench import Bench, walk
from spojka.accounting.testing.contract import SystemContract
from spojka.accounting.testing.doubles import (
    MemoryBudget,
    MemoryContacts,
    MemoryReservations,
    MemoryTokens,
)

__all__ = [
    "Bench",
    "MemoryBudget",
    "MemoryContacts",
    "MemoryReservations",
    "MemoryTokens",
    "Samples",
    "SystemContract",
    "line",
    "walk",
]
