"""A simulation of rules, ready to be shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from spojka.core.document import Kind
from spojka.documents.rulebook import Simulation, Would
from spojka.orders.models import Order
from spojka.web.why import KindWhy, explain_decision

SHOWN = 100


@dataclass(frozen=True, slots=True)
class Row:
    """One order: what would be issued, or why nothing."""

    order: Order
    would: Sequence[Would]
    why: Sequence[KindWhy]


@dataclass(frozen=True, slots=True)
class Summary:
    """Counts over all simulated orders, and the first rows."""

    orders: int
    nothing: int
    held: int
    kinds: Sequence[tuple[str, int]]
    rows: Sequence[Row]
    counts: Mapping[str, int]

    @property
    def due(self) -> int:
        """Number of documents that would be issued."""
        return sum(count for _kind, count in self.kinds)


def summary(simulation: Simulation) -> Summary:
    """Return what the page shows of a simulation."""
    counts = simulation.counts
    return Summary(
        orders=counts.get("orders", 0),
        nothing=counts.get("nothing", 0),
        held=counts.get("held", 0),
        kinds=[(kind.value, counts[kind.value]) for kind in Kind if counts.get(kind.value)],
        rows=[
            Row(row.order, row.would, explain_decision(row.decision))
            for row in simulation.rows[:SHOWN]
        ],
        counts=counts,
    )
