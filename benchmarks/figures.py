"""What a benchmark says: figures with their goals."""

from __future__ import annotations

import json
import operator
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from statistics import median

__all__ = ["Figure", "Goal", "median", "read", "write"]


class Goal(StrEnum):
    """On which side of the goal a figure has to be."""

    AT_LEAST = "≥"
    AT_MOST = "≤"


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured figure."""

    name: str
    value: float
    goal: float
    kind: Goal
    unit: str = ""
    """Empty for a ratio."""
    detail: str = ""
    """What the figure was made of."""

    @property
    def ok(self) -> bool:
        """Whether the goal is reached."""
        compare = operator.ge if self.kind is Goal.AT_LEAST else operator.le
        return bool(compare(self.value, self.goal))

    def line(self) -> str:
        """Return the figure as one line for people."""
        figure = f"{_plain(self.value)} {self.unit}".strip()
        goal = f"{self.kind} {_plain(self.goal)} {self.unit}".strip()
        verdict = "ok" if self.ok else "SHORT"
        return f"{self.name:<52} {figure:>12}   {goal:<14} {verdict:<6} {self.detail}".rstrip()


def write(figures: Sequence[Figure]) -> str:
    """Return figures as one line of JSON."""
    return json.dumps([{**asdict(figure), "ok": figure.ok} for figure in figures])


def read(text: str) -> list[Figure]:
    """Read what :func:`write` wrote."""
    rows = json.loads(text)
    for row in rows:
        del row["ok"]
    return [Figure(**{**row, "kind": Goal(row["kind"])}) for row in rows]


def _plain(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.2f}"
