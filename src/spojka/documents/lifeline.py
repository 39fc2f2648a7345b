"""The life line of an order: what happened, in order, in words that every face shows."""

from __future__ import annotations

from typing import Any

from spojka.core import trace
from spojka.core.problem import Problem, problem_json
from spojka.documents.models import Document, Event
from spojka.orders.models import Order


def problem_of(stored: dict[str, Any] | None) -> Problem:
    """Return a stored problem; where the cause was lost, the one for that."""
    if not stored:
        return Problem.of("SPJ-UNMAPPED", technical="")
    return Problem.of(stored["code"], **stored.get("facts", {}))


def note(
    order: Order,
    name: str,
    *,
    document: Document | None = None,
    problem: Problem | None = None,
    **facts: object,
) -> Event:
    """Add one row to an order's life line."""
    return Event.objects.create(
        company_id=order.company_id,
        order=order,
        document=document,
        name=name,
        facts={key: str(value) for key, value in facts.items()},
        problem=problem_json(problem) if problem else None,
        trace=trace.current(),
    )
